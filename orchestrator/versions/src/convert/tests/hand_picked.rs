//! What the golden file does not cover: create rules, decisions, older targets, refusals.

use super::*;
use crate::options::FLAGS;

fn choices(choices: &[&str]) -> Options {
    Options::parse(choices.iter().copied()).unwrap()
}

fn codes(conversion: &Conversion) -> Vec<&str> {
    conversion.decisions.iter().map(|decision| decision.code).collect()
}

fn ingress(metadata: Value, spec: Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress", "metadata": metadata, "spec": spec})
}

#[test]
fn digits_as_a_port_name_become_the_number() {
    let input = ingress(json!({"name": "x"}), json!({"backend": {"serviceName": "a", "servicePort": "80"}}));
    let (value, conversion) = converted(input.clone(), "networking.k8s.io/v1", &Options::default());
    assert_eq!(value["spec"]["defaultBackend"]["service"]["port"], json!({"number": 80}));
    assert_eq!(codes(&conversion), ["ingress-port-name"]);
    assert!(!conversion.lossless && !conversion.decisions[0].chosen);
    assert_eq!(conversion.decisions[0].otherwise(), ["ingress-port-name=name"]);
    let (value, conversion) = converted(input, "networking.k8s.io/v1", &choices(&["ingress-port-name=name"]));
    assert_eq!(value["spec"]["defaultBackend"]["service"]["port"], json!({"name": "80"}));
    assert!(conversion.decisions[0].chosen);
}

#[test]
fn one_class_is_left_of_two() {
    let with = |annotation: &str| {
        ingress(
            json!({"name": "x", "annotations": {"kubernetes.io/ingress.class": annotation}}),
            json!({"ingressClassName": "nginx", "backend": {"serviceName": "a", "servicePort": 80}}),
        )
    };
    let (value, conversion) = converted(with("nginx"), "networking.k8s.io/v1", &Options::default());
    assert_eq!((value["metadata"].get("annotations"), codes(&conversion).len()), (None, 0));
    let (value, conversion) = converted(with("alb"), "networking.k8s.io/v1", &Options::default());
    assert_eq!(value["spec"].get("ingressClassName"), None);
    assert_eq!(codes(&conversion), ["ingress-class"]);
    let (value, _) = converted(with("alb"), "networking.k8s.io/v1", &choices(&["ingress-class=field"]));
    assert_eq!((value["metadata"].get("annotations"), &value["spec"]["ingressClassName"]), (None, &json!("nginx")));
}

#[test]
fn backends_that_name_nothing_and_bad_paths_are_decided() {
    let paths = json!([{"path": "cart", "backend": {"serviceName": "a", "servicePort": 80}},
        {"path": "/a//b", "pathType": "Prefix", "backend": {"serviceName": "a", "servicePort": 80}},
        {"path": "/c", "backend": {}}]);
    let input = ingress(json!({"name": "x"}), json!({"backend": {}, "rules": [{"http": {"paths": paths}}]}));
    let (value, conversion) = converted(input, "networking.k8s.io/v1", &Options::default());
    assert_eq!(value["spec"].get("defaultBackend"), None);
    let paths = value["spec"]["rules"][0]["http"]["paths"].as_array().unwrap();
    let seen: Vec<(&str, &str)> =
        paths.iter().map(|p| (p["path"].as_str().unwrap(), p["pathType"].as_str().unwrap())).collect();
    assert_eq!(seen, [("/cart", "ImplementationSpecific"), ("/a//b", "ImplementationSpecific")]);
    assert_eq!(codes(&conversion), ["ingress-backend", "ingress-path", "ingress-path", "ingress-backend"]);
    let error =
        refused(ingress(json!({"name": "x"}), json!({"backend": {}})), "networking.k8s.io/v1", &Options::default());
    assert_eq!(error.code(), "ingress-backend");
}

#[test]
fn a_workload_that_selects_nothing_is_left_out_or_named() {
    let input = json!({"apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": []}}}});
    let error = refused(input.clone(), "apps/v1", &Options::default());
    assert_eq!(error.code(), "workload-selector");
    assert!(error.instead().contains("workload-selector=name"));
    let (value, _) = converted(input, "apps/v1", &choices(&["workload-selector=name"]));
    assert_eq!(value["spec"]["selector"]["matchLabels"], json!({"app": "web"}));
    assert_eq!(value["spec"]["template"]["metadata"]["labels"], json!({"app": "web"}));
}

fn definition(spec: Value) -> Value {
    let mut base = json!({"group": "example.com", "version": "v1", "names": {"plural": "widgets", "kind": "Widget"}});
    base.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"}, "spec": base})
}

#[test]
fn a_definition_becomes_creatable_or_says_why_not() {
    let schema = |conversion: &Value| conversion["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    let to = "apiextensions.k8s.io/v1";
    let (value, conversion) = converted(definition(json!({})), to, &Options::default());
    assert_eq!(schema(&value), json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    assert_eq!(value["spec"].get("preserveUnknownFields"), None);
    assert!(conversion.lossless);

    let loose = json!({"validation": {"openAPIV3Schema": {"properties": {"spec": {"properties": {"any": {}}}}}}});
    let (value, conversion) = converted(definition(loose.clone()), to, &Options::default());
    assert_eq!(schema(&value), json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}));
    assert_eq!(codes(&conversion), ["crd-schema"]);
    assert!(conversion.decisions[0].message.contains("spec.any has no type"));
    assert_eq!(refused(definition(loose), to, &choices(&["crd-schema=skip"])).code(), "crd-schema");

    let mut approved = definition(json!({"group": "x-k8s.io"}));
    let (value, conversion) = converted(approved.clone(), to, &Options::default());
    assert_eq!(codes(&conversion), [] as [&str; 0], "x-k8s.io is not protected");
    assert_eq!(value["metadata"].get("annotations"), None);
    approved["spec"]["group"] = "snapshot.storage.k8s.io".into();
    let (value, conversion) = converted(approved, to, &Options::default());
    assert_eq!(codes(&conversion), ["crd-approval"]);
    assert!(value["metadata"]["annotations"]["api-approved.kubernetes.io"].as_str().unwrap().starts_with("unapproved"));

    let hook = json!({"conversion": {"strategy": "Webhook",
        "webhookClientConfig": {"caBundle": "Cg==", "service": {"name": "s", "namespace": "n"}}}});
    let (value, conversion) = converted(definition(hook), to, &Options::default());
    let client = &value["spec"]["conversion"]["webhook"]["clientConfig"];
    assert_eq!((client.get("caBundle"), &client["service"]["port"]), (None, &json!(443)));
    assert_eq!(codes(&conversion), ["crd-ca-bundle"]);
}

#[test]
fn side_effects_are_decided() {
    let input = json!({"apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "x"}, "webhooks": [{"name": "a.example.com"}, {"name": "a.example.com", "sideEffects": "None"}]});
    let to = "admissionregistration.k8s.io/v1";
    let (value, conversion) = converted(input.clone(), to, &choices(&["webhook-side-effects=none-on-dry-run"]));
    assert_eq!(value["webhooks"][0]["sideEffects"], "NoneOnDryRun");
    assert_eq!(value["webhooks"][1]["name"], "n2.a.example.com");
    assert_eq!(codes(&conversion), ["webhook-side-effects"]);
    assert_eq!(refused(input, to, &choices(&["webhook-side-effects=skip"])).code(), "webhook-side-effects");
}

#[test]
fn zero_shares_mean_zero_in_v1_alone() {
    let level = |version: &str, key: &str, annotations: Value| {
        json!({"apiVersion": format!("flowcontrol.apiserver.k8s.io/{version}"), "kind": "PriorityLevelConfiguration",
            "metadata": {"name": "x", "annotations": annotations}, "spec": {"type": "Limited",
            "limited": {key: 0, "lendablePercent": 0, "limitResponse": {"type": "Reject"}}}})
    };
    let preserve = json!({"keep": "me", "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares": ""});
    let keep = json!({"keep": "me"});
    let v1 = level("v1", "nominalConcurrencyShares", keep.clone());
    let beta3 = level("v1beta3", "nominalConcurrencyShares", preserve);
    let (down, conversion) = converted(v1.clone(), "flowcontrol.apiserver.k8s.io/v1beta3", &Options::default());
    assert_eq!(down, beta3);
    assert!(conversion.lossless);
    assert_eq!(converted(beta3, "flowcontrol.apiserver.k8s.io/v1", &Options::default()).0, v1);
    let (old, conversion) = converted(v1, "flowcontrol.apiserver.k8s.io/v1beta2", &Options::default());
    assert_eq!(old["spec"]["limited"]["assuredConcurrencyShares"], 1);
    assert_eq!(codes(&conversion), ["flow-shares"]);
    let (up, _) = converted(
        level("v1beta2", "assuredConcurrencyShares", keep),
        "flowcontrol.apiserver.k8s.io/v1",
        &Options::default(),
    );
    assert_eq!(up["spec"]["limited"]["nominalConcurrencyShares"], 30);
}

#[test]
fn round_trips_give_the_object_back() {
    let behavior = json!({"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]},
        "scaleDown": {"stabilizationWindowSeconds": 300, "selectPolicy": "Min",
        "policies": [{"type": "Percent", "value": 10, "periodSeconds": 15}]}});
    let metric = json!({"name": "q", "selector": {"matchLabels": {"name": "x", "a": "b"}}});
    let metrics = json!([
        {"type": "External", "external": {"metric": metric, "target": {"type": "Value", "value": "30"}}},
        {"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s"}, "metric": metric,
            "target": {"type": "AverageValue", "value": "5", "averageValue": "3"}}},
        {"type": "Pods", "pods": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "1"}}},
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app",
            "target": {"type": "Utilization", "averageUtilization": 70}}},
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]);
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "x"}, "minReplicas": 2, "maxReplicas": 5,
            "metrics": metrics, "behavior": behavior}});
    let claim = json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "x"},
        "spec": {"devices": {"requests": [
            {"name": "a", "exactly": {"deviceClassName": "c", "allocationMode": "All", "selectors": []}},
            {"name": "b", "firstAvailable": [{"name": "f", "deviceClassName": "c", "allocationMode": "ExactCount", "count": 2}]}]}}});
    let slice = json!({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "x"},
        "spec": {"driver": "d", "devices": [{"name": "a", "capacity": {"memory": {"value": "1Gi"}}, "attributes": {}}]}});
    let runtime = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "x"},
        "handler": "runsc", "scheduling": {"nodeSelector": {"a": "b"}}});
    let endpoints = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "x"},
        "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"], "nodeName": "n", "zone": "z"}]});
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "x"}, "involvedObject": {"kind": "Pod"},
        "message": "m", "source": {}, "count": 3, "reportingComponent": "", "reportingInstance": ""});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "x"},
        "spec": {"selector": {}, "minAvailable": 1}});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "x"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "Group", "name": "g", "apiGroup": "rbac.authorization.k8s.io"}]});
    for (object, through) in [
        (scaler, &["autoscaling/v1", "autoscaling/v2beta1", "autoscaling/v2beta2"][..]),
        (claim, &["resource.k8s.io/v1alpha3", "resource.k8s.io/v1beta1", "resource.k8s.io/v1beta2"]),
        (slice, &["resource.k8s.io/v1alpha3", "resource.k8s.io/v1beta1", "resource.k8s.io/v1beta2"]),
        (runtime, &["node.k8s.io/v1alpha1", "node.k8s.io/v1beta1"]),
        (endpoints, &["discovery.k8s.io/v1beta1"]),
        (event, &["events.k8s.io/v1", "events.k8s.io/v1beta1"]),
        (budget, &["policy/v1beta1"]),
        (binding, &["rbac.authorization.k8s.io/v1alpha1", "rbac.authorization.k8s.io/v1beta1"]),
    ] {
        for version in through {
            let home = object["apiVersion"].as_str().unwrap();
            let (there, _) = converted(object.clone(), version, &Options::default());
            assert_eq!(there["apiVersion"], *version);
            let (back, _) = converted(there, home, &Options::default());
            assert_eq!(back, object, "through {version}");
        }
    }
}

#[test]
fn what_has_no_successor_says_what_to_use() {
    for (version, kind, says) in [
        ("policy/v1beta1", "PodSecurityPolicy", "pod-security.kubernetes.io"),
        ("settings.k8s.io/v1alpha1", "PodPreset", "MutatingAdmissionPolicy"),
        ("resource.k8s.io/v1alpha2", "ResourceClass", "DeviceClass"),
        ("snapshot.storage.k8s.io/v1alpha1", "VolumeSnapshot", "handle"),
        ("example.com/v1", "Widget", "by hand"),
    ] {
        let input = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
        let error = refused(input, "example.com/v9", &Options::default());
        assert!(error.instead().contains(says), "{kind}: {}", error.instead());
        assert_eq!(error.blocked().hint, error.instead());
    }
}

#[test]
fn copies_of_the_old_version_follow() {
    let copy = r#"{"apiVersion":"policy/v1beta1","kind":"PodDisruptionBudget","metadata":{"name":"x"},"spec":{"selector":{}}}"#;
    let input = |copy: &str| {
        json!({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "spec": {}, "metadata": {"name": "x",
            "managedFields": [{"apiVersion": "policy/v1beta1"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": copy}}})
    };
    let applied = |value: &Value| {
        let copy = value["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].as_str();
        copy.map(|copy| serde_json::from_str::<Value>(copy).unwrap())
    };
    let (value, _) = converted(input(copy), "policy/v1", &Options::default());
    assert_eq!(value["metadata"].get("managedFields"), None);
    let copy_now = applied(&value).unwrap();
    assert_eq!(copy_now["apiVersion"], "policy/v1");
    assert_eq!(copy_now["spec"]["selector"]["matchExpressions"][0]["operator"], "Exists");
    assert_eq!(applied(&converted(input("{broken"), "policy/v1", &Options::default()).0), None);
    assert_eq!(applied(&converted(input(copy), "policy/v1", &choices(&["last-applied=drop"])).0), None);
}

#[test]
fn short_conversions_write_the_defaults_that_differ_alone() {
    let mut options = Options::default();
    options.defaults = Defaults::Differing;
    let job = json!({"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": {"name": "x"}, "spec": {"schedule": "@daily"}});
    let (value, conversion) = converted(job, "batch/v1", &options);
    assert_eq!((value["spec"].clone(), conversion.changes.len()), (json!({"schedule": "@daily"}), 1));
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "x"}, "webhooks": [{"name": "a.example.com", "sideEffects": "None"}]});
    let (value, _) = converted(hook, "admissionregistration.k8s.io/v1", &options);
    assert_eq!(
        value["webhooks"][0],
        json!({"name": "a.example.com", "sideEffects": "None", "failurePolicy": "Ignore", "matchPolicy": "Exact",
            "timeoutSeconds": 30, "admissionReviewVersions": ["v1beta1"]})
    );
}

#[test]
fn every_replacement_of_the_table_is_reachable() {
    for row in crate::table::rows().iter().filter(|row| row.replacement.is_some()) {
        let to = row.replacement.as_ref().unwrap();
        assert!(can_convert(&row.gvk(), to), "{} -> {to}", row.gvk());
        assert!(reachable(&row.gvk()).contains(to));
        assert!(targets().contains(to));
        assert_eq!(resource_of(&row.gvk()).unwrap(), row.group_resource());
    }
    for row in crate::table::rows().iter().filter(|row| row.replacement.is_none() && row.removed.is_some()) {
        let nowhere = registry::no_successor(&row.gvk()).is_some();
        assert!(nowhere || row.kind == "LeaseCandidate", "{} says nothing about its end", row.gvk());
    }
    let v1 = Gvk::new("apps", "v1", "Deployment");
    assert_eq!(reachable(&v1)[0], Gvk::new("apps", "v1beta2", "Deployment"));
    assert!(!can_convert(&v1, &Gvk::new("apps", "v1", "StatefulSet")));
    assert!(FLAGS.iter().all(|flag| flag.values.len() > 1));
}

#[test]
fn a_definition_that_an_old_server_shows_in_v1_is_repaired_without_changing_its_version() {
    let schema = json!({"properties": {"spec": {"properties": {"plan": {"type": "string"}}}}});
    let definition = |preserves: bool| {
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "tenants.example.com"},
            "spec": {"group": "example.com", "scope": "Cluster", "preserveUnknownFields": preserves,
                "names": {"plural": "tenants", "kind": "Tenant"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": schema}}]}})
    };
    let repaired = |preserves| {
        let (value, _) = converted(definition(preserves), "apiextensions.k8s.io/v1", &Options::default());
        value["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    };
    let expected = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"spec": {"type": "object", "properties": {"plan": {"type": "string"}}}}});
    assert_eq!(repaired(true), expected);
    // Written in v1, it was checked as v1, and is nobody's to judge.
    assert_eq!(repaired(false), schema);
}
