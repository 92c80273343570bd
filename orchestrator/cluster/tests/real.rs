//! The conformance suite, and what only a real server shows, against the servers that the harness names.
//!
//! `LANDFALL_TEST_KUBECONFIG` holds kubeconfig files, separated by colons; each server gets every test.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use cluster::KubeCluster;
use futures::{StreamExt, TryStreamExt, stream};
use model::{GroupResource, GroupVersion};
use ports::ErrorKind;
use ports::cluster::{Cluster, ListEvent, ListQuery, ObjectRef};
use serde_json::{Value, json};
use testkit::skip::{Why, skip, variable};
use testkit::{cluster_suite, fake_cluster};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_servers_pass_the_suite() {
    for (server, prefix) in servers("real_servers_pass_the_suite").await {
        cluster_suite::run(&*server, &prefix).await;
    }
}

/// A list of many pages, larger than any buffer, arrives whole whatever the network makes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_lists_arrive_whole_and_unchanged() {
    for (server, prefix) in servers("large_lists_arrive_whole_and_unchanged").await {
        let catalog = server.discover().await.unwrap().catalog;
        let (secrets, namespaces) =
            (fake_cluster::resource(&catalog, "v1", "Secret"), fake_cluster::resource(&catalog, "v1", "Namespace"));
        let namespace = format!("{prefix}-large");
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let object = ObjectRef { resource: &namespaces, namespace: None, name: &namespace };
        server.create(&object, Bytes::from(body.to_string()), false).await.unwrap();
        let written: Vec<(String, Value)> = stream::iter(0..300)
            .map(|number| {
                let (server, secrets, namespace) = (&server, &secrets, &namespace);
                async move {
                    let name = format!("s-{number:03}");
                    let data = json!({"key": "QUJD".repeat(number * 40 + 1)});
                    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data});
                    let object = ObjectRef { resource: secrets, namespace: Some(namespace), name: &name };
                    server.create(&object, Bytes::from(body.to_string()), false).await.unwrap();
                    (name, data)
                }
            })
            .buffered(32)
            .collect()
            .await;
        for limit in [0, 100] {
            let mut query = ListQuery {
                resource: &secrets,
                namespace: Some(&namespace),
                label_selector: None,
                limit,
                continue_token: None,
            };
            let mut found = Vec::new();
            loop {
                let mut token = None;
                let mut events = server.list(&query).await.unwrap();
                while let Some(event) = events.try_next().await.unwrap() {
                    match event {
                        ListEvent::Item(item) => {
                            let item: Value = serde_json::from_slice(&item).unwrap();
                            let name = item["metadata"]["name"].as_str().unwrap().to_owned();
                            if !name.starts_with("default-token") {
                                found.push((name, item["data"].clone()));
                            }
                        }
                        ListEvent::End { continue_token, .. } => token = continue_token,
                    }
                }
                query.continue_token = token;
                if query.continue_token.is_none() {
                    break;
                }
            }
            assert!(found == written, "limit {limit}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discovery_knows_every_group_once() {
    for (server, _) in servers("discovery_knows_every_group_once").await {
        let found = server.discover().await.unwrap();
        let mut seen = BTreeSet::new();
        for resource in found.catalog.resources() {
            assert!(seen.insert((resource.group_resource(), resource.version.clone())), "{resource:?}");
            assert!(found.catalog.serves(&resource.group_version()));
        }
        assert!(seen.len() > 60, "{} resources", seen.len());
    }
}

/// Too much is refused for good, however much it is: nobody tries again with the same body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_too_large_are_invalid() {
    for (server, prefix) in servers("bodies_that_are_too_large_are_invalid").await {
        let catalog = server.discover().await.unwrap().catalog;
        let maps = fake_cluster::resource(&catalog, "v1", "ConfigMap");
        for megabytes in [2, 4, 20] {
            let name = format!("{prefix}-{megabytes}");
            let data = json!({"a": "x".repeat(megabytes << 20)});
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
            let object = ObjectRef { resource: &maps, namespace: Some("default"), name: &name };
            let error = server.create(&object, Bytes::from(body.to_string()), false).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{megabytes} MB: {error:?}");
        }
    }
}

/// An API whose server is down is a failure of that API, and everything else is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_api_is_a_failure_of_its_own() {
    for (server, prefix) in servers("a_broken_api_is_a_failure_of_its_own").await {
        let before = server.discover().await.unwrap().catalog;
        let services = before.preferred(&GroupResource::parse("apiservices.apiregistration.k8s.io")).unwrap();
        let group_version = GroupVersion::new(format!("{prefix}.broken.example"), "v1");
        let name = format!("v1.{}", group_version.group);
        let object = ObjectRef { resource: services, namespace: None, name: &name };
        let body = json!({"apiVersion": services.group_version().to_string(), "kind": "APIService",
            "metadata": {"name": name}, "spec": {"group": group_version.group, "version": "v1",
            "insecureSkipTLSVerify": true, "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": {"namespace": "default", "name": "nobody"}}});
        server.create(&object, Bytes::from(body.to_string()), false).await.unwrap();
        let mut found = server.discover().await.unwrap();
        for _ in 0..200 {
            if found.failures.contains_key(&group_version) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            found = server.discover().await.unwrap();
        }
        server.delete(&object).await.unwrap();
        let failure = found.failures.get(&group_version).expect("the broken API is reported");
        assert!(failure.is_retryable(), "{failure}");
        assert!(found.catalog.resources().filter(|r| !r.group.contains("landfall.dev")).count() >= 60);
    }
}

/// The servers, each with a name prefix that nobody else uses.
async fn servers(test: &str) -> Vec<(Arc<KubeCluster>, String)> {
    let Some(files) = variable("LANDFALL_TEST_KUBECONFIG") else {
        skip(test, Why::NotSetUp, "LANDFALL_TEST_KUBECONFIG names no kubeconfig");
        return Vec::new();
    };
    let mut servers = Vec::new();
    for file in files.split(':') {
        let server = KubeCluster::from_kubeconfig_file(&PathBuf::from(file), None).await.unwrap();
        let id = uuid::Uuid::new_v4().simple().to_string();
        servers.push((Arc::new(server), format!("t{}", &id[..8])));
    }
    servers
}
