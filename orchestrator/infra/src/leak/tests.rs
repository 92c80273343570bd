use super::*;
use serde_json::{Value, json};

fn contract(mut value: Value) -> Contract {
    value["schema_version"] = json!("1.0");
    Contract::from_value(&value).unwrap()
}

fn source() -> Contract {
    contract(json!({
        "region": "us-east-1", "account_id": "111122223333",
        "cluster": {"name": "prod", "vpc_id": "vpc-0a1b2c3d", "endpoint": "https://abc.gr7.us-east-1.eks.amazonaws.com",
            "oidc_issuer": "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"},
        "network": {"azs": {"a": {"name": "us-east-1a", "id": "use1-az1"}}, "nat_ips": ["192.0.2.1", "192.0.2.2"]},
        "kms": {"ebs": {"key_id": "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f", "alias": "alias/shop"}},
        "buckets": {"assets": {"id": "shop-assets-4711"}},
        "dns": {"zones": {"main": {"id": "Z0123456789ABCDEF", "name": "shop.example.com"}}},
    }))
}

fn target() -> Contract {
    contract(
        json!({"region": "us-west-2", "account_id": "111122223333", "cluster": {"name": "dr", "vpc_id": "vpc-9a1b2c3d"}}),
    )
}

fn scan(value: Value) -> Vec<(Severity, String, String)> {
    let scanner = LeakScanner::new(&source(), Some(&target())).unwrap();
    let findings = scanner.scan(&Manifest::from_value(value).unwrap(), None);
    findings.into_iter().map(|f| (f.severity, f.pointer.unwrap_or_default(), f.reason.message)).collect()
}

fn free(text: &str) -> Vec<String> {
    LeakScanner::new(&source(), Some(&target())).unwrap().scan_text(text)
}

#[test]
fn a_planted_leak_of_every_class_is_found() {
    for planted in [
        "arn:aws:acm:us-east-1:999900001111:certificate/0a1b",
        "vpc-0a1b2c3d",
        "subnet-0123456789abcdef0",
        "sg-0123456789abcdef0",
        "eni-0a1b2c3d",
        "igw-0a1b2c3d",
        "nat-0a1b2c3d",
        "rtb-0a1b2c3d",
        "vpce-0a1b2c3d",
        "eipalloc-0a1b2c3d",
        "lt-0a1b2c3d",
        "ami-0a1b2c3d",
        "i-0a1b2c3d",
        "vol-0a1b2c3d",
        "snap-0a1b2c3d",
        "pl-0a1b2c3d",
        "tgw-0a1b2c3d",
        "fs-0a1b2c3d",
        "fsap-0a1b2c3d",
        "fsmt-0a1b2c3d",
        "fc-0a1b2c3d",
        "mrk-0123456789abcdef0123456789abcdef",
        "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f",
        "Z0123456789ABCDEF",
        "us-east-1",
        "us-east-1a",
        "use1-az1",
        "orders.c1.us-east-1.rds.amazonaws.com",
        "web-1.elb.us-east-1.amazonaws.com",
        "x.s3.us-east-1.amazonaws.com",
        "sqs.us-east-1.amazonaws.com",
        "abc.gr7.us-east-1.eks.amazonaws.com",
        "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
        "0123456789ABCDEF0123456789ABCDEF",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com",
        "192.0.2.2",
        "alias/shop",
        "shop-assets-4711",
        "s3://shop-assets-4711",
        "fs-1.fsx.us-east-1.amazonaws.com",
        "a.execute-api.us-east-1.amazonaws.com",
        "mesh.aos.us-east-1.on.aws",
        "other.abc123.ng.0001.use1.cache.amazonaws.com",
    ] {
        assert_eq!(free(&format!("see \"{planted}\", please")), [planted]);
    }
}

#[test]
fn what_is_the_targets_or_nobodys_is_no_leak() {
    for text in [
        "us-west-2",
        "vpc-9a1b2c3d",
        "111122223333",
        "prod",
        "192.0.2.20",
        "us-east-1b",
        "vpc-xyz",
        "my-us-east-1",
        "arn:aws:sns:eu-west-1:999900001111:vendor",
        "abi-0a1b2c3d",
        "shop.example.com",
    ] {
        assert_eq!(free(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn typed_places_are_errors_and_free_text_is_a_warning() {
    let found = scan(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "annotations": {
        "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/web", "note": "was in us-east-1",
        "alb.ingress.kubernetes.io/subnets": "subnet-0a1b2c3d"}}}));
    assert_eq!(
        found,
        [
            (
                Severity::Error,
                "/metadata/annotations/alb.ingress.kubernetes.io~1subnets".into(),
                "subnet-0a1b2c3d is an AWS id that the target does not know".into()
            ),
            (Severity::Warning, "/metadata/annotations/note".into(), "us-east-1 is the source's region".into()),
        ],
        "the account is the target's as well"
    );
}

#[test]
fn secrets_and_helm_releases_are_looked_into() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use std::io::Write;
    let found = scan(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
        "data": {"url": STANDARD.encode("https://abc.gr7.us-east-1.eks.amazonaws.com"), "key": STANDARD.encode([0xff])}}));
    assert_eq!(found[1].1, "/data/url");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(br#"{"config": {"region": "us-east-1"}}"#).unwrap();
    let release = STANDARD.encode(STANDARD.encode(gzip.finish().unwrap()));
    let found =
        scan(json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "metadata": {"name": "a"},
        "data": {"release": release}}));
    assert_eq!(found.len(), 1);
    assert!(found[0].2.contains("such as us-east-1"), "{}", found[0].2);
}

#[test]
fn a_map_key_is_looked_at() {
    let found = scan(json!({"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "a"},
        "spec": {"tags": {"kubernetes.io/cluster/prod": "owned"}}}));
    assert_eq!(found[0].2, "kubernetes.io/cluster/prod is the source's cluster.name");
}

#[test]
fn names_leak_in_their_places() {
    let found =
        scan(json!({"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "prod"},
        "spec": {"subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "prod"}}]}}));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].0, found[0].1.as_str()),
        (Severity::Error, "/spec/subnetSelectorTerms/0/tags/karpenter.sh~1discovery")
    );
}

#[test]
fn without_a_target_unknown_ids_are_only_mentioned() {
    let scanner = LeakScanner::new(&source(), None).unwrap();
    let object = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "a"},
        "spec": {"csi": {"volumeHandle": "vol-0a1b2c3d", "note": "vpc-0a1b2c3d"}}});
    let findings = scanner.scan(&Manifest::from_value(object.clone()).unwrap(), None);
    let severities: Vec<(Severity, &str)> = findings.iter().map(|f| (f.severity, f.reason.code.as_str())).collect();
    assert_eq!(severities, [(Severity::Error, "source-identifier"), (Severity::Warning, "unknown-identifier")]);
    let mut scanner = LeakScanner::new(&source(), Some(&target())).unwrap();
    scanner.allow("vol-0a1b2c3d");
    assert_eq!(scanner.scan(&Manifest::from_value(object).unwrap(), None).len(), 1);
}

#[test]
fn findings_are_capped_and_counted() {
    let text: Vec<String> = (0..500).map(|n| format!("subnet-{n:08x}")).collect();
    let found = scan(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": text.join(" ")}}),
    );
    assert_eq!(found.len(), 201);
    assert!(found[200].2.starts_with("300 more"));
}
