//! The dependency graph of the workspace, as `cargo metadata` tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context;
use serde::Deserialize;

/// Every package by its id, with what it depends on.
#[derive(Debug, Default)]
pub(super) struct Graph {
    packages: BTreeMap<String, Package>,
    members: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) manifest: PathBuf,
    /// Ids of what the package needs when it runs.
    normal: BTreeSet<String>,
    /// Ids of what it needs for its build script and its tests.
    other: BTreeSet<String>,
}

impl Graph {
    pub(super) fn read(json: &[u8]) -> anyhow::Result<Self> {
        let metadata: Metadata = serde_json::from_slice(json).context("cargo metadata is not as expected")?;
        let mut graph = Self { members: metadata.workspace_members.into_iter().collect(), ..Self::default() };
        for package in metadata.packages {
            let (normal, other) = (BTreeSet::new(), BTreeSet::new());
            graph
                .packages
                .insert(package.id, Package { name: package.name, manifest: package.manifest_path, normal, other });
        }
        for node in metadata.resolve.context("cargo metadata resolved nothing")?.nodes {
            let package = graph.packages.get_mut(&node.id).context("a package depends on others but is not listed")?;
            for dependency in node.deps {
                // Without a kind it is normal; a dependency may be of several.
                if dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()) {
                    package.normal.insert(dependency.pkg.clone());
                }
                if dependency.dep_kinds.iter().any(|kind| kind.kind.is_some()) {
                    package.other.insert(dependency.pkg);
                }
            }
        }
        Ok(graph)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.members.iter().filter_map(|id| self.packages.get(id))
    }

    pub(super) fn is_member(&self, name: &str) -> bool {
        self.members().any(|member| member.name == name)
    }

    /// Names of the packages that this one depends on directly, to run.
    pub(super) fn normal<'g>(&'g self, package: &'g Package) -> impl Iterator<Item = &'g str> {
        package.normal.iter().filter_map(|id| self.packages.get(id)).map(|package| package.name.as_str())
    }

    /// The same for building and testing it.
    pub(super) fn other<'g>(&'g self, package: &'g Package) -> impl Iterator<Item = &'g str> {
        package.other.iter().filter_map(|id| self.packages.get(id)).map(|package| package.name.as_str())
    }

    /// For each package that this one cannot run without, the shortest chain of names that leads there.
    pub(super) fn reached_from(&self, package: &Package) -> BTreeMap<&str, Vec<&str>> {
        let mut chains: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut waiting: std::collections::VecDeque<(&String, Vec<&str>)> =
            package.normal.iter().map(|id| (id, Vec::new())).collect();
        let mut seen = BTreeSet::new();
        while let Some((id, chain)) = waiting.pop_front() {
            let Some(next) = self.packages.get(id).filter(|_| seen.insert(id)) else { continue };
            let mut chain = chain;
            chain.push(&next.name);
            waiting.extend(next.normal.iter().map(|id| (id, chain.clone())));
            chains.entry(&next.name).or_insert(chain);
        }
        chains
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<PackageFacts>,
    workspace_members: Vec<String>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct PackageFacts {
    id: String,
    name: String,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}
