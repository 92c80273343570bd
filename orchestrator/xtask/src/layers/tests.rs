//! The workspace keeps the rules, and each planted violation is found.

use serde_json::{Value, json};

use super::graph::Graph;
use super::{check, manifest, rules};
use crate::environment::root;

/// A metadata document with these members, and with `from -> to` for each edge; `from ~> to` is a dev-dependency.
fn metadata(members: &[&str], edges: &[&str]) -> Value {
    let mut names: Vec<&str> = members.to_vec();
    let mut deps: std::collections::BTreeMap<&str, Vec<Value>> = std::collections::BTreeMap::new();
    for edge in edges {
        let (from, to, kind) = match edge.split_once(" -> ") {
            Some((from, to)) => (from, to, Value::Null),
            None => edge.split_once(" ~> ").map(|(from, to)| (from, to, json!("dev"))).expect("an edge"),
        };
        names.extend([from, to]);
        deps.entry(from).or_default().push(json!({"name": to, "pkg": to, "dep_kinds": [{"kind": kind}]}));
    }
    names.sort_unstable();
    names.dedup();
    json!({
        "workspace_members": members,
        "packages": names.iter().map(|name| json!({"id": name, "name": name, "manifest_path": "/x"})).collect::<Vec<_>>(),
        "resolve": {"nodes": names.iter().map(|name| {
            json!({"id": name, "deps": deps.get(name).cloned().unwrap_or_default()})
        }).collect::<Vec<_>>()},
    })
}

fn broken(members: &[&str], edges: &[&str]) -> Vec<String> {
    let text = metadata(members, edges).to_string();
    rules::check(&Graph::read(text.as_bytes()).expect("a graph"))
}

#[test]
fn this_workspace_keeps_every_rule() {
    let lines = check(&root()).expect("cargo metadata works");
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn a_pure_crate_must_not_reach_a_runtime_by_any_way() {
    let lines = broken(&["plan", "model"], &["plan -> model", "model -> tiny", "tiny -> futures", "futures -> tokio"]);
    assert_eq!(
        lines,
        [
            "model is pure but depends on tokio: tiny > futures > tokio",
            "plan is pure but depends on tokio: model > tiny > futures > tokio",
        ]
    );
}

#[test]
fn what_only_tests_need_does_not_make_a_crate_impure() {
    assert!(broken(&["archive", "model"], &["archive -> model", "archive ~> tokio"]).is_empty());
}

#[test]
fn every_kind_of_impurity_is_known() {
    for name in
        ["kube", "kube-client", "aws-sdk-s3", "aws-smithy-types", "rustic_core", "hyper", "reqwest", "tokio-util"]
    {
        assert_eq!(broken(&["versions"], &[&format!("versions -> {name}")]).len().min(1), 1, "{name}");
    }
    assert!(broken(&["versions"], &["versions -> kubernetes-names", "versions -> hyperloglog"]).is_empty());
}

#[test]
fn sdks_are_named_by_their_own_adapter_only() {
    assert!(broken(&["aws"], &["aws -> aws-sdk-s3"]).is_empty());
    assert_eq!(broken(&["engine"], &["engine -> aws-sdk-s3"]), ["engine depends on aws-sdk-s3: only aws may"]);
    assert_eq!(broken(&["store"], &["store ~> aws-sdk-s3"]), ["store depends on aws-sdk-s3: only aws may"]);
    assert_eq!(
        broken(&["landfall"], &["landfall -> kube"]),
        ["landfall depends on kube: only cluster, controllers, api may"]
    );
    assert_eq!(broken(&["probe"], &["probe -> rustic_core"]), ["probe depends on rustic_core: only mover may"]);
}

#[test]
fn engine_and_adapters_know_no_adapter() {
    assert_eq!(
        broken(&["engine", "cluster"], &["engine -> cluster"]),
        ["engine depends on cluster: what drives ports knows no adapter"]
    );
    assert_eq!(broken(&["aws", "store"], &["aws -> store"]), ["aws depends on store: adapters do not know each other"]);
    assert_eq!(
        broken(&["probe", "engine"], &["probe -> engine"]),
        ["probe depends on engine: an adapter only translates"]
    );
    // Tests may compare an adapter with another.
    assert!(broken(&["aws", "store"], &["aws ~> store"]).is_empty());
}

#[test]
fn only_landfall_and_testkit_construct_adapters() {
    assert!(broken(&["landfall", "testkit", "aws", "store"], &["landfall -> aws", "testkit -> store"]).is_empty());
    assert_eq!(
        broken(&["api", "store"], &["api -> store"]),
        ["api depends on store: only landfall and testkit construct adapters"]
    );
    assert_eq!(
        broken(&["xtask", "sandbox"], &["xtask -> sandbox"]),
        ["xtask depends on sandbox: only landfall and testkit construct adapters"]
    );
}

#[test]
fn nothing_needs_tools_or_the_program() {
    assert_eq!(
        broken(&["engine", "testkit"], &["engine -> testkit"]),
        ["engine depends on testkit: it is for tests and automation only"]
    );
    assert_eq!(
        broken(&["report", "landfall"], &["report -> landfall"]),
        ["report depends on landfall: nothing depends on the program"]
    );
    assert!(broken(&["engine", "testkit"], &["engine ~> testkit"]).is_empty());
}

#[test]
fn a_crate_keeps_to_its_row_and_a_new_one_needs_one() {
    assert_eq!(
        broken(&["model", "plan"], &["model -> plan"]),
        ["model depends on plan: it may depend on none of ours"]
    );
    assert_eq!(broken(&["archive", "plan"], &["archive -> plan"]), ["archive depends on plan: it may depend on model"]);
    let lines = broken(&["volumes"], &[]);
    assert!(lines.len() == 1 && lines[0].starts_with("volumes: has no row"), "{lines:?}");
}

#[test]
fn manifests_take_everything_from_the_workspace() {
    let check = |text: &str| manifest::broken("x", &text.parse().expect("TOML"));
    assert!(check("[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n").is_empty());
    assert_eq!(check("[dependencies]\nserde.workspace = true\n"), ["x: [lints] is not `workspace = true`"]);
    for text in [
        "[dependencies]\nserde = \"1\"\n",
        "[dependencies]\nserde = { workspace = true, features = [\"rc\"] }\n",
        "[dev-dependencies]\nserde = { path = \"../serde\" }\n",
        "[build-dependencies]\nserde = { version = \"1\" }\n",
        "[target.'cfg(unix)'.dependencies]\nserde = \"1\"\n",
    ] {
        let lines = check(&format!("[lints]\nworkspace = true\n{text}"));
        assert!(lines.len() == 1 && lines[0].contains("writes more of serde"), "{text}: {lines:?}");
    }
}
