use super::*;
use serde_json::json;

fn modified(rules: &str, value: Value) -> (Value, Modified) {
    let rules = parse(rules).unwrap();
    let mut manifest = Manifest::from_value(value).unwrap();
    let modified = apply(&rules, "deployments.apps", Some("shop"), &mut manifest);
    (manifest.into_value(), modified)
}

#[test]
fn values_are_typed_as_velero_types_them() {
    assert_eq!(typed("3"), json!(3));
    assert_eq!(typed("\"3\""), json!("3"));
    assert_eq!(typed("web"), json!("web"));
    assert_eq!(typed("{\"a\":1}"), json!({"a": 1}));
    assert_eq!(typed(""), json!(""));
}

#[test]
fn a_json_patch_applies_where_its_conditions_hold() {
    let rules = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: 'deployments.*', namespaces: [shop], \
                 matches: [{path: /spec/replicas, value: '3'}]}\n  patches: [{operation: replace, path: /spec/replicas, value: '1'}]\n";
    let (after, report) = modified(rules, json!({"spec": {"replicas": 3}}));
    assert_eq!(after["spec"]["replicas"], 1);
    assert_eq!(report.changes.len(), 1);
    let (after, report) = modified(rules, json!({"spec": {"replicas": 2}}));
    assert_eq!((after["spec"]["replicas"].as_i64(), report), (Some(2), Modified::default()));
}

#[test]
fn a_failing_rule_leaves_the_object_and_says_so() {
    let rules = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: deployments.apps}\n  \
                 patches: [{operation: add, path: /spec/a, value: x}, {operation: remove, path: /spec/gone}]\n";
    let (after, report) = modified(rules, json!({"spec": {}}));
    assert_eq!(after, json!({"spec": {}}));
    assert!(report.failures[0].contains("rule 1"), "{report:?}");
}

#[test]
fn strategic_patches_merge_containers_by_name() {
    let rules = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: deployments.apps}\n  strategicPatches:\n  - patchData: |\n      \
                 {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"b\",\"image\":\"new\"}]}}}}\n";
    let body = json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "old", "tty": true}]}}}});
    let (after, _) = modified(rules, body);
    let expected = json!([{"name": "a", "image": "x"}, {"name": "b", "image": "new", "tty": true}]);
    assert_eq!(after["spec"]["template"]["spec"]["containers"], expected);
}

#[test]
fn mistakes_name_their_rule() {
    for (rules, word) in [
        ("version: v2\nresourceModifierRules: []", "v2"),
        ("version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}}]", "exactly one"),
        (
            "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}, patches: [{operation: explode, path: /a}]}]",
            "explode",
        ),
        (
            "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods, resourceNameRegex: '('}, patches: [{operation: remove, path: /a}]}]",
            "Regex",
        ),
    ] {
        let error = parse(rules).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(parse("version: v1\nresourceModifierRules: []\nextra: 1").is_err());
}
