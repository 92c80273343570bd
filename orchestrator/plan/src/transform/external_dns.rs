//! Transform: external-dns
//!
//! external-dns marks its records with an owner id, and two living clusters with one id steal each other's records. In a
//! drill the restored one gets an owner id of its own, so that it leaves the source's records alone; in a recovery it
//! keeps the source's, because taking its records over is the point. Zones, roles and regions get their counterparts.
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: external-dns, namespace: external-dns }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: external-dns
//!           image: registry.k8s.io/external-dns/external-dns:v0.21.0
//!           args: [--provider=aws, --zone-id-filter=Z0123456789ABCDEF, --txt-owner-id=shop-prod]
//! ```
//! ->
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: external-dns, namespace: external-dns }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: external-dns
//!           image: registry.k8s.io/external-dns/external-dns:v0.21.0
//!           args: [--provider=aws, --zone-id-filter=Z0223456789ABCDEF, --txt-owner-id=landfall-shop-dr]
//! ```

use infra::{InfraPair, Purpose};
use model::{Blocked, Change, Manifest};
use serde_json::Value;

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct ExternalDns;

const FLAG: &str = "--txt-owner-id";
const VARIABLE: &str = "EXTERNAL_DNS_TXT_OWNER_ID";
const BECAUSE: &str = "in a drill the source's records are not this cluster's to touch";

impl Transform for ExternalDns {
    fn name(&self) -> &'static str {
        "external-dns"
    }

    fn text(&self) -> &'static str {
        include_str!("external_dns.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is_workload()
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        for container in edit.containers() {
            let image = edit.text(&format!("{container}/image")).unwrap_or_default();
            let repository = image.split('@').next().unwrap_or_default();
            let last = repository.rsplit('/').next().unwrap_or_default();
            if last.split(':').next() != Some("external-dns") {
                continue;
            }
            edit.rewrite(&format!("{container}/args"));
            edit.rewrite(&format!("{container}/command"));
            if infra.options.purpose == Purpose::Drill {
                own_records(&mut edit, &container);
            }
            edit.require(
                &format!("{container}/args"),
                "the value",
                "add the zone to dns.zones of the target's contract",
            )?;
        }
        edit.done()
    }
}

/// Sets an owner id of the drill's own wherever one can be given.
fn own_records(edit: &mut Edit<'_>, container: &str) {
    let owner = owner_id(edit.infra);
    let mut set = false;
    for list in ["args", "command"] {
        let arguments = edit.members(&format!("{container}/{list}"));
        for (position, argument) in arguments.iter().enumerate() {
            let text = edit.text(argument).unwrap_or_default().to_owned();
            if text.starts_with(&format!("{FLAG}=")) {
                edit.set(argument, format!("{FLAG}={owner}"), BECAUSE);
                set = true;
            } else if let (true, Some(value)) = (text == FLAG, arguments.get(position + 1)) {
                edit.set(value, owner.as_str(), BECAUSE);
                set = true;
            }
        }
    }
    for variable in edit.members(&format!("{container}/env")) {
        if edit.text(&format!("{variable}/name")) == Some(VARIABLE) {
            edit.remove(&format!("{variable}/valueFrom"), BECAUSE);
            edit.set(&format!("{variable}/value"), owner.as_str(), BECAUSE);
            set = true;
        }
    }
    // Without the flag every external-dns is the owner "default".
    if !set {
        let mut arguments =
            edit.manifest.get(&format!("{container}/args")).and_then(Value::as_array).cloned().unwrap_or_default();
        arguments.push(format!("{FLAG}={owner}").into());
        edit.set(&format!("{container}/args"), arguments, BECAUSE);
    }
}

fn owner_id(infra: &InfraPair) -> String {
    infra.options.dns_owner_id.clone().unwrap_or_else(|| {
        format!("landfall-{}", infra.target.get("cluster.name").unwrap_or_else(|| "drill".to_owned()))
    })
}
