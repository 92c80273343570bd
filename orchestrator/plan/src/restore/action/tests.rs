use serde_json::{Value, json};

use super::*;

fn reset_as(kind: &str, value: Value) -> Result<Value, String> {
    reset_with(kind, value, |_| {})
}

fn reset_with(kind: &str, value: Value, adjust: impl FnOnce(&mut ActionContext<'_>)) -> Result<Value, String> {
    let kind = GroupResource::parse(kind);
    let mapping = BTreeMap::from([("old".to_owned(), "new".to_owned())]);
    let mut volumes = VolumePlan::default();
    volumes.fresh.insert("pv-fresh".into(), Reason::new("data-not-saved", "no data"));
    volumes.kept.insert("pv-kept".into());
    let mut context = ActionContext {
        kind: &kind,
        namespace_mapping: &mapping,
        preserve_node_ports: false,
        keep_owner_references: false,
        keep_managed_fields: false,
        restore_volumes: None,
        volumes: &volumes,
    };
    adjust(&mut context);
    let mut manifest = Manifest::from_value(value).unwrap();
    reset(&mut manifest, &context).map_err(|NotRestored(reason)| reason.code)?;
    Ok(manifest.into_value())
}

#[test]
fn identity_of_the_old_cluster_is_dropped_and_finalizers_stay() {
    let after = reset_as(
        "configmaps",
        json!({"metadata": {"name": "a", "uid": "1", "resourceVersion": "2", "generateName": "a-",
        "ownerReferences": [{}], "managedFields": [{}], "finalizers": ["x"], "creationTimestamp": "t"}}),
    );
    assert_eq!(after.unwrap(), json!({"metadata": {"name": "a", "finalizers": ["x"]}}));
}

#[test]
fn a_pod_forgets_its_node_and_token() {
    let after = reset_as(
        "pods",
        json!({"metadata": {"name": "p"}, "status": {"phase": "Running"}, "spec": {
            "nodeName": "n", "priority": 0, "serviceAccountName": "web", "ephemeralContainers": [{"name": "debug"}],
            "volumes": [{"name": "web-token-x", "secret": {}}, {"name": "data"}],
            "containers": [{"volumeMounts": [{"name": "web-token-x"}, {"name": "data"}]}]}}),
    );
    let expected = json!({"serviceAccountName": "web", "volumes": [{"name": "data"}],
        "containers": [{"volumeMounts": [{"name": "data"}]}]});
    assert_eq!(after.unwrap()["spec"], expected);
}

#[test]
fn what_has_ended_or_belongs_to_a_node_is_not_restored() {
    let ended = json!({"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}});
    assert_eq!(reset_as("pods", ended).unwrap_err(), "completed");
    let mirror = json!({"metadata": {"name": "p", "annotations": {"kubernetes.io/config.mirror": "x"}}});
    assert_eq!(reset_as("pods", mirror).unwrap_err(), "mirror-pod");
    let job = json!({"metadata": {"name": "j"}, "status": {"completionTime": "t"}});
    assert_eq!(reset_as("jobs.batch", job).unwrap_err(), "completed");
    let endpoints =
        json!({"metadata": {"name": "web", "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "t"}}});
    assert_eq!(reset_as("endpoints", endpoints).unwrap_err(), "server-managed");
    assert!(reset_as("endpoints", json!({"metadata": {"name": "by-hand"}})).is_ok());
    let token = json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"name": "web-token-abc", "annotations": {"kubernetes.io/service-account.name": "web"}}});
    assert_eq!(reset_as("secrets", token).unwrap_err(), "generated-token");
}

#[test]
fn a_chosen_node_port_survives_and_an_allocated_one_does_not() {
    let service = |metadata: Value| {
        json!({"metadata": metadata, "spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
            "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 81, "nodePort": 31234}]}})
    };
    let kept = json!([{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 81}]);
    let applied = r#"{"spec":{"ports":[{"port":80,"nodePort":30080},{"port":81}]}}"#;
    let annotated = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}});
    let after = reset_as("services", service(annotated)).unwrap();
    assert_eq!(after["spec"], json!({"type": "NodePort", "ports": kept}));
    let managed = json!({"managedFields": [{"fieldsV1": {"f:spec": {"f:ports": {
        "k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}}, "k:{\"port\":81,\"protocol\":\"TCP\"}": {}}}}}]});
    assert_eq!(reset_as("services", service(managed)).unwrap()["spec"]["ports"], kept);
    let preserved = reset_with("services", service(json!({})), |c| c.preserve_node_ports = true).unwrap();
    assert_eq!(preserved["spec"]["ports"][1]["nodePort"], 31234);
}

#[test]
fn a_headless_service_stays_headless() {
    let after = reset_as("services", json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}})).unwrap();
    assert_eq!(after["spec"]["clusterIP"], "None");
}

#[test]
fn a_claim_keeps_a_volume_that_comes_along_and_loses_one_that_does_not() {
    let claim = |volume: &str| json!({"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": volume}});
    assert_eq!(reset_as("persistentvolumeclaims", claim("pv-kept")).unwrap()["spec"]["volumeName"], "pv-kept");
    for gone in ["pv-fresh", "pv-unknown"] {
        assert_eq!(reset_as("persistentvolumeclaims", claim(gone)).unwrap(), json!({"metadata": {}, "spec": {}}));
    }
    let volume = json!({"metadata": {"name": "pv-fresh"}});
    assert_eq!(reset_as("persistentvolumes", volume).unwrap_err(), "data-not-saved");
}

#[test]
fn references_follow_a_renamed_namespace() {
    let binding =
        json!({"subjects": [{"kind": "ServiceAccount", "namespace": "old"}, {"kind": "User", "name": "old"}]});
    let after = reset_as("rolebindings.rbac.authorization.k8s.io", binding).unwrap();
    assert_eq!(
        after["subjects"],
        json!([{"kind": "ServiceAccount", "namespace": "new"}, {"kind": "User", "name": "old"}])
    );
    let volume =
        json!({"metadata": {"name": "pv-kept"}, "spec": {"claimRef": {"namespace": "old", "uid": "1", "name": "c"}}});
    let after = reset_as("persistentvolumes", volume).unwrap();
    assert_eq!(after["spec"]["claimRef"], json!({"namespace": "new", "name": "c"}));
}
