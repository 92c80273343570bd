//! Where the files of backups and restores lie.
//!
//! Velero: pkg/persistence/object_store_layout.go. Our own files lie beside Velero's under the same prefix, where it
//! ignores them.

use ::ports::ObjectKey;
use ::ports::object_store::KeyError;

/// The keys of one backup.
#[derive(Debug, Clone)]
pub struct BackupKeys {
    name: String,
}

/// The keys of one restore.
#[derive(Debug, Clone)]
pub struct RestoreKeys {
    name: String,
}

pub const BACKUPS: &str = "backups";
pub const RESTORES: &str = "restores";

/// First-level names that Velero accepts in a location; any other makes it refuse the whole location.
pub const TOP_LEVEL: [&str; 6] = ["backups", "kopia", "metadata", "plugins", "restic", "restores"];

impl BackupKeys {
    /// Fails when the name cannot be part of a key.
    pub fn new(name: &str) -> Result<Self, KeyError> {
        check(BACKUPS, name)?;
        Ok(Self { name: name.to_owned() })
    }

    pub fn directory(&self) -> String {
        format!("{BACKUPS}/{}", self.name)
    }

    /// The file whose presence makes the backup exist; written last.
    pub fn metadata(&self) -> ObjectKey {
        self.key("velero-backup.json".to_owned())
    }

    pub fn archive(&self) -> ObjectKey {
        self.file(".tar.gz")
    }

    pub fn log(&self) -> ObjectKey {
        self.file("-logs.gz")
    }

    pub fn results(&self) -> ObjectKey {
        self.file("-results.gz")
    }

    pub fn resource_list(&self) -> ObjectKey {
        self.file("-resource-list.json.gz")
    }

    pub fn item_operations(&self) -> ObjectKey {
        self.file("-itemoperations.json.gz")
    }

    pub fn pod_volume_backups(&self) -> ObjectKey {
        self.file("-podvolumebackups.json.gz")
    }

    pub fn volume_snapshots(&self) -> ObjectKey {
        self.file("-volumesnapshots.json.gz")
    }

    pub fn volume_info(&self) -> ObjectKey {
        self.file("-volumeinfo.json.gz")
    }

    pub fn contract(&self) -> ObjectKey {
        self.file("-landfall-contract.json.gz")
    }

    pub fn digests(&self) -> ObjectKey {
        self.file("-landfall-digests.json.gz")
    }

    pub fn decisions(&self) -> ObjectKey {
        self.file("-landfall-decisions.json.gz")
    }

    fn file(&self, end: &str) -> ObjectKey {
        self.key(format!("{}{end}", self.name))
    }

    fn key(&self, file: String) -> ObjectKey {
        ObjectKey::parse(&format!("{}/{file}", self.directory())).expect("the name was checked when it came in")
    }
}

impl RestoreKeys {
    pub fn new(name: &str) -> Result<Self, KeyError> {
        check(RESTORES, name)?;
        Ok(Self { name: name.to_owned() })
    }

    pub fn directory(&self) -> String {
        format!("{RESTORES}/{}", self.name)
    }

    pub fn log(&self) -> ObjectKey {
        self.file("restore-", "-logs.gz")
    }

    pub fn results(&self) -> ObjectKey {
        self.file("restore-", "-results.gz")
    }

    pub fn resource_list(&self) -> ObjectKey {
        self.file("restore-", "-resource-list.json.gz")
    }

    pub fn item_operations(&self) -> ObjectKey {
        self.file("restore-", "-itemoperations.json.gz")
    }

    /// The only one without the prefix.
    pub fn volume_info(&self) -> ObjectKey {
        self.file("", "-volumeinfo.json.gz")
    }

    pub fn decisions(&self) -> ObjectKey {
        self.file("", "-landfall-decisions.json.gz")
    }

    /// Our record of the restore: its object, which Velero keeps in the cluster alone.
    pub fn record(&self) -> ObjectKey {
        self.file("", "-landfall-restore.json.gz")
    }

    fn file(&self, start: &str, end: &str) -> ObjectKey {
        let key = format!("{}/{start}{}{end}", self.directory(), self.name);
        ObjectKey::parse(&key).expect("the name was checked when it came in")
    }
}

/// Leaves room for the longest file name that is made of a name.
fn check(directory: &str, name: &str) -> Result<(), KeyError> {
    if name.is_empty() || name.contains('/') || name.len() > 400 {
        return Err(KeyError(name.to_owned()));
    }
    ObjectKey::parse(&format!("{directory}/{name}")).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_climb_are_refused() {
        for name in ["", "..", "a/b", ".", "a\nb"] {
            assert!(BackupKeys::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn volume_info_of_a_restore_has_no_prefix() {
        let keys = RestoreKeys::new("r").unwrap();
        assert_eq!(keys.volume_info().as_str(), "restores/r/r-volumeinfo.json.gz");
        assert_eq!(keys.results().as_str(), "restores/r/restore-r-results.gz");
    }
}
