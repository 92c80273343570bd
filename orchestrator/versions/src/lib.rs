//! What each Kubernetes release serves, and converters between API versions, one file per kind.
//!
//! Pure: objects and text come in, objects, text and reports go out. It asks no server and reads no file; what a
//! live target serves is a [`model::Catalog`] that the caller brings.
//!
//! Read in this order:
//! - [`table`]: every resource of every group and version, with the releases that bring, deprecate and remove it.
//! - [`options`]: the decisions a person can take, each a flag with a default.
//! - [`convert`](mod@convert): [`convert()`] and its kin; one file per kind below it, each with an example.
//! - [`choose`](mod@choose): which version to create, from what the archive holds, what converts, what is served.
//! - [`custom`]: what a CustomResourceDefinition adds to a catalog before it exists.
//! - [`runtime`]: what belongs to a cluster and is not worth restoring.
//! - [`upgrade`](mod@upgrade): what changes though the version stays: annotations, labels, references, in-tree EBS.
//! - [`yaml`]: files written by people, converted with their comments and order kept.
//! - [`reference`](mod@reference): the page of conversions, rendered from the examples.

pub mod choose;
pub mod convert;
pub mod custom;
pub mod options;
pub mod reference;
pub mod runtime;
pub mod table;
pub mod upgrade;
pub mod yaml;

pub use choose::{Candidate, Choice, choose};
pub use convert::{CannotConvert, Conversion, DecisionTaken, PodSecurityLevel};
pub use convert::{can_convert, convert, pod_security_level, reachable, resource_of, steps, targets, undo};
pub use custom::{CrdFacts, catalog_of_crd};
pub use options::{Defaults, FLAGS, Flag, Options, OptionsError};
pub use reference::reference;
pub use runtime::{runtime_state, server_managed};
pub use table::{Row, row, row_of_kind, rows, served_by, served_on_request};
pub use upgrade::upgrade;
pub use yaml::{ConvertedText, DocumentReport, Outcome, Target, YamlError, convert_object, convert_text, to_yaml};
