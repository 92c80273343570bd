//! Commands that run for a pod that is restored: init containers put into it, and commands once it runs.
//!
//! Annotations of the pod win over the request's hooks, separately for both sorts. Velero: internal/hook. Running them
//! is the engine's.

use std::collections::BTreeMap;
use std::time::Duration;

use model::request::{ExecHook, OnError, RestoreHook, RestoreHooks};
use model::{Manifest, go_duration};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::backup::hooks::{DEFAULT_TIMEOUT, parse_command};

/// One command to run in a pod after it was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecAfter {
    /// Where it is written: `annotation`, or the hook's name in the request.
    pub source: String,
    pub hook: ExecHook,
    /// How long to wait for the container; `None` waits as long as the restore does.
    pub wait: Option<Duration>,
    /// Wait until the container is ready, not merely running.
    pub ready: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PodHooks {
    pub init: Vec<Value>,
    pub exec: Vec<ExecAfter>,
    /// Annotations that cannot be understood, in words.
    pub mistakes: Vec<String>,
}

/// What a pod gets; `namespace` is the one in the target.
pub fn pod_hooks(pod: &Manifest, namespace: &str, requested: &[RestoreHooks]) -> PodHooks {
    let mut out = PodHooks::default();
    let labels: BTreeMap<String, String> = pod.labels().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let matching: Vec<&RestoreHooks> =
        requested.iter().filter(|hooks| hooks.selector.admits("pods", namespace, &labels)).collect();
    let first = pod.get_str("/spec/containers/0/name").unwrap_or_default();
    match annotated_init(pod) {
        Some(Ok(container)) => out.init.push(container),
        Some(Err(mistake)) => out.mistakes.push(mistake),
        None => {
            for hook in matching.iter().flat_map(|hooks| &hooks.after) {
                if let RestoreHook::Init { containers } = hook {
                    out.init.extend(containers.iter().cloned());
                }
            }
        }
    }
    match annotated_exec(pod) {
        Some(Ok(exec)) => out.exec.push(exec),
        Some(Err(mistake)) => out.mistakes.push(mistake),
        None => {
            for hooks in matching {
                for hook in &hooks.after {
                    if let RestoreHook::Exec { hook, wait, ready } = hook {
                        let source = hooks.selector.name.clone();
                        out.exec.push(ExecAfter { source, hook: hook.clone(), wait: *wait, ready: *ready });
                    }
                }
            }
        }
    }
    for exec in &mut out.exec {
        if exec.hook.container.is_empty() {
            exec.hook.container = first.to_owned();
        }
    }
    out
}

/// What waits for a pod's volumes to be restored; Velero puts it first, and nothing comes before it.
const WAIT: &str = "restore-wait";

/// Puts the init containers before the pod's own.
pub fn insert_init(pod: &mut Manifest, containers: &[Value]) {
    if containers.is_empty() {
        return;
    }
    let own = pod.get("/spec/initContainers").and_then(Value::as_array).cloned().unwrap_or_default();
    let waits = usize::from(own.first().is_some_and(|first| first["name"] == WAIT));
    let (first, rest) = own.split_at(waits);
    let all: Vec<Value> = first.iter().chain(containers).chain(rest).cloned().collect();
    pod.set("/spec/initContainers", all);
}

fn annotated_init(pod: &Manifest) -> Option<Result<Value, String>> {
    const PREFIX: &str = "init.hook.restore.velero.io";
    let image = pod.annotation(&format!("{PREFIX}/container-image"))?;
    if image.is_empty() {
        return Some(Err(format!("annotation {PREFIX}/container-image is empty")));
    }
    let name = match pod.annotation(&format!("{PREFIX}/container-name")).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => {
            let digest = Sha256::digest(format!("{:?} {image}", pod.name()));
            format!("velero-restore-init-{}", &hex::encode(digest)[..8])
        }
    };
    let mut container = json!({"name": name, "image": image});
    if let Some(command) = pod.annotation(&format!("{PREFIX}/command")).filter(|command| !command.is_empty()) {
        match parse_command(command) {
            Some(command) => container["command"] = json!(command),
            None => return Some(Err(format!("annotation {PREFIX}/command is not a JSON list of strings"))),
        }
    }
    Some(Ok(container))
}

fn annotated_exec(pod: &Manifest) -> Option<Result<ExecAfter, String>> {
    const PREFIX: &str = "post.hook.restore.velero.io";
    let get = |key: &str| pod.annotation(&format!("{PREFIX}/{key}")).unwrap_or_default();
    let command = Some(get("command")).filter(|command| !command.is_empty())?;
    let duration = |key: &str| match get(key) {
        "" => Ok(Duration::ZERO),
        text => go_duration::parse(text).map_err(|error| format!("annotation {PREFIX}/{key}: {error}")),
    };
    Some((|| {
        let command = parse_command(command)
            .ok_or_else(|| format!("annotation {PREFIX}/command is not a JSON list of strings"))?;
        let on_error = match get("on-error") {
            "" => OnError::Unset,
            "Continue" => OnError::Continue,
            "Fail" => OnError::Fail,
            other => return Err(format!("annotation {PREFIX}/on-error is {other:?}; write Continue or Fail")),
        };
        let timeout = Some(duration("exec-timeout")?).filter(|t| !t.is_zero()).unwrap_or(DEFAULT_TIMEOUT);
        let wait = Some(duration("wait-timeout")?).filter(|wait| !wait.is_zero());
        let ready = match get("wait-for-ready") {
            "" | "false" => false,
            "true" => true,
            other => return Err(format!("annotation {PREFIX}/wait-for-ready is {other:?}; write true or false")),
        };
        let hook = ExecHook { container: get("container").to_owned(), command, on_error, timeout };
        Ok(ExecAfter { source: "annotation".to_owned(), hook, wait, ready })
    })())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(annotations: Value) -> Manifest {
        Manifest::from_value(json!({"metadata": {"name": "p", "annotations": annotations},
            "spec": {"containers": [{"name": "main"}], "initContainers": [{"name": "own"}]}}))
        .unwrap()
    }

    #[test]
    fn annotations_become_an_init_container_and_a_command() {
        let pod_with = pod(json!({"init.hook.restore.velero.io/container-image": "busybox",
            "init.hook.restore.velero.io/command": "[\"sh\",\"-c\",\"x\"]",
            "post.hook.restore.velero.io/command": "reload", "post.hook.restore.velero.io/wait-timeout": "5m",
            "post.hook.restore.velero.io/wait-for-ready": "true"}));
        let hooks = pod_hooks(&pod_with, "shop", &[]);
        assert!(hooks.mistakes.is_empty(), "{hooks:?}");
        assert_eq!(hooks.init[0]["command"], json!(["sh", "-c", "x"]));
        assert!(hooks.init[0]["name"].as_str().unwrap().starts_with("velero-restore-init-"));
        let exec = &hooks.exec[0];
        assert_eq!(
            (exec.hook.container.as_str(), exec.wait, exec.ready),
            ("main", Some(Duration::from_secs(300)), true)
        );
        let mut changed = pod_with.clone();
        insert_init(&mut changed, &hooks.init);
        assert_eq!(changed.get_str("/spec/initContainers/1/name"), Some("own"));
        let mut waiting = pod_with.clone();
        waiting.set("/spec/initContainers", json!([{"name": WAIT}, {"name": "own"}]));
        insert_init(&mut waiting, &hooks.init);
        assert_eq!(waiting.get_str("/spec/initContainers/0/name"), Some(WAIT));
        assert_eq!(waiting.get_str("/spec/initContainers/2/name"), Some("own"));
    }

    #[test]
    fn the_request_counts_where_there_is_no_annotation() {
        let hook = ExecHook {
            container: String::new(),
            command: vec!["x".into()],
            on_error: OnError::Unset,
            timeout: DEFAULT_TIMEOUT,
        };
        let requested = [RestoreHooks {
            after: vec![RestoreHook::Exec { hook, wait: None, ready: false }],
            ..RestoreHooks::default()
        }];
        assert_eq!(pod_hooks(&pod(json!({})), "shop", &requested).exec.len(), 1);
        let annotated = pod(json!({"post.hook.restore.velero.io/command": "[1]"}));
        let hooks = pod_hooks(&annotated, "shop", &requested);
        assert!(hooks.exec.is_empty() && hooks.mistakes.len() == 1);
    }
}
