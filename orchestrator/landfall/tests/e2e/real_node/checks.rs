//! What checks of a drill say of real servers: a good answer passes, and nothing else does.

use std::collections::BTreeMap;

use ports::cluster::Cluster;
use serde_json::{Value, json};

use super::{Node, pod, sh};
use crate::support::{namespace, until};

impl Node {
    /// Each check is a step of one scenario, all at the same time, and says for itself what it found.
    pub(super) async fn good_and_bad_answers(&self) {
        self.servers().await;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary", "namespace": "asked"},
            "stringData": {"value": "another bird"}});
        self.server.create(&secret).await;

        let http = |service: &str, more: Value| with(json!({"service": service, "within": "1s"}), more);
        let tcp = |service: &str, port: u16| json!({"service": service, "port": port, "within": "1s"});
        let exec = |pod: &str, command: &[&str], more: Value| {
            with(json!({"namespace": "asked", "pod": pod, "command": command, "within": "1s"}), more)
        };
        let digest = format!("salt:{}", "0".repeat(64));
        let canary = json!({"do": "check", "namespace": "asked", "name": "canary", "digest": digest});
        // What to ask; whether that is a good answer; what must be said.
        let checks = [
            (
                "page",
                "verify.http",
                http("asked/web", json!({"expect": {"bodyContains": "welcome"}, "successes": 2})),
                None,
            ),
            ("other-page", "verify.http", http("asked/web", json!({"path": "/none", "expect": {"status": 404}})), None),
            (
                "wrong-words",
                "verify.http",
                http("asked/web", json!({"expect": {"bodyContains": "farewell"}})),
                Some("does not contain \"farewell\""),
            ),
            ("wrong-status", "verify.http", http("asked/web", json!({"path": "/none"})), Some("answered 404, not 200")),
            ("nobody", "verify.http", http("asked/closed", json!({})), Some("asked/closed cannot be reached")),
            ("no-pod", "verify.http", http("asked/empty", json!({})), Some("asked/empty cannot be reached")),
            ("no-service", "verify.http", http("asked/nothing", json!({})), Some("there is no service asked/nothing")),
            // The proxy's own trouble must not be taken for the application's answer, even where 502 is expected.
            (
                "no-http",
                "verify.http",
                http("asked/echo", json!({"expect": {"status": 502}})),
                Some("cannot be reached"),
            ),
            ("echo", "verify.tcp", tcp("asked/echo", 7000), None),
            ("web-by-tcp", "verify.tcp", tcp("asked/web", 80), None),
            ("refused", "verify.tcp", tcp("asked/closed", 81), Some("asked/closed does not accept connections")),
            ("empty", "verify.tcp", tcp("asked/empty", 82), Some("asked/empty does not accept connections")),
            ("no-port", "verify.tcp", tcp("asked/web", 8080), Some("has no such port")),
            (
                "reads",
                "verify.exec",
                exec("front", &["cat", "/data/index.html"], json!({"stdoutContains": "welcome"})),
                None,
            ),
            ("code", "verify.exec", exec("front", &["sh", "-c", "exit 9"], json!({"exitCode": 9})), None),
            (
                "other-container",
                "verify.exec",
                exec("front", &["sh", "-c", "exit 9"], json!({"container": "echo"})),
                Some("ended with 9, not 0"),
            ),
            (
                "other-words",
                "verify.exec",
                exec("front", &["echo", "hello"], json!({"stdoutContains": "welcome"})),
                Some("did not print"),
            ),
            ("no-program", "verify.exec", exec("front", &["/no/such"], json!({})), Some("/no/such")),
            ("no-such-pod", "verify.exec", exec("back", &["true"], json!({})), Some("there is no pod asked/back")),
            (
                "selected",
                "verify.exec",
                json!({"namespace": "asked", "selector": "app=none", "command": ["true"],
                "within": "1s"}),
                Some("none of 0 pods"),
            ),
            ("wrong-canary", "verify.canary", canary, Some("came back with another value")),
        ];
        let mut steps = vec![json!({"id": "cluster", "uses": "cluster.connect", "with": {"sandbox": "real"}})];
        for (id, uses, with, expected) in &checks {
            let mut with = with.clone();
            // What is to pass may take its time on a busy machine.
            if expected.is_none() {
                with["within"] = "1m".into();
            }
            steps.push(json!({"id": id, "uses": uses, "with": with}));
        }
        let scenario = json!({
            "apiVersion": "landfall.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "answers"},
            "spec": {"steps": steps, "onDone": {"drill": "destroy", "recovery": "keep"}},
        });
        let file = self.bed.write("answers.yaml", &scenario.to_string());
        let ran = self.bed.run(&["drill", "run", &file]);
        assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
        let runs = std::fs::read_dir(self.bed.path("state/landfall/drills")).unwrap();
        let report = runs.filter_map(|run| std::fs::read(run.unwrap().path().join("report.json")).ok()).next().unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["verdict"]["word"], "Failed");
        let found: BTreeMap<&str, &Value> =
            report["steps"].as_array().unwrap().iter().map(|step| (step["id"].as_str().unwrap(), step)).collect();
        for (id, _, _, expected) in &checks {
            let (status, message) = (&found[id]["status"], found[id]["message"].as_str().unwrap());
            match expected {
                None => assert_eq!(status, "succeeded", "{id}: {message}"),
                Some(words) => assert!(status == "failed" && message.contains(words), "{id} {status}: {message}"),
            }
        }
    }

    /// A pod that answers over HTTP and over plain TCP, and Services with and without somebody behind them.
    async fn servers(&self) {
        self.server.create(&namespace("asked")).await;
        let mut front = pod("asked", "front", json!({}), &["web", "echo"], self.shared.to_str().unwrap());
        let containers = &mut front["spec"]["containers"];
        containers[0]["command"] = sh("echo welcome > /data/index.html; exec httpd -f -p 8080 -h /data");
        containers[1]["command"] = json!(["nc", "-ll", "-p", "7000", "-e", "cat"]);
        containers[0]["readinessProbe"] = json!({"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1});
        containers[1]["readinessProbe"] = json!({"tcpSocket": {"port": 7000}, "periodSeconds": 1});
        self.server.create(&front).await;
        for (name, app, port, target) in [
            ("web", "front", 80, 8080),
            ("echo", "front", 7000, 7000),
            ("closed", "front", 81, 9),
            ("empty", "none", 82, 82),
        ] {
            let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "asked"},
                "spec": {"selector": {"app": app}, "ports": [{"port": port, "targetPort": target}]}});
            self.server.create(&service).await;
        }
        self.ready("asked", &["front"]).await;
        until("the service has its pod", async || {
            let asked = self.server.cluster.get_path("/api/v1/namespaces/asked/services/web:80/proxy/").await;
            asked.is_ok_and(|(status, _)| status == 200)
        })
        .await;
    }
}

fn with(mut value: Value, more: Value) -> Value {
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}
