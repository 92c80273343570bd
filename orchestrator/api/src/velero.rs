//! velero.io/v1.

pub mod backup;
pub mod hooks;
pub mod object;
pub mod restore;

pub use backup::BackupSpec;
pub use object::{ObjectError, backup_object, restore_object, spec_from_yaml};
pub use restore::RestoreSpec;

/// Every reason why a spec cannot be carried out, as Velero would put them into `status.validationErrors`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind}: {}", .errors.join("; "))]
pub struct SpecError {
    pub kind: &'static str,
    pub errors: Vec<String>,
}

/// Prefixes each error and keeps them all; `None` when there was one.
fn collect<T>(prefix: &str, result: Result<T, Vec<String>>, errors: &mut Vec<String>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(found) => {
            errors.extend(found.into_iter().map(|error| format!("{prefix}: {error}")));
            None
        }
    }
}

fn list(items: &Option<Vec<String>>) -> &[String] {
    items.as_deref().unwrap_or_default()
}
