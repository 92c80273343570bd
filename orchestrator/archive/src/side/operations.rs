//! `<backup>-itemoperations.json.gz` and `restore-<restore>-itemoperations.json.gz`.
//!
//! The identifier's keys are capitalised, because Velero's Go type carries no JSON names.

use serde::{Deserialize, Serialize};

use super::go_time::GoTime;
use super::null_is_default;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupOperation {
    pub spec: BackupOperationSpec,
    #[serde(default)]
    pub status: OperationStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupOperationSpec {
    pub backup_name: String,
    #[serde(rename = "backupUID")]
    pub backup_uid: String,
    /// The registered name of the action.
    pub backup_item_action: String,
    pub resource_identifier: ResourceIdentifier,
    #[serde(rename = "operationID")]
    pub operation_id: String,
    /// `null` when there are none.
    pub post_operation_items: Option<Vec<ResourceIdentifier>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreOperation {
    pub spec: RestoreOperationSpec,
    #[serde(default)]
    pub status: OperationStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreOperationSpec {
    pub restore_name: String,
    #[serde(rename = "restoreUID")]
    pub restore_uid: String,
    pub restore_item_action: String,
    pub resource_identifier: ResourceIdentifier,
    #[serde(rename = "operationID")]
    pub operation_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResourceIdentifier {
    #[serde(alias = "group")]
    pub group: String,
    #[serde(alias = "resource")]
    pub resource: String,
    #[serde(alias = "namespace")]
    pub namespace: String,
    #[serde(alias = "name")]
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OperationPhase {
    #[default]
    New,
    InProgress,
    Completed,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationStatus {
    #[serde(deserialize_with = "null_is_default")]
    pub phase: OperationPhase,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub n_completed: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub n_total: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operation_units: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<GoTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<GoTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<GoTime>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}
