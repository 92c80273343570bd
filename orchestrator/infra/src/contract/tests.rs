use super::*;
use serde_json::json;

fn outputs(contract: Value) -> Vec<u8> {
    json!({"dr_contract": {"sensitive": false, "type": ["object", {}], "value": contract}, "other": {"value": 1}})
        .to_string()
        .into_bytes()
}

fn small() -> Value {
    json!({
        "schema_version": "1.0", "environment": "production", "role": "primary", "region": "us-east-1",
        "account_id": "111122223333",
        "cluster": {"name": "prod", "vpc_id": "vpc-0a1b2c3d4e5f60718", "node_security_group_id": null},
        "databases": {"orders": {"endpoint": "orders.c1.us-east-1.rds.amazonaws.com", "port": "5432"}},
        "connection": {"kind": "ssm-port-forward", "ssm_target": "i-0a1b2c3d4e5f60718"},
        "locations": {"main": {"kind": "s3", "bucket": "backups", "prefix": "prod"}},
    })
}

#[test]
fn outputs_are_read_and_absent_values_are_absent() {
    let contract = Contract::from_outputs(&outputs(small())).unwrap();
    let body = contract.body();
    assert_eq!(body.databases["orders"].port, Some(5432));
    assert_eq!(body.cluster.as_ref().unwrap().node_security_group_id, None);
    assert_eq!(body.connection.as_ref().unwrap().kind, Some(format::ConnectionKind::SsmPortForward));
    assert_eq!(contract.get("cluster.name").as_deref(), Some("prod"));
    assert!(!contract.to_value().to_string().contains("null"));
    assert_eq!(contract.validate(), []);
}

#[test]
fn what_was_read_is_written_and_read_the_same() {
    let contract = Contract::from_value(&small()).unwrap();
    assert_eq!(Contract::from_value(&contract.to_value()).unwrap(), contract);
}

#[test]
fn newer_majors_are_refused_and_newer_minors_read() {
    let with = |version: Value| {
        let mut value = small();
        value["schema_version"] = version;
        value["quantum"] = json!({"a": 1});
        Contract::from_value(&value)
    };
    assert!(matches!(with(json!("2.0")), Err(ContractError::NewerMajor { found }) if found == "2.0"));
    assert!(matches!(with(json!(2)), Err(ContractError::NewerMajor { .. })));
    assert!(matches!(with(json!("zero")), Err(ContractError::BadVersion { .. })));
    assert!(matches!(with(json!("0.9")), Err(ContractError::BadVersion { .. })));
    assert!(matches!(with(Value::Null), Err(ContractError::NoVersion)));
    assert_eq!(with(json!("1.7")).unwrap().validate(), []);
    assert_eq!(with(json!(1)).unwrap().validate()[0].reason.code, "unknown-field");
}

#[test]
fn an_error_names_the_entry_it_is_in() {
    let mut value = small();
    value["databases"]["orders"]["port"] = json!("many");
    let error = model::chain(&Contract::from_value(&value).unwrap_err());
    assert_eq!(error, "databases.orders does not have the expected shape: \"many\" is not a port");
    value["databases"] = json!(["orders"]);
    assert!(model::chain(&Contract::from_value(&value).unwrap_err()).starts_with("databases does not"));
}

#[test]
fn outputs_without_or_with_a_sensitive_contract_are_refused() {
    let error = Contract::from_outputs(br#"{"vpc_id": {"value": "x"}}"#).unwrap_err();
    assert_eq!(error.to_string(), "the outputs hold no dr_contract; they hold vpc_id");
    let sensitive = json!({"dr_contract": {"sensitive": true, "value": small()}}).to_string();
    assert!(matches!(Contract::from_outputs(sensitive.as_bytes()), Err(ContractError::Sensitive)));
    assert!(matches!(Contract::from_outputs(b"[]"), Err(ContractError::NotAnObject { .. })));
    assert!(matches!(Contract::from_outputs(b"{"), Err(ContractError::Json(_))));
    assert!(matches!(Contract::from_outputs(b"{\"region\": \"\xff\xfe\"}"), Err(ContractError::Json(_))));
}

#[test]
fn odd_values_are_found() {
    let value = json!({
        "schema_version": "1.0", "region": "narnia", "account_id": "12", "environment": "",
        "cluster": {"arn": "prod", "vpc_id": "0a1b", "oidc_issuer": "oidc.eks.us-east-1.amazonaws.com/id/X"},
        "network": {"subnets": {"private": {"a": {"id": "net-1", "cidr": "10.0.0.0"}}}},
        "workload_iam": {"web": {"role_arn": "arn:aws:iam::111122223333:role/web"}},
        "extra": {"port": "8080"},
    });
    let findings = Contract::from_value(&value).unwrap().validate();
    let count = |code: &str| findings.iter().filter(|finding| finding.reason.code == code).count();
    assert_eq!((count("bad-value"), count("bad-key"), count("empty-value"), count("quantity-in-extra")), (7, 1, 1, 1));
}

#[test]
fn keys_missing_in_the_target_are_errors_and_absent_zones_are_folded() {
    let source = json!({"schema_version": "1", "region": "us-east-1",
        "queues": {"orders": {"arn": "arn:aws:sqs:us-east-1:111122223333:orders"}},
        "network": {"azs": {"a": {"name": "us-east-1a"}, "c": {"name": "us-east-1c"}},
            "subnets": {"private": {"a": {"id": "subnet-0a1b2c3d"}, "c": {"id": "subnet-1a1b2c3d"}}}}});
    let target = json!({"schema_version": "1", "region": "us-west-2",
        "network": {"azs": {"a": {"name": "us-west-2a"}}, "subnets": {"private": {"a": {"id": "subnet-2a1b2c3d"}}}}});
    let (source, target) = (Contract::from_value(&source).unwrap(), Contract::from_value(&target).unwrap());
    let comparison = compare_keys(&source, &target);
    assert_eq!(comparison.missing, ["queues.orders.arn"]);
    assert_eq!(comparison.folded, ["network.azs.c.name", "network.subnets.private.c.id"]);
    assert!(!comparison.is_complete());
    assert_eq!(comparison.findings()[0].severity, Severity::Error);
    assert!(compare_keys(&source, &source).is_complete());
}

#[test]
fn the_schema_describes_every_section() {
    let schema = schema();
    for section in small().as_object().unwrap().keys() {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
    assert_eq!(schema["required"], json!(["schema_version"]));
}

#[test]
fn what_our_own_stacks_write_is_read_without_a_remark() {
    let value = json!({
        "schema_version": "1.0", "environment": "sandbox", "role": "recovery", "region": "eu-west-1", "account_id": "111122223333",
        "partition": "aws", "connection": {"kind": "direct", "sandbox": "target", "kubeconfig": null, "context": null,
            "proxy_url": null, "ssm_target": null},
        "locations": {"main": {"kind": "disk", "path": "/var/backups", "bucket": null}},
        "cluster": {"name": "target", "version": "1.36", "node_role_arn": "arn:aws:iam::111122223333:role/nodes", "compute": "sandbox"},
        "network": {"azs": {}, "subnets": {}, "security_groups": {}, "nat_ips": []}, "workload_iam": {}, "kms": {},
        "file_systems": {"shared": {"id": "fs-0a1b2c3d", "dns_name": null, "access_points": {"a": {"id": "fsap-0a1b2c3d"}}}},
        "load_balancing": {"target_groups": {}, "certificates": {}, "waf": {}, "eips": []}, "dns": {"zones": {}}, "extra": {},
    });
    let contract = Contract::from_outputs(&outputs(value)).unwrap();
    assert_eq!(contract.validate(), []);
    assert_eq!(contract.get("file_systems.shared.access_points.a").as_deref(), Some("fsap-0a1b2c3d"));
    assert_eq!(contract.body().locations["main"].kind, Some(format::LocationKind::Disk));
}

#[test]
fn a_misspelt_field_is_remarked() {
    let mut value = small();
    value["cluster"]["nam"] = json!("prod");
    let findings = Contract::from_value(&value).unwrap().validate();
    assert_eq!(findings[0].pointer.as_deref(), Some("/cluster/nam"));
}
