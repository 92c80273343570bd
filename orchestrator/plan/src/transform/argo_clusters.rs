//! Transform: argo-clusters
//!
//! Argo CD keeps the clusters that it deploys to in Secrets, with the cluster's name inside a JSON text. The name is
//! replaced there; the server's address and the role get their pairs like everything unmistakable.
//!
//! ```yaml
//! apiVersion: v1
//! kind: Secret
//! metadata: { name: cluster-shop, namespace: argocd, labels: { argocd.argoproj.io/secret-type: cluster } }
//! stringData:
//!   name: shop-prod
//!   config: '{"awsAuthConfig":{"clusterName":"shop-prod"}}'
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: Secret
//! metadata: { name: cluster-shop, namespace: argocd, labels: { argocd.argoproj.io/secret-type: cluster } }
//! stringData:
//!   name: shop-prod
//!   config: '{"awsAuthConfig":{"clusterName":"shop-dr"}}'
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra::{InfraPair, NameKind, ValueClass};
use model::{Blocked, Change, Manifest};
use serde_json::Value;

use super::{Facts, Transform};

pub(super) struct ArgoClusters;

const NAME: &str = "/awsAuthConfig/clusterName";

impl Transform for ArgoClusters {
    fn name(&self) -> &'static str {
        "argo-clusters"
    }

    fn text(&self) -> &'static str {
        include_str!("argo_clusters.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "Secret")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        if manifest.label("argocd.argoproj.io/secret-type") != Some("cluster") {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        for (pointer, encoded) in [("/data/config", true), ("/stringData/config", false)] {
            let Some(text) = manifest.get_str(pointer).and_then(|text| decode(text, encoded)) else { continue };
            let Ok(mut config) = serde_json::from_str::<Value>(&text) else { continue };
            let Some(old) = config.pointer(NAME).and_then(Value::as_str).map(str::to_owned) else { continue };
            let Some(new) = infra.target_of(&old, ValueClass::Name(NameKind::Cluster)).map(str::to_owned) else {
                continue;
            };
            let Some(slot) = config.pointer_mut(NAME).filter(|_| old != new) else { continue };
            *slot = new.clone().into();
            let text = config.to_string();
            manifest.set(pointer, if encoded { STANDARD.encode(text) } else { text });
            changes.push(Change::set(pointer, Some(old.into()), new.into(), "cluster.name, inside the JSON text"));
        }
        Ok(changes)
    }
}

fn decode(text: &str, encoded: bool) -> Option<String> {
    if encoded { String::from_utf8(STANDARD.decode(text).ok()?).ok() } else { Some(text.to_owned()) }
}
