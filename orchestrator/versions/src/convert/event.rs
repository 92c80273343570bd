//! Event: `events.k8s.io/v1beta1`, `events.k8s.io/v1` ⇄ `v1`. Lossless.
//!
//! The two groups show the same stored object under other names. A restore creates the core form:
//! `events.k8s.io/v1` wants an event time on create and forbids the fields of older events.
//!
//! Before:
//! ```yaml
//! apiVersion: events.k8s.io/v1beta1
//! kind: Event
//! metadata: { name: web.1, namespace: shop }
//! regarding: { apiVersion: v1, kind: Pod, name: web, namespace: shop }
//! note: pulled
//! reason: Pulled
//! type: Normal
//! deprecatedSource: { component: kubelet }
//! deprecatedCount: 2
//! reportingController: kubelet
//! reportingInstance: node-1
//! ```
//! After:
//! ```yaml
//! apiVersion: v1
//! kind: Event
//! metadata: { name: web.1, namespace: shop }
//! involvedObject: { apiVersion: v1, kind: Pod, name: web, namespace: shop }
//! message: pulled
//! reason: Pulled
//! type: Normal
//! source: { component: kubelet }
//! count: 2
//! reportingComponent: kubelet
//! reportingInstance: node-1
//! ```

use serde_json::{Map, Value};

use super::draft::{is_blank, is_unset};
use super::{At, CannotConvert, Draft, Family, Form};

/// Names in the core group, names in the group of their own.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

pub(crate) static EVENT: Family = Family::same(&[
    Form::new("", "v1", "Event", "events"),
    Form::new("events.k8s.io", "v1beta1", "Event", "events"),
    Form::new("events.k8s.io", "v1", "Event", "events"),
])
.with_conversion(event);

fn event(body: &mut Map<String, Value>, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if from.group == to.group {
        return Ok(());
    }
    let to_core = to.group.is_empty();
    for (core, own) in NAMES {
        let (old, new) = if to_core { (own, core) } else { (core, own) };
        draft.rename(body, &At::ROOT, old, new);
    }
    // Only the core version writes the reporter when it is empty.
    for key in ["reportingComponent", "reportingController", "reportingInstance"] {
        let is_core_name = key != "reportingController";
        if to_core && is_core_name && is_unset(body, key) && draft.fills_shared_defaults() {
            draft.set(body, &At::ROOT, key, "", "the core version always writes it");
        } else if !to_core && body.contains_key(key) && is_blank(body, key) {
            draft.remove(body, &At::ROOT, key, "this version leaves it out when it is empty");
        }
    }
    Ok(())
}
