//! Where the files of backups and restores lie below a location's root, as Velero has it.
//!
//! Names and order only; nothing here knows what is inside a file.

mod list;

use ports::ObjectKey;
use ports::object_store::KeyError;

pub use list::{
    BackupListing, ListedBackup, ListedFile, ListedRestore, Odd, Oddity, RestoreListing, list_backups, list_restores,
    offending_directories,
};

pub const BACKUPS: &str = "backups";
pub const RESTORES: &str = "restores";

/// The directories that Velero allows at a location's root; any other makes the location unavailable to it.
pub const ROOT_DIRECTORIES: [&str; 6] = [BACKUPS, "kopia", "metadata", "plugins", "restic", RESTORES];

/// The metadata of a backup; a backup exists when this does.
pub const METADATA: &str = "velero-backup.json";

/// One file of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackupFile {
    Archive,
    Log,
    PodVolumeBackups,
    VolumeSnapshots,
    ItemOperations,
    ResourceList,
    Results,
    VolumeInfo,
    /// These three were written up to 1.16 and 1.17, and are still read.
    CsiVolumeSnapshots,
    CsiVolumeSnapshotContents,
    CsiVolumeSnapshotClasses,
    /// These three are ours; Velero ignores them.
    Contract,
    Decisions,
    Digests,
    /// `velero-backup.json`, which makes the backup visible.
    Metadata,
}

/// One file of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RestoreFile {
    Log,
    Results,
    ResourceList,
    ItemOperations,
    VolumeInfo,
    /// Ours.
    Decisions,
}

impl BackupFile {
    /// Every file, in the order of upload: the metadata last, because what is visible must be whole.
    pub const UPLOAD_ORDER: [Self; 15] = [
        Self::Archive,
        Self::Log,
        Self::PodVolumeBackups,
        Self::VolumeSnapshots,
        Self::ItemOperations,
        Self::ResourceList,
        Self::Results,
        Self::VolumeInfo,
        Self::CsiVolumeSnapshots,
        Self::CsiVolumeSnapshotContents,
        Self::CsiVolumeSnapshotClasses,
        Self::Contract,
        Self::Decisions,
        Self::Digests,
        Self::Metadata,
    ];

    pub fn file_name(self, backup: &str) -> String {
        let suffix = match self {
            Self::Archive => ".tar.gz",
            Self::Log => "-logs.gz",
            Self::PodVolumeBackups => "-podvolumebackups.json.gz",
            Self::VolumeSnapshots => "-volumesnapshots.json.gz",
            Self::ItemOperations => "-itemoperations.json.gz",
            Self::ResourceList => "-resource-list.json.gz",
            Self::Results => "-results.gz",
            Self::VolumeInfo => "-volumeinfo.json.gz",
            Self::CsiVolumeSnapshots => "-csi-volumesnapshots.json.gz",
            Self::CsiVolumeSnapshotContents => "-csi-volumesnapshotcontents.json.gz",
            Self::CsiVolumeSnapshotClasses => "-csi-volumesnapshotclasses.json.gz",
            Self::Contract => "-landfall-contract.json.gz",
            Self::Decisions => "-landfall-decisions.json.gz",
            Self::Digests => "-landfall-digests.json.gz",
            Self::Metadata => return METADATA.to_owned(),
        };
        format!("{backup}{suffix}")
    }

    /// Which file of a backup a name is; `None` for a name that is none of them.
    pub fn parse(backup: &str, file_name: &str) -> Option<Self> {
        Self::UPLOAD_ORDER.into_iter().find(|file| file.file_name(backup) == file_name)
    }
}

impl RestoreFile {
    pub const ALL: [Self; 6] =
        [Self::Log, Self::Results, Self::ResourceList, Self::ItemOperations, Self::VolumeInfo, Self::Decisions];

    pub fn file_name(self, restore: &str) -> String {
        match self {
            Self::Log => format!("restore-{restore}-logs.gz"),
            Self::Results => format!("restore-{restore}-results.gz"),
            Self::ResourceList => format!("restore-{restore}-resource-list.json.gz"),
            Self::ItemOperations => format!("restore-{restore}-itemoperations.json.gz"),
            // The only one of Velero's without the prefix.
            Self::VolumeInfo => format!("{restore}-volumeinfo.json.gz"),
            Self::Decisions => format!("{restore}-landfall-decisions.json.gz"),
        }
    }

    pub fn parse(restore: &str, file_name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.file_name(restore) == file_name)
    }
}

/// The keys of one backup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupKeys(Directory);

/// The keys of one restore.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RestoreKeys(Directory);

impl BackupKeys {
    /// Refuses a name that is not one segment of a key, or so long that a file's name does not fit a file system.
    pub fn new(backup: &str) -> Result<Self, KeyError> {
        Directory::new(BACKUPS, backup).map(Self)
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `backups/<name>`, for listing.
    pub fn directory(&self) -> String {
        self.0.path()
    }

    pub fn key(&self, file: BackupFile) -> ObjectKey {
        self.0.key(&file.file_name(&self.0.name))
    }

    pub fn metadata(&self) -> ObjectKey {
        self.key(BackupFile::Metadata)
    }

    pub fn archive(&self) -> ObjectKey {
        self.key(BackupFile::Archive)
    }
}

impl RestoreKeys {
    pub fn new(restore: &str) -> Result<Self, KeyError> {
        Directory::new(RESTORES, restore).map(Self)
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `restores/<name>`, for listing.
    pub fn directory(&self) -> String {
        self.0.path()
    }

    pub fn key(&self, file: RestoreFile) -> ObjectKey {
        self.0.key(&file.file_name(&self.0.name))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Directory {
    parent: &'static str,
    name: String,
}

impl Directory {
    fn new(parent: &'static str, name: &str) -> Result<Self, KeyError> {
        // Objects of Kubernetes have names of up to 253 bytes.
        if name.contains('/') || name.len() > 253 {
            return Err(KeyError(name.to_owned()));
        }
        ObjectKey::parse(name)?;
        Ok(Self { parent, name: name.to_owned() })
    }

    fn path(&self) -> String {
        format!("{}/{}", self.parent, self.name)
    }

    fn key(&self, file_name: &str) -> ObjectKey {
        ObjectKey::parse(&format!("{}/{file_name}", self.path()))
            .expect("the name was checked, and what is added to it is short and plain")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_velero_s() {
        let keys = BackupKeys::new("nightly").unwrap();
        let all: Vec<String> = BackupFile::UPLOAD_ORDER.iter().map(|file| keys.key(*file).to_string()).collect();
        assert_eq!(
            all,
            [
                "backups/nightly/nightly.tar.gz",
                "backups/nightly/nightly-logs.gz",
                "backups/nightly/nightly-podvolumebackups.json.gz",
                "backups/nightly/nightly-volumesnapshots.json.gz",
                "backups/nightly/nightly-itemoperations.json.gz",
                "backups/nightly/nightly-resource-list.json.gz",
                "backups/nightly/nightly-results.gz",
                "backups/nightly/nightly-volumeinfo.json.gz",
                "backups/nightly/nightly-csi-volumesnapshots.json.gz",
                "backups/nightly/nightly-csi-volumesnapshotcontents.json.gz",
                "backups/nightly/nightly-csi-volumesnapshotclasses.json.gz",
                "backups/nightly/nightly-landfall-contract.json.gz",
                "backups/nightly/nightly-landfall-decisions.json.gz",
                "backups/nightly/nightly-landfall-digests.json.gz",
                "backups/nightly/velero-backup.json",
            ]
        );
        let keys = RestoreKeys::new("r1").unwrap();
        let all: Vec<String> = RestoreFile::ALL.iter().map(|file| keys.key(*file).to_string()).collect();
        assert_eq!(
            all,
            [
                "restores/r1/restore-r1-logs.gz",
                "restores/r1/restore-r1-results.gz",
                "restores/r1/restore-r1-resource-list.json.gz",
                "restores/r1/restore-r1-itemoperations.json.gz",
                "restores/r1/r1-volumeinfo.json.gz",
                "restores/r1/r1-landfall-decisions.json.gz",
            ]
        );
    }

    #[test]
    fn names_that_are_not_one_segment_have_no_keys() {
        for name in ["", ".", "..", "a/b", "a\nb", &"a".repeat(254)] {
            assert!(BackupKeys::new(name).is_err(), "{name:?}");
            assert!(RestoreKeys::new(name).is_err(), "{name:?}");
        }
        let longest = BackupKeys::new(&"a".repeat(253)).unwrap();
        assert!(longest.key(BackupFile::CsiVolumeSnapshotContents).as_str().len() < 1024);
    }

    #[test]
    fn file_names_are_told_apart() {
        for file in BackupFile::UPLOAD_ORDER {
            assert_eq!(BackupFile::parse("b", &file.file_name("b")), Some(file));
        }
        assert_eq!(BackupFile::parse("b", "c.tar.gz"), None);
        for file in RestoreFile::ALL {
            assert_eq!(RestoreFile::parse("r", &file.file_name("r")), Some(file));
        }
        assert_eq!(BackupFile::UPLOAD_ORDER.last(), Some(&BackupFile::Metadata));
    }
}
