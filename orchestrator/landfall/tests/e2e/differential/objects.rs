//! Objects of old versions: picked by hand for what is special about them, and generated.

use serde_json::{Value, json};

/// A generator of its own, so that the same objects come every time.
pub(super) struct Dice(pub(super) u64);

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

pub(super) fn cron_jobs() -> Vec<Value> {
    vec![
        json!({"spec": {"schedule": "*/5 * * * *", "jobTemplate": template()}}),
        json!({"spec": {"schedule": "@daily", "suspend": true, "concurrencyPolicy": "Replace",
            "startingDeadlineSeconds": 10, "successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0,
            "jobTemplate": template()}}),
    ]
}

pub(super) fn cron_job(dice: &mut Dice) -> Value {
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

pub(super) fn budgets() -> Vec<Value> {
    vec![
        json!({"spec": {"maxUnavailable": 1, "selector": {}}}),
        json!({"spec": {"maxUnavailable": 1}}),
        json!({"spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}}),
    ]
}

pub(super) fn budget(dice: &mut Dice) -> Value {
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

pub(super) fn scalers_v1() -> Vec<Value> {
    vec![
        json!({"spec": {"scaleTargetRef": target(), "maxReplicas": 3}}),
        json!({"spec": {"scaleTargetRef": target(), "minReplicas": 2, "maxReplicas": 3,
            "targetCPUUtilizationPercentage": 55}}),
        json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/metrics":
            "[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"targetAverageValue\":\"1Gi\"}}]"}},
            "spec": {"scaleTargetRef": target(), "maxReplicas": 3}}),
    ]
}

pub(super) fn scaler_v1(dice: &mut Dice) -> Value {
    let mut spec = json!({"scaleTargetRef": target(), "maxReplicas": 7});
    dice.maybe(&mut spec, "minReplicas", &[json!(1), json!(4)]);
    dice.maybe(&mut spec, "targetCPUUtilizationPercentage", &[json!(1), json!(80)]);
    json!({"metadata": {"annotations": {"note": "kept"}}, "spec": spec})
}

pub(super) fn scalers_v2beta1() -> Vec<Value> {
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

pub(super) fn scaler_v2beta1(dice: &mut Dice) -> Value {
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

pub(super) fn scalers_v2beta2() -> Vec<Value> {
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

pub(super) fn scaler_v2beta2(dice: &mut Dice) -> Value {
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

pub(super) fn slices() -> Vec<Value> {
    vec![
        json!({"addressType": "IPv4", "endpoints": []}),
        json!({"addressType": "IPv4", "ports": [{"port": 80}], "endpoints": [{"addresses": ["192.0.2.1"],
            "topology": {"kubernetes.io/hostname": "node-a", "topology.kubernetes.io/zone": "z", "mine": "x"}}]}),
        json!({"addressType": "IPv6", "ports": [{"name": "dns", "protocol": "UDP", "port": 53}],
            "endpoints": [{"addresses": ["2001:db8::1"], "nodeName": "node-b", "conditions": {"ready": false}}]}),
    ]
}

pub(super) fn slice(dice: &mut Dice) -> Value {
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

pub(super) fn runtimes() -> Vec<Value> {
    vec![
        json!({"handler": "plain"}),
        json!({"handler": "full", "overhead": {"podFixed": {"cpu": "100m"}}, "scheduling": {
            "nodeSelector": {"a": "b"}, "tolerations": [{"key": "t", "operator": "Exists", "effect": "NoSchedule"}]}}),
    ]
}

pub(super) fn runtime(dice: &mut Dice) -> Value {
    let mut class = json!({"handler": dice.pick(&[json!("runc"), json!("runsc")])});
    dice.maybe(&mut class, "overhead", &[json!({}), json!({"podFixed": {"memory": "1Gi"}})]);
    dice.maybe(
        &mut class,
        "scheduling",
        &[json!({}), json!({"nodeSelector": {"a": "b"}}), json!({"tolerations": [{"key": "t", "value": "v"}]})],
    );
    class
}

pub(super) fn events() -> Vec<Value> {
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

pub(super) fn event(dice: &mut Dice) -> Value {
    let mut event = events()[0].clone();
    dice.maybe(&mut event, "series", &[json!({"count": 2, "lastObservedTime": "2024-05-06T07:10:09.000001Z"})]);
    dice.maybe(&mut event, "related", &[json!({"kind": "Node", "name": "node-a", "apiVersion": "v1"})]);
    dice.maybe(&mut event, "note", &[json!(""), json!("something else")]);
    dice.maybe(&mut event, "deprecatedCount", &[json!(1), json!(5)]);
    event
}

pub(super) fn flows() -> Vec<Value> {
    let rules = json!([{"subjects": [{"kind": "Group", "group": {"name": "g"}}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]}]);
    vec![
        json!({"spec": {"priorityLevelConfiguration": {"name": "exempt"}}}),
        json!({"spec": {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 77,
            "distinguisherMethod": {"type": "ByNamespace"}, "rules": rules}}),
    ]
}

pub(super) fn flow(dice: &mut Dice) -> Value {
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

pub(super) fn levels() -> Vec<Value> {
    vec![
        json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}}),
        json!({"spec": {"type": "Limited", "limited": {"assuredConcurrencyShares": 5, "limitResponse": {"type": "Queue",
            "queuing": {"queues": 8, "handSize": 4, "queueLengthLimit": 10}}}}}),
        json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}}),
    ]
}

pub(super) fn level(dice: &mut Dice) -> Value {
    let mut limited = json!({});
    dice.maybe(&mut limited, "assuredConcurrencyShares", &[json!(1), json!(30), json!(100)]);
    limited["limitResponse"] = dice.pick(&[
        json!({"type": "Reject"}),
        json!({"type": "Queue", "queuing": {"queues": 16}}),
        json!({"type": "Queue", "queuing": {"handSize": 2, "queueLengthLimit": 5}}),
    ]);
    json!({"spec": {"type": "Limited", "limited": limited}})
}
