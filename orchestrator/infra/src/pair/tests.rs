use super::*;
use serde_json::{Value, json};

fn contract(value: Value) -> Contract {
    let mut value = value;
    value["schema_version"] = json!("1.0");
    Contract::from_value(&value).unwrap()
}

fn state(resources: Value) -> State {
    State::from_slice(json!({"version": 4, "resources": resources}).to_string().as_bytes()).unwrap()
}

fn queue(module: &str, name: &str, region: &str, tags: Value) -> Value {
    json!({"module": module, "mode": "managed", "type": "aws_sqs_queue", "name": name, "instances": [{"attributes": {
        "name": name, "arn": format!("arn:aws:sqs:{region}:111122223333:{name}"),
        "url": format!("https://sqs.{region}.amazonaws.com/111122223333/{name}"), "tags": tags}}]})
}

fn of<'a>(pairs: &'a Pairs, source: &str) -> Option<&'a Pair> {
    pairs.all().iter().find(|pair| pair.source == source)
}

#[test]
fn contract_keys_pair_and_missing_ones_come_first() {
    let source = contract(json!({"region": "us-east-1", "cluster": {"vpc_id": "vpc-0a1b2c3d"},
        "kms": {"ebs": {"arn": "arn:aws:kms:us-east-1:111122223333:key/a"}}, "databases": {"a": {"port": 5432}}}));
    let target = contract(
        json!({"region": "us-west-2", "cluster": {"vpc_id": "vpc-9a1b2c3d"}, "databases": {"a": {"port": 5433}}}),
    );
    let pairs =
        pair(Side { contract: Some(&source), state: None }, Side { contract: Some(&target), state: None }, None)
            .unwrap();
    assert_eq!(pairs.findings()[0].reason.code, "missing-in-target");
    assert_eq!(
        of(&pairs, "vpc-0a1b2c3d").unwrap().to_string(),
        "vpc-0a1b2c3d -> vpc-9a1b2c3d (contract key cluster.vpc_id)"
    );
    assert_eq!(of(&pairs, "5432"), None, "ports are never paired");
    assert_eq!(pairs.unpaired()[0].key, "kms.ebs.arn");
}

#[test]
fn two_targets_for_one_value_name_both_origins() {
    let source = contract(json!({"cluster": {"node_security_group_id": "sg-0a1b2c3d"},
        "network": {"security_groups": {"nodes": "sg-0a1b2c3d"}}}));
    let target = contract(json!({"cluster": {"node_security_group_id": "sg-1a1b2c3d"},
        "network": {"security_groups": {"nodes": "sg-2a1b2c3d"}}}));
    let (source, target) =
        (Side { contract: Some(&source), state: None }, Side { contract: Some(&target), state: None });
    let error = pair(source, target, None).unwrap_err().to_string();
    assert!(
        error.contains("cluster.node_security_group_id") && error.contains("network.security_groups.nodes"),
        "{error}"
    );
    let map = MapFile::parse("version: 1\npairs: [{source: sg-0a1b2c3d, target: sg-3a1b2c3d}]").unwrap();
    let pairs = pair(source, target, Some(&map)).unwrap();
    assert_eq!(of(&pairs, "sg-0a1b2c3d").unwrap().target, "sg-3a1b2c3d", "the user's word goes first");
}

#[test]
fn addresses_pair_through_module_rules_in_whole_steps() {
    let source = state(json!([
        queue("module.prod", "orders", "us-east-1", json!({})),
        queue("module.production", "x", "us-east-1", json!({}))
    ]));
    let target = state(json!([
        queue("module.dr", "orders", "us-west-2", json!({})),
        queue("module.druction", "x", "us-west-2", json!({}))
    ]));
    let (source, target) =
        (Side { contract: None, state: Some(&source) }, Side { contract: None, state: Some(&target) });
    let map = MapFile {
        modules: vec![ModuleRule { source: "module.prod".into(), target: "module.dr".into() }],
        ..MapFile::default()
    };
    let pairs = pair(source, target, Some(&map)).unwrap();
    assert_eq!(of(&pairs, "arn:aws:sqs:us-east-1:111122223333:orders").unwrap().by, Method::Address);
    assert_eq!(of(&pairs, "arn:aws:sqs:us-east-1:111122223333:x").unwrap().by, Method::NaturalKey);
}

#[test]
fn tags_pair_renamed_resources_and_natural_keys_need_acceptance() {
    let tag = json!({"landfall.dev/logical-id": "queue/orders"});
    let mut renamed = queue("", "orders-dr", "us-west-2", tag.clone());
    renamed["name"] = json!("q");
    let source =
        state(json!([queue("", "orders", "us-east-1", tag), queue("module.a", "mail", "us-east-1", json!({}))]));
    let target = state(json!([renamed, queue("module.b", "mail", "us-west-2", json!({}))]));
    let pairs =
        pair(Side { contract: None, state: Some(&source) }, Side { contract: None, state: Some(&target) }, None)
            .unwrap();
    assert_eq!(of(&pairs, "arn:aws:sqs:us-east-1:111122223333:orders").unwrap().by, Method::LogicalId);
    assert_eq!(pairs.inferred().count(), 3);
    let certain = pairs.certain();
    assert_eq!(of(&certain, "arn:aws:sqs:us-east-1:111122223333:mail"), None);
    assert!(certain.unpaired().iter().any(|unpaired| unpaired.why.contains("only by inference")));
    let error = pairs.clone().accept_inferred(false).unwrap_err().to_string();
    assert!(error.contains("--accept-inferred"), "{error}");
    assert_eq!(pairs.clone().accept_inferred(true).unwrap(), pairs);
}

#[test]
fn name_tags_pair_what_nothing_else_does_and_only_when_they_are_unique() {
    let group = |local: &str, id: &str, name: &str| {
        json!({"module": "", "mode": "managed", "type": "aws_security_group", "name": local,
            "instances": [{"attributes": {"id": id, "tags": {"Name": name}}}]})
    };
    let source = state(json!([
        group("a", "sg-0a1b2c3d", "shop-prod-us-east-1-database"),
        group("b", "sg-1a1b2c3d", "shop-prod-cache"),
        group("c", "sg-2a1b2c3d", "shop-primary-cache"),
        group("same", "sg-3a1b2c3d", "shop-prod-web"),
    ]));
    let target = state(json!([
        group("x", "sg-0e1b2c3d", "shop-dr-us-west-2-database"),
        group("y", "sg-1e1b2c3d", "shop-dr-cache"),
        group("same", "sg-3e1b2c3d", "shop-dr-api"),
        group("z", "sg-4e1b2c3d", "shop-dr-web"),
    ]));
    let pairs =
        pair(Side { contract: None, state: Some(&source) }, Side { contract: None, state: Some(&target) }, None)
            .unwrap();
    let database = of(&pairs, "sg-0a1b2c3d").unwrap();
    assert_eq!((database.target.as_str(), database.by), ("sg-0e1b2c3d", Method::NameTag));
    assert_eq!(database.confidence, Confidence::Inferred);
    assert_eq!((of(&pairs, "sg-1a1b2c3d"), of(&pairs, "sg-2a1b2c3d")), (None, None));
    let by_address = of(&pairs, "sg-3a1b2c3d").unwrap();
    assert_eq!((by_address.target.as_str(), by_address.by), ("sg-3e1b2c3d", Method::Address));
}

#[test]
fn a_natural_key_with_two_candidates_pairs_nothing() {
    let source = state(json!([queue("module.a", "mail", "us-east-1", json!({}))]));
    let target = state(json!([
        queue("module.b", "mail", "us-west-2", json!({})),
        queue("module.c", "mail", "eu-west-1", json!({}))
    ]));
    let pairs =
        pair(Side { contract: None, state: Some(&source) }, Side { contract: None, state: Some(&target) }, None)
            .unwrap();
    assert_eq!(pairs.all(), []);
    assert!(pairs.findings().iter().any(|finding| finding.reason.code == "ambiguous"));
}

#[test]
fn a_zone_that_the_target_lacks_is_folded_onto_another() {
    let source = contract(
        json!({"network": {"azs": {"a": {"name": "us-east-1a"}, "b": {"name": "us-east-1b"}, "c": {"name": "us-east-1c"}}}}),
    );
    let target = contract(json!({"network": {"azs": {"a": {"name": "us-west-2a"}, "b": {"name": "us-west-2b"}}}}));
    let pairs =
        pair(Side { contract: Some(&source), state: None }, Side { contract: Some(&target), state: None }, None)
            .unwrap();
    assert_eq!(of(&pairs, "us-east-1c").unwrap().target, "us-west-2a");
    assert_eq!(pairs.findings()[0].reason.code, "zone-folded");
}

#[test]
fn elements_of_lists_are_not_paired_by_position() {
    let with = |first: &str, second: &str| contract(json!({"network": {"nat_ips": [first, second]}}));
    let (source, target) = (with("192.0.2.1", "192.0.2.2"), with("198.51.100.1", "198.51.100.2"));
    let pairs =
        pair(Side { contract: Some(&source), state: None }, Side { contract: Some(&target), state: None }, None)
            .unwrap();
    assert_eq!(pairs.all(), []);
    assert_eq!(pairs.unpaired().len(), 2);
}

#[test]
fn a_map_is_written_for_review_and_read_back() {
    let source = contract(
        json!({"region": "us-east-1", "cluster": {"name": "prod", "vpc_id": "vpc-0a1b2c3d"}, "kms": {"x": {"key_id": "k"}}}),
    );
    let target = contract(json!({"region": "us-west-2", "cluster": {"name": "dr", "vpc_id": "vpc-1a1b2c3d"}}));
    let pairs =
        pair(Side { contract: Some(&source), state: None }, Side { contract: Some(&target), state: None }, None)
            .unwrap();
    let text = MapFile::from_pairs(&pairs, &[]).to_yaml().unwrap();
    assert!(text.starts_with("# What stands in the source") && text.contains("class: name:cluster"), "{text}");
    let map = MapFile::parse(&text).unwrap();
    let again = pair(Side::default(), Side::default(), Some(&map)).unwrap();
    let values =
        |pairs: &Pairs| pairs.all().iter().map(|p| (p.source.clone(), p.target.clone(), p.class)).collect::<Vec<_>>();
    assert_eq!(values(&again), values(&pairs));
}

#[test]
fn bad_maps_are_refused_with_the_place() {
    let error = |body: &str| MapFile::parse(&format!("version: 1\npairs:\n{body}")).unwrap_err().to_string();
    assert_eq!(
        error("- {source: aaa, target: bbb}\n- {source: bbb, target: aaa}"),
        "the pairs form a circle: aaa -> bbb -> aaa; if these values are to be swapped, write `swaps: true` at the top"
    );
    assert!(error("- {source: aaa, target: b}\n- {source: aaa, target: c}").contains("pairs[0]"));
    assert!(error("- {source: aaa, target: b, class: everything}").contains("known are token"));
    assert!(error("- {source: aaa, target: ''}").contains("empty target"));
    assert!(error("- {source: a, target: b}").contains("too short"));
    assert!(error("- {sauce: a}").contains("cannot be read"));
    assert!(MapFile::parse("version: 2").unwrap_err().to_string().contains("version 2"));
    assert!(
        MapFile::parse("version: 1\nswaps: true\npairs:\n- {source: aaa, target: bbb}\n- {source: bbb, target: aaa}")
            .is_ok()
    );
    assert!(
        MapFile::parse("version: 1\npairs:\n- {source: aaa, target: bbb}\n- {source: bbb, target: ccc}").is_ok(),
        "a chain is no circle"
    );
}

#[test]
fn a_yaml_bomb_is_an_error() {
    let mut text = "version: 1\nx0: &x0 [a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..12 {
        let list = vec![format!("*x{}", level - 1); 9].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{list}]\n"));
    }
    assert!(matches!(MapFile::parse(&text), Err(MapError::Yaml { .. })));
    assert!(matches!(
        MapFile::parse(&format!("version: 1\npairs: {}", "[".repeat(100_000))),
        Err(MapError::Yaml { .. })
    ));
}

#[test]
fn a_certain_pair_replaces_an_inferred_one() {
    let role = |name: &str, account: &str| {
        json!({"mode": "managed", "type": "aws_acm_certificate", "name": name, "instances": [{"attributes": {
            "arn": format!("arn:aws:acm:eu-west-1:{account}:certificate/{name}"), "domain_name": "shop.example.com"}}]})
    };
    let (source, target) = (state(json!([role("web", "111122223333")])), state(json!([role("web", "444455556666")])));
    let (from, to) = (crate::state::derive::contract(&source), crate::state::derive::contract(&target));
    let side = |contract, state| Side { contract: Some(contract), state: Some(state) };
    let pairs = pair(side(&from, &source), side(&to, &target), None).unwrap();
    let found = of(&pairs, "arn:aws:acm:eu-west-1:111122223333:certificate/web").unwrap();
    assert_eq!((found.by, found.confidence), (Method::Address, Confidence::Certain));
}

/// An environment as a foreign module makes it: zones by name in some keys, by position in others.
fn platform(region: &str, account: &str, digit: char) -> State {
    let id = |prefix: &str, n: u32| format!("{prefix}-0{digit}{n:015x}");
    let zone = |letter: char| format!("{region}{letter}");
    let instance = |key: Value, attributes: Value| json!({"index_key": key, "attributes": attributes});
    let subnet = |n: u32, letter: char| json!({"id": id("subnet", n), "availability_zone": zone(letter), "vpc_id": id("vpc", 1)});
    let one = |module: &str, kind: &str, name: &str, instances: Vec<Value>| json!({"module": module, "mode": "managed", "type": kind, "name": name, "instances": instances});
    state(json!([
        one("module.vpc", "aws_vpc", "this", vec![instance(json!(0), json!({"id": id("vpc", 1)}))]),
        one(
            "module.vpc",
            "aws_subnet",
            "by_zone",
            vec![instance(json!(zone('a')), subnet(1, 'a')), instance(json!(zone('b')), subnet(2, 'b'))]
        ),
        one(
            "module.vpc",
            "aws_subnet",
            "by_slot",
            vec![instance(json!("a"), subnet(3, 'a')), instance(json!("b"), subnet(4, 'b'))]
        ),
        one(
            "",
            "aws_sqs_queue",
            "q",
            vec![json!({"attributes": {"name": "orders",
            "arn": format!("arn:aws:sqs:{region}:{account}:orders"), "url": format!("https://sqs.{region}.amazonaws.com/{account}/orders")}})]
        ),
        one("", "aws_vpc_endpoint_route_table_association", "noise", vec![json!({"attributes": {"id": "a-123"}})]),
        one("", "aws_nat_gateway", "noise", vec![json!({"attributes": {"private_ip": "10.0.0.4"}})]),
    ]))
}

#[test]
fn address_alone_pairs_nothing_wrongly() {
    let (source, target) = (platform("us-east-1", "111122223333", '1'), platform("us-west-2", "444455556666", '2'));
    let pairs =
        pair(Side { contract: None, state: Some(&source) }, Side { contract: None, state: Some(&target) }, None)
            .unwrap();
    let by_address: Vec<&Pair> = pairs.all().iter().filter(|pair| pair.by == Method::Address).collect();
    assert!(by_address.len() >= 7, "{by_address:?}");
    for pair in by_address {
        let translated =
            pair.source.replace("us-east-1", "us-west-2").replace("111122223333", "444455556666").replace("-01", "-02");
        assert_eq!(pair.target, translated, "{pair}");
    }
    assert_eq!(
        of(&pairs, "subnet-01000000000000001"),
        None,
        "subnets keyed by zone name have no counterpart by address"
    );
    assert!(pairs.all().iter().all(|pair| !pair.source.starts_with("a-") && !pair.source.starts_with("10.")));
}
