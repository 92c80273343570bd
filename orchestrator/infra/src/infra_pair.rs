//! Source and target together, as every transform gets them.
//!
//! Built once per restore from contracts and pairs; it observes nothing and decides nothing about objects.

use std::collections::BTreeMap;

use model::{Change, Finding, ItemId, Manifest};

use crate::class::ValueClass;
use crate::contract::Contract;
use crate::contract::format::{WorkloadIam, WorkloadIamKind};
use crate::leak::LeakScanner;
use crate::pair::Pairs;
use crate::place::Place;
use crate::rewrite::{Rewriter, Rewritten};
use crate::tokens::TooManyTokens;

/// Both environments and the way from one to the other.
#[derive(Debug, Clone)]
pub struct InfraPair {
    pub source: Contract,
    pub target: Contract,
    pub pairs: Pairs,
    pub options: Options,
    /// Namespaces that the restore renames, by their name in the source.
    pub namespaces: BTreeMap<String, String>,
    rewriter: Rewriter,
    leaks: LeakScanner,
}

/// What a person decides about a restore into other infrastructure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    pub purpose: Purpose,
    pub cloud_objects: CloudObjects,
    /// Drops fixed load balancer names, which are unique in an account and region.
    pub drop_load_balancer_names: bool,
    /// The owner id that external-dns writes in a drill; made from the cluster's name when absent.
    pub dns_owner_id: Option<String>,
}

/// Whether the source is still alive beside the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// The source goes on running: nothing of it may be taken over.
    #[default]
    Drill,
    /// The source is gone: the target takes its place.
    Recovery,
}

/// What to do with objects whose controllers create resources in the cloud (ACK, Crossplane).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CloudObjects {
    #[default]
    HoldBack,
    /// Restores them so that their controllers change nothing and delete nothing.
    Observe,
}

impl InfraPair {
    pub fn new(source: Contract, target: Contract, pairs: Pairs, options: Options) -> Result<Self, TooManyTokens> {
        let rewriter = Rewriter::new(&pairs)?;
        let leaks = LeakScanner::with_pairs(&source, Some(&target), &pairs)?;
        Ok(Self { source, target, pairs, options, namespaces: BTreeMap::new(), rewriter, leaks })
    }

    /// Accepts an identifier that exists in the target though its contract does not list it, such as a new volume.
    pub fn allow(&mut self, identifier: impl Into<String>) {
        self.leaks.allow(identifier);
    }

    pub fn rewrite(&self, manifest: &mut Manifest) -> Rewritten {
        self.rewriter.rewrite_reporting(manifest)
    }

    pub fn rewrite_under(&self, manifest: &mut Manifest, pointer: &str) -> Vec<Change> {
        self.rewriter.rewrite_under(manifest, pointer)
    }

    pub fn rewrite_text(&self, text: &str, place: Place) -> Option<String> {
        self.rewriter.rewrite_text(text, place)
    }

    /// What still points at the source.
    pub fn leaks(&self, manifest: &Manifest, item: Option<&ItemId>) -> Vec<Finding> {
        self.leaks.scan(manifest, item)
    }

    /// The source's identifiers in one text.
    pub fn leaks_in(&self, text: &str) -> Vec<String> {
        self.leaks.scan_text(text)
    }

    /// The target of one value of this class.
    pub fn target_of(&self, source: &str, class: ValueClass) -> Option<&str> {
        self.pairs.target(source, class)
    }

    /// What a namespace of the source is called in the target.
    pub fn target_namespace<'a>(&'a self, namespace: &'a str) -> &'a str {
        self.namespaces.get(namespace).map_or(namespace, String::as_str)
    }

    /// How a service account gets its role in the target, by its namespace there: the one that trust policies name.
    pub fn target_workload(&self, namespace: &str, service_account: &str) -> Option<&WorkloadIam> {
        self.target.body().workload_iam.get(&format!("{namespace}/{service_account}"))
    }

    pub fn uses_pod_identity(&self, namespace: &str, service_account: &str) -> bool {
        let workload = self.target_workload(namespace, service_account);
        workload.is_some_and(|workload| workload.kind == Some(WorkloadIamKind::PodIdentity))
    }

    /// Whether only the target's cluster runs in EKS Auto Mode.
    pub fn switches_to_auto_mode(&self) -> bool {
        let is_auto =
            |contract: &Contract| contract.body().cluster.as_ref().and_then(|c| c.compute.as_deref()) == Some("auto");
        is_auto(&self.target) && !is_auto(&self.source)
    }
}
