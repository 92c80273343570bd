//! Hooks of backups and restores, by annotation and by spec, in real containers.
//!
//! Pods write what happens to them into a folder of the host that this test reads.

use ports::cluster::{Cluster, ExecExit, ExecRequest};
use serde_json::{Value, json};

use super::{Node, pod, sh};
use crate::support::{namespace, until};

impl Node {
    pub(super) async fn around_blocks_of_a_backup(&self) {
        self.server.create(&namespace("saved")).await;
        for pod in self.pods_to_save() {
            self.server.create(&pod).await;
        }
        self.ready("saved", &["annotated", "legacy", "carries-on", "stops", "too-slow"]).await;
        until("the pod has ended", async || self.phase("saved/ended").await == "Succeeded").await;

        let manifest = json!({
            "apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "hooked"},
            "spec": {"includedNamespaces": ["saved"], "excludedResources": ["events"], "hooks": {"resources": [
                {"name": "first", "labelSelector": {"matchLabels": {"app": "carries-on"}},
                    "pre": [
                        {"exec": {"container": "side", "onError": "Continue", "timeout": "20s",
                            "command": sh("echo carries-on/pre-1 >> /shared/log; echo lost >&2; exit 3")}},
                        {"exec": {"container": "side", "command": sh("echo carries-on/pre-2 >> /shared/log; exit 4")}},
                        {"exec": {"container": "side", "command": sh("echo carries-on/pre-3 >> /shared/log")}}],
                    "post": [{"exec": {"container": "side", "command": sh("echo carries-on/post >> /shared/log")}}]},
                {"name": "second", "includedNamespaces": ["sav*"], "includedResources": ["pods"],
                    "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["stops"]}]},
                    "pre": [
                        {"exec": {"container": "side", "onError": "Fail",
                            "command": sh("echo stops/pre-1 >> /shared/log; exit 5")}},
                        {"exec": {"container": "side", "command": sh("echo stops/pre-2 >> /shared/log")}}],
                    "post": [{"exec": {"container": "side", "command": sh("echo stops/post >> /shared/log")}}]},
                {"name": "elsewhere", "excludedNamespaces": ["saved"],
                    "pre": [{"exec": {"container": "side", "command": sh("echo elsewhere >> /shared/log")}}]},
                // Annotations replace what the spec says, separately for before and after.
                {"name": "replaced", "labelSelector": {"matchLabels": {"app": "annotated"}},
                    "pre": [{"exec": {"container": "side", "command": sh("echo replaced >> /shared/log")}}]},
            ]}},
        });
        let outcome = self.backup("hooked", &manifest, 1);
        assert_eq!(outcome["phase"], "PartiallyFailed", "{outcome}");

        let lines = self.lines("log");
        let of = |pod: &str| -> Vec<&str> {
            lines.iter().filter_map(|line| line.strip_prefix(pod)?.strip_prefix('/')).collect()
        };
        assert_eq!(of("annotated"), ["pre", "post"], "{lines:?}");
        assert_eq!(of("legacy"), ["pre"], "{lines:?}");
        assert_eq!(of("carries-on"), ["pre-1", "pre-2", "pre-3", "post"], "only an explicit Fail stops: {lines:?}");
        assert_eq!(of("stops"), ["pre-1"], "nothing more runs, neither before nor after: {lines:?}");
        assert_eq!(of("too-slow"), ["pre", "post"], "{lines:?}");
        assert_eq!(lines.len(), 10, "{lines:?}");
        // Around each block, not around the backup: a pod's hooks stand together.
        let mut pods: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once('/')?.0)).collect();
        pods.dedup();
        assert_eq!(pods.len(), 5, "{lines:?}");

        let described = self.bed.json(&["backup", "describe", "hooked", "--location", &self.bed.location()], &[0]);
        // ended: attempted without being run. never-runs: nothing to run in. stops: what was not run did not fail.
        let expected = json!({"hooksAttempted": 2 + 1 + 4 + 2 + 2 + 1 + 1, "hooksFailed": 2 + 1 + 1 + 1});
        assert_eq!(described["backup"]["status"]["hookStatus"], expected, "{}", self.log_of("hooked"));
        // Each that failed, and the pod that is missing.
        assert_eq!(described["backup"]["status"]["errors"], 5 + 1);
        let verified = self.bed.verify("hooked");
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        self.log_tells_what_happened();
        self.left_behind().await;
        self.all_but_the_stopped_pod_come_back().await;
    }

    fn pods_to_save(&self) -> Vec<Value> {
        let both = ["main", "side"];
        let shared = self.shared.to_str().unwrap();
        let annotated = json!({
            "pre.hook.backup.velero.io/container": "side",
            "pre.hook.backup.velero.io/command": r#"["sh","-c","echo annotated/pre >> /shared/log; echo frozen"]"#,
            "post.hook.backup.velero.io/container": "side",
            "post.hook.backup.velero.io/command": r#"["sh","-c","echo annotated/post >> /shared/log"]"#,
        });
        // Without a container it is the first one, which has the folder here; one word is a whole command.
        let legacy = json!({"hook.backup.velero.io/command": "/data/hook"});
        let slow = json!({
            "pre.hook.backup.velero.io/container": "side",
            "pre.hook.backup.velero.io/command":
                r#"["sh","-c","echo too-slow/pre >> /shared/log; echo waiting >&2; exec sleep 86399"]"#,
            "pre.hook.backup.velero.io/timeout": "5s",
            "post.hook.backup.velero.io/container": "side",
            "post.hook.backup.velero.io/command": r#"["sh","-c","echo too-slow/post >> /shared/log"]"#,
        });
        let unrun = json!({"pre.hook.backup.velero.io/command": r#"["sh","-c","echo unrun >> /shared/log"]"#});
        let mut legacy = pod("saved", "legacy", legacy, &["only"], shared);
        let script = "printf '#!/bin/sh\\necho legacy/pre >> /shared/log\\n' > /data/hook && chmod +x /data/hook && \
                      exec sleep 2147483";
        legacy["spec"]["containers"][0]["command"] = sh(script);
        let mut ended = pod("saved", "ended", unrun.clone(), &["only"], shared);
        ended["spec"]["restartPolicy"] = json!("Never");
        ended["spec"]["containers"][0]["command"] = json!(["true"]);
        let mut never = pod("saved", "never-runs", unrun, &["only"], shared);
        never["spec"]["nodeSelector"] = json!({"no-such": "node"});
        vec![
            pod("saved", "annotated", annotated, &both, shared),
            legacy,
            pod("saved", "carries-on", json!({}), &both, shared),
            pod("saved", "stops", json!({}), &both, shared),
            pod("saved", "too-slow", slow, &both, shared),
            ended,
            never,
        ]
    }

    fn log_tells_what_happened(&self) {
        let log = self.log_of("hooked");
        for words in [
            "it ended with 3; stderr: lost",
            "it ended with 4",
            "it ended with 5",
            "did not end within 5s",
            "stderr: waiting",
            "stdout: frozen",
            "pods saved/ended has ended",
            "pods saved/stops failed",
            "the pod is not stored",
        ] {
            assert!(log.contains(words), "no {words:?} in {log}");
        }
        let at = |words: &str| {
            log.lines().position(|line| line.contains(words)).unwrap_or_else(|| panic!("no {words:?} in {log}"))
        };
        let (before, after) = (at("annotated/pre"), at("annotated/post"));
        let stored = log.lines().skip(before).position(|line| line.contains("a block with hooks: 1 of 1 stored"));
        assert_eq!(stored.map(|stored| before + stored + 1), Some(after), "before, stored, after: {log}");
        assert!(log.contains("a block with hooks: 0 of 1 stored"), "{log}");
    }

    /// Ending a command from outside its container is nothing that a cluster offers: what was too slow runs on.
    async fn left_behind(&self) {
        let request = ExecRequest {
            namespace: "saved".into(),
            pod: "too-slow".into(),
            container: "side".into(),
            command: vec!["ps".into()],
            timeout: std::time::Duration::from_secs(20),
        };
        let outcome = self.server.cluster.exec(&request).await.unwrap();
        assert!(outcome.exit == ExecExit::Code(0) && outcome.stdout.contains("sleep 86399"), "{outcome:?}");
    }

    async fn all_but_the_stopped_pod_come_back(&self) {
        let more = ["--namespace-mappings", "saved:copied", "--include-resources", "namespaces,pods,serviceaccounts"];
        let outcome = self.bed.restore("run", "hooked", "real", &more, &[0]);
        assert_eq!(outcome["hooks_attempted"], 0, "{outcome}");
        for (name, comes_back) in [("annotated", true), ("carries-on", true), ("too-slow", true), ("stops", false)] {
            let found = self.server.find("pods", &format!("copied/{name}")).await;
            assert_eq!(found.is_some(), comes_back, "{name}");
        }
        self.server.delete("namespaces", "copied").await;
    }

    pub(super) async fn in_restored_pods(&self) {
        self.server.create(&namespace("kept")).await;
        for pod in self.pods_to_restore() {
            self.server.create(&pod).await;
        }
        let more = ["--include-namespaces", "kept", "--exclude-resources", "events"];
        self.bed.backup("kept", "real", &more, &[0]);
        assert_eq!(self.lines("restored"), [""; 0], "hooks of restores do not run in backups");

        let note = |line: &str| sh(&format!("echo {line} >> /shared/restored"));
        let manifest = json!({
            "apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {"name": "again"},
            "spec": {"backupName": "kept", "namespaceMapping": {"kept": "again"}, "hooks": {"resources": [
                {"name": "seed", "includedNamespaces": ["again"], "labelSelector": {"matchLabels": {"app": "seeded"}},
                    "postHooks": [
                        {"init": {"initContainers": [{"name": "seed", "image": super::IMAGE,
                            "command": sh("echo from-init > /data/seed"),
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
                        {"exec": {"container": "side", "waitForReady": true, "waitTimeout": "90s",
                            "command": sh("cat /data/seed /data/ready >> /shared/restored")}}]},
                // Matched against the namespace of the target, so it is for nobody.
                {"name": "nobody", "includedNamespaces": ["kept"], "postHooks": [{"exec": {"command": note("nobody")}}]},
                {"name": "rough", "labelSelector": {"matchLabels": {"app": "carries-on"}}, "postHooks": [
                    {"exec": {"container": "side", "onError": "Continue", "command": sh("echo gone >&2; exit 7")}},
                    {"exec": {"container": "side", "command": note("carries-on")}}]},
                {"name": "strict", "labelSelector": {"matchLabels": {"app": "stops"}}, "postHooks": [
                    {"exec": {"container": "side", "onError": "Fail", "command": sh("exit 8")}},
                    {"exec": {"container": "side", "command": note("stops")}}]},
            ]}},
        });
        let file = self.bed.write("again.yaml", &manifest.to_string());
        let location = self.bed.location();
        let outcome = self
            .bed
            .json(&["restore", "run", "--location", &location, "--sandbox", "real", "--from-file", &file], &[1]);
        assert_eq!(outcome["phase"], "PartiallyFailed", "{outcome}");
        let mut lines = self.lines("restored");
        lines.sort_unstable();
        assert_eq!(lines, ["annotated", "carries-on", "from-init", "ready"], "{}", self.restore_log());

        let attempted = 1 + 1 + 2 + 2 + 1 + 1 + 1;
        // carries-on: one; stops: also what was not run; too-slow, never-ready, no-container.
        let failed = 1 + 2 + 1 + 1 + 1;
        assert_eq!((&outcome["hooks_attempted"], &outcome["hooks_failed"]), (&json!(attempted), &json!(failed)));
        let record = self.bed.json(&["restore", "describe", "again", "--location", &location], &[0]);
        assert!(record.to_string().contains(&format!("\"hooks_attempted\":{attempted},\"hooks_failed\":{failed}")));

        let log = self.restore_log();
        for words in [
            "it ended with 7; stderr: gone",
            "it ended with 8",
            "did not end within 1s",
            "was not ready within 1s",
            "the pod has no such container",
            "a command of this pod failed before it",
        ] {
            assert!(log.contains(words), "no {words:?} in {log}");
        }
        // What an annotation puts before the pod's own has no volumes, as with Velero; it ran, and left its word.
        let initialized = self.server.get("pods", "again/annotated").await;
        let init = &initialized["status"]["initContainerStatuses"];
        assert_eq!(init[0]["state"]["terminated"]["exitCode"], 0, "{init}");
        assert_eq!(init[0]["state"]["terminated"]["message"], "prepared", "{init}");
        assert_eq!(init[1]["name"], "own", "{init}");
    }

    fn pods_to_restore(&self) -> Vec<Value> {
        let both = ["main", "side"];
        let shared = self.shared.to_str().unwrap();
        let annotated = json!({
            "init.hook.restore.velero.io/container-image": super::IMAGE,
            "init.hook.restore.velero.io/container-name": "prepare",
            "init.hook.restore.velero.io/command": r#"["sh","-c","printf prepared > /dev/termination-log"]"#,
            "post.hook.restore.velero.io/container": "side",
            "post.hook.restore.velero.io/command": r#"["sh","-c","echo annotated >> /shared/restored"]"#,
            "post.hook.restore.velero.io/wait-timeout": "90s",
        });
        let mut annotated = pod("kept", "annotated", annotated, &both, shared);
        annotated["spec"]["initContainers"] = json!([{"name": "own", "image": super::IMAGE, "command": ["true"]}]);
        let mut seeded = pod("kept", "seeded", json!({}), &both, shared);
        seeded["spec"]["containers"][1]["command"] = sh("sleep 1; echo ready > /data/ready; exec sleep 2147483");
        seeded["spec"]["containers"][1]["readinessProbe"] =
            json!({"exec": {"command": ["test", "-f", "/data/ready"]}, "periodSeconds": 1});
        let post = |command: &str, container: &str, more: Value| {
            let mut annotations = json!({"post.hook.restore.velero.io/command": command,
                "post.hook.restore.velero.io/container": container});
            annotations.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            annotations
        };
        let slow = post(r#"["sleep","86399"]"#, "side", json!({"post.hook.restore.velero.io/exec-timeout": "1s"}));
        let wait = json!({"post.hook.restore.velero.io/wait-timeout": "1s",
            "post.hook.restore.velero.io/wait-for-ready": "true"});
        let mut unready = pod("kept", "never-ready", post("true", "side", wait), &both, shared);
        unready["spec"]["containers"][1]["readinessProbe"] =
            json!({"exec": {"command": ["false"]}, "periodSeconds": 1});
        vec![
            annotated,
            seeded,
            pod("kept", "carries-on", json!({}), &both, shared),
            pod("kept", "stops", json!({}), &both, shared),
            pod("kept", "too-slow", slow, &both, shared),
            unready,
            pod("kept", "no-container", post("true", "nobody", json!({})), &both, shared),
        ]
    }

    fn backup(&self, name: &str, manifest: &Value, code: i32) -> Value {
        let file = self.bed.write(&format!("{name}.yaml"), &manifest.to_string());
        let location = self.bed.location();
        self.bed.json(&["backup", "run", "--location", &location, "--sandbox", "real", "--from-file", &file], &[code])
    }

    fn log_of(&self, backup: &str) -> String {
        self.bed.run(&["backup", "logs", backup, "--location", &self.bed.location()]).stdout
    }

    fn restore_log(&self) -> String {
        self.bed.run(&["restore", "logs", "again", "--location", &self.bed.location()]).stdout
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.shared.join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
