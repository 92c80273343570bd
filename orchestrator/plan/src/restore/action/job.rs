//! Jobs: the selector that the old cluster generated. Finished ones are not started again.
//! Velero: pkg/restore/actions/job_action.go.

use model::Manifest;
use serde_json::Value;

use super::{NotRestored, skip};

const GENERATED: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

pub(super) fn reset(job: &mut Manifest) -> Result<(), NotRestored> {
    if job.get_str("/status/completionTime").is_some_and(|time| !time.is_empty()) {
        return Err(skip("completed", "the job had ended"));
    }
    for pointer in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        if let Some(labels) = job.get_mut(pointer).and_then(Value::as_object_mut) {
            for label in GENERATED {
                labels.remove(label);
            }
        }
    }
    Ok(())
}
