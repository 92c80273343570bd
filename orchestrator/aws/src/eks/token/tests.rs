use super::*;
use std::collections::BTreeMap;

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn credentials(expiry: Option<SystemTime>) -> Credentials {
    Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Some("a/b+c=".into()), expiry, "test")
}

fn decoded(token: &EksToken) -> url::Url {
    let encoded = token.value.strip_prefix("k8s-aws-v1.").unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap().parse().unwrap()
}

#[test]
fn a_token_is_a_presigned_question_bound_to_its_cluster() {
    let token = token("recovery", "eu-west-1", &credentials(None), now()).unwrap();
    let url = decoded(&token);
    assert_eq!((url.scheme(), url.host_str(), url.path()), ("https", Some("sts.eu-west-1.amazonaws.com"), "/"));
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let expected = [
        ("Action", "GetCallerIdentity"),
        ("Version", "2011-06-15"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", "AKIDEXAMPLE/20260102/eu-west-1/sts/aws4_request"),
        ("X-Amz-Date", "20260102T030405Z"),
        ("X-Amz-Expires", "60"),
        ("X-Amz-Security-Token", "a/b+c="),
        ("X-Amz-SignedHeaders", "host;x-k8s-aws-id"),
    ];
    for (key, value) in expected {
        assert_eq!(query.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(query.len(), expected.len() + 1);
    assert_eq!(token.expires, "2026-01-02T03:18:05Z".parse::<Timestamp>().unwrap());
}

#[test]
fn the_signature_is_what_another_signer_makes() {
    // From botocore's own signer, for the same inputs.
    let expected = "665740681c0e180ada16b0fe894e3b88258768b4e2f611ed74cf7bf7e71cd4e6";
    let url = decoded(&token("recovery", "eu-west-1", &credentials(None), now()).unwrap());
    let signature = url.query_pairs().find(|(key, _)| key == "X-Amz-Signature").unwrap().1.into_owned();
    assert_eq!(signature, expected);
}

#[test]
fn a_token_does_not_outlive_its_credentials() {
    let expiry = SystemTime::from(now() + SignedDuration::from_mins(5));
    let token = token("recovery", "eu-west-1", &credentials(Some(expiry)), now()).unwrap();
    assert_eq!(token.expires, "2026-01-02T03:09:05Z".parse::<Timestamp>().unwrap());
    assert!(!format!("{token:?}").contains("k8s-aws"));
}

#[test]
fn partitions_have_their_own_names() {
    for (region, host) in
        [("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"), ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com")]
    {
        assert_eq!(decoded(&token("c", region, &credentials(None), now()).unwrap()).host_str(), Some(host));
    }
}

#[test]
fn names_that_would_break_a_header_are_refused() {
    for name in ["", "a b", "a\nb", "a/b"] {
        assert!(token(name, "eu-west-1", &credentials(None), now()).is_err(), "{name:?}");
    }
}
