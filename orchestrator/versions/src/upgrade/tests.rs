use super::*;
use serde_json::json;

const GOLDEN: &str = include_str!("../../../../tests/fixtures/api-versions-golden.json");

/// Drops what a Go encoder writes for "nothing".
fn pruned(mut value: Value) -> Value {
    fn prune(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.values_mut().for_each(prune);
                map.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty()));
            }
            Value::Array(list) => list.iter_mut().for_each(prune),
            _ => {}
        }
    }
    prune(&mut value);
    value
}

#[test]
fn in_tree_volumes_translate_as_upstream_does() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden["csi"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let (name, op, input) = (&case["name"], case["op"].as_str().unwrap(), case["input"].clone());
        let options = Options::default();
        let mut draft = Draft::new(&options);
        let edit = |input: Value, edit: &mut dyn FnMut(&mut Body) -> Result<(), String>| {
            let Value::Object(mut body) = input else { panic!("{name} is no object") };
            edit(&mut body).map(|()| Value::Object(body))
        };
        let output: Result<Value, String> = match op {
            "pv-to-csi" => edit(input, &mut |body| ebs::volume_to_csi(body, &mut draft).unwrap()),
            "sc-params-to-csi" => edit(input, &mut |body| ebs::parameters_to_csi(body, &mut draft).unwrap()),
            "inline-to-csi" => inline_ebs_volume(&input),
            "pv-to-intree" => {
                let mut manifest = Manifest::from_value(input).unwrap();
                in_tree_volume(&mut manifest).map(|()| manifest.into_value())
            }
            other => panic!("unknown operation {other}"),
        };
        match (case.get("output"), output) {
            (Some(expected), Ok(actual)) => assert_eq!(pruned(actual), pruned(expected.clone()), "{name}"),
            (None, Err(_)) => {}
            (expected, actual) => panic!("{name}: expected {expected:?}, got {actual:?}"),
        }
    }
}

fn upgraded(value: Value, minor: u32) -> (Value, Conversion) {
    let mut manifest = Manifest::from_value(value.clone()).unwrap();
    let release = KubernetesVersion::new(1, minor);
    let conversion = upgrade(&mut manifest, release, &Options::default()).unwrap();
    let once = manifest.clone();
    let again = upgrade(&mut manifest, release, &Options::default()).unwrap();
    assert_eq!(again.changes, [], "an upgraded object needs no upgrade");
    assert!(manifest == once);
    let mut back = once.clone();
    undo(&mut back, conversion.changes.clone());
    assert_eq!(back.into_value(), value);
    (once.into_value(), conversion)
}

#[test]
fn a_pod_template_gets_fields_for_its_annotations() {
    let deployment = |metadata: Value, spec: Value| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": metadata, "spec": spec}}})
    };
    let annotations = json!({"seccomp.security.alpha.kubernetes.io/pod": "runtime/default",
        "container.seccomp.security.alpha.kubernetes.io/web": "localhost/profile.json",
        "container.apparmor.security.beta.kubernetes.io/web": "unconfined"});
    let labels = json!({"app": "web"});
    let spec = json!({"containers": [{"name": "web"}], "nodeSelector": {"beta.kubernetes.io/os": "linux"}});
    let (value, conversion) = upgraded(deployment(json!({"labels": labels, "annotations": annotations}), spec), 36);
    assert_eq!(
        value,
        deployment(
            json!({"labels": labels}),
            json!({"containers": [{"name": "web", "securityContext": {
                    "seccompProfile": {"type": "Localhost", "localhostProfile": "profile.json"},
                    "appArmorProfile": {"type": "Unconfined"}}}],
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}})
        )
    );
    let codes: Vec<&str> = conversion.decisions.iter().map(|decision| decision.code).collect();
    assert_eq!(codes, ["node-labels"]);
}

#[test]
fn a_class_of_the_plugin_becomes_a_class_of_the_driver() {
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
        "provisioner": "kubernetes.io/aws-ebs", "parameters": {"fsType": "xfs"}});
    let (value, conversion) = upgraded(class, 36);
    assert_eq!(value["provisioner"], "ebs.csi.aws.com");
    assert_eq!(value["parameters"], json!({"csi.storage.k8s.io/fstype": "xfs", "type": "gp2"}));
    assert!(conversion.lossless);
}

#[test]
fn references_follow_what_they_name() {
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web",
            "ownerReferences": [{"apiVersion": "example.com/v1", "kind": "App", "name": "web", "uid": "1"}]},
        "spec": {"scaleTargetRef": {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "name": "web"}}});
    let (value, _) = upgraded(scaler, 36);
    assert_eq!(value["spec"]["scaleTargetRef"]["apiVersion"], "apps/v1");
    assert_eq!(value["metadata"]["ownerReferences"][0]["apiVersion"], "example.com/v1");

    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
        "rules": [{"apiGroups": ["extensions"], "resources": ["ingresses", "deployments/scale"], "verbs": ["get"]}]});
    let (value, conversion) = upgraded(role, 36);
    assert_eq!(value["rules"][0]["apiGroups"], json!(["extensions", "apps", "networking.k8s.io"]));
    assert_eq!(conversion.decisions[0].code, "rbac-groups");
}

#[test]
fn services_and_schedules_lose_nothing_in_silence() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "annotations": {
            "service.beta.kubernetes.io/load-balancer-source-ranges": "10.0.0.1/8"}},
        "spec": {"ipFamily": "IPv4", "topologyKeys": ["topology.kubernetes.io/zone", "*"], "externalIPs": ["010.0.0.1"]}});
    let (value, _) = upgraded(service, 36);
    assert_eq!(
        value["spec"],
        json!({"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "trafficDistribution": "PreferClose",
            "loadBalancerSourceRanges": ["10.0.0.0/8"], "externalIPs": ["10.0.0.1"]})
    );
    let job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report"},
        "spec": {"schedule": "CRON_TZ=Asia/Seoul 0 1 * * *"}});
    let (value, _) = upgraded(job, 36);
    assert_eq!(value["spec"], json!({"schedule": "0 1 * * *", "timeZone": "Asia/Seoul"}));
}
