//! What every `ports::Cluster` must do; run on the fake and on real servers, old and new.
//!
//! Each check takes a namespace of its own, so that checks may run beside each other and on a server in use. They need
//! an apiserver and nothing else: no controllers, no nodes.

#![expect(clippy::unwrap_used, reason = "a suite of checks: a panic is how one fails")]

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::TryStreamExt;
use model::{ApiResource, Catalog};
use ports::cluster::{Cluster, ListEvent, ListQuery, ObjectRef};
use ports::{ErrorKind, PortError};
use serde_json::{Value, json};

mod crds;
mod lists;
mod objects;
mod others;

/// Runs every check; `prefix` begins the names of all namespaces and kinds it makes.
///
/// # Panics
/// When the cluster does not keep the contract.
pub async fn run(cluster: &dyn Cluster, prefix: &str) {
    let catalog = cluster.discover().await.expect("discovery works").catalog;
    let suite = Suite { cluster, catalog, prefix };
    others::discovery(&suite).await;
    others::paths(&suite).await;
    others::exec_needs_a_pod(&suite).await;
    objects::create_read_delete(&suite).await;
    objects::dry_run_leaves_nothing(&suite).await;
    objects::creates_are_refused_for_a_reason(&suite).await;
    objects::names_are_generated(&suite).await;
    objects::old_resource_versions_conflict(&suite).await;
    objects::patches(&suite).await;
    objects::status_is_written_by_its_subresource_only(&suite).await;
    objects::finalizers_hold(&suite).await;
    objects::immutable_things_stay(&suite).await;
    objects::terminating_namespaces_take_nothing(&suite).await;
    lists::pages_are_complete_and_consistent(&suite).await;
    lists::selectors_select(&suite).await;
    lists::empty_and_unknown(&suite).await;
    lists::odd_content_comes_back(&suite).await;
    crds::definitions_make_kinds(&suite).await;
}

struct Suite<'a> {
    cluster: &'a dyn Cluster,
    catalog: Catalog,
    prefix: &'a str,
}

impl Suite<'_> {
    fn resource(&self, api_version: &str, kind: &str) -> ApiResource {
        crate::fake_cluster::resource(&self.catalog, api_version, kind)
    }

    /// A new namespace for one check.
    async fn namespace(&self, check: &str) -> String {
        let name = format!("{}-{check}", self.prefix);
        let resource = self.resource("v1", "Namespace");
        let object = ObjectRef { resource: &resource, namespace: None, name: &name };
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.cluster.create(&object, bytes(&body), false).await.expect("a namespace can be created");
        name
    }

    async fn create(&self, resource: &ApiResource, namespace: &str, body: &Value) -> Result<Value, PortError> {
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let object = ObjectRef { resource, namespace: Some(namespace), name };
        self.cluster.create(&object, bytes(body), false).await.map(|answer| parse(&answer))
    }

    async fn get(&self, resource: &ApiResource, namespace: &str, name: &str) -> Result<Value, PortError> {
        let object = ObjectRef { resource, namespace: Some(namespace), name };
        self.cluster.get(&object).await.map(|answer| parse(&answer))
    }

    /// All items of a list, page by page, and the number of pages.
    async fn list(&self, query: ListQuery<'_>) -> Result<(Vec<Value>, BTreeSet<String>, usize), PortError> {
        let (mut items, mut versions, mut pages) = (Vec::new(), BTreeSet::new(), 0);
        let mut query = query;
        loop {
            let events: Vec<ListEvent> = self.cluster.list(&query).await?.try_collect().await?;
            pages += 1;
            let Some((ListEvent::End { continue_token, resource_version }, page)) = events.split_last() else {
                panic!("a list ends with its end");
            };
            assert!(query.limit == 0 || page.len() <= query.limit as usize, "a page is too long");
            versions.insert(resource_version.clone());
            for event in page {
                match event {
                    ListEvent::Item(item) => items.push(parse(item)),
                    ListEvent::End { .. } => panic!("something comes after the end"),
                }
            }
            match continue_token {
                Some(token) => query.continue_token = Some(token.clone()),
                None => return Ok((items, versions, pages)),
            }
        }
    }
}

fn query<'a>(resource: &'a ApiResource, namespace: Option<&'a str>) -> ListQuery<'a> {
    ListQuery { resource, namespace, label_selector: None, limit: 0, continue_token: None }
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

fn parse(answer: &Bytes) -> Value {
    serde_json::from_slice(answer).expect("an answer is JSON")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, PortError>, kind: ErrorKind, reason: &str) {
    let error = outcome.expect_err("this is refused");
    assert_eq!((error.kind, error.reason.as_deref().unwrap_or_default()), (kind, reason), "{}", error.message);
}
