//! Object stores on disk and in memory, wrappers around any store, and how locations are written.
//!
//! S3 is `aws`'s business; where in a bucket a backup lies is `engine::bucket`'s.
//!
//! - [`location`]: location URLs, `file:///…` and `s3://bucket/prefix?…`.
//! - [`memory`], [`disk`]: two stores.
//! - [`prefix`], [`retrying`]: a store below a prefix of another, a store that tries again.

pub mod disk;
pub mod location;
pub mod memory;
pub mod prefix;
pub mod retrying;

mod listing;

pub use disk::DiskStore;
pub use location::{LocationUrl, S3Location};
pub use memory::MemoryStore;
pub use prefix::PrefixStore;
pub use retrying::RetryingStore;
