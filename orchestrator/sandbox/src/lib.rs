//! Disposable local control planes that really are Kubernetes: etcd and kube-apiserver, on request with controllers,
//! fake nodes or one real node.
//!
//! It prints nothing and reads no environment: paths come in [`Settings`], news go out through [`Progress`].
//! It knows nothing of backups; whoever wants to look inside a sandbox takes its kubeconfig.
//!
//! Read in this order:
//! - [`sandbox`]: up, down, list, status. The front door.
//! - [`component`]: which programs there are, in which versions, and how each is found or built.
//! - [`supervise`]: the process that keeps the children and dies with its owner.
//! - [`control_plane`]: the command lines of etcd, kube-apiserver and the controllers.
//! - [`real_node`]: one node that really runs pods, in namespaces of its own.
//! - [`certificates`], [`https`], [`ports`], [`process`]: what the above stands on.
//! - [`format`]: what is written to the state directory.

pub mod certificates;
pub mod component;
pub mod control_plane;
pub mod error;
mod files;
pub mod format;
mod https;
mod nodes;
pub mod ports;
mod process;
pub mod progress;
pub mod real_node;
pub mod release;
pub mod sandbox;
pub mod settings;
pub mod supervise;

pub use component::{Component, Found, Listing, Origin};
pub use error::SandboxError;
pub use progress::{Event, Progress, Silent};
pub use release::Release;
pub use sandbox::RealNode;
pub use sandbox::{
    Down, Sandbox, SandboxName, State, Status, UpRequest, down, kubeconfig, list, purge, remains, status,
};
pub use settings::{Settings, Supervisor};
