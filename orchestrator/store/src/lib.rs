//! Object stores on disk and in memory, wrappers around any store, and where things lie in a bucket.
//!
//! S3 is `aws`'s business; what is inside the files is `archive`'s.
//!
//! - [`layout`]: the keys of backups and restores, the order of uploads, and tolerant listings.
//! - [`location`]: location URLs, `file:///…` and `s3://bucket/prefix?…`.
//! - [`memory`], [`disk`]: two stores.
//! - [`prefix`], [`retrying`]: a store below a prefix of another, a store that tries again.

pub mod disk;
pub mod layout;
pub mod location;
pub mod memory;
pub mod prefix;
pub mod retrying;

mod listing;

pub use disk::DiskStore;
pub use layout::{BackupFile, BackupKeys, RestoreFile, RestoreKeys, list_backups, list_restores};
pub use location::{LocationUrl, S3Location};
pub use memory::MemoryStore;
pub use prefix::PrefixStore;
pub use retrying::RetryingStore;
