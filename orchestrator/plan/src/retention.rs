//! Which backups have outlived their time.
//!
//! Pure: takes what the bucket lists, what is being restored from it, and `now`. Deleting is `engine`'s job.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

/// A backup as retention sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupRecord {
    pub name: String,
    pub phase: String,
    pub expiration: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Retention {
    /// To be deleted.
    Expired { since: Timestamp },
    /// Expired, but a restore reads from it.
    InUse { since: Timestamp },
    /// Not yet; `None` never expires.
    Kept { until: Option<Timestamp> },
    /// Still being written.
    Unfinished,
}

/// What becomes of each backup, in the order given.
pub fn retention(backups: &[BackupRecord], in_use: &BTreeSet<String>, now: Timestamp) -> Vec<(String, Retention)> {
    let decide = |backup: &BackupRecord| {
        if matches!(backup.phase.as_str(), "" | "New" | "Queued" | "ReadyToStart" | "InProgress" | "Deleting") {
            return Retention::Unfinished;
        }
        match backup.expiration {
            Some(since) if since <= now && in_use.contains(&backup.name) => Retention::InUse { since },
            Some(since) if since <= now => Retention::Expired { since },
            until => Retention::Kept { until },
        }
    };
    backups.iter().map(|backup| (backup.name.clone(), decide(backup))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_backup_in_use_by_a_restore_is_kept() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let past: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-01-03T00:00:00Z".parse().unwrap();
        let record =
            |name: &str, phase: &str, expiration| BackupRecord { name: name.into(), phase: phase.into(), expiration };
        let backups = [
            record("old", "Completed", Some(past)),
            record("busy", "Completed", Some(past)),
            record("new", "PartiallyFailed", Some(later)),
            record("eternal", "Completed", None),
            record("running", "InProgress", Some(past)),
            record("exact", "Failed", Some(now)),
        ];
        let verdicts = retention(&backups, &BTreeSet::from(["busy".to_owned()]), now);
        let verdict = |name: &str| verdicts.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(verdict("old"), Retention::Expired { since: past });
        assert_eq!(verdict("busy"), Retention::InUse { since: past });
        assert_eq!(verdict("new"), Retention::Kept { until: Some(later) });
        assert_eq!(verdict("eternal"), Retention::Kept { until: None });
        assert_eq!(verdict("running"), Retention::Unfinished);
        assert_eq!(verdict("exact"), Retention::Expired { since: now });
    }
}
