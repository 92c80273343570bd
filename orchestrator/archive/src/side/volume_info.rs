//! `<backup>-volumeinfo.json.gz` and `<restore>-volumeinfo.json.gz`: what became of each volume.
//!
//! In a backup this file decides how each persistent volume is restored. Three keys are capitalised and `iops` is a
//! string, because Velero's Go types have it so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::go_time::GoTime;
use super::null_is_default;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupVolumeInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pvc_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pvc_namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pv_name: String,
    /// Absent when the volume was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_method: Option<BackupMethod>,
    pub snapshot_data_moved: bool,
    /// True for a CSI snapshot that stays where it is.
    pub preserve_local_snapshot: bool,
    pub skipped: bool,
    /// `<approach>: <reason>;`, repeated.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub skipped_reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timestamp: Option<GoTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_timestamp: Option<GoTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<VolumeResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi_snapshot_info: Option<CsiSnapshotInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_data_movement_info: Option<SnapshotDataMovementInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_snapshot_info: Option<NativeSnapshotInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvb_info: Option<PodVolumeInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pv_info: Option<PvInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreVolumeInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pvc_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pvc_namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pv_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_method: Option<RestoreMethod>,
    pub snapshot_data_moved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi_snapshot_info: Option<CsiSnapshotInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_data_movement_info: Option<SnapshotDataMovementInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_snapshot_info: Option<NativeSnapshotInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvr_info: Option<PodVolumeInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackupMethod {
    NativeSnapshot,
    PodVolumeBackup,
    #[serde(rename = "CSISnapshot")]
    CsiSnapshot,
    /// What a later version may add; kept so that one entry does not make the file unreadable.
    #[serde(untagged)]
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestoreMethod {
    NativeSnapshot,
    PodVolumeRestore,
    #[serde(rename = "CSISnapshot")]
    CsiSnapshot,
    #[serde(untagged)]
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeResult {
    Succeeded,
    Failed,
    /// Velero leaves it empty until the finalizer knows.
    #[serde(untagged)]
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiSnapshotInfo {
    pub snapshot_handle: String,
    pub size: i64,
    pub driver: String,
    pub vsc_name: String,
    #[serde(rename = "operationID", skip_serializing_if = "String::is_empty")]
    pub operation_id: String,
    /// Always there, `null` when unknown.
    #[serde(rename = "ReadyToUse", alias = "readyToUse")]
    pub ready_to_use: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub volume_group_snapshot_handle: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SnapshotDataMovementInfo {
    pub data_mover: String,
    pub uploader_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub retained_snapshot: String,
    pub snapshot_handle: String,
    #[serde(rename = "operationID")]
    pub operation_id: String,
    pub size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub incremental_size: i64,
    #[serde(rename = "Phase", alias = "phase")]
    pub phase: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NativeSnapshotInfo {
    pub snapshot_handle: String,
    pub volume_type: String,
    #[serde(rename = "volumeAZ")]
    pub volume_az: String,
    /// A string; `"0"` when unknown.
    pub iops: String,
    #[serde(rename = "Phase", alias = "phase")]
    pub phase: String,
}

/// Of a pod volume backup, or of a pod volume restore, which has no node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodVolumeInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub snapshot_handle: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub incremental_size: i64,
    pub uploader_type: String,
    pub volume_name: String,
    pub pod_name: String,
    pub pod_namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    #[serde(rename = "Phase", alias = "phase")]
    pub phase: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PvInfo {
    pub reclaim_policy: String,
    #[serde(deserialize_with = "null_is_default", serialize_with = "empty_is_null")]
    pub labels: BTreeMap<String, String>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Go writes an absent map as `null`.
fn empty_is_null<S: serde::Serializer>(map: &BTreeMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
    (!map.is_empty()).then_some(map).serialize(serializer)
}
