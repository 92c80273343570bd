use super::*;
use serde_json::json;

fn contract(region: &str) -> Contract {
    Contract::from_value(&json!({"schema_version": "1.0", "region": region,
        "buckets": {"assets": {"id": format!("assets-{region}")}}}))
    .unwrap()
}

fn rules(body: &str) -> Result<Rules, RulesError> {
    Rules::parse(&format!("version: 1\nrules:\n{body}"), Some(&contract("us-east-1")), Some(&contract("us-west-2")))
}

fn object() -> Manifest {
    Manifest::from_value(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": 3, "list": [{"url": "s3://assets-us-east-1/a"}, {"url": "other"}]}}))
    .unwrap()
}

#[test]
fn each_action_does_what_it_says() {
    let rules = rules(r#"
- {name: set, at: /spec/bucket, set: "${contract.buckets.assets.id}"}
- {name: replace, at: /spec/list/*/url, replace: {pattern: "s3://${source.buckets.assets.id}/(?P<path>.*)", with: "s3://${contract.buckets.assets.id}/${path}"}}
- {name: remove, at: /metadata/labels/app, remove: true}
- {name: default, at: /spec/paused, default: false}
- {name: kept, at: /spec/replicas, default: 9}
"#).unwrap();
    let mut object = object();
    let preview = rules.preview(&object);
    let outcome = rules.apply(&mut object);
    assert_eq!(preview, outcome);
    assert_eq!(
        object.get("/spec"),
        Some(&json!({"replicas": 3, "bucket": "assets-us-west-2", "paused": false,
        "list": [{"url": "s3://assets-us-west-2/a"}, {"url": "other"}]}))
    );
    assert_eq!(object.label("app"), None);
    assert_eq!(outcome.changes.len(), 4);
    assert_eq!(outcome.changes[1].because, "rule replace");
    assert_eq!(
        outcome.matched,
        BTreeMap::from(["set", "replace", "remove", "default", "kept"].map(|n| (n.to_owned(), 1)))
    );
}

#[test]
fn matching_narrows_by_kind_namespace_labels_pointer_and_condition() {
    let hits = |matches: &str| {
        let rules = rules(&format!("- {{name: r, match: {matches}, at: /x, set: 1}}")).unwrap();
        !rules.preview(&object()).changes.is_empty()
    };
    for yes in [
        "{kind: Deployment}",
        "{kind: [Pod, Deployment], group: apps}",
        "{namespace: 'sh*'}",
        "{name: [a, web]}",
        "{labels: 'app=web,!x'}",
        "{exists: /spec/list/0}",
        "{condition: 'object.spec.replicas > 2'}",
    ] {
        assert!(hits(yes), "{yes}");
    }
    for no in [
        "{kind: Pod}",
        "{group: batch}",
        "{namespace: kube-system}",
        "{labels: 'app!=web'}",
        "{exists: /spec/none}",
        "{condition: 'object.spec.none == 1'}",
        "{condition: 'object.spec.replicas > 3'}",
    ] {
        assert!(!hits(no), "{no}");
    }
}

#[test]
fn a_rule_that_never_matches_is_a_warning() {
    let rules = rules("- {name: used, at: /a, set: 1}\n- {name: idle, match: {kind: Pod}, at: /a, set: 1}").unwrap();
    let mut usage = RuleUsage::default();
    usage.add(&rules.apply(&mut object()));
    let unmatched = rules.unmatched(&usage);
    assert_eq!(unmatched.len(), 1);
    assert_eq!(unmatched[0].reason.message, "rule idle matched nothing");
}

#[test]
fn secret_values_are_decoded_and_hidden() {
    let rules = rules("- {name: r, at: /data/url, replace: {pattern: 'old', with: 'new'}}").unwrap();
    let mut secret =
        Manifest::from_value(json!({"apiVersion": "v1", "kind": "Secret", "data": {"url": STANDARD.encode("x-old")}}))
            .unwrap();
    let outcome = rules.apply(&mut secret);
    assert_eq!(secret.get_str("/data/url"), Some(STANDARD.encode("x-new").as_str()));
    assert_eq!(outcome.changes[0].after, Some("(hidden)".into()));
}

#[test]
fn bad_rules_are_refused_with_their_name() {
    let error = |body: &str| rules(body).unwrap_err().to_string();
    assert!(error("- {name: a, at: /x}").contains("exactly one of"));
    assert!(error("- {name: a, at: /x, set: 1, remove: true}").contains("there are 2"));
    assert!(error("- {name: a, at: x, remove: true}").contains("not a JSON pointer"));
    assert!(
        error("- {name: a, at: /x, set: '${contract.buckets.assets.name}'}").contains("there are buckets.assets.id")
    );
    assert!(error("- {name: a, at: /x, replace: {pattern: '(', with: ''}}").contains("rule a: pattern"));
    assert!(
        error("- {name: a, at: /x, replace: {pattern: '(((a{100}){100}){100}){100}', with: ''}}")
            .contains("size limit")
    );
    assert!(error("- {name: a, match: {condition: 'object.('}, at: /x, remove: true}").contains("condition"));
    assert!(
        error(&format!("- {{name: a, match: {{condition: '{}'}}, at: /x, remove: true}}", "(".repeat(200)))
            .contains("operators")
    );
    assert!(error("- {name: a, at: /x, remove: true}\n- {name: a, at: /y, remove: true}").contains("two rules"));
    assert!(error("- {name: a, att: /x}").contains("cannot be read"));
    assert!(Rules::parse("version: 7", None, None).unwrap_err().to_string().contains("version 7"));
}

#[test]
fn a_yaml_bomb_is_an_error() {
    let mut bomb = "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (next, last) in
        ["b", "c", "d", "e", "f", "g", "h", "i"].into_iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        bomb.push_str(&format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 9].join(", ")));
    }
    bomb.push_str("rules: *i\n");
    assert!(Rules::parse(&bomb, None, None).is_err());
}

#[test]
fn a_condition_that_fails_is_reported_and_not_applied() {
    let rules = rules("- {name: r, match: {condition: 'object.spec.replicas'}, at: /x, set: 1}").unwrap();
    let outcome = rules.preview(&object());
    assert_eq!((outcome.changes.len(), outcome.findings[0].reason.code.as_str()), (0, "rule-failed"));
}

#[test]
fn a_pathological_pattern_is_linear() {
    let rules = rules("- {name: r, at: /spec/text, replace: {pattern: '(a+)+$', with: 'x'}}").unwrap();
    let mut object = object();
    object.set("/spec/text", format!("{}!", "a".repeat(20_000)));
    assert_eq!(rules.apply(&mut object).changes, []);
}

#[test]
fn long_conditions_do_not_overrun_the_stack() {
    let chains = [
        format!("object{}", ".a".repeat(1000)),
        format!("object{}", ".a".repeat(64)),
        format!("{}1 == 1", "1+".repeat(30)),
        r#"object.spec.template.spec.containers.exists(c, c.image.startsWith("x")) && object.metadata.name == "y""#
            .to_owned(),
        format!("{}true{}", "(".repeat(8), ")".repeat(8)),
        format!("{}true", "!".repeat(32)),
        format!("{}1", "-".repeat(32)),
        format!("{}1{} == 1", "[".repeat(7), "]".repeat(7)),
        format!("{}true", "true?true:".repeat(6)),
        format!("{}true", "true&&".repeat(16)),
        format!("1{}", " in [1]".repeat(12)),
    ];
    for chain in chains {
        // Whether such a condition is refused or holds does not matter; that it ends does.
        if let Ok(rules) = rules(&format!("- {{name: r, match: {{condition: '{chain}'}}, at: /x, set: 1}}")) {
            rules.preview(&object());
        }
    }
}
