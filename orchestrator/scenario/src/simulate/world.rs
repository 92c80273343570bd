//! A small fake world: stacks, clusters with objects, backups. Deterministic, and strict about what is missing.
//!
//! It is as honest as simulation needs and no more: a destroyed stack takes its cluster along, a restore copies what
//! the backup holds, and everything remembers which run made it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::format::{Failure, FailureKind, RunKind};
use crate::steps::{ClusterHandle, Reach, StackHandle, Verification, backup_run};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// By where their state is.
    stacks: BTreeMap<String, Stack>,
    clusters: BTreeMap<String, Cluster>,
    /// By location and name.
    backups: BTreeMap<(String, String), Backup>,
    /// Tokens of commands that have something to undo.
    pub commands: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Stack {
    cluster: String,
    contract: Value,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cluster {
    /// Body and maker by namespace and name.
    pub objects: BTreeMap<(String, String), Object>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub body: String,
    pub made_by: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    pub objects: BTreeMap<(String, String), String>,
    pub volumes_without_data: Vec<String>,
    pub at: Timestamp,
    made_by: String,
}

/// The world as one step sees it.
pub struct Simulated<'a> {
    pub world: &'a mut World,
    pub drill: &'a str,
    pub step: &'a str,
    /// Same for every attempt of the step in this run.
    pub token: &'a str,
    pub folder: &'a str,
    pub kind: RunKind,
    pub now: Timestamp,
}

/// Who made what was there before.
const BEFORE: &str = "before";

impl World {
    /// What is there that was not there before a run, one line each.
    pub fn left(&self, before: &World) -> Vec<String> {
        let mut left = Vec::new();
        left.extend(
            self.stacks.keys().filter(|key| !before.stacks.contains_key(*key)).map(|key| format!("stack {key}")),
        );
        for (name, cluster) in &self.clusters {
            let known = before.clusters.get(name);
            for (namespace, object) in cluster.objects.keys() {
                let key = (namespace.clone(), object.clone());
                let from_before = cluster.objects[&key].made_by == BEFORE
                    || known.is_some_and(|known| known.objects.contains_key(&key));
                if !from_before {
                    left.push(format!("object {name}: {namespace}/{object}"));
                }
            }
        }
        for (location, name) in self.backups.keys() {
            let backup = &self.backups[&(location.clone(), name.clone())];
            if backup.made_by != BEFORE {
                left.push(format!("backup {location}: {name}"));
            }
        }
        left.extend(self.commands.iter().map(|token| format!("command {token}")));
        left
    }

    pub fn has_stack(&self, handle: &StackHandle) -> bool {
        self.stacks.contains_key(&state_key(handle))
    }

    /// Says whether there was anything to destroy.
    pub fn destroy_stack(&mut self, handle: &StackHandle) -> bool {
        let Some(stack) = self.stacks.remove(&state_key(handle)) else { return false };
        self.clusters.remove(&stack.cluster);
        true
    }

    /// A cluster that was there before, with a little in it.
    fn cluster_from_before(&mut self, name: &str) {
        self.clusters.entry(name.to_owned()).or_insert_with(|| {
            let object = |name: &str| {
                let body = Object { body: "v1".to_owned(), made_by: BEFORE.to_owned() };
                (("shop".to_owned(), name.to_owned()), body)
            };
            Cluster { objects: BTreeMap::from([object("web"), object("settings"), object("db")]) }
        });
    }
}

impl Cluster {
    /// Creates an object; doing it again with the same token is the same. Says whether this token's object is there.
    pub fn create(&mut self, namespace: &str, name: &str, body: &str, token: &str) -> bool {
        let object = self
            .objects
            .entry((namespace.to_owned(), name.to_owned()))
            .or_insert_with(|| Object { body: body.to_owned(), made_by: token.to_owned() });
        object.made_by == token
    }

    pub fn body(&self, namespace: &str, name: &str) -> Option<&str> {
        self.objects.get(&(namespace.to_owned(), name.to_owned())).map(|object| object.body.as_str())
    }
}

impl Simulated<'_> {
    pub fn invalid(&self, message: &str) -> Failure {
        Failure::new(FailureKind::Invalid, format!("step {}: {message}", self.step))
    }

    /// Where a stack's local state is for this run.
    pub fn state_of(&self, state: Option<&str>) -> String {
        state.map_or_else(|| format!("{}/terraform/{}", self.folder, self.step), str::to_owned)
    }

    /// Builds the stack with a cluster in it, or finds it built; gives its contract.
    pub fn apply_stack(&mut self, handle: &StackHandle) -> Value {
        let cluster = format!("{}-{}", self.drill, self.step);
        let region = handle.vars.get("region").and_then(Value::as_str).unwrap_or("local");
        let contract = json!({
            "schema_version": "1.0",
            "environment": self.step,
            "region": region,
            "cluster": { "name": cluster, "endpoint": format!("https://{cluster}.invalid"), "version": "1.36" },
            "connection": { "kind": "direct" },
            "locations": { "main": { "url": format!("file://{}/bucket", self.folder) } },
        });
        let stack = self
            .world
            .stacks
            .entry(state_key(handle))
            .or_insert_with(|| Stack { cluster: cluster.clone(), contract: contract.clone() });
        let contract = stack.contract.clone();
        self.world.clusters.entry(cluster).or_default();
        contract
    }

    /// The name and version of the cluster that the reach leads to.
    pub fn connect(&mut self, reach: &Reach) -> Result<(String, String), Failure> {
        let name = match reach {
            Reach::Contract { contract } => {
                let name = contract.0.pointer("/cluster/name").and_then(Value::as_str).unwrap_or_default().to_owned();
                if !self.world.clusters.contains_key(&name) {
                    return Err(Failure::new(FailureKind::Unavailable, format!("cluster {name:?} does not answer")));
                }
                return Ok((name, "1.36".to_owned()));
            }
            Reach::Kubeconfig { context, .. } => context.clone().unwrap_or_else(|| "current".to_owned()),
            Reach::Sandbox { folder } => format!("sandbox {folder}"),
            Reach::Eks { cluster, region } => format!("{cluster}.{region}"),
        };
        self.world.cluster_from_before(&name);
        Ok((name, "1.36".to_owned()))
    }

    pub fn cluster(&mut self, handle: &ClusterHandle) -> Result<&mut Cluster, Failure> {
        self.world
            .clusters
            .get_mut(&handle.name)
            .ok_or_else(|| Failure::new(FailureKind::Unavailable, format!("cluster {:?} does not answer", handle.name)))
    }

    /// Deletes what this step created; a cluster that is gone took it along.
    pub fn delete_own_objects(&mut self, handle: &ClusterHandle) {
        if let Some(cluster) = self.world.clusters.get_mut(&handle.name) {
            cluster.objects.retain(|_, object| object.made_by != self.token);
        }
    }

    pub fn back_up(
        &mut self,
        handle: &ClusterHandle,
        location: &str,
        name: &str,
        namespaces: &[String],
    ) -> Result<backup_run::Outputs, Failure> {
        let objects: BTreeMap<_, _> = self
            .cluster(handle)?
            .objects
            .iter()
            .filter(|((namespace, _), _)| namespaces.is_empty() || namespaces.contains(namespace))
            .map(|(key, object)| (key.clone(), object.body.clone()))
            .collect();
        let backup = Backup { objects, volumes_without_data: Vec::new(), at: self.now, made_by: self.token.to_owned() };
        let key = (location.to_owned(), name.to_owned());
        let backup = self.world.backups.entry(key).or_insert(backup).clone();
        Ok(outputs(location, name, &backup))
    }

    pub fn delete_own_backup(&mut self, location: &str, name: &str) {
        let key = (location.to_owned(), name.to_owned());
        if self.world.backups.get(&key).is_some_and(|backup| backup.made_by == self.token) {
            self.world.backups.remove(&key);
        }
    }

    /// The latest backup, or the named one. A location that was there before the run holds one.
    pub fn pick_backup(&mut self, location: &str, name: Option<&str>) -> Result<backup_run::Outputs, Failure> {
        let name = name.unwrap_or("nightly");
        let at = self.now.checked_sub(std::time::Duration::from_secs(6 * 3600)).unwrap_or(self.now);
        let objects = ["web", "settings", "db"].map(|object| (("shop".to_owned(), object.to_owned()), "v1".to_owned()));
        let before = Backup {
            objects: BTreeMap::from(objects),
            volumes_without_data: vec!["shop/db-data".to_owned()],
            at,
            made_by: BEFORE.to_owned(),
        };
        let backup = self.world.backups.entry((location.to_owned(), name.to_owned())).or_insert(before).clone();
        Ok(outputs(location, name, &backup))
    }

    pub fn backup(&self, location: &str, name: &str) -> Result<&Backup, Failure> {
        self.world
            .backups
            .get(&(location.to_owned(), name.to_owned()))
            .ok_or_else(|| Failure::new(FailureKind::NotFound, format!("there is no backup {name} in {location}")))
    }

    /// A verification that looked at nothing is not a pass.
    pub fn looked_at(&self, checked: u64, summary: &str) -> Result<Verification, Failure> {
        if checked == 0 {
            return Err(Failure::new(FailureKind::NotChecked, format!("nothing to check: {summary}?")));
        }
        Ok(Verification::passed(checked, summary))
    }
}

fn state_key(handle: &StackHandle) -> String {
    let state = match (&handle.state, handle.backend.is_empty()) {
        (Some(state), _) => state.clone(),
        (None, true) => handle.stack.clone(),
        (None, false) => json!(handle.backend).to_string(),
    };
    format!("{state}:{}", handle.workspace.as_deref().unwrap_or("default"))
}

fn outputs(location: &str, name: &str, backup: &Backup) -> backup_run::Outputs {
    backup_run::Outputs {
        name: name.to_owned(),
        location: location.to_owned(),
        started_at: backup.at,
        completed_at: backup.at,
        items: backup.objects.len() as u64,
        warnings: 0,
        volume_times: BTreeMap::new(),
        volumes_without_data: backup.volumes_without_data.clone(),
    }
}
