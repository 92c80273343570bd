//! One drill, made readable: as a page, as data, for CI, for a pull request, and as signed evidence.
//!
//! Pure: takes the saga and its journal, gives text. It writes no file, reads no clock and draws no conclusion of its
//! own: the verdict is the saga's.
//!
//! Read in this order:
//! - [`view`]: the one model that every form shows, and that the JSON form is.
//! - [`compose`]: scenario + journal + outcomes → the model.
//! - [`compare`]: what changed since the last good run.
//! - [`html`] with [`timeline`], [`markdown`], [`junit`], [`json`]: the forms.
//! - [`evidence`]: the report as an in-toto statement in a signed envelope, and its verification.

pub mod compare;
pub mod compose;
pub mod evidence;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod timeline;
pub mod view;
pub mod words;

pub use compose::{Extra, compose};
pub use evidence::{EvidenceError, KeyPair, Verified, sign, verify};
pub use html::html;
pub use json::{from_json, to_json};
pub use junit::junit;
pub use markdown::markdown;
pub use view::DrillReport;

/// A report that cannot be written in some form.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("the page cannot be rendered")]
    Html(#[from] askama::Error),
    #[error("the report cannot be written as JSON")]
    Write(#[source] serde_json::Error),
    #[error("this is not a drill report")]
    Read(#[source] serde_json::Error),
    #[error("the report was written in format {found}; this version reads {}.x", view::MAJOR)]
    Version { found: String },
    #[error("the JUnit file cannot be written")]
    Junit(#[from] quick_junit::SerializeError),
}

#[cfg(test)]
mod tests;
