use super::volume_info::*;
use super::*;
use crate::gzip::{compress, decompress};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Reads what Velero writes, writes it again, and gets the same JSON.
fn same<T: Serialize + DeserializeOwned + Default>(wire: Value) -> T {
    let value: T = read(compress(wire.to_string().as_bytes()).as_slice()).unwrap();
    let written = write(&value).unwrap();
    let again: Value = serde_json::from_slice(&decompress(written.as_slice(), 1 << 20).unwrap()).unwrap();
    assert_eq!(again, wire);
    value
}

#[test]
fn volume_info_has_capitalised_keys_and_a_string_of_iops() {
    let infos: Vec<BackupVolumeInfo> = same(json!([
        {"pvcName": "data", "pvcNamespace": "shop", "pvName": "pv-1", "backupMethod": "NativeSnapshot",
         "snapshotDataMoved": false, "preserveLocalSnapshot": false, "skipped": false,
         "startTimestamp": "2026-01-02T03:04:05Z", "completionTimestamp": "2026-01-02T03:05:05Z", "result": "succeeded",
         "nativeSnapshotInfo": {"snapshotHandle": "snap-1", "volumeType": "gp3", "volumeAZ": "eu-1a", "iops": "0",
                                "Phase": "Completed"},
         "pvInfo": {"reclaimPolicy": "Delete", "labels": null}},
        {"pvcName": "data", "pvcNamespace": "shop", "pvName": "pv-2", "backupMethod": "CSISnapshot",
         "snapshotDataMoved": false, "preserveLocalSnapshot": true, "skipped": false,
         "csiSnapshotInfo": {"snapshotHandle": "h", "size": 5, "driver": "ebs.csi.aws.com", "vscName": "v",
                             "operationID": "o", "ReadyToUse": null},
         "pvInfo": {"reclaimPolicy": "Retain", "labels": {"a": "b"}}},
        {"pvcName": "data", "pvcNamespace": "shop", "pvName": "pv-3", "backupMethod": "CSISnapshot",
         "snapshotDataMoved": true, "preserveLocalSnapshot": false, "skipped": false, "result": "failed",
         "csiSnapshotInfo": {"snapshotHandle": "", "size": 0, "driver": "d", "vscName": "", "ReadyToUse": true},
         "snapshotDataMovementInfo": {"dataMover": "velero", "uploaderType": "kopia", "snapshotHandle": "s",
             "operationID": "o", "size": 9, "incrementalSize": 3, "Phase": "Completed"}},
        {"pvName": "pv-4", "snapshotDataMoved": false, "preserveLocalSnapshot": false, "skipped": true,
         "skippedReason": "podvolume: opted out;"},
        {"backupMethod": "PodVolumeBackup", "snapshotDataMoved": false, "preserveLocalSnapshot": false,
         "skipped": false, "pvbInfo": {"snapshotHandle": "h", "size": 3, "uploaderType": "kopia", "volumeName": "v",
             "podName": "p", "podNamespace": "n", "nodeName": "node", "Phase": "Completed"}}
    ]));
    assert_eq!(infos[0].backup_method, Some(BackupMethod::NativeSnapshot));
    assert_eq!(infos[1].csi_snapshot_info.as_ref().unwrap().ready_to_use, None);
}

#[test]
fn restore_volume_info_reads_back() {
    let infos: Vec<RestoreVolumeInfo> = same(json!([
        {"pvcName": "d", "pvcNamespace": "n", "pvName": "p", "restoreMethod": "PodVolumeRestore",
         "snapshotDataMoved": false, "pvrInfo": {"snapshotHandle": "h", "uploaderType": "kopia", "volumeName": "v",
             "podName": "p", "podNamespace": "n", "Phase": "Completed"}}
    ]));
    assert_eq!(infos[0].restore_method, Some(RestoreMethod::PodVolumeRestore));
}

#[test]
fn a_method_of_a_later_version_keeps_the_file_readable() {
    let infos: Vec<BackupVolumeInfo> = same(json!([
        {"backupMethod": "Teleport", "snapshotDataMoved": false, "preserveLocalSnapshot": false, "skipped": false,
         "result": ""}
    ]));
    assert_eq!(infos[0].backup_method, Some(BackupMethod::Other("Teleport".into())));
}

#[test]
fn operations_identify_with_capitalised_keys() {
    let operations: Vec<BackupOperation> = same(json!([
        {"spec": {"backupName": "b", "backupUID": "u", "backupItemAction": "velero.io/csi-pvc-backupper",
            "resourceIdentifier": {"Group": "", "Resource": "persistentvolumeclaims", "Namespace": "n", "Name": "d"},
            "operationID": "du-1", "postOperationItems":
                [{"Group": "velero.io", "Resource": "datauploads", "Namespace": "velero", "Name": "b-x"}]},
         "status": {"phase": "Completed", "nCompleted": 5, "nTotal": 5, "operationUnits": "Byte",
            "description": "done", "created": "2026-01-02T03:04:05Z", "started": "2026-01-02T03:04:06Z",
            "updated": "2026-01-02T03:04:07Z"}},
        {"spec": {"backupName": "b", "backupUID": "u", "backupItemAction": "a", "operationID": "o",
            "resourceIdentifier": {"Group": "", "Resource": "", "Namespace": "", "Name": ""},
            "postOperationItems": null}, "status": {"phase": "Failed", "error": "no"}}
    ]));
    assert_eq!(operations[0].spec.resource_identifier.resource, "persistentvolumeclaims");
    let _: Vec<RestoreOperation> = same(json!([
        {"spec": {"restoreName": "r", "restoreUID": "u", "restoreItemAction": "a", "operationID": "o",
            "resourceIdentifier": {"Group": "g", "Resource": "r", "Namespace": "", "Name": "n"}},
         "status": {"phase": "New"}}
    ]));
}

#[test]
fn snapshots_have_a_number_of_iops() {
    let snapshots: Vec<VolumeSnapshot> = same(json!([
        {"spec": {"backupName": "b", "backupUID": "u", "location": "l", "persistentVolumeName": "pv",
            "providerVolumeID": "vol-1", "volumeType": "io1", "volumeAZ": "a", "volumeIOPS": 100},
         "status": {"providerSnapshotID": "snap-1", "phase": "Completed"}},
        {"spec": {"backupName": "b", "backupUID": "u", "location": "l", "persistentVolumeName": "pv",
            "providerVolumeID": "vol-1", "volumeType": "gp2"}, "status": {}}
    ]));
    assert_eq!(snapshots[0].spec.volume_iops, Some(100));
}

#[test]
fn null_is_an_empty_file() {
    let null = compress(b"null");
    assert_eq!(read::<Vec<VolumeSnapshot>>(null.as_slice()).unwrap(), []);
    assert_eq!(read_manifests(null.as_slice()).unwrap(), []);
    assert_eq!(read::<ResourceList>(null.as_slice()).unwrap(), ResourceList::default());
    assert_eq!(read::<Results>(null.as_slice()).unwrap(), Results::default());
    assert_eq!(decompress(write_manifests(&[]).unwrap().as_slice(), 10).unwrap(), b"null");
}

#[test]
fn results_leave_out_what_is_empty() {
    let mut results = Results::default();
    results.warnings.add_velero("slow");
    results.errors.add(Some("shop"), backup_message_of_a_pod());
    results.errors.add(None, "cluster-wide");
    results.errors.add(Some(""), "too");
    let text = decompress(write(&results).unwrap().as_slice(), 1000).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&text).unwrap(),
        json!({"warnings": {"velero": ["slow"]}, "errors": {"cluster": ["cluster-wide", "too"],
            "namespaces": {"shop": [" resource: /pods name: /web message: /Error backing up item error: /no"]}}})
    );
    assert_eq!((results.warnings.count(), results.errors.count()), (1, 3));
    let sparse: Results = same(json!({"warnings": {}, "errors": {}}));
    assert!(sparse.warnings.is_empty());
    let nulls: Results = read(compress(br#"{"warnings":null,"errors":{"cluster":null}}"#).as_slice()).unwrap();
    assert_eq!(nulls, Results::default());
}

fn backup_message_of_a_pod() -> String {
    results::backup_message(Some("pods"), Some("web"), "Error backing up item", Some("no"))
}

#[test]
fn resource_lists_are_sorted_and_suffixed() {
    let mut list = ResourceList::default();
    list.add("v1", "Pod", Some("shop"), "web");
    list.add("v1", "Pod", Some("shop"), "api");
    list.add("apps/v1", "Deployment", Some("shop"), "web");
    list.add("v1", "Namespace", None, "shop");
    let wire = serde_json::to_string(&list).unwrap();
    assert_eq!(wire, r#"{"apps/v1/Deployment":["shop/web"],"v1/Namespace":["shop"],"v1/Pod":["shop/api","shop/web"]}"#);
    assert_eq!(list.len(), 4);
    let mut restored = ResourceList::default();
    restored.add_restored("v1", "PersistentVolumeClaim", Some("shop"), "data", RestoredAs::Created);
    let wire = serde_json::to_string(&restored).unwrap();
    assert_eq!(wire, r#"{"v1/PersistentVolumeClaim":["shop/data(created)"]}"#);
    assert_eq!(RestoredAs::parse("shop/data(created)"), Some(("shop/data", RestoredAs::Created)));
    assert_eq!(RestoredAs::parse("shop/data"), None);
    assert_eq!(RestoredAs::parse("shop/data(eaten)"), None);
}

#[test]
fn metadata_is_plain_indented_and_of_the_right_kind() {
    let backup = Manifest::from_value(json!({"apiVersion": "velero.io/v1", "kind": "Backup",
        "metadata": {"name": "b"}}))
    .unwrap();
    let bytes = write_metadata(&backup).unwrap();
    assert!(bytes.starts_with(b"{\n  \"apiVersion\": \"velero.io/v1\",\n  \"kind\": \"Backup\",\n"));
    assert_eq!(read_metadata(bytes.as_slice()).unwrap(), backup);
    let other = br#"{"apiVersion":"velero.io/v1","kind":"Restore"}"#;
    assert!(matches!(read_metadata(&other[..]), Err(ArchiveError::Corrupt { .. })));
    assert!(matches!(read_metadata(&b"{}"[..]), Err(ArchiveError::Corrupt { .. })));
    assert!(matches!(read_metadata(&bytes[..20]), Err(ArchiveError::Json(_))));
    assert!(matches!(read_metadata(&b"[]"[..]), Err(ArchiveError::Json(_))));
}

#[test]
fn side_files_of_the_wrong_shape_are_errors() {
    let wrong = |json: &[u8]| {
        let file = compress(json);
        assert!(read::<Vec<BackupVolumeInfo>>(file.as_slice()).is_err(), "{}", String::from_utf8_lossy(json));
    };
    wrong(b"{}");
    wrong(b"[{\"skipped\": \"yes\"}]");
    wrong(b"");
    assert!(matches!(
        read::<BTreeMap<String, String>>(&b"{}"[..]),
        Err(ArchiveError::Truncated { .. }) | Err(ArchiveError::Corrupt { .. })
    ));
}
