//! What an item needs beside itself, and what must be fetched to know it.
//!
//! Pods need their claims, their priority class; claims their volume; service accounts the cluster-wide rights bound
//! to them; snapshot classes and contents their Secret; anything selected by label its controlling owner. The custom
//! resource definition of what is stored follows in [`super::items`].

use model::{Catalog, GroupResource, Gvk, ItemId};

use super::facts::{FactTable, ItemFact, Role};

/// A fact that planning needs and nobody has observed yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// One object.
    Get(ItemId),
    /// All objects of a cluster-scoped kind: candidates, stored only when something relates to them.
    List(GroupResource),
}

/// One relation of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    Item(ItemId),
    /// Bindings whose subjects name this service account, and their roles.
    BindingsOf {
        namespace: String,
        account: String,
    },
}

pub const BINDINGS: (&str, &str) = ("clusterrolebindings", "rbac.authorization.k8s.io");
pub const ROLES: (&str, &str) = ("clusterroles", "rbac.authorization.k8s.io");

pub fn relations(item: &ItemFact, table: &FactTable, catalog: &Catalog) -> Vec<Relation> {
    let mut found = Vec::new();
    let namespace = table.namespace_of(item);
    let core = |resource: &str| GroupResource::new(resource, "");
    let more = item.more.as_deref();
    match (table.role_of(item), namespace) {
        (Role::Pod, Some(namespace)) => {
            let Some(pod) = more.and_then(|m| m.pod.as_ref()) else { return found };
            for claim in pod.volumes.iter().filter_map(|(_, _, claim)| claim.as_deref()) {
                found.push(Relation::Item(ItemId::namespaced(core("persistentvolumeclaims"), namespace, claim)));
            }
            if !pod.priority_class.is_empty() {
                let kind = GroupResource::new("priorityclasses", "scheduling.k8s.io");
                found.push(Relation::Item(ItemId::cluster(kind, &pod.priority_class)));
            }
        }
        (Role::Claim, Some(_)) => {
            let claim = more.and_then(|m| m.claim.as_ref()).filter(|c| c.phase == "Bound" && !c.volume.is_empty());
            if let Some(claim) = claim {
                found.push(Relation::Item(ItemId::cluster(core("persistentvolumes"), &claim.volume)));
            }
        }
        (Role::ServiceAccount, Some(namespace)) => {
            found.push(Relation::BindingsOf { namespace: namespace.to_owned(), account: item.name.to_string() });
        }
        _ => {}
    }
    if let Some((namespace, name)) = more.and_then(|m| m.secret.as_ref()) {
        found.push(Relation::Item(ItemId::namespaced(core("secrets"), namespace, name)));
    }
    for owner in more.into_iter().flat_map(|m| &m.owners).filter(|owner| owner.controller) {
        let gvk = Gvk::from_api_version(&owner.api_version, &owner.kind);
        if let Some(resource) = catalog.find_kind(&gvk) {
            let namespace = if resource.namespaced { namespace.map(str::to_owned) } else { None };
            found.push(Relation::Item(ItemId {
                resource: resource.group_resource(),
                namespace,
                name: owner.name.clone(),
            }));
        }
    }
    found
}

/// Whether a binding gives rights to this service account.
pub fn binds(item: &ItemFact, namespace: &str, account: &str) -> bool {
    let binding = item.more.as_deref().and_then(|m| m.binding.as_ref());
    binding.is_some_and(|b| b.accounts.iter().any(|(ns, name)| ns == namespace && name == account))
}
