use super::*;

fn parse(text: &str) -> Result<LocationUrl, LocationError> {
    text.parse()
}

fn parse_s3(text: &str) -> S3Location {
    match parse(text) {
        Ok(LocationUrl::S3(location)) => location,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn directories_are_absolute_paths() {
    assert_eq!(parse("file:///srv/my%20backups").unwrap(), LocationUrl::File("/srv/my backups".into()));
    assert_eq!(parse("file:///srv/my%20backups").unwrap().to_string(), "file:///srv/my%20backups");
    assert_eq!(parse("file://localhost/srv").unwrap(), LocationUrl::File("/srv".into()));
    assert!(matches!(parse("file://host/srv"), Err(LocationError::Path(_))));
    assert!(matches!(parse("file:///srv?x=y"), Err(LocationError::DoesNotBelong(_))));
    assert!(matches!(parse("/srv/backups"), Err(LocationError::NotAUrl(_))));
}

#[test]
fn every_parameter_is_read_and_printed_again() {
    let text = "s3://velero/a/b?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A9100&public-endpoint=https%3A%2F%2Fs3.example\
                &path-style=true&profile=dr&ca=%2Fetc%2Fca.pem&kms=arn%3Aaws%3Akms%3Aeu-west-1%3A1%3Akey%2Fx\
                &tagging=team%3Ddr%26env%3Dprod&checksums=false";
    let location = parse_s3(text);
    assert_eq!((location.bucket.as_str(), location.prefix.as_str()), ("velero", "a/b"));
    assert_eq!(location.endpoint.as_deref(), Some("http://127.0.0.1:9100"));
    assert_eq!(location.encryption, Some(Encryption::Kms { key: Some("arn:aws:kms:eu-west-1:1:key/x".into()) }));
    assert_eq!(location.tagging, BTreeMap::from([("env".into(), "prod".into()), ("team".into(), "dr".into())]));
    assert!(location.path_style && !location.checksums);
    assert_eq!(parse_s3(&location.to_string()), location);
}

#[test]
fn short_locations_print_short() {
    for text in ["s3://bucket", "s3://bucket/prefix", "s3://bucket/a%20b?sse=AES256", "s3://my_Bucket.x?sse=aws%3Akms"]
    {
        assert_eq!(parse(text).unwrap().to_string(), text);
    }
    assert_eq!(parse_s3("s3://bucket//a/b//").prefix, "a/b");
    assert_eq!(parse_s3("s3://bucket?prefix=/a/b/").prefix, "a/b");
    assert_eq!(parse_s3("s3://bucket?kms=k&sse=aws:kms").encryption, Some(Encryption::Kms { key: Some("k".into()) }));
    assert_eq!(parse_s3("s3://bucket?sse=aws:kms&kms=k").encryption, Some(Encryption::Kms { key: Some("k".into()) }));
}

#[test]
fn what_is_not_understood_is_refused() {
    let refused = |text: &str| parse(text).map(|location| location.to_string()).unwrap_err().to_string();
    assert!(refused("s3://bucket?regoin=x").contains("\"regoin\" is not known; known are region, endpoint"));
    assert_eq!(refused("s3://bucket?region=a&region=b"), "the parameter region is there twice");
    assert!(refused("gs://bucket").contains("scheme \"gs\""));
    for text in ["s3://", "s3:///prefix", "s3://ab", "s3://-abc", "s3://a..b", "s3://bück/x", "s3://bucket:9000/x"] {
        assert!(parse(text).is_err(), "{text}");
    }
    for query in [
        "region=",
        "region=EU",
        "endpoint=127.0.0.1",
        "endpoint=ftp://x",
        "endpoint=http://x?y",
        "path-style=yes",
        "sse=x",
        "sse=AES256&kms=k",
        "kms=k&sse=AES256",
        "tagging=",
        "tagging=a=1%26a=2",
        "profile=",
        "ca=",
        "checksums=1",
    ] {
        assert!(parse(&format!("s3://bucket?{query}")).is_err(), "{query}");
    }
    for prefix in ["a//b", "a/../b", "a%2F..%2Fb", "%00", &"x".repeat(401)] {
        let outcome = parse(&format!("s3://bucket/{prefix}"));
        // A URL's own `..` is resolved before it is a prefix; what is left of it is plain.
        if prefix == "a/../b" {
            assert_eq!(outcome.unwrap().to_string(), "s3://bucket/b");
        } else {
            assert!(matches!(outcome, Err(LocationError::Prefix(_))), "{prefix}: {outcome:?}");
        }
    }
}

#[test]
fn credentials_are_refused_and_not_repeated() {
    for text in
        ["s3://key:secret@bucket/x", "s3://bucket?endpoint=http://key:secret@host", "s3://bucket?endpoint=key:secret@h"]
    {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}
