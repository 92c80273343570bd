//! Discovery, paths, exec.

use std::time::Duration;

use model::{GroupResource, KubernetesVersion};
use ports::ErrorKind;
use ports::cluster::ExecRequest;

use super::{Suite, refused};

pub(super) async fn discovery(suite: &Suite<'_>) {
    let found = suite.cluster.discover().await.unwrap();
    KubernetesVersion::parse(&found.version).unwrap();
    let pods = found.catalog.preferred(&GroupResource::parse("pods")).unwrap();
    assert!(pods.namespaced && pods.kind == "Pod" && pods.has_verb("list") && pods.has_verb("create"));
    assert!(pods.short_names.iter().any(|name| name == "po"));
    assert!(pods.subresources.contains("status") && pods.subresources.contains("eviction"));
    let nodes = found.catalog.preferred(&GroupResource::parse("nodes")).unwrap();
    assert!(!nodes.namespaced);
    assert_eq!(found.catalog.resolve("deploy").unwrap().to_string(), "deployments.apps");
    let deployments = found.catalog.preferred(&GroupResource::parse("deployments.apps")).unwrap();
    assert_eq!(deployments.version, "v1");
    assert!(deployments.subresources.contains("scale"));
    assert!(found.catalog.resources().all(|resource| !resource.resource.contains('/') && !resource.kind.is_empty()));
    // Somebody else's broken API is not this cluster's fault; its own groups answer.
    let own = |group: &str| !group.contains('.') || group.ends_with(".k8s.io");
    assert!(!found.failures.keys().any(|broken| own(&broken.group)), "{:?}", found.failures);
}

pub(super) async fn paths(suite: &Suite<'_>) {
    let (status, body) = suite.cluster.get_path("/readyz").await.unwrap();
    assert_eq!((status, body.as_ref()), (200, b"ok".as_slice()));
    assert_eq!(suite.cluster.get_path("/no/such/thing").await.unwrap().0, 404);
    assert_eq!(suite.cluster.get_path("readyz").await.unwrap_err().kind, ErrorKind::Invalid);
    assert!(!suite.cluster.describe().is_empty());
}

pub(super) async fn exec_needs_a_pod(suite: &Suite<'_>) {
    let request = ExecRequest {
        namespace: "default".into(),
        pod: "nobody".into(),
        container: "main".into(),
        command: vec!["true".into()],
        timeout: Duration::from_secs(30),
    };
    refused(suite.cluster.exec(&request).await, ErrorKind::NotFound, "NotFound");
}
