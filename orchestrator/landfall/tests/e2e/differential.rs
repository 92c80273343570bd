//! The converters against a real server as the judge: 1.24 serves old and new versions of these kinds side by side.
//!
//! An object is written in the old version and read back in both; what we make of the old one must be what the server
//! shows as the new one. Hand-picked objects first, then generated ones.

use model::{Gvk, Manifest};
use serde_json::{Value, json};
use versions::Options;

use crate::support::{Bed, Server, namespace};

/// One pair of versions that 1.24 serves both.
struct Pair {
    resource: &'static str,
    kind: &'static str,
    old: &'static str,
    new: &'static str,
    namespaced: bool,
    by_hand: fn() -> Vec<Value>,
    generated: fn(&mut Dice) -> Value,
}

const PAIRS: [Pair; 10] = [
    pair("cronjobs.batch", "CronJob", "batch/v1beta1", "batch/v1", true, cron_jobs, cron_job),
    pair("poddisruptionbudgets.policy", "PodDisruptionBudget", "policy/v1beta1", "policy/v1", true, budgets, budget),
    pair(HPA, "HorizontalPodAutoscaler", "autoscaling/v1", "autoscaling/v2", true, scalers_v1, scaler_v1),
    pair(
        HPA,
        "HorizontalPodAutoscaler",
        "autoscaling/v2beta1",
        "autoscaling/v2",
        true,
        scalers_v2beta1,
        scaler_v2beta1,
    ),
    pair(
        HPA,
        "HorizontalPodAutoscaler",
        "autoscaling/v2beta2",
        "autoscaling/v2",
        true,
        scalers_v2beta2,
        scaler_v2beta2,
    ),
    pair(
        "endpointslices.discovery.k8s.io",
        "EndpointSlice",
        "discovery.k8s.io/v1beta1",
        "discovery.k8s.io/v1",
        true,
        slices,
        slice,
    ),
    pair(
        "runtimeclasses.node.k8s.io",
        "RuntimeClass",
        "node.k8s.io/v1beta1",
        "node.k8s.io/v1",
        false,
        runtimes,
        runtime,
    ),
    pair("events.events.k8s.io", "Event", "events.k8s.io/v1beta1", "events.k8s.io/v1", true, events, event),
    pair(
        FLOWS,
        "FlowSchema",
        "flowcontrol.apiserver.k8s.io/v1beta1",
        "flowcontrol.apiserver.k8s.io/v1beta2",
        false,
        flows,
        flow,
    ),
    pair(
        LEVELS,
        "PriorityLevelConfiguration",
        "flowcontrol.apiserver.k8s.io/v1beta1",
        "flowcontrol.apiserver.k8s.io/v1beta2",
        false,
        levels,
        level,
    ),
];

const HPA: &str = "horizontalpodautoscalers.autoscaling";
const FLOWS: &str = "flowschemas.flowcontrol.apiserver.k8s.io";
const LEVELS: &str = "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io";

const fn pair(
    resource: &'static str,
    kind: &'static str,
    old: &'static str,
    new: &'static str,
    namespaced: bool,
    by_hand: fn() -> Vec<Value>,
    generated: fn(&mut Dice) -> Value,
) -> Pair {
    Pair { resource, kind, old, new, namespaced, by_hand, generated }
}

/// Generated objects of each pair.
const GENERATED: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn converters_agree_with_a_real_server() {
    let bed = Bed::new();
    let server = bed.up("judge", &["--kubernetes", "1.24"]).await;
    server.create(&namespace("judge")).await;
    let mut disagreements = Vec::new();
    for pair in &PAIRS {
        let mut dice = Dice(0x5eed);
        let by_hand = (pair.by_hand)();
        let hand_picked = by_hand.len();
        let generated = (0..GENERATED).map(|_| (pair.generated)(&mut dice));
        let (mut accepted, mut refusals) = (0, Vec::new());
        for (number, mut object) in by_hand.into_iter().chain(generated).enumerate() {
            let name = format!("{}-{number}", pair.old.replace(['/', '.'], "-"));
            object["apiVersion"] = json!(pair.old);
            object["kind"] = json!(pair.kind);
            object["metadata"]["name"] = json!(name);
            if pair.namespaced {
                object["metadata"]["namespace"] = json!("judge");
            }
            match server.try_create(&object).await {
                Ok(_) => {
                    accepted += 1;
                    disagreements.extend(judge(&server, pair, &name, &object).await);
                }
                Err(error) => {
                    // What is picked by hand is valid; what is generated may not be.
                    assert!(number >= hand_picked, "{object}: {error}");
                    refusals.push(error.to_string());
                }
            }
        }
        assert!(accepted >= hand_picked + GENERATED / 2, "{} {}: {refusals:#?}", pair.kind, pair.old);
    }
    assert_eq!(disagreements, [""; 0], "{} disagreements:\n{}", disagreements.len(), disagreements.join("\n"));
}

async fn judge(server: &Server, pair: &Pair, name: &str, written: &Value) -> Vec<String> {
    let path = if pair.namespaced { format!("judge/{name}") } else { name.to_owned() };
    let version = |api_version: &str| api_version.rsplit('/').next().map(str::to_owned);
    let old = server.find_as(pair.resource, version(pair.old).as_deref(), &path).await.unwrap();
    let new = server.find_as(pair.resource, version(pair.new).as_deref(), &path).await.unwrap();
    let mut out = Vec::new();
    // As an archive holds it: defaulted by the server in the old version.
    let ours = converted(&old, pair);
    if without_history(&ours) != without_history(&new) {
        out.push(differs(pair, "read back", &old, &ours, &new));
    }
    // As a person wrote it: our defaults must be the server's.
    let ours = converted(written, pair);
    if meaning(&ours) != meaning(&new) {
        out.push(differs(pair, "as written", written, &ours, &new));
    }
    out
}

fn converted(object: &Value, pair: &Pair) -> Value {
    let mut manifest = Manifest::from_value(object.clone()).unwrap();
    let to = Gvk::from_api_version(pair.new, pair.kind);
    match versions::convert(&mut manifest, &to, &Options::upstream()) {
        Ok(_) => manifest.into_value(),
        Err(error) => json!({"error": error.to_string()}),
    }
}

fn without_history(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object
}

/// All but what only a server can know, and without what is said by saying nothing: a server shows empty fields of
/// some types, defaults pods inside jobs, and may store metrics in another order.
fn meaning(object: &Value) -> Value {
    let mut object = object.clone();
    let annotations = object["metadata"]["annotations"].clone();
    object["metadata"] = json!({"annotations": annotations});
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("jobTemplate");
    }
    if let Some(metrics) = object.pointer_mut("/spec/metrics").and_then(Value::as_array_mut) {
        metrics.sort_by_key(Value::to_string);
    }
    without_nothing(object)
}

fn without_nothing(value: Value) -> Value {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    match value {
        Value::Object(map) => {
            let entries = map.into_iter().map(|(key, value)| (key, without_nothing(value)));
            Value::Object(entries.filter(|(_, value)| says(value)).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nothing).collect()),
        value => value,
    }
}

fn differs(pair: &Pair, how: &str, old: &Value, ours: &Value, theirs: &Value) -> String {
    format!("{} {} -> {} ({how})\n  old    {old}\n  ours   {ours}\n  server {theirs}\n", pair.kind, pair.old, pair.new)
}

/// A generator of its own, so that the same objects come every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick(&mut self, from: &[Value]) -> Value {
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).unwrap()].clone()
    }

    /// Up to three of them, each once: a server that stores another version merges a metric that comes twice.
    fn some(&mut self, from: &[Value]) -> Vec<Value> {
        let mut picked: Vec<Value> = (0..self.below(4)).map(|_| self.pick(from)).collect();
        picked.sort_by_key(Value::to_string);
        picked.dedup();
        picked
    }

    /// Adds the field half of the time.
    fn maybe(&mut self, object: &mut Value, key: &str, from: &[Value]) {
        if self.yes() {
            object[key] = self.pick(from);
        }
    }
}

fn template() -> Value {
    json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}}})
}

fn cron_jobs() -> Vec<Value> {
    vec![
        json!({"spec": {"schedule": "*/5 * * * *", "jobTemplate": template()}}),
        json!({"spec": {"schedule": "@daily", "suspend": true, "concurrencyPolicy": "Replace",
            "startingDeadlineSeconds": 10, "successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0,
            "jobTemplate": template()}}),
    ]
}

fn cron_job(dice: &mut Dice) -> Value {
    let mut spec = json!({"schedule": dice.pick(&[json!("0 * * * *"), json!("@weekly")]), "jobTemplate": template()});
    dice.maybe(&mut spec, "suspend", &[json!(true), json!(false)]);
    dice.maybe(&mut spec, "concurrencyPolicy", &[json!("Allow"), json!("Forbid"), json!("Replace")]);
    dice.maybe(&mut spec, "startingDeadlineSeconds", &[json!(0), json!(30)]);
    dice.maybe(&mut spec, "successfulJobsHistoryLimit", &[json!(0), json!(9)]);
    dice.maybe(&mut spec, "failedJobsHistoryLimit", &[json!(0), json!(9)]);
    if dice.yes() {
        spec["jobTemplate"]["metadata"] = json!({"labels": {"a": "b"}});
    }
    json!({"spec": spec})
}

fn budgets() -> Vec<Value> {
    vec![
        json!({"spec": {"maxUnavailable": 1, "selector": {}}}),
        json!({"spec": {"maxUnavailable": 1}}),
        json!({"spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}}),
    ]
}

fn budget(dice: &mut Dice) -> Value {
    let mut spec = json!({});
    let key = if dice.yes() { "minAvailable" } else { "maxUnavailable" };
    spec[key] = dice.pick(&[json!(0), json!(2), json!("0%"), json!("33%")]);
    let selectors = [
        json!({}),
        json!({"matchLabels": {"a": "b"}}),
        json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
        json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}),
    ];
    dice.maybe(&mut spec, "selector", &selectors);
    json!({"metadata": {"annotations": {"note": "kept"}}, "spec": spec})
}

fn target() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"})
}

fn scalers_v1() -> Vec<Value> {
    vec![
        json!({"spec": {"scaleTargetRef": target(), "maxReplicas": 3}}),
        json!({"spec": {"scaleTargetRef": target(), "minReplicas": 2, "maxReplicas": 3,
            "targetCPUUtilizationPercentage": 55}}),
        json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/metrics":
            "[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"targetAverageValue\":\"1Gi\"}}]"}},
            "spec": {"scaleTargetRef": target(), "maxReplicas": 3}}),
    ]
}

fn scaler_v1(dice: &mut Dice) -> Value {
    let mut spec = json!({"scaleTargetRef": target(), "maxReplicas": 7});
    dice.maybe(&mut spec, "minReplicas", &[json!(1), json!(4)]);
    dice.maybe(&mut spec, "targetCPUUtilizationPercentage", &[json!(1), json!(80)]);
    json!({"metadata": {"annotations": {"note": "kept"}}, "spec": spec})
}

fn scalers_v2beta1() -> Vec<Value> {
    let metrics = |metrics: Value| json!({"spec": {"scaleTargetRef": target(), "maxReplicas": 3, "metrics": metrics}});
    let described = json!({"apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress", "name": "main"});
    vec![
        json!({"spec": {"scaleTargetRef": target(), "maxReplicas": 3}}),
        metrics(json!([{"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 40}}])),
        metrics(json!([{"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "512Mi"}}])),
        metrics(json!([{"type": "Pods", "pods": {"metricName": "rps", "targetAverageValue": "1500m"}}])),
        metrics(json!([{"type": "Object", "object": {"metricName": "rps", "targetValue": "2k", "target": described}}])),
        metrics(json!([{"type": "External", "external": {"metricName": "q", "targetValue": "30",
            "metricSelector": {"matchLabels": {"queue": "a"}}}}])),
        metrics(json!([{"type": "External", "external": {"metricName": "q", "targetAverageValue": "7"}}])),
    ]
}

fn scaler_v2beta1(dice: &mut Dice) -> Value {
    let all: Vec<Value> =
        scalers_v2beta1().iter().filter_map(|scaler| scaler.pointer("/spec/metrics/0").cloned()).collect();
    let mut spec = json!({"scaleTargetRef": target(), "maxReplicas": 9});
    dice.maybe(&mut spec, "minReplicas", &[json!(1), json!(4)]);
    let metrics = dice.some(&all);
    if !metrics.is_empty() {
        spec["metrics"] = json!(metrics);
    }
    json!({"spec": spec})
}

fn scalers_v2beta2() -> Vec<Value> {
    let scaler = |rest: Value| {
        let mut spec = json!({"scaleTargetRef": target(), "maxReplicas": 3});
        spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({"spec": spec})
    };
    let described = json!({"apiVersion": "v1", "kind": "Service", "name": "main"});
    let metrics = json!([
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 40}}},
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c",
            "target": {"type": "AverageValue", "averageValue": "250m"}}},
        {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "1500m"}}},
        {"type": "Object", "object": {"metric": {"name": "rps"}, "describedObject": described,
            "target": {"type": "Value", "value": "2k"}}},
        {"type": "External", "external": {"metric": {"name": "q", "selector": {"matchLabels": {"queue": "a"}}},
            "target": {"type": "Value", "value": "30"}}}]);
    let without_container: Vec<&Value> =
        metrics.as_array().unwrap().iter().filter(|metric| metric["type"] != "ContainerResource").collect();
    vec![
        scaler(json!({})),
        scaler(json!({"metrics": without_container})),
        scaler(json!({"behavior": {}})),
        scaler(json!({"behavior": {"scaleUp": {"selectPolicy": "Disabled"}, "scaleDown": {"selectPolicy": "Min"}}})),
        scaler(json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0,
            "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]}}})),
    ]
}

fn scaler_v2beta2(dice: &mut Dice) -> Value {
    let all = scalers_v2beta2()[1]["spec"]["metrics"].as_array().unwrap().clone();
    let mut spec = json!({"scaleTargetRef": target(), "maxReplicas": 9});
    dice.maybe(&mut spec, "minReplicas", &[json!(1), json!(4)]);
    let metrics = dice.some(&all);
    if !metrics.is_empty() {
        spec["metrics"] = json!(metrics);
    }
    if dice.yes() {
        let mut rules = json!({});
        dice.maybe(&mut rules, "stabilizationWindowSeconds", &[json!(0), json!(120)]);
        dice.maybe(&mut rules, "selectPolicy", &[json!("Max"), json!("Min"), json!("Disabled")]);
        dice.maybe(&mut rules, "policies", &[json!([{"type": "Pods", "value": 3, "periodSeconds": 15}])]);
        let key = if dice.yes() { "scaleUp" } else { "scaleDown" };
        spec["behavior"] = json!({key: rules});
    }
    json!({"spec": spec})
}

fn slices() -> Vec<Value> {
    vec![
        json!({"addressType": "IPv4", "endpoints": []}),
        json!({"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["192.0.2.1"],
            "topology": {"kubernetes.io/hostname": "node-a", "topology.kubernetes.io/zone": "z", "mine": "x"}}]}),
        json!({"addressType": "IPv6", "ports": [{"name": "dns", "protocol": "UDP", "port": 53}],
            "endpoints": [{"addresses": ["2001:db8::1"], "nodeName": "node-b", "conditions": {"ready": false}}]}),
    ]
}

fn slice(dice: &mut Dice) -> Value {
    let endpoints: Vec<Value> = (0..dice.below(3))
        .map(|number| {
            let mut endpoint = json!({"addresses": [format!("192.0.2.{}", number + 1)]});
            dice.maybe(
                &mut endpoint,
                "conditions",
                &[json!({"ready": true}), json!({"ready": false, "serving": true, "terminating": true}), json!({})],
            );
            dice.maybe(&mut endpoint, "hostname", &[json!("a"), json!("b")]);
            dice.maybe(&mut endpoint, "nodeName", &[json!("node-a")]);
            dice.maybe(
                &mut endpoint,
                "topology",
                &[
                    json!({"topology.kubernetes.io/zone": "z"}),
                    json!({"topology.kubernetes.io/region": "r", "mine": "x"}),
                    json!({"topology.kubernetes.io/zone": "z", "mine": "x"}),
                ],
            );
            dice.maybe(&mut endpoint, "targetRef", &[json!({"kind": "Pod", "name": "p", "namespace": "judge"})]);
            endpoint
        })
        .collect();
    let mut slice = json!({"addressType": "IPv4", "endpoints": endpoints});
    dice.maybe(
        &mut slice,
        "ports",
        &[
            json!([{"port": 80}]),
            json!([{"name": "a", "port": 80, "appProtocol": "http"}, {"name": "b", "port": 81, "protocol": "SCTP"}]),
            json!([]),
        ],
    );
    slice
}

fn runtimes() -> Vec<Value> {
    vec![
        json!({"handler": "plain"}),
        json!({"handler": "full", "overhead": {"podFixed": {"cpu": "100m"}}, "scheduling": {
            "nodeSelector": {"a": "b"}, "tolerations": [{"key": "t", "operator": "Exists", "effect": "NoSchedule"}]}}),
    ]
}

fn runtime(dice: &mut Dice) -> Value {
    let mut class = json!({"handler": dice.pick(&[json!("runc"), json!("runsc")])});
    dice.maybe(&mut class, "overhead", &[json!({}), json!({"podFixed": {"memory": "1Gi"}})]);
    dice.maybe(
        &mut class,
        "scheduling",
        &[json!({}), json!({"nodeSelector": {"a": "b"}}), json!({"tolerations": [{"key": "t", "value": "v"}]})],
    );
    class
}

fn events() -> Vec<Value> {
    let regarding = json!({"kind": "Pod", "namespace": "judge", "name": "p", "apiVersion": "v1"});
    vec![
        json!({"eventTime": "2024-05-06T07:08:09.123456Z", "reportingController": "example.com/c",
            "reportingInstance": "c-1", "action": "Look", "reason": "Seen", "regarding": regarding, "type": "Normal",
            "note": "all is well"}),
        json!({"deprecatedFirstTimestamp": "2024-05-06T07:08:09Z", "deprecatedLastTimestamp": "2024-05-06T07:09:09Z",
            "deprecatedCount": 3, "deprecatedSource": {"component": "kubelet", "host": "node-a"}, "eventTime": null,
            "reason": "Seen", "regarding": regarding, "type": "Warning", "note": "older than the API"}),
    ]
}

fn event(dice: &mut Dice) -> Value {
    let mut event = events()[0].clone();
    dice.maybe(&mut event, "series", &[json!({"count": 2, "lastObservedTime": "2024-05-06T07:10:09.000001Z"})]);
    dice.maybe(&mut event, "related", &[json!({"kind": "Node", "name": "node-a", "apiVersion": "v1"})]);
    dice.maybe(&mut event, "note", &[json!(""), json!("something else")]);
    dice.maybe(&mut event, "deprecatedCount", &[json!(1), json!(5)]);
    event
}

fn flows() -> Vec<Value> {
    let rules = json!([{"subjects": [{"kind": "Group", "group": {"name": "g"}}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]}]);
    vec![
        json!({"spec": {"priorityLevelConfiguration": {"name": "exempt"}}}),
        json!({"spec": {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 77,
            "distinguisherMethod": {"type": "ByNamespace"}, "rules": rules}}),
    ]
}

fn flow(dice: &mut Dice) -> Value {
    let mut spec = json!({"priorityLevelConfiguration": {"name": dice.pick(&[json!("catch-all"), json!("none")])}});
    dice.maybe(&mut spec, "matchingPrecedence", &[json!(1), json!(10000)]);
    dice.maybe(&mut spec, "distinguisherMethod", &[json!({"type": "ByUser"}), json!({"type": "ByNamespace"})]);
    let rule = |subject: Value| {
        json!([{"subjects": [subject], "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"],
        "resources": ["*"], "clusterScope": true}]}])
    };
    dice.maybe(
        &mut spec,
        "rules",
        &[
            rule(json!({"kind": "User", "user": {"name": "u"}})),
            rule(json!({"kind": "ServiceAccount", "serviceAccount": {"namespace": "judge", "name": "*"}})),
            json!([]),
        ],
    );
    json!({"spec": spec})
}

fn levels() -> Vec<Value> {
    vec![
        json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}}),
        json!({"spec": {"type": "Limited", "limited": {"assuredConcurrencyShares": 5, "limitResponse": {"type": "Queue",
            "queuing": {"queues": 8, "handSize": 4, "queueLengthLimit": 10}}}}}),
        json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}}),
    ]
}

fn level(dice: &mut Dice) -> Value {
    let mut limited = json!({});
    dice.maybe(&mut limited, "assuredConcurrencyShares", &[json!(1), json!(30), json!(100)]);
    limited["limitResponse"] = dice.pick(&[
        json!({"type": "Reject"}),
        json!({"type": "Queue", "queuing": {"queues": 16}}),
        json!({"type": "Queue", "queuing": {"handSize": 2, "queueLengthLimit": 5}}),
    ]);
    json!({"spec": {"type": "Limited", "limited": limited}})
}
