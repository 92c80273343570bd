//! Invariants 1 to 4 of the architecture, and the table of who may depend on whom.

use super::graph::{Graph, Package};
use super::table::{CRATES, Role};

/// What brings a runtime, a cluster, a cloud or the network. A trailing `*` stands for any ending.
const IMPURE: &[&str] = &[
    "tokio*",
    "async-std",
    "smol",
    "mio",
    "kube",
    "kube-*",
    "aws-*",
    "rustic*",
    "reqwest",
    "hyper",
    "hyper-*",
    "h2",
    "ureq",
    "isahc",
    "curl",
    "curl-sys",
    "attohttpc",
    "minreq",
    "tungstenite",
    "rustls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "socket2",
];

/// What only some crates may name, and which.
const NAMED_ONLY_BY: &[(&str, &[&str])] = &[
    ("aws-*", &["aws"]),
    ("rustic*", &["mover"]),
    ("kube", &["cluster", "controllers", "api"]),
    ("kube-*", &["cluster", "controllers", "api"]),
];

/// One line for each broken rule.
pub(super) fn check(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for member in graph.members() {
        let Some(row) = CRATES.iter().find(|row| row.name == member.name) else {
            broken.push(format!(
                "{}: has no row in orchestrator/xtask/src/layers/table.rs, which decides its layer",
                member.name
            ));
            continue;
        };
        if row.role == Role::Pure {
            stays_pure(graph, member, &mut broken);
        }
        names_only_its_own(graph, member, &mut broken);
        for dependency in graph.normal(member).filter(|name| graph.is_member(name)) {
            if let Some(why) = refusal(row.role, row.may, dependency) {
                broken.push(format!("{} depends on {dependency}: {why}", member.name));
            }
        }
    }
    broken
}

fn stays_pure(graph: &Graph, member: &Package, broken: &mut Vec<String>) {
    for (name, chain) in graph.reached_from(member) {
        if IMPURE.iter().any(|pattern| matches(pattern, name)) {
            broken.push(format!("{} is pure but depends on {name}: {}", member.name, chain.join(" > ")));
        }
    }
}

fn names_only_its_own(graph: &Graph, member: &Package, broken: &mut Vec<String>) {
    for dependency in graph.normal(member).chain(graph.other(member)) {
        for (pattern, allowed) in NAMED_ONLY_BY {
            if matches(pattern, dependency) && !allowed.contains(&member.name.as_str()) {
                broken.push(format!("{} depends on {dependency}: only {} may", member.name, allowed.join(", ")));
            }
        }
    }
}

/// Why a crate must not depend on another of ours.
fn refusal(role: Role, may: Option<&[&str]>, dependency: &str) -> Option<String> {
    let other = CRATES.iter().find(|row| row.name == dependency)?.role;
    match (role, other) {
        (_, Role::Root) => Some("nothing depends on the program".to_owned()),
        (_, Role::Tool) => Some("it is for tests and automation only".to_owned()),
        (Role::Driver, Role::Adapter) => Some("what drives ports knows no adapter".to_owned()),
        (Role::Adapter, Role::Adapter) => Some("adapters do not know each other".to_owned()),
        (Role::Adapter, Role::Driver) => Some("an adapter only translates".to_owned()),
        // testkit has the store to stand for a bucket; its row says so.
        (Role::Root, Role::Adapter) => None,
        (Role::Tool, Role::Adapter) if may.is_none() => None,
        (_, Role::Adapter) => Some("only landfall and testkit construct adapters".to_owned()),
        _ if may.is_some_and(|may| !may.contains(&dependency)) => {
            Some(format!("it may depend on {}", list(may.unwrap_or_default())))
        }
        _ => None,
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none of ours".to_owned() } else { names.join(", ") }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}
