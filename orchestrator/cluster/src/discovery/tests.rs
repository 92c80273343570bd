//! Both forms of discovery, from documents of the shape that servers send.

use serde_json::json;

use super::*;

fn read(documents: &[serde_json::Value]) -> Found {
    let mut found = Found::default();
    for document in documents {
        found.read(&Bytes::from(document.to_string())).unwrap();
    }
    found
}

#[test]
fn aggregated_discovery_is_read_and_stale_parts_are_failures() {
    let found = read(&[json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": [
        {"metadata": {"name": "apps", "creationTimestamp": null}, "versions": [{"version": "v1", "freshness": "Current",
            "resources": [
                {"resource": "deployments", "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                 "scope": "Namespaced", "singularResource": "deployment", "verbs": ["get", "list"],
                 "shortNames": ["deploy"], "categories": ["all"],
                 "subresources": [{"subresource": "scale", "responseKind": {"kind": "Scale"}, "verbs": ["get"]},
                                  {"subresource": "status", "responseKind": null, "verbs": ["get"]}]},
                {"resource": "parentless", "responseKind": {"group": "", "version": "", "kind": ""}, "scope": "Cluster"}]}]},
        {"metadata": {"name": "metrics.k8s.io"}, "versions": [
            {"version": "v2", "freshness": "Stale", "resources": [
                {"resource": "nodes", "responseKind": {"kind": "NodeMetrics"}, "scope": "Cluster"}]},
            {"version": "v1", "freshness": "Current"}]}]})]);
    let deployments = found.catalog.resolve("deploy").unwrap();
    let deployments = found.catalog.preferred(&deployments).unwrap();
    assert!(deployments.namespaced && deployments.has_verb("list"));
    assert_eq!(deployments.subresources.iter().collect::<Vec<_>>(), ["scale", "status"]);
    assert_eq!(found.catalog.resources().count(), 1);
    let failures: Vec<String> = found.failures.keys().map(ToString::to_string).collect();
    assert_eq!(failures, ["metrics.k8s.io/v2"]);
    assert!(found.failures.values().all(PortError::is_retryable));
    assert!(found.missing.is_empty());
}

#[test]
fn old_roots_name_the_group_versions_to_ask_for_preferred_first() {
    let found = read(&[
        json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "autoscaling",
            "versions": [{"groupVersion": "autoscaling/v2", "version": "v2"}, {"groupVersion": "autoscaling/v1", "version": "v1"}],
            "preferredVersion": {"groupVersion": "autoscaling/v1", "version": "v1"}}]}),
    ]);
    let missing: Vec<String> = found.missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["v1", "autoscaling/v1", "autoscaling/v2"]);
    let groups: Vec<_> = found.catalog.groups().map(|(name, versions)| (name, versions.join(" "))).collect();
    assert_eq!(groups, [("", "v1".to_owned()), ("autoscaling", "v1 v2".to_owned())]);
}

#[test]
fn subresources_are_folded_whatever_their_order() {
    let body = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
        {"name": "pods/eviction", "singularName": "", "namespaced": true, "group": "policy", "version": "v1", "kind": "Eviction", "verbs": ["create"]},
        {"name": "pods", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["list"], "shortNames": ["po"]},
        {"name": "orphans/status", "kind": "X", "verbs": []}]});
    let found = legacy::resources(&GroupVersion::parse("v1"), body.to_string().as_bytes()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind.as_str(), found[0].subresources.contains("eviction")), ("Pod", true));
}

#[test]
fn null_lists_are_empty_and_noise_is_an_error() {
    let none = legacy::resources(&GroupVersion::parse("v1"), br#"{"resources":null}"#).unwrap();
    assert!(none.is_empty());
    assert!(Found::default().read(&Bytes::from_static(b"<html>")).is_err());
    assert!(git_version(br#"{"major":"1"}"#).is_err());
}
