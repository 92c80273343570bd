//! Observes, acts and records for backups, restores and drills
