//! VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent and their groups: `snapshot.storage.k8s.io/v1beta1` ⇄
//! `v1`, `groupsnapshot.storage.k8s.io/v1beta1`, `v1beta2` ⇄ `v1`. Lossless.
//!
//! The types are the same; v1 adds that a snapshot has exactly one source. The status of a group's content lists more
//! about each snapshot since v1beta2. v1alpha1 was never convertible.
//!
//! Before:
//! ```yaml
//! apiVersion: snapshot.storage.k8s.io/v1beta1
//! kind: VolumeSnapshot
//! metadata: { name: db, namespace: shop }
//! spec: { volumeSnapshotClassName: ebs, source: { persistentVolumeClaimName: db } }
//! ```
//! After:
//! ```yaml
//! apiVersion: snapshot.storage.k8s.io/v1
//! kind: VolumeSnapshot
//! metadata: { name: db, namespace: shop }
//! spec: { volumeSnapshotClassName: ebs, source: { persistentVolumeClaimName: db } }
//! ```

use serde_json::{Map, Value};

use super::draft::{annotation, is_blank, object, object_mut};
use super::{At, CannotConvert, Draft, Family, Form};

const GROUP: &str = "snapshot.storage.k8s.io";
const GROUPS: &str = "groupsnapshot.storage.k8s.io";
const INFO_LIST: &str = "groupsnapshot.storage.kubernetes.io/volume-snapshot-info-list";

pub(crate) static VOLUME_SNAPSHOT: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "VolumeSnapshot", "volumesnapshots"),
    Form::new(GROUP, "v1", "VolumeSnapshot", "volumesnapshots"),
])
.with_repair(snapshot_source);

pub(crate) static VOLUME_SNAPSHOT_CLASS: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "VolumeSnapshotClass", "volumesnapshotclasses"),
    Form::new(GROUP, "v1", "VolumeSnapshotClass", "volumesnapshotclasses"),
]);

pub(crate) static VOLUME_SNAPSHOT_CONTENT: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "VolumeSnapshotContent", "volumesnapshotcontents"),
    Form::new(GROUP, "v1", "VolumeSnapshotContent", "volumesnapshotcontents"),
])
.with_repair(content_source);

pub(crate) static VOLUME_GROUP_SNAPSHOT: Family = Family::same(&[
    Form::new(GROUPS, "v1beta1", "VolumeGroupSnapshot", "volumegroupsnapshots"),
    Form::new(GROUPS, "v1beta2", "VolumeGroupSnapshot", "volumegroupsnapshots"),
    Form::new(GROUPS, "v1", "VolumeGroupSnapshot", "volumegroupsnapshots"),
]);

pub(crate) static VOLUME_GROUP_SNAPSHOT_CLASS: Family = Family::same(&[
    Form::new(GROUPS, "v1beta1", "VolumeGroupSnapshotClass", "volumegroupsnapshotclasses"),
    Form::new(GROUPS, "v1beta2", "VolumeGroupSnapshotClass", "volumegroupsnapshotclasses"),
    Form::new(GROUPS, "v1", "VolumeGroupSnapshotClass", "volumegroupsnapshotclasses"),
]);

pub(crate) static VOLUME_GROUP_SNAPSHOT_CONTENT: Family = Family::same(&[
    Form::new(GROUPS, "v1beta1", "VolumeGroupSnapshotContent", "volumegroupsnapshotcontents"),
    Form::new(GROUPS, "v1beta2", "VolumeGroupSnapshotContent", "volumegroupsnapshotcontents"),
    Form::new(GROUPS, "v1", "VolumeGroupSnapshotContent", "volumegroupsnapshotcontents"),
])
.with_conversion(group_content);

type Body = Map<String, Value>;

fn snapshot_source(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    one_source(body, form, ["persistentVolumeClaimName", "volumeSnapshotContentName"])?;
    if form.version == "v1"
        && let Some(spec) = object_mut(body, &At::ROOT, "spec")?
        && spec.get("volumeSnapshotClassName").and_then(Value::as_str) == Some("")
    {
        let because = "an empty class name is invalid; without one the default class is used";
        draft.remove(spec, &At::ROOT.key("spec"), "volumeSnapshotClassName", because);
    }
    Ok(())
}

fn content_source(body: &mut Body, form: &Form, _: &mut Draft<'_>) -> Result<(), CannotConvert> {
    one_source(body, form, ["volumeHandle", "snapshotHandle"])
}

fn one_source(body: &Body, form: &Form, names: [&str; 2]) -> Result<(), CannotConvert> {
    if form.version != "v1" {
        return Ok(());
    }
    let Some(spec) = object(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let source = object(spec, &at, "source")?;
    let named = names.iter().filter(|name| source.is_some_and(|source| !is_blank(source, name))).count();
    if named == 1 {
        return Ok(());
    }
    Err(CannotConvert::NotCreatable {
        code: "snapshot-source",
        pointer: at.key("source").pointer(),
        why: format!("exactly one of {} and {} is wanted, and {named} are there", names[0], names[1]),
        instead: "name one source by hand, or leave the object out".into(),
    })
}

fn group_content(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let (pairs, infos) = ("volumeSnapshotHandlePairList", "volumeSnapshotInfoList");
    let old = |form: &Form| form.version == "v1beta1";
    if old(from) == old(to) {
        return Ok(());
    }
    let at = At::ROOT.key("status");
    if old(from) {
        let kept = annotation(body, INFO_LIST).and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok());
        draft.remove_annotation(body, INFO_LIST, "the list is a field in this version");
        let Some(status) = object_mut(body, &At::ROOT, "status")? else { return Ok(()) };
        draft.rename(status, &at, pairs, infos);
        if let Some(kept) = kept {
            draft.set(status, &at, infos, kept, "the annotation kept the full list");
        }
        return Ok(());
    }
    let because = "v1beta1 has the handles alone; the annotation keeps the rest";
    let Some(status) = object_mut(body, &At::ROOT, "status")? else { return Ok(()) };
    let Some(Value::Array(list)) = draft.remove(status, &at, infos, because) else { return Ok(()) };
    let handles = |info: &Value| {
        let info = info.as_object().cloned().unwrap_or_default();
        let kept = info.into_iter().filter(|(key, _)| matches!(key.as_str(), "volumeHandle" | "snapshotHandle"));
        Value::Object(kept.collect())
    };
    draft.set(status, &at, pairs, list.iter().map(handles).collect::<Vec<_>>(), because);
    draft.set_annotation(body, INFO_LIST, Value::Array(list).to_string(), because)
}
