//! Transform: registry-secrets
//!
//! A pull secret for ECR holds a token that expires after twelve hours, so it is dead before it is restored; whoever
//! makes these secrets makes a new one in the target. A secret that also holds other registries is kept.
//!
//! ```yaml
//! apiVersion: v1
//! kind: Secret
//! metadata: { name: ecr-pull, namespace: shop }
//! type: kubernetes.io/dockerconfigjson
//! data:
//!   .dockerconfigjson: eyJhdXRocyI6eyIxMTExMjIyMjMzMzMuZGtyLmVjci51cy1lYXN0LTEuYW1hem9uYXdzLmNvbSI6eyJhdXRoIjoieCJ9fX0=
//! ```
//! ->
//! ```text
//! held back: registry-token
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra::InfraPair;
use model::{Manifest, Reason};
use serde_json::Value;

use super::{Facts, Transform};

pub(super) struct RegistrySecrets;

impl Transform for RegistrySecrets {
    fn name(&self) -> &'static str {
        "registry-secrets"
    }

    fn text(&self) -> &'static str {
        include_str!("registry_secrets.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "Secret")
    }

    fn hold_back(&self, manifest: &Manifest, _infra: &InfraPair) -> Option<Reason> {
        if manifest.get_str("/type") != Some("kubernetes.io/dockerconfigjson") {
            return None;
        }
        let config = STANDARD.decode(manifest.get_str("/data/.dockerconfigjson")?).ok()?;
        let config: Value = serde_json::from_slice(&config).ok()?;
        let registries = config.get("auths")?.as_object()?;
        let is_ecr =
            |host: &String| (host.contains(".dkr.ecr") && host.contains(".amazonaws.")) || host.contains(".dkr-ecr.");
        let only_ecr = !registries.is_empty() && registries.keys().all(is_ecr);
        only_ecr.then(|| {
            Reason::new("registry-token", "a token for ECR expires after twelve hours; the target makes its own")
        })
    }
}
