//! The converters against a real server as the judge: 1.24 serves old and new versions of these kinds side by side.
//!
//! An object is written in the old version and read back in both; what we make of the old one must be what the server
//! shows as the new one. Hand-picked objects first, then generated ones.

mod objects;

use model::{Gvk, Manifest};
use serde_json::{Value, json};
use versions::Options;

use crate::support::{Bed, Server, namespace};
use objects::{
    Dice, budget, budgets, cron_job, cron_jobs, event, events, flow, flows, level, levels, runtime, runtimes,
    scaler_v1, scaler_v2beta1, scaler_v2beta2, scalers_v1, scalers_v2beta1, scalers_v2beta2, slice, slices,
};

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
    // The server's own controllers may write a status between the two reads; only one state of it can be compared.
    let (old, new) = loop {
        let old = server.find_as(pair.resource, version(pair.old).as_deref(), &path).await.unwrap();
        let new = server.find_as(pair.resource, version(pair.new).as_deref(), &path).await.unwrap();
        if old["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"] {
            break (old, new);
        }
    };
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
