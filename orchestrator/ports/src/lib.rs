//! What the engine needs from the outside, in the words of the domain.
//!
//! One small, object-safe trait for each need; the contract stands in its doc comment, and one conformance suite in
//! `testkit` runs against every implementation. No SDK type crosses a port.
//!
//! - [`cluster`]: a kube-apiserver: what it serves, streamed lists, writes, exec.
//! - [`object_store`]: a bucket, on S3, on disk or in memory.
//! - [`infrastructure`]: infrastructure that can be planned, applied and destroyed.
//! - [`prober`]: questions to a running application.
//! - [`journal`]: durable lines, appended before an effect begins.
//! - [`clock`]: the time, and waiting for it.
//! - [`retry`]: trying again, and giving up in time.
//! - [`error`]: what went wrong, as far as a caller can act on it.

pub mod clock;
pub mod cluster;
pub mod error;
pub mod infrastructure;
pub mod journal;
pub mod object_store;
pub mod prober;
pub mod retry;

pub use clock::Clock;
pub use cluster::Cluster;
pub use error::{ErrorKind, PortError};
pub use infrastructure::Infrastructure;
pub use journal::Journal;
pub use object_store::{Body, ObjectKey, ObjectMeta, ObjectStore};
pub use prober::Prober;
