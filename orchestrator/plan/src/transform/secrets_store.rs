//! Transform: secrets-store
//!
//! A SecretProviderClass of the Secrets Store CSI driver names a region and, in a YAML text, secrets by name or ARN. The
//! text is edited in place. When the failover region becomes the region itself, it goes: the driver refuses two equal ones.
//!
//! ```yaml
//! apiVersion: secrets-store.csi.x-k8s.io/v1
//! kind: SecretProviderClass
//! metadata: { name: orders-db, namespace: shop }
//! spec:
//!   provider: aws
//!   parameters:
//!     region: us-east-1
//!     failoverRegion: us-west-2
//!     objects: |
//!       - objectName: "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-orders-AbCdEf"
//!         objectType: secretsmanager
//! ```
//! ->
//! ```yaml
//! apiVersion: secrets-store.csi.x-k8s.io/v1
//! kind: SecretProviderClass
//! metadata: { name: orders-db, namespace: shop }
//! spec:
//!   provider: aws
//!   parameters:
//!     region: us-west-2
//!     objects: |
//!       - objectName: "arn:aws:secretsmanager:us-west-2:444455556666:secret:rds!db-orders-GhIjKl"
//!         objectType: secretsmanager
//! ```

use infra::place::Place;
use infra::{InfraPair, NameKind};
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct SecretsStore;

const OBJECTS: &str = "/spec/parameters/objects";

impl Transform for SecretsStore {
    fn name(&self) -> &'static str {
        "secrets-store"
    }

    fn text(&self) -> &'static str {
        include_str!("secrets_store.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("secrets-store.csi.x-k8s.io", "SecretProviderClass")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        if manifest.get_str("/spec/provider").is_some_and(|provider| provider != "aws") {
            return Ok(Vec::new());
        }
        let mut edit = Edit::new(manifest, infra);
        if let Some(text) = edit.text(OBJECTS).and_then(|text| names_replaced(text, infra)) {
            edit.set(OBJECTS, text, "secrets and parameters by name");
        }
        edit.rewrite("/spec/parameters");
        let region = edit.text("/spec/parameters/region").map(str::to_owned);
        if region.is_some() && edit.text("/spec/parameters/failoverRegion").map(str::to_owned) == region {
            edit.remove("/spec/parameters/failoverRegion", "it is the region itself now");
        }
        edit.require(OBJECTS, "the secret", "add it to the target's contract, or map it in a map file")?;
        edit.done()
    }
}

/// Replaces names on lines that name a secret or a parameter; other lines are the user's words.
fn names_replaced(text: &str, infra: &InfraPair) -> Option<String> {
    let place = Place { typed: true, names: &[NameKind::Secret, NameKind::Parameter] };
    let mut changed = false;
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let names = line.trim_start().trim_start_matches("- ").starts_with("objectName:");
            let after = if names { infra.rewrite_text(line, place) } else { None };
            changed |= after.is_some();
            after.unwrap_or_else(|| line.to_owned())
        })
        .collect();
    changed.then(|| lines.join("\n"))
}
