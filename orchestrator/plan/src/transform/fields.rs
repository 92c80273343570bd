//! Transforms that are nothing but fields of certain kinds: each gets its pair, and none may keep the source's value.
//!
//! Holds no kind of its own.

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

/// Fields of kinds, all of which must have a counterpart.
pub(super) struct FieldTransform {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) kinds: &'static [(&'static str, &'static str)],
    /// Pointers; everything under them is rewritten and required.
    pub(super) fields: &'static [&'static str],
    /// A CSI driver that volumes must have for the transform to be about them.
    pub(super) driver: Option<&'static str>,
    /// What a value without counterpart is, for the message.
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
}

impl Transform for FieldTransform {
    fn name(&self) -> &'static str {
        self.name
    }

    fn text(&self) -> &'static str {
        self.text
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        self.kinds.iter().any(|(group, kind)| facts.is(group, kind))
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        if self.driver.is_some_and(|driver| manifest.get_str("/spec/csi/driver") != Some(driver)) {
            return Ok(Vec::new());
        }
        let mut edit = Edit::new(manifest, infra);
        for field in self.fields {
            edit.rewrite(field);
        }
        for field in self.fields {
            edit.require(field, self.what, self.hint)?;
        }
        edit.done()
    }
}
