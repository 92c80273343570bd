//! Which commands run in which pods around their item block.
//!
//! Annotations of the pod replace the request's hooks entirely, separately for before and after. Deciding is all that
//! happens here; running them is the engine's.

use std::collections::BTreeMap;
use std::time::Duration;

use model::request::{BackupHooks, ExecHook, OnError};
use model::{Finding, ItemId, Reason, Severity, go_duration};
use serde::{Deserialize, Serialize};

use super::facts::{FactTable, ItemFact};

/// One command in one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCall {
    pub pod: ItemId,
    /// Where it is written: `annotation`, or the hook's name in the request.
    pub source: String,
    pub hook: ExecHook,
    /// The pod has ended: nothing can be run in it, and that is no failure.
    pub ended: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodHooks {
    pub before: Vec<HookCall>,
    pub after: Vec<HookCall>,
    pub findings: Vec<Finding>,
}

pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

pub fn pod_hooks(item: &ItemFact, table: &FactTable, requested: &[BackupHooks]) -> PodHooks {
    let mut out = PodHooks::default();
    let Some(more) = item.more.as_deref() else { return out };
    let Some(pod) = more.pod.as_ref() else { return out };
    let ended = pod.phase == "Succeeded" || pod.phase == "Failed";
    let id = table.id_of(item);
    let first = pod.containers.first().map(String::as_str).unwrap_or_default();
    let call = |source: &str, hook: &ExecHook| {
        let mut hook = hook.clone();
        if hook.container.is_empty() {
            hook.container = first.to_owned();
        }
        if hook.timeout.is_zero() {
            hook.timeout = DEFAULT_TIMEOUT;
        }
        HookCall { pod: id.clone(), source: source.to_owned(), hook, ended }
    };
    let annotations = &more.hook_annotations;
    let mut annotated = |prefixes: &[&str]| match annotation_hook(annotations, prefixes) {
        Some(Ok(hook)) => Some(vec![call("annotation", &hook)]),
        Some(Err(message)) => {
            out.findings.push(Finding {
                severity: Severity::Error,
                item: Some(id.clone()),
                pointer: Some("/metadata/annotations".into()),
                reason: Reason::new("bad-hook-annotation", message),
            });
            Some(Vec::new())
        }
        None => None,
    };
    let before = annotated(&["pre.hook.backup.velero.io/", "hook.backup.velero.io/"]);
    let after = annotated(&["post.hook.backup.velero.io/"]);
    let namespace = id.namespace.as_deref().unwrap_or_default();
    let matching = || requested.iter().filter(|h| h.selector.admits("pods", namespace, &more.labels));
    let from_request = |which: fn(&BackupHooks) -> &Vec<ExecHook>| {
        matching().flat_map(|hooks| which(hooks).iter().map(|h| call(&hooks.selector.name, h))).collect()
    };
    out.before = before.unwrap_or_else(|| from_request(|h| &h.before));
    out.after = after.unwrap_or_else(|| from_request(|h| &h.after));
    out
}

/// The hook that annotations under one of the prefixes describe; the first prefix with a command wins.
fn annotation_hook(annotations: &BTreeMap<String, String>, prefixes: &[&str]) -> Option<Result<ExecHook, String>> {
    let prefix = prefixes.iter().find(|p| annotations.get(&format!("{p}command")).is_some_and(|c| !c.is_empty()))?;
    let get = |key: &str| annotations.get(&format!("{prefix}{key}")).map(String::as_str).unwrap_or_default();
    Some((|| {
        let command = parse_command(get("command"))
            .ok_or_else(|| format!("annotation {prefix}command is not a JSON list of strings"))?;
        let on_error = match get("on-error") {
            "" => OnError::Unset,
            "Continue" => OnError::Continue,
            "Fail" => OnError::Fail,
            other => return Err(format!("annotation {prefix}on-error is {other:?}; write Continue or Fail")),
        };
        let timeout = match get("timeout") {
            "" => DEFAULT_TIMEOUT,
            text => go_duration::parse(text).map_err(|error| format!("annotation {prefix}timeout: {error}"))?,
        };
        Ok(ExecHook { container: get("container").to_owned(), command, on_error, timeout })
    })())
}

/// A JSON list, or one word that is the whole command.
pub fn parse_command(text: &str) -> Option<Vec<String>> {
    if !text.trim_start().starts_with('[') {
        return Some(vec![text.to_owned()]);
    }
    serde_json::from_str::<Vec<String>>(text).ok().filter(|command| !command.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn annotations_describe_a_hook() {
        let hooks = annotations(&[
            ("pre.hook.backup.velero.io/command", r#"["sync","-f"]"#),
            ("pre.hook.backup.velero.io/timeout", "1m"),
            ("pre.hook.backup.velero.io/on-error", "Fail"),
        ]);
        let hook = annotation_hook(&hooks, &["pre.hook.backup.velero.io/"]).unwrap().unwrap();
        assert_eq!((hook.command.len(), hook.on_error, hook.timeout.as_secs()), (2, OnError::Fail, 60));
    }

    #[test]
    fn the_legacy_prefix_is_read_when_the_new_one_is_absent() {
        let hooks = annotations(&[("hook.backup.velero.io/command", "freeze")]);
        let prefixes = ["pre.hook.backup.velero.io/", "hook.backup.velero.io/"];
        assert_eq!(annotation_hook(&hooks, &prefixes).unwrap().unwrap().command, ["freeze"]);
    }

    #[test]
    fn broken_annotations_say_which() {
        for (key, value) in [("command", "[1]"), ("on-error", "Explode"), ("timeout", "soon")] {
            let mut hooks = annotations(&[("pre.hook.backup.velero.io/command", "x")]);
            hooks.insert(format!("pre.hook.backup.velero.io/{key}"), value.into());
            let error = annotation_hook(&hooks, &["pre.hook.backup.velero.io/"]).unwrap().unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
