//! Transform: last-applied
//!
//! `kubectl apply` keeps a copy of the whole object in an annotation. When that copy speaks of the source, it is dropped:
//! the next `kubectl apply` writes a new one.
//!
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata:
//!   name: settings
//!   namespace: shop
//!   annotations:
//!     kubectl.kubernetes.io/last-applied-configuration: '{"data":{"region":"us-east-1"}}'
//! data: { greeting: hello }
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata:
//!   name: settings
//!   namespace: shop
//! data: { greeting: hello }
//! ```

use infra::InfraPair;
use infra::place::Place;
use model::{Blocked, Change, Manifest};

use super::edit::{Edit, annotation};
use super::{Facts, Transform};

const KEY: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) struct LastApplied;

impl Transform for LastApplied {
    fn name(&self) -> &'static str {
        "last-applied"
    }

    fn text(&self) -> &'static str {
        include_str!("last_applied.rs")
    }

    fn applies(&self, _facts: &Facts<'_>) -> bool {
        true
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let Some(text) = manifest.annotation(KEY) else { return Ok(Vec::new()) };
        if infra.rewrite_text(text, Place::default()).is_none() && infra.leaks_in(text).is_empty() {
            return Ok(Vec::new());
        }
        let is_secret = manifest.kind() == "Secret";
        let mut edit = Edit::new(manifest, infra);
        edit.remove(&annotation(KEY), "the copy speaks of the source; the next apply writes a new one");
        let mut changes = edit.done()?;
        if is_secret {
            changes.iter_mut().for_each(|change| change.before = Some("(hidden)".into()));
        }
        Ok(changes)
    }
}
