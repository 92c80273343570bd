//! Pod security policies become labels of namespaces, when that was decided.

use engine::restore::ItemVerdict;
use model::request::RestoreRequest;
use serde_json::{Value, json};
use versions::Options;

use crate::bed::{Bed, empty};
use crate::hostile::{config, forged, id};

const RBAC: &str = "rbac.authorization.k8s.io";

async fn with_policies() -> Bed {
    let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let chosen = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let policy = json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": "open"},
        "spec": {"privileged": true}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "open"},
        "rules": [{"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"]}]});
    let binding = |namespace: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "open", "namespace": namespace},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "open"},
            "subjects": [{"kind": "Group", "apiGroup": RBAC, "name": "system:serviceaccounts"}]})
    };
    let roles = format!("clusterroles.{RBAC}");
    let bindings = format!("rolebindings.{RBAC}");
    let entries = [
        (id("namespaces", None, "shop"), "v1", namespace("shop", json!({}))),
        (id("namespaces", None, "pay"), "v1", namespace("pay", chosen)),
        (id("namespaces", None, "dev"), "v1", namespace("dev", json!({}))),
        (id("configmaps", Some("dev"), "c"), "v1", config("dev", "c")),
        (id("podsecuritypolicies.policy", None, "open"), "v1beta1", policy),
        (id(&roles, None, "open"), "v1", role),
        (id(&bindings, Some("shop"), "open"), "v1", binding("shop")),
        (id(&bindings, Some("pay"), "open"), "v1", binding("pay")),
    ];
    let entries = entries.map(|(id, version, body)| (id, version, body.to_string().into_bytes()));
    forged(&entries).await
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_labelled_when_that_was_decided() {
    let bed = with_policies().await;
    let request = RestoreRequest::everything("b", "b");
    let mut decided = Options::default();
    decided.choose("pod-security-policy=label-namespaces").unwrap();
    for (options, shop) in [(Options::default(), Value::Null), (decided, json!("privileged"))] {
        let target = empty();
        let outcome = bed.restore_with(&target, &request, &options).await.unwrap();
        assert_eq!(outcome.phase, "Completed", "{:?}", outcome.exceptions);
        let enforced = |name: &str| {
            let namespace = target.object("namespaces", None, name).unwrap();
            namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].clone()
        };
        assert_eq!(enforced("shop"), shop);
        assert_eq!(enforced("pay"), json!("restricted"), "what somebody chose stays");
        assert_eq!(enforced("dev"), Value::Null, "nobody could use a policy there");
        let policy = outcome.exceptions.iter().find(|e| e.item.starts_with("podsecuritypolicies")).unwrap();
        assert_eq!((policy.verdict, policy.code.as_str()), (ItemVerdict::Skipped, "pod-security-policy"));
        assert!(policy.message.contains("privileged"), "{}", policy.message);
    }
}
