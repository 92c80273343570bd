use super::*;
use crate::contract::{Contract, ContractError, Provenance};
use serde_json::json;

fn state(resources: Value, outputs: Value) -> Vec<u8> {
    json!({"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "x", "outputs": outputs,
        "resources": resources})
    .to_string()
    .into_bytes()
}

fn resource(module: &str, kind: &str, name: &str, attributes: Value) -> Value {
    json!({"module": module, "mode": "managed", "type": kind, "name": name,
        "provider": "provider[\"registry.opentofu.org/hashicorp/aws\"]",
        "instances": [{"schema_version": 0, "attributes": attributes}]})
}

fn foreign() -> Value {
    json!([
        resource("module.eks", "aws_eks_cluster", "this", json!({
            "name": "prod", "arn": "arn:aws:eks:us-east-1:111122223333:cluster/prod", "endpoint": "https://x.gr7.us-east-1.eks.amazonaws.com",
            "identity": [{"oidc": [{"issuer": "https://oidc.eks.us-east-1.amazonaws.com/id/ABC"}]}],
            "vpc_config": [{"vpc_id": "vpc-0a1b2c3d", "cluster_security_group_id": "sg-0a1b2c3d"}]})),
        {"module": "module.net", "mode": "managed", "type": "aws_subnet", "name": "private", "instances": [
            {"index_key": "a", "attributes": {"id": "subnet-0a1b2c3d", "availability_zone": "us-east-1a", "cidr_block": "10.0.0.0/24"}},
            {"index_key": "b", "attributes": {"id": "subnet-1a1b2c3d", "availability_zone": "us-east-1b", "cidr_block": "10.0.1.0/24"}},
            {"index_key": "c", "deposed": "deadbeef", "attributes": {"id": "subnet-2a1b2c3d", "availability_zone": "us-east-1c"}}]},
        resource("module.web", "aws_iam_role", "this", json!({
            "arn": "arn:aws:iam::111122223333:role/web", "name": "web",
            "assume_role_policy": json!({"Statement": [{"Condition": {"StringEquals": {
                "oidc.eks.us-east-1.amazonaws.com/id/ABC:sub": "system:serviceaccount:shop:web"}}}]}).to_string()})),
        resource("module.db[\"a.b\"]", "aws_db_instance", "this", json!({
            "identifier": "orders", "address": "orders.c1.us-east-1.rds.amazonaws.com", "port": 5432, "id": "db-XYZ",
            "arn": "arn:aws:rds:us-east-1:111122223333:db:orders"})),
        {"mode": "data", "type": "aws_vpc", "name": "other", "instances": [{"attributes": {"id": "vpc-99999999"}}]},
    ])
}

#[test]
fn a_state_with_a_contract_gives_that_contract() {
    let contract = json!({"schema_version": "1.0", "region": "eu-west-1"});
    let read =
        Contract::from_state(&state(foreign(), json!({"dr_contract": {"value": contract, "type": "x"}}))).unwrap();
    assert_eq!(read.get("region").as_deref(), Some("eu-west-1"));
    assert_eq!(read.provenance("region"), Provenance::Output);
}

#[test]
fn a_foreign_state_gives_a_derived_contract_with_provenance() {
    let contract = Contract::from_state(&state(foreign(), json!({}))).unwrap();
    let expected = [
        ("region", "us-east-1"),
        ("account_id", "111122223333"),
        ("cluster.vpc_id", "vpc-0a1b2c3d"),
        ("cluster.oidc_issuer", "https://oidc.eks.us-east-1.amazonaws.com/id/ABC"),
        ("network.subnets.private.b.id", "subnet-1a1b2c3d"),
        ("network.azs.a.name", "us-east-1a"),
        ("workload_iam.shop/web.role_arn", "arn:aws:iam::111122223333:role/web"),
        ("databases.orders.endpoint", "orders.c1.us-east-1.rds.amazonaws.com"),
        ("databases.orders.port", "5432"),
    ];
    for (key, value) in expected {
        assert_eq!(contract.get(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(contract.get("network.subnets.private.c.id"), None, "deposed objects are not read");
    assert_eq!(
        contract.provenance("databases.orders.endpoint"),
        Provenance::State { address: "module.db[\"a.b\"].aws_db_instance.this".into(), attribute: "address".into() }
    );
}

#[test]
fn both_forms_of_a_state_are_one_model() {
    let shown = json!({"format_version": "1.0", "values": {"root_module": {"child_modules": [{"address": "module.net",
        "resources": [{"address": "module.net.aws_vpc.this[0]", "mode": "managed", "type": "aws_vpc", "name": "this",
            "index": 0, "values": {"id": "vpc-0a1b2c3d"}}]}]}}});
    let raw = json!([{"module": "module.net", "mode": "managed", "type": "aws_vpc", "name": "this",
        "instances": [{"index_key": 0, "attributes": {"id": "vpc-0a1b2c3d"}}]}]);
    let shown = State::from_slice(shown.to_string().as_bytes()).unwrap();
    assert_eq!(shown, State::from_slice(&state(raw, json!({}))).unwrap());
    assert_eq!(shown.resources[0].address(), "module.net.aws_vpc.this[0]");
}

#[test]
fn what_is_not_a_state_is_refused_by_name() {
    let error = |text: &str| State::from_slice(text.as_bytes()).unwrap_err();
    assert!(matches!(error(r#"{"version": 3}"#), StateError::Version { found } if found == "3"));
    assert!(matches!(error(r#"{"format_version": "2.0"}"#), StateError::Version { .. }));
    assert!(matches!(error(r#"{"encrypted_data": "x"}"#), StateError::Encrypted));
    assert!(matches!(error("{}"), StateError::NotAState));
    assert!(matches!(error(r#"{"version": 4, "resources": 7}"#), StateError::Shape { .. }));
    assert!(matches!(error(r#"{"version": 4, "resources": [{"mode": "managed"}]}"#), StateError::Shape { .. }));
    assert!(matches!(Contract::from_state(b"nonsense"), Err(ContractError::State(StateError::Json(_)))));
}

#[test]
fn an_empty_state_says_that_nothing_was_derived() {
    let contract = Contract::from_state(br#"{"format_version": "1.0"}"#).unwrap();
    assert_eq!(contract.validate()[0].reason.code, "nothing-derived");
}

#[test]
fn several_clusters_are_not_guessed_between() {
    let cluster = |name: &str| resource("", "aws_eks_cluster", name, json!({"name": name, "arn": "x"}));
    let contract = Contract::from_state(&state(json!([cluster("a"), cluster("b")]), json!({}))).unwrap();
    assert_eq!(contract.get("cluster.name"), None);
    assert!(contract.validate().iter().any(|finding| finding.reason.code == "several-clusters"));
}
