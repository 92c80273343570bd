use super::*;
use crate::class::ValueClass;
use crate::pair::{Confidence, Method, Pair};
use serde_json::json;

fn pair(source: &str, target: &str, class: &str) -> Pair {
    Pair {
        source: source.into(),
        target: target.into(),
        class: ValueClass::parse(class).unwrap(),
        key: format!("key of {source}"),
        by: Method::Contract,
        confidence: Confidence::Certain,
    }
}

fn rewriter(pairs: &[(&str, &str, &str)]) -> Rewriter {
    let pairs = Pairs::from_pairs(pairs.iter().map(|(s, t, c)| pair(s, t, c))).unwrap();
    Rewriter::new(&pairs).unwrap()
}

fn usual() -> &'static Rewriter {
    static USUAL: std::sync::LazyLock<Rewriter> = std::sync::LazyLock::new(make_usual);
    &USUAL
}

fn make_usual() -> Rewriter {
    rewriter(&[
        ("us-east-1", "us-west-2", "region"),
        ("111122223333", "444455556666", "account"),
        ("us-east-1a", "us-west-2b", "zone"),
        ("prod", "dr", "name:cluster"),
        ("prod", "dr-assets", "name:bucket"),
        ("sg-0a1b2c3d", "sg-9a1b2c3d", "token"),
        ("fs-0a1b2c3d", "fs-9a1b2c3d", "token"),
        ("arn:aws:iam::111122223333:role/web", "arn:aws:iam::444455556666:role/web-dr", "token"),
        ("orders.c1.us-east-1.rds.amazonaws.com", "orders.c2.us-west-2.rds.amazonaws.com", "token"),
        (
            "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
            "https://oidc.eks.us-west-2.amazonaws.com/id/FEDCBA9876543210FEDCBA9876543210",
            "token",
        ),
    ])
}

/// Rewrites free text.
fn free(text: &str) -> String {
    usual().rewrite_text(text, Place::default()).unwrap_or_else(|| text.to_owned())
}

fn manifest(value: Value) -> Manifest {
    Manifest::from_value(value).unwrap()
}

#[test]
fn swaps_and_chains_move_one_step() {
    let rewriter = rewriter(&[
        ("sg-aaaaaaaa", "sg-bbbbbbbb", "token"),
        ("sg-bbbbbbbb", "sg-cccccccc", "token"),
        ("sg-cccccccc", "sg-aaaaaaaa", "token"),
    ]);
    let text = rewriter.rewrite_text("sg-aaaaaaaa,sg-bbbbbbbb,sg-cccccccc", Place::default());
    assert_eq!(text.as_deref(), Some("sg-bbbbbbbb,sg-cccccccc,sg-aaaaaaaa"));
}

#[test]
fn values_inside_urls_json_and_lists_are_found() {
    for (before, after) in [
        (
            "jdbc:postgresql://orders.c1.us-east-1.rds.amazonaws.com:5432/shop?ssl=true",
            "jdbc:postgresql://orders.c2.us-west-2.rds.amazonaws.com:5432/shop?ssl=true",
        ),
        (
            r#"{"role":"arn:aws:iam::111122223333:role/web","port":5432}"#,
            r#"{"role":"arn:aws:iam::444455556666:role/web-dr","port":5432}"#,
        ),
        ("sg-0a1b2c3d, sg-0a1b2c3e", "sg-9a1b2c3d, sg-0a1b2c3e"),
        (
            "https://sqs.us-east-1.amazonaws.com/111122223333/orders",
            "https://sqs.us-west-2.amazonaws.com/444455556666/orders",
        ),
        (
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/web@sha256:ab",
            "444455556666.dkr.ecr.us-west-2.amazonaws.com/shop/web@sha256:ab",
        ),
        ("arn:aws:sns:us-east-1:111122223333:alerts", "arn:aws:sns:us-west-2:444455556666:alerts"),
        ("us-east-1a.fs-0a1b2c3d.efs.us-east-1.amazonaws.com", "us-west-2b.fs-9a1b2c3d.efs.us-west-2.amazonaws.com"),
        (
            "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF:sub",
            "oidc.eks.us-west-2.amazonaws.com/id/FEDCBA9876543210FEDCBA9876543210:sub",
        ),
        ("we run in us-east-1, zone us-east-1a.", "we run in us-west-2, zone us-west-2b."),
        ("s3://prod/a arn:aws:s3:::prod/*", "s3://dr-assets/a arn:aws:s3:::dr-assets/*"),
        ("kubernetes.io/cluster/prod=owned", "kubernetes.io/cluster/dr=owned"),
    ] {
        assert_eq!(free(before), after);
    }
}

#[test]
fn what_only_looks_alike_is_left_alone() {
    for text in [
        "prod",
        "production",
        "my-prod",
        "ENV=prod",
        "us-east-1b",
        "my-us-east-1-bucket",
        "us-east-1.internal",
        "9111122223333",
        "1111222233334",
        "order 111122223333x",
        "arn:aws:acm:us-east-1:111122223333:certificate/0a1b",
        "arn:aws:sns:us-east-1:999999999999:vendor",
        "602401143452.dkr.ecr.us-east-1.amazonaws.com/amazon-k8s-cni:v1",
        "https://sqs.us-east-1.amazonaws.com/999999999999/vendor",
        "other.c1.us-east-1.rds.amazonaws.com",
        "arn:aws:iam::111122223333:role/web-admin-sg-0a1b2c3d0",
        "x.oidc.eks.us-east-1.amazonaws.com/id/00",
        "sg-0a1b2c3d-old",
    ] {
        let after = free(text);
        let expected =
            text.replace("arn:aws:iam::111122223333:role/web-admin", "arn:aws:iam::444455556666:role/web-admin");
        assert_eq!(after, expected);
    }
}

#[test]
fn names_are_replaced_in_their_places_only() {
    let mut object = manifest(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "prod", "namespace": "prod", "labels": {"env": "prod"}},
        "spec": {"template": {"spec": {"containers": [{"name": "prod",
            "args": ["--cluster-name=prod", "--env=prod", "--cluster-name", "prod"],
            "env": [{"name": "CLUSTER_NAME", "value": "prod"}, {"name": "STAGE", "value": "prod"}]}]}}}}));
    let changes = usual().rewrite(&mut object);
    let pointers: Vec<&str> = changes.iter().map(|change| change.pointer.as_str()).collect();
    let base = "/spec/template/spec/containers/0";
    assert_eq!(
        pointers,
        [format!("{base}/args/0"), format!("{base}/args/2").replace('2', "3"), format!("{base}/env/0/value")]
    );
    assert_eq!(object.get_str("/spec/template/spec/containers/0/args/0"), Some("--cluster-name=dr"));
}

#[test]
fn secrets_are_decoded_and_their_changes_show_no_secret() {
    let encode = |text: &str| STANDARD.encode(text);
    let mut secret = manifest(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {
        "url": encode("postgres://admin:hunter2@orders.c1.us-east-1.rds.amazonaws.com/shop"),
        "binary": STANDARD.encode([0xff, 0xfe, b's', b'g']), "broken": "%%%"}}));
    let before = secret.clone();
    let out = usual().rewrite_reporting(&mut secret);
    assert_eq!(
        secret.get_str("/data/url"),
        Some(encode("postgres://admin:hunter2@orders.c2.us-west-2.rds.amazonaws.com/shop").as_str())
    );
    assert!(!serde_json::to_string(&out.changes).unwrap().contains("hunter2"));
    assert_eq!(out.changes.len(), 1);
    assert_eq!(secret.get("/data/binary"), before.get("/data/binary"));
    assert_eq!(out.findings.iter().filter(|finding| finding.reason.code == "not-text").count(), 2);
}

#[test]
fn long_values_of_secrets_are_judged_as_a_whole() {
    // The first bytes end in the middle of a letter, and that is no reason to call the rest binary.
    let text = format!("{}é sg-0a1b2c3d", "a".repeat(47));
    let mut late = vec![b'a'; 200];
    late.push(0xff);
    let mut early = late.clone();
    early[3] = 0xff;
    let mut secret = manifest(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {
        "text": STANDARD.encode(&text), "late": STANDARD.encode(&late), "early": STANDARD.encode(&early),
        "broken": format!("{}%", "YWFh".repeat(40))}}));
    let out = usual().rewrite_reporting(&mut secret);
    let after = STANDARD.encode(text.replace("sg-0a1b2c3d", "sg-9a1b2c3d"));
    assert_eq!(secret.get_str("/data/text"), Some(after.as_str()));
    assert_eq!(out.findings.iter().filter(|finding| finding.reason.code == "not-text").count(), 3);
}

#[test]
fn helm_releases_are_reported_and_not_touched() {
    let mut secret = manifest(json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": "sh.helm.release.v1.web.v1", "annotations": {"note": "sg-0a1b2c3d"}},
        "data": {"release": STANDARD.encode("H4sI sg-0a1b2c3d")}}));
    let out = usual().rewrite_reporting(&mut secret);
    assert_eq!(secret.get_str("/data/release"), Some(STANDARD.encode("H4sI sg-0a1b2c3d").as_str()));
    assert_eq!(out.findings[0].reason.code, "helm-release");
}

#[test]
fn tag_keys_are_rewritten_unless_they_would_collide() {
    let mut object =
        manifest(json!({"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "a"},
        "spec": {"tags": {"kubernetes.io/cluster/prod": "owned"},
            "more": {"kubernetes.io/cluster/prod": "a", "kubernetes.io/cluster/dr": "b"}}}));
    let out = usual().rewrite_reporting(&mut object);
    assert_eq!(object.get("/spec/tags"), Some(&json!({"kubernetes.io/cluster/dr": "owned"})));
    assert_eq!(out.findings[0].reason.code, "key-collision");
}

#[test]
fn low_confidence_says_so() {
    let mut object = manifest(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"note": "primary is us-east-1", "topic": "arn:aws:sns:us-east-1:111122223333:t"}}));
    let changes = usual().rewrite(&mut object);
    assert!(changes[0].because.contains("low confidence"), "{}", changes[0].because);
    assert!(changes[1].because.contains("without a pair of its own"));
}

#[test]
fn ten_thousand_hits_in_a_megabyte_are_replaced_and_listed_once() {
    let line = format!("sg-0a1b2c3d {}\n", "x".repeat(90));
    let mut object = manifest(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"big": line.repeat(10_000)}}));
    let out = usual().rewrite_reporting(&mut object);
    assert_eq!(out.changes.len(), 1);
    assert!(out.changes[0].because.ends_with("(10000 times)"));
    assert_eq!(object.get_str("/data/big").unwrap(), line.replace("sg-0a", "sg-9a").repeat(10_000));
}

#[test]
fn a_megabyte_of_what_only_looks_alike_is_left_alone() {
    for piece in ["us-east-1", "sg-0a1b2c3d", "arn:aws:sns:us-east-1:999999999999:a ", "111122223333"] {
        let text = piece.repeat(200_000 / piece.len());
        assert_eq!(usual().rewrite_text(&text, Place::default()), None, "{piece}");
    }
}

#[test]
fn deep_objects_are_reported_and_not_overrun() {
    let mut value = json!("sg-0a1b2c3d");
    for _ in 0..400 {
        value = json!([value]);
    }
    let mut object = manifest(json!({"kind": "X", "spec": value}));
    let out = usual().rewrite_reporting(&mut object);
    assert_eq!((out.changes.len(), out.findings[0].reason.code.as_str()), (0, "too-deep"));
}

#[test]
fn the_second_time_nothing_changes() {
    let mut object = manifest(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"x": "sg-0a1b2c3d us-east-1 111122223333.dkr.ecr.us-east-1.amazonaws.com/a"}}));
    assert!(!usual().rewrite(&mut object).is_empty());
    assert_eq!(usual().rewrite(&mut object), []);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_without_source_values_never_changes(text in "[a-zé0-9 .:/_-]{0,80}") {
            let rewriter = usual();
            let values = ["us-east", "1111", "sg-", "fs-", "oidc", "orders.", "prod", "012345"];
            prop_assume!(values.iter().all(|value| !text.contains(value)));
            prop_assert_eq!(rewriter.rewrite_text(&text, Place::default()), None);
        }

        #[test]
        fn every_separated_value_is_replaced_once(ids in proptest::collection::vec(0u32..4, 1..30), separator in "[ ,;\"'=()|<>{}\n]") {
            // A ring: each value's target is the next value's source.
            let id = |n: u32| format!("subnet-0000000{n}");
            let pairs: Vec<(String, String)> = (0..4).map(|n| (id(n), id((n + 1) % 4))).collect();
            let pairs: Vec<(&str, &str, &str)> = pairs.iter().map(|(s, t)| (s.as_str(), t.as_str(), "token")).collect();
            let text: Vec<String> = ids.iter().map(|n| id(*n)).collect();
            let expected: Vec<String> = ids.iter().map(|n| id((n + 1) % 4)).collect();
            let after = rewriter(&pairs).rewrite_text(&text.join(&separator), Place::default());
            prop_assert_eq!(after, Some(expected.join(&separator)));
        }

        #[test]
        fn a_value_inside_a_longer_word_is_left_alone(before in "[a-z0-9_-]{1,5}", after in "[a-z0-9_-]{1,5}") {
            let text = format!("{before}sg-0a1b2c3d{after}");
            prop_assert_eq!(usual().rewrite_text(&text, Place::default()), None);
        }

        #[test]
        fn rewriting_twice_is_rewriting_once(parts in proptest::collection::vec(prop_oneof![
            Just("sg-0a1b2c3d"), Just("us-east-1"), Just("us-east-1a"), Just("111122223333"), Just("."), Just("/"), Just(" "),
            Just("-"), Just(":"), Just("arn:aws:sqs:us-east-1:111122223333:q"), Just("é"), Just("sqs.us-east-1.amazonaws.com"),
        ], 0..12)) {
            let rewriter = usual();
            let text = parts.concat();
            let once = rewriter.rewrite_text(&text, Place::default()).unwrap_or(text);
            prop_assert_eq!(rewriter.rewrite_text(&once, Place::default()), None);
        }

        #[test]
        fn no_bytes_make_it_panic(text in "\\PC{0,200}") {
            let _ = usual().rewrite_text(&text, Place::default());
        }
    }
}
