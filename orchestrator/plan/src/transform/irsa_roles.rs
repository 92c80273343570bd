//! Transform: irsa-roles
//!
//! A service account that gets its role by IRSA gets the target's role for the same namespace and name. Without one the
//! object is blocked: its pods would start and be refused by STS, because the old role trusts the old cluster's issuer.
//!
//! ```yaml
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata:
//!   name: web
//!   namespace: shop
//!   annotations: { eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/shop-web-prod" }
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata:
//!   name: web
//!   namespace: shop
//!   annotations: { eks.amazonaws.com/role-arn: "arn:aws:iam::444455556666:role/shop-web-dr" }
//! ```

use infra::{InfraPair, Method, Pair, ValueClass};
use model::{Blocked, Change, Manifest};

use super::edit::{Edit, annotation};
use super::{Facts, Transform};

const KEY: &str = "eks.amazonaws.com/role-arn";

pub(super) struct IrsaRoles;

impl Transform for IrsaRoles {
    fn name(&self) -> &'static str {
        "irsa-roles"
    }

    fn text(&self) -> &'static str {
        include_str!("irsa_roles.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "ServiceAccount")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let Some(role) = manifest.annotation(KEY).map(str::to_owned) else { return Ok(Vec::new()) };
        let namespace = manifest.namespace().unwrap_or_default();
        let before = format!("{namespace}/{}", manifest.name());
        // The target's trust policy names the service account where it will be.
        let subject = format!("{}/{}", infra.target_namespace(namespace), manifest.name());
        let target = infra.target.body().workload_iam.get(&subject).and_then(|workload| workload.role_arn.clone());
        let source = infra.source.body().workload_iam.get(&before).and_then(|workload| workload.role_arn.clone());
        let mut edit = Edit::new(manifest, infra);
        let pointer = annotation(KEY);
        match target {
            // Only the source's own role is replaced by key; another one the user chose on purpose.
            Some(target) if source.as_ref().is_none_or(|source| *source == role) => {
                edit.set(&pointer, target, &format!("workload_iam.{subject}.role_arn by contract key"));
            }
            _ => {
                let exact = infra.pairs.all().iter().find(|p| p.source == role && p.class == ValueClass::Token);
                // A role found by key trusts the account in its old namespace; one from a map file was chosen for this.
                let fits = |pair: &Pair| before == subject || pair.by == Method::Map;
                if exact.is_some_and(fits) {
                    edit.rewrite(&pointer);
                } else if exact.is_some() || is_the_sources(&role, source.as_deref(), infra) {
                    return Err(Blocked::new(
                        "no-role",
                        format!("the role {role} of service account {subject} has no counterpart in the target"),
                        format!(
                            "add workload_iam[\"{subject}\"] to the target's contract, or map the role in a map file"
                        ),
                    ));
                }
            }
        }
        edit.done()
    }
}

/// A role that the contract names, or one of an account that the target does not have.
fn is_the_sources(role: &str, named: Option<&str>, infra: &InfraPair) -> bool {
    if named == Some(role) {
        return true;
    }
    let (source, target) = (infra.source.body(), infra.target.body());
    let account = infra::grammar::parse_arn(role).map(|arn| arn.account.to_owned());
    account.is_some() && account == source.account_id && source.account_id != target.account_id
}
