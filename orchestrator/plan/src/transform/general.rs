//! Transform: rewrite
//!
//! Last of all, every value that has a pair is replaced wherever its class allows: unmistakable ones (ARNs, ids, hosts,
//! URLs) anywhere as whole words, in ConfigMaps, environment, arguments, base64 values of Secrets and the keys of tags;
//! names only where such a name is expected; regions, accounts and zones in typed places, ARNs and hosts, and as whole
//! words elsewhere, which is reported with low confidence. Ports, sizes and address ranges are never touched.
//!
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: { name: settings, namespace: shop }
//! data:
//!   database: jdbc:postgresql://orders.c1x2y3z4w5v6.us-east-1.rds.amazonaws.com:5432/orders?ssl=true
//!   brokers: b-2.events.k1l2m3.c2.kafka.us-east-1.amazonaws.com:9096,b-1.events.k1l2m3.c2.kafka.us-east-1.amazonaws.com:9096
//!   application.yaml: |
//!     topic: arn:aws:sns:us-east-1:111122223333:alerts
//!     stage: shop-prod
//!     pool: 5432
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: { name: settings, namespace: shop }
//! data:
//!   database: jdbc:postgresql://orders.c2x2y3z4w5v6.us-west-2.rds.amazonaws.com:5432/orders?ssl=true
//!   brokers: b-1.events.n4o5p6.c2.kafka.us-west-2.amazonaws.com:9096,b-2.events.n4o5p6.c2.kafka.us-west-2.amazonaws.com:9096
//!   application.yaml: |
//!     topic: arn:aws:sns:us-west-2:444455556666:alerts
//!     stage: shop-prod
//!     pool: 5432
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::{Facts, Transform};

pub(super) const NAME: &str = "rewrite";

pub(super) struct General;

impl Transform for General {
    fn name(&self) -> &'static str {
        NAME
    }

    fn text(&self) -> &'static str {
        include_str!("general.rs")
    }

    fn applies(&self, _facts: &Facts<'_>) -> bool {
        true
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        Ok(infra.rewrite(manifest).changes)
    }
}
