//! Custom resources: a definition makes kinds, with status and versions of their own.

use model::GroupResource;
use ports::ErrorKind;
use ports::cluster::{ObjectRef, PatchKind};
use serde_json::{Value, json};

use super::{Suite, bytes, parse, query, refused};

/// Questions at the most until a definition is established; a server needs some tenths of a second.
const QUESTIONS: usize = 200;

pub(super) async fn definitions_make_kinds(suite: &Suite<'_>) {
    let group = format!("{}.landfall.dev", suite.prefix);
    let name = format!("gadgets.{group}");
    let Some(crds) = suite.catalog.preferred(&GroupResource::parse("customresourcedefinitions.apiextensions.k8s.io"))
    else {
        panic!("definitions are served");
    };
    let definition = ObjectRef { resource: crds, namespace: None, name: &name };
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let version = |name: &str, storage| json!({"name": name, "served": true, "storage": storage, "schema": schema, "subresources": {"status": {}}});
    let body = json!({"apiVersion": crds.group_version().to_string(), "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {"group": group, "scope": "Namespaced", "versions": [version("v1beta1", false), version("v1", true)],
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList",
                "shortNames": ["gdg"]}}});
    suite.cluster.create(&definition, bytes(&body), false).await.unwrap();
    until(async || {
        let read = parse(&suite.cluster.get(&definition).await.unwrap());
        let conditions = read["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|c| c["type"] == json!("Established") && c["status"] == json!("True"))
    })
    .await;
    let gadgets_name = GroupResource::new("gadgets", &group);
    until(async || suite.cluster.discover().await.unwrap().catalog.versions_of(&gadgets_name).len() == 2).await;

    let catalog = suite.cluster.discover().await.unwrap().catalog;
    let gadgets = catalog.preferred(&gadgets_name).unwrap();
    assert_eq!((gadgets.version.as_str(), gadgets.kind.as_str(), gadgets.namespaced), ("v1", "Gadget", true));
    assert!(gadgets.subresources.contains("status") && gadgets.short_names == ["gdg"]);
    let namespace = suite.namespace("gadgets").await;
    let object = ObjectRef { resource: gadgets, namespace: Some(&namespace), name: "g" };
    let api_version = format!("{group}/v1");
    let gadget = json!({"apiVersion": api_version, "kind": "Gadget", "metadata": {"name": "g"},
        "spec": {"size": 3}, "status": {"phase": "Ready"}});
    // The kind may be known before every part of the server takes it.
    let mut created = Value::Null;
    until(async || match suite.cluster.create(&object, bytes(&gadget), false).await {
        Ok(answer) => {
            created = parse(&answer);
            true
        }
        Err(error) => {
            assert!(error.is_not_found() || error.is_retryable(), "{error}");
            false
        }
    })
    .await;
    assert_eq!((&created["spec"], &created["status"]), (&json!({"size": 3}), &Value::Null));
    assert_eq!(created["metadata"]["generation"], json!(1));
    let with_status = bytes(&json!({"apiVersion": api_version, "kind": "Gadget", "status": {"phase": "Ready"},
        "metadata": {"name": "g", "resourceVersion": created["metadata"]["resourceVersion"]}}));
    let written = parse(&suite.cluster.replace_subresource(&object, "status", with_status).await.unwrap());
    assert_eq!((&written["spec"], &written["status"]), (&json!({"size": 3}), &json!({"phase": "Ready"})));
    let mut unversioned = gadget.clone();
    unversioned["spec"] = json!({"size": 4});
    refused(suite.cluster.replace(&object, bytes(&unversioned)).await, ErrorKind::Invalid, "Invalid");
    let patch = bytes(&json!({"spec": {"size": 5}}));
    let outcome = suite.cluster.patch(&object, PatchKind::Strategic, patch).await;
    refused(outcome, ErrorKind::Invalid, "UnsupportedMediaType");

    let older = catalog.find(&gadgets_name, "v1beta1").unwrap();
    let read = suite.get(older, &namespace, "g").await.unwrap();
    assert_eq!(read["apiVersion"], json!(format!("{group}/v1beta1")));
    let items = suite.list(query(older, Some(&namespace))).await.unwrap().0;
    assert_eq!((items.len(), &items[0]["kind"]), (1, &json!("Gadget")));
    assert_eq!(items[0]["apiVersion"], json!(format!("{group}/v1beta1")));

    suite.cluster.delete(&definition).await.unwrap();
    until(async || suite.cluster.discover().await.unwrap().catalog.preferred(&gadgets_name).is_none()).await;
}

/// Asks until it is so; a real server is given a moment between two questions.
async fn until(mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..QUESTIONS {
        if so().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it did not become so");
}
