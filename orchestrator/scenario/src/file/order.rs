//! What each step needs: what it refers to, what `needs` says, and the order of the file where it matters.
//!
//! Steps that touch the same cluster or stack keep the file's order when at least one of them changes it. A cluster
//! stands on the stack whose contract it was connected by, so destroying the stack waits for who uses the cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::dag::{Need, Step};
use crate::problem::Problem;
use crate::steps::{Touches, Uses};
use crate::template;

/// Sorts the steps so that each comes after what it needs, or names the circles.
pub fn sort(steps: Vec<Step>) -> Result<Vec<Step>, Vec<Problem>> {
    let mut sorted: Vec<Step> = Vec::with_capacity(steps.len());
    let mut done: BTreeSet<String> = BTreeSet::new();
    let mut open = steps;
    loop {
        let ready = open.iter().position(|step| step.needs.keys().all(|need| done.contains(need)));
        match ready {
            Some(index) => {
                let step = open.remove(index);
                done.insert(step.id.clone());
                sorted.push(step);
            }
            None if open.is_empty() => return Ok(sorted),
            None => return Err(circles(&open)),
        }
    }
}

/// Adds the needs that follow from the order of the (sorted) steps. `parallel` holds steps that want none.
pub fn add_order(steps: &mut [Step], parallel: &BTreeSet<String>) {
    let touched: Vec<(BTreeSet<String>, BTreeSet<String>)> = steps.iter().map(|step| touched(step, steps)).collect();
    for later in 0..steps.len() {
        if parallel.contains(&steps[later].id) {
            continue;
        }
        let mut needs = Vec::new();
        for earlier in 0..later {
            let (reads, changes) = (&touched[earlier], &touched[later]);
            let clash = reads.1.iter().any(|thing| changes.0.contains(thing))
                || reads.0.iter().any(|thing| changes.1.contains(thing));
            let barrier =
                steps[later].is_barrier() || (steps[earlier].is_barrier() && !parallel.contains(&steps[earlier].id));
            if clash || barrier {
                needs.push(steps[earlier].id.clone());
            }
        }
        for need in needs {
            steps[later].needs.entry(need).or_insert(Need::Order);
        }
    }
}

/// Everything a step touches, and what of it the step changes.
fn touched(step: &Step, steps: &[Step]) -> (BTreeSet<String>, BTreeSet<String>) {
    let by_id: BTreeMap<&str, &Step> = steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let (mut all, mut changed) = (BTreeSet::new(), BTreeSet::new());
    let roots: BTreeSet<String> =
        template::references(&step.with).into_iter().map(|reference| reference.root).collect();
    for root in &roots {
        match by_id.get(root.as_str()).map(|step| step.uses) {
            Some(Uses::ClusterConnect) => {
                let (cluster, stacks) = cluster_of(by_id[root.as_str()], &by_id);
                // Only the cluster that the step acts on is changed; others are merely looked at.
                let acts = step.with.get("cluster").is_some_and(|value| refers_to(value, root));
                if acts && step.traits.touches == Touches::Changes {
                    changed.insert(cluster.clone());
                }
                all.insert(cluster);
                all.extend(stacks);
            }
            Some(Uses::TerraformApply) => {
                all.insert(root.clone());
                if step.uses == Uses::TerraformDestroy {
                    changed.insert(root.clone());
                    changed.insert(format!("{root}/cluster"));
                    all.insert(format!("{root}/cluster"));
                }
            }
            _ => {}
        }
    }
    if step.uses == Uses::ClusterConnect {
        let (cluster, stacks) = cluster_of(step, &by_id);
        all.insert(cluster);
        all.extend(stacks);
    }
    (all, changed)
}

/// One name for the cluster behind a connection, and the stacks it stands on.
fn cluster_of(connect: &Step, by_id: &BTreeMap<&str, &Step>) -> (String, BTreeSet<String>) {
    let stacks: BTreeSet<String> = template::references(&connect.with)
        .into_iter()
        .map(|reference| reference.root)
        .filter(|root| by_id.get(root.as_str()).is_some_and(|step| step.uses == Uses::TerraformApply))
        .collect();
    match stacks.first() {
        Some(stack) => (format!("{stack}/cluster"), stacks),
        None => (format!("{}/cluster", connect.with), stacks),
    }
}

fn refers_to(value: &Value, root: &str) -> bool {
    template::references(value).iter().any(|reference| reference.root == root)
}

fn circles(open: &[Step]) -> Vec<Problem> {
    let by_id: BTreeMap<&str, &Step> = open.iter().map(|step| (step.id.as_str(), step)).collect();
    let mut problems = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for start in open {
        let mut path: Vec<&str> = Vec::new();
        let mut here: &str = &start.id;
        while !seen.contains(here) && !path.contains(&here) {
            path.push(here);
            match by_id.get(here).and_then(|step| step.needs.keys().find(|need| by_id.contains_key(need.as_str()))) {
                Some(next) => here = next,
                None => break,
            }
        }
        if let Some(first) = path.iter().position(|id| *id == here)
            && !seen.contains(here)
        {
            let mut circle: Vec<&str> = path[first..].to_vec();
            circle.push(here);
            problems.push(
                Problem::new(by_id[here].place, format!("steps need each other in a circle: {}", circle.join(" → ")))
                    .hint("remove one of the references or needs"),
            );
        }
        seen.extend(path);
    }
    problems
}
