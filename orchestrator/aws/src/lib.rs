//! AWS: S3 as an object store, EKS clusters and their tokens.
//!
//! The only crate that names the AWS SDK; none of its types leaves through a port. Decides nothing about backups.
//!
//! - [`connection`]: region, credentials and trusted certificates, turned into the SDK's configuration once.
//! - [`s3`]: `ports::ObjectStore` over S3 or anything that speaks it.
//! - [`eks`]: where a cluster's API is, and tokens for it.
//! - [`identity`]: whose credentials these are.

pub mod connection;
pub mod eks;
pub mod identity;
pub mod s3;

mod error;

pub use connection::{Aws, Connection, CredentialSource};
pub use eks::{EksCluster, EksToken};
pub use identity::CallerIdentity;
pub use s3::{Encryption, S3Settings, S3Store};
