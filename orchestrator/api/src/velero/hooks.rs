//! Hooks as they are written in specs.

use std::time::Duration;

use model::request::{
    BackupHooks, ExecHook, HookSelector, NameFilter, OnError, RestoreHook as RestoreHookRequest, RestoreHooks,
};
use model::{LabelSelector, go_duration};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{collect, list};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BackupHooksSpec {
    pub resources: Option<Vec<BackupHookSpec>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BackupHookSpec {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre: Option<Vec<ExecEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<Vec<ExecEntry>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecEntry {
    pub exec: ExecSpec,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExecSpec {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    pub command: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub on_error: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub timeout: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub exec_timeout: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wait_timeout: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for_ready: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestoreHooksSpec {
    pub resources: Option<Vec<RestoreHookSpec>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestoreHookSpec {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_hooks: Option<Vec<PostHook>>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PostHook {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<InitSpec>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InitSpec {
    pub init_containers: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub timeout: String,
}

pub(super) fn backup_hooks(spec: &BackupHooksSpec, errors: &mut Vec<String>) -> Vec<BackupHooks> {
    let resources = spec.resources.as_deref().unwrap_or_default();
    let read = |hook: &BackupHookSpec| {
        let selector = selector(
            &hook.name,
            (list(&hook.included_namespaces), list(&hook.excluded_namespaces)),
            (list(&hook.included_resources), list(&hook.excluded_resources)),
            &hook.label_selector,
            errors,
        );
        let mut execs = |entries: &Option<Vec<ExecEntry>>| -> Vec<ExecHook> {
            let entries = entries.as_deref().unwrap_or_default();
            entries.iter().filter_map(|entry| exec(&hook.name, &entry.exec, &entry.exec.timeout, errors)).collect()
        };
        let (before, after) = (execs(&hook.pre), execs(&hook.post));
        BackupHooks { selector, before, after }
    };
    resources.iter().map(read).collect()
}

pub(super) fn restore_hooks(spec: &RestoreHooksSpec, errors: &mut Vec<String>) -> Vec<RestoreHooks> {
    let resources = spec.resources.as_deref().unwrap_or_default();
    let read = |hook: &RestoreHookSpec| {
        let selector = selector(
            &hook.name,
            (list(&hook.included_namespaces), list(&hook.excluded_namespaces)),
            (list(&hook.included_resources), list(&hook.excluded_resources)),
            &hook.label_selector,
            errors,
        );
        let mut after = Vec::new();
        for post in hook.post_hooks.as_deref().unwrap_or_default() {
            if let Some(spec) = &post.exec
                && let Some(exec) = exec(&hook.name, spec, &spec.exec_timeout, errors)
            {
                let wait = duration(&hook.name, "waitTimeout", &spec.wait_timeout, errors);
                let wait = Some(wait).filter(|wait| !wait.is_zero());
                after.push(RestoreHookRequest::Exec { hook: exec, wait, ready: spec.wait_for_ready.unwrap_or(false) });
            }
            if let Some(init) = &post.init {
                let containers = init.init_containers.clone().unwrap_or_default();
                for container in &containers {
                    for key in ["name", "image", "command"] {
                        let empty =
                            container.get(key).is_none_or(|v| v.is_null() || v == "" || v == &Value::Array(vec![]));
                        if empty {
                            errors.push(format!("hook {}: an init container has no {key}", hook.name));
                        }
                    }
                }
                after.push(RestoreHookRequest::Init { containers });
            }
        }
        RestoreHooks { selector, after }
    };
    resources.iter().map(read).collect()
}

fn selector(
    name: &str,
    namespaces: (&[String], &[String]),
    kinds: (&[String], &[String]),
    labels: &Option<LabelSelector>,
    errors: &mut Vec<String>,
) -> HookSelector {
    let prefix = format!("hook {name}");
    HookSelector {
        name: name.to_owned(),
        namespaces: collect(&prefix, NameFilter::parse(namespaces.0, namespaces.1), errors).unwrap_or_default(),
        kinds: collect(&prefix, NameFilter::parse(kinds.0, kinds.1), errors).unwrap_or_default(),
        labels: labels.clone().unwrap_or_default(),
    }
}

fn exec(name: &str, spec: &ExecSpec, timeout: &str, errors: &mut Vec<String>) -> Option<ExecHook> {
    if spec.command.is_empty() {
        errors.push(format!("hook {name}: a command is empty"));
        return None;
    }
    let on_error = match spec.on_error.as_str() {
        "" => OnError::Unset,
        "Continue" => OnError::Continue,
        "Fail" => OnError::Fail,
        other => {
            errors.push(format!("hook {name}: onError is {other:?}; write Continue or Fail"));
            OnError::Unset
        }
    };
    let timeout = duration(name, "timeout", timeout, errors);
    let timeout = if timeout.is_zero() { Duration::from_secs(30) } else { timeout };
    Some(ExecHook { container: spec.container.clone(), command: spec.command.clone(), on_error, timeout })
}

fn duration(name: &str, field: &str, text: &str, errors: &mut Vec<String>) -> Duration {
    if text.is_empty() {
        return Duration::ZERO;
    }
    go_duration::parse(text).unwrap_or_else(|error| {
        errors.push(format!("hook {name}: {field}: {error}"));
        Duration::ZERO
    })
}
