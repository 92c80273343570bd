//! Lists: pages, selectors, odd content.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use ports::ErrorKind;
use ports::cluster::ListQuery;
use serde_json::{Value, json};

use super::{Suite, config_map, query, refused};

pub(super) async fn pages_are_complete_and_consistent(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("pages").await, suite.resource("v1", "ConfigMap"));
    let names: BTreeSet<String> = (0..23).map(|number| format!("m-{number:02}")).collect();
    for name in &names {
        suite.create(&maps, &namespace, &config_map(name)).await.unwrap();
    }
    for limit in [0, 1, 7, 23, 24] {
        let (items, versions, pages) = suite.list(ListQuery { limit, ..query(&maps, Some(&namespace)) }).await.unwrap();
        let found: Vec<&str> = items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
        assert_eq!(found, names.iter().map(String::as_str).collect::<Vec<_>>(), "limit {limit}");
        let expected = if limit == 0 { 1 } else { 23usize.div_ceil(limit as usize) };
        assert_eq!((pages, versions.len()), (expected, 1), "limit {limit}");
    }
    // A page that began before a change does not see it.
    let first: Vec<_> = suite
        .cluster
        .list(&ListQuery { limit: 10, ..query(&maps, Some(&namespace)) })
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let Some(ports::cluster::ListEvent::End { continue_token: Some(token), .. }) = first.last() else {
        panic!("there is more");
    };
    suite.create(&maps, &namespace, &config_map("m-99")).await.unwrap();
    let rest = ListQuery { limit: 10, continue_token: Some(token.clone()), ..query(&maps, Some(&namespace)) };
    assert_eq!(suite.list(rest).await.unwrap().0.len(), 13);
    let all = suite.list(query(&maps, None)).await.unwrap().0;
    assert!(all.iter().filter(|item| item["metadata"]["namespace"] == json!(namespace)).count() == 24);
}

pub(super) async fn selectors_select(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("selectors").await, suite.resource("v1", "ConfigMap"));
    for (name, labels) in [("a", json!({"app": "x"})), ("b", json!({"app": "y", "tier": "db"})), ("c", json!({}))] {
        let mut map = config_map(name);
        map["metadata"]["labels"] = labels;
        suite.create(&maps, &namespace, &map).await.unwrap();
    }
    for (selector, expected) in [
        ("app=x", "a"),
        ("app", "ab"),
        ("!app", "c"),
        ("app in (x,y),tier!=db", "a"),
        ("app notin (x)", "bc"),
        ("", "abc"),
    ] {
        let selected = ListQuery { label_selector: Some(selector.to_owned()), ..query(&maps, Some(&namespace)) };
        let found = suite.list(selected).await.unwrap().0;
        // kube-root-ca.crt comes to be where controllers run.
        let names: String =
            found.iter().filter_map(|item| item["metadata"]["name"].as_str()).filter(|name| name.len() == 1).collect();
        assert_eq!(names, expected, "{selector}");
    }
}

pub(super) async fn empty_and_unknown(suite: &Suite<'_>) {
    let (namespace, leases) = (suite.namespace("empty").await, suite.resource("v1", "LimitRange"));
    let (items, versions, pages) = suite.list(query(&leases, Some(&namespace))).await.unwrap();
    assert_eq!((items.len(), pages), (0, 1));
    assert!(versions.iter().all(|version| !version.is_empty()));
    assert!(suite.list(query(&leases, Some("no-such-namespace"))).await.unwrap().0.is_empty());
    let mut unknown = leases.clone();
    unknown.resource = "widgets".into();
    refused(suite.list(query(&unknown, None)).await, ErrorKind::NotFound, "NotFound");
    let garbage = ListQuery { limit: 5, continue_token: Some("garbage".into()), ..query(&leases, Some(&namespace)) };
    refused(suite.list(garbage).await, ErrorKind::Invalid, "BadRequest");
    let selector = ListQuery { label_selector: Some("a=b=c,".into()), ..query(&leases, Some(&namespace)) };
    refused(suite.list(selector).await, ErrorKind::Invalid, "BadRequest");
}

pub(super) async fn odd_content_comes_back(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("odd").await, suite.resource("v1", "ConfigMap"));
    let odd = json!({
        "brackets": "]}],{\"items\":[{}]}", "escapes": "\\\"\\\\\" \u{0} \u{7f} \n\t", "unicode": "日本 ✓ 😀 é \u{2028}",
        "html": "<&>", "empty": "", "long": "x".repeat(200_000),
    });
    let mut map = config_map("odd");
    map["data"] = odd.clone();
    suite.create(&maps, &namespace, &map).await.unwrap();
    suite.create(&maps, &namespace, &config_map("plain")).await.unwrap();
    let items: Vec<Value> = suite.list(query(&maps, Some(&namespace))).await.unwrap().0;
    let found = items.iter().find(|item| item["metadata"]["name"] == json!("odd")).unwrap();
    assert_eq!(found["data"], odd);
}
