use super::*;
use serde_json::json;

fn manifest(value: Value) -> Manifest {
    Manifest::from_value(value).unwrap()
}

/// What an update sends, and whether it leaves nothing to do.
fn updated(wanted: &Manifest, existing: &Manifest) -> Value {
    let Conflict::Patch(patch) = conflict(wanted, existing, ExistingPolicy::Update) else { panic!("no patch") };
    let mut after = existing.clone().into_value();
    apply(&mut after, &patch);
    assert_eq!(conflict(wanted, &manifest(after.clone()), ExistingPolicy::Update), Conflict::Equal, "{after}");
    patch
}

/// A change in the target, where it shows, and the patch that undoes it.
type Case = (fn(&mut Value), &'static str, Value);

/// RFC 7386.
fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        let object = target.as_object_mut().unwrap();
        match value {
            Value::Null => drop(object.remove(key)),
            value => apply(object.entry(key.clone()).or_insert(Value::Null), value),
        }
    }
}

#[test]
fn defaults_of_the_target_are_no_difference() {
    let wanted = manifest(json!({"apiVersion": "v1", "kind": "Service",
        "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}}));
    let existing = manifest(json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"uid": "x", "finalizers": ["example.com/balancer"]}, "status": {"loadBalancer": {}},
        "spec": {"clusterIP": "10.0.0.1", "selector": {"app": "web"}, "internalTrafficPolicy": "Cluster",
            "ports": [{"port": 80, "protocol": "TCP"}]}}));
    assert_eq!(conflict(&wanted, &existing, ExistingPolicy::Update), Conflict::Equal);
}

#[test]
fn a_difference_is_named_or_patched() {
    let wanted = manifest(json!({"kind": "ConfigMap", "metadata": {"labels": {"velero.io/restore-name": "r"}},
        "data": {"a/b": "1", "c": "2"}}));
    let existing = manifest(json!({"kind": "ConfigMap", "data": {"a/b": "0", "c": "2", "d": "3"}}));
    assert_eq!(conflict(&wanted, &existing, ExistingPolicy::None), Conflict::Differs("/data/a~1b".into()));
    let patch = json!({"metadata": {"labels": {"velero.io/restore-name": "r"}}, "data": {"a/b": "1", "d": null}});
    assert_eq!(updated(&wanted, &existing), patch);
    let changes = patch_changes(&patch, &existing);
    let shown: Vec<(&str, bool, bool)> =
        changes.iter().map(|c| (c.pointer.as_str(), c.before.is_some(), c.after.is_some())).collect();
    assert_eq!(
        shown,
        [
            ("/data/a~1b", true, true),
            ("/data/d", true, false),
            ("/metadata/labels/velero.io~1restore-name", false, true)
        ]
    );
}

#[test]
fn what_somebody_added_is_a_difference_and_an_update_removes_it() {
    let wanted = manifest(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}]}}}}));
    let deployment = |change: fn(&mut Value)| {
        let mut value = wanted.clone().into_value();
        value["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "3"});
        value["spec"]["progressDeadlineSeconds"] = json!(600);
        value["spec"]["template"]["spec"]["dnsPolicy"] = json!("ClusterFirst");
        change(&mut value);
        manifest(value)
    };
    let equal = deployment(|_| {});
    assert_eq!(conflict(&wanted, &equal, ExistingPolicy::None), Conflict::Equal, "only the server was here");
    let cases: [Case; 5] = [
        (
            |v| v["metadata"]["labels"]["team"] = json!("a"),
            "/metadata/labels/team",
            json!({"metadata": {"labels": {"team": null}}}),
        ),
        (
            |v| v["metadata"]["annotations"]["note"] = json!("b"),
            "/metadata/annotations",
            json!({"metadata": {"annotations": {"note": null}}}),
        ),
        (
            |v| v["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"}),
            "/spec/template/spec/nodeSelector",
            json!({"spec": {"template": {"spec": {"nodeSelector": null}}}}),
        ),
        (
            |v| v["spec"]["template"]["metadata"]["annotations"] = json!({"x": "y"}),
            "/spec/template/metadata/annotations",
            json!({"spec": {"template": {"metadata": {"annotations": {"x": null}}}}}),
        ),
        (
            |v| v["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A"}]),
            "/spec/template/spec/containers/0/env",
            json!({"spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}}),
        ),
    ];
    for (change, pointer, patch) in cases {
        let existing = deployment(change);
        assert_eq!(conflict(&wanted, &existing, ExistingPolicy::None), Conflict::Differs(pointer.into()));
        assert_eq!(updated(&wanted, &existing), patch);
    }
}

#[test]
fn custom_resources_belong_to_people_and_completed_kinds_to_controllers() {
    let order = |spec: Value| {
        manifest(json!({"apiVersion": "example.com/v1", "kind": "Order", "metadata": {"name": "o"}, "spec": spec}))
    };
    let patch = updated(&order(json!({"count": 1})), &order(json!({"count": 1, "rush": true})));
    assert_eq!(patch, json!({"spec": {"rush": null}}));
    let claim = |extra: Value| {
        manifest(
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "labels": extra},
            "spec": {"accessModes": ["ReadWriteOnce"]}}),
        )
    };
    let bound = claim(json!({"added": "yes"}));
    assert_eq!(conflict(&claim(Value::Null), &bound, ExistingPolicy::Update), Conflict::Equal);
}

#[test]
fn labels_of_another_restore_are_no_difference() {
    let config = |restore: &str| {
        manifest(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c",
            "labels": {"velero.io/restore-name": restore, "velero.io/backup-name": "b"}}, "data": {"a": "1"}}))
    };
    assert_eq!(conflict(&config("first"), &config("second"), ExistingPolicy::Update), Conflict::Equal);
    let mut bare = config("first");
    bare.remove("/metadata/labels");
    assert_eq!(conflict(&bare, &config("second"), ExistingPolicy::Update), Conflict::Equal);
}

#[test]
fn accounts_are_merged_and_nothing_is_taken_away() {
    let wanted = manifest(json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"annotations": {"role": "new", "team": "a"}}, "imagePullSecrets": [{"name": "p"}]}));
    let existing = manifest(json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"annotations": {"role": "old"}}, "imagePullSecrets": [{"name": "q"}]}));
    let Conflict::Patch(patch) = conflict(&wanted, &existing, ExistingPolicy::None) else { panic!("no patch") };
    assert_eq!(patch["metadata"], json!({"annotations": {"team": "a"}}));
    assert_eq!(patch["imagePullSecrets"], json!([{"name": "q"}, {"name": "p"}]));
}

#[test]
fn what_a_cluster_makes_for_itself_is_left_alone() {
    let root =
        manifest(json!({"kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "a"}}));
    assert!(matches!(conflict(&root, &root, ExistingPolicy::Update), Conflict::OwnedByTarget(_)));
}
