//! `landfall doctor`: what was found where, and what to do about what is missing.

use std::path::Path;

use clap::Args;
use sandbox::component::Source;
use serde::Serialize;
use terraform::tool::{Flavour, Tool};

use super::Context;
use crate::failure::{Exit, Outcome};
use crate::printer::table;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Exit with 1 when something is missing that somebody has to get.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    component: String,
    release: Option<String>,
    purpose: String,
    state: Presence,
    found: Option<FoundAt>,
    passed_over: Vec<String>,
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Presence {
    Found,
    /// Landfall makes it when it is first needed.
    Buildable,
    /// Nothing stands still without it.
    Optional,
    Missing,
}

#[derive(Debug, Serialize)]
struct FoundAt {
    path: String,
    version: String,
    origin: String,
}

pub(crate) async fn run(args: &DoctorArgs, context: &Context) -> Outcome {
    let settings = context.settings.sandbox()?;
    let lacks = sandbox::real_node::missing();
    let go = sandbox::component::toolchain(&settings).await;
    let mut lines: Vec<Line> = sandbox::component::survey(&settings)
        .await
        .iter()
        .map(|listing| line(listing, go.is_some(), lacks.is_empty()))
        .collect();
    lines.push(Line {
        component: "go".to_owned(),
        release: None,
        purpose: "builds sandbox components".to_owned(),
        // What is built already needs it no more.
        state: match &go {
            Some(_) => Presence::Found,
            None if lines.iter().all(|line| line.found.is_some()) => Presence::Optional,
            None => Presence::Missing,
        },
        remedy: go.is_none().then(|| "install Go 1.26 or newer".to_owned()),
        found: go.map(|found| found_at(&found.path, found.version, "PATH")),
        passed_over: Vec::new(),
    });
    lines.extend(terraform_or_tofu(context).await);
    let missing = lines.iter().any(|line| line.state == Presence::Missing);
    context
        .printer
        .value(&lines, |lines| table(&["component", "found", "for", "where, or what to do"], lines.iter().map(row)))?;
    for line in lines.iter().filter(|line| !line.passed_over.is_empty()) {
        for why in &line.passed_over {
            context.printer.say(&format!("{}: {why}", line.component));
        }
    }
    if !lacks.is_empty() {
        context.printer.say(&format!("this machine cannot have a real node: it lacks {}", lacks.join(", ")));
    }
    Ok(if missing && args.strict { Exit::NotGood } else { Exit::Good })
}

/// What is only for real nodes is no loss where there can be none.
fn line(listing: &sandbox::Listing, has_go: bool, can_have_nodes: bool) -> Line {
    let component = listing.component;
    let origin = |origin: sandbox::Origin| match origin {
        sandbox::Origin::Assets => "assets",
        sandbox::Origin::Cache => "cache",
        sandbox::Origin::Path => "PATH",
        sandbox::Origin::Built => "built",
    };
    Line {
        component: component.name.to_owned(),
        release: component.release.map(|release| release.to_string()),
        purpose: component.purpose.to_owned(),
        state: match &listing.found {
            Some(_) => Presence::Found,
            None if component.is_for_real_nodes() && !can_have_nodes => Presence::Optional,
            None if has_go && matches!(component.source, Source::Module { .. }) => Presence::Buildable,
            None => Presence::Missing,
        },
        found: listing.found.as_ref().map(|found| found_at(&found.path, found.version.clone(), origin(found.origin))),
        passed_over: listing.passed_over.iter().map(|(path, why)| format!("{}: {why}", path.display())).collect(),
        remedy: listing.remedy.clone(),
    }
}

/// One of the two is enough.
async fn terraform_or_tofu(context: &Context) -> Vec<Line> {
    let environment = Settings::inherited();
    let mut lines = Vec::new();
    for flavour in [Flavour::Terraform, Flavour::OpenTofu] {
        let (mut found, mut passed_over) = (None, Vec::new());
        for folder in context.settings.path.iter().filter(|folder| folder.is_absolute()) {
            let path = folder.join(flavour.program());
            if !path.is_file() || found.is_some() {
                continue;
            }
            match Tool::ask(&path, &environment).await {
                Ok(tool) => found = Some(found_at(&tool.path, tool.version.to_string(), "PATH")),
                Err(error) => passed_over.push(format!("{}: {}", path.display(), model::chain(&error))),
            }
        }
        lines.push(Line {
            component: flavour.program().to_owned(),
            release: None,
            purpose: "builds infrastructure".to_owned(),
            state: if found.is_some() { Presence::Found } else { Presence::Missing },
            remedy: found.is_none().then(|| format!("install {} 1.9 or newer", flavour.product())),
            found,
            passed_over,
        });
    }
    if lines.iter().any(|line| line.found.is_some()) {
        for line in lines.iter_mut().filter(|line| line.found.is_none()) {
            line.state = Presence::Optional;
        }
    }
    lines
}

fn found_at(path: &Path, version: String, origin: &str) -> FoundAt {
    FoundAt { path: path.display().to_string(), version, origin: origin.to_owned() }
}

fn row(line: &Line) -> Vec<String> {
    let name = match &line.release {
        Some(release) => format!("{} {release}", line.component),
        None => line.component.clone(),
    };
    let (found, what) = match (&line.found, line.state) {
        (Some(found), _) => (format!("{} ({})", found.version, found.origin), found.path.clone()),
        (None, state) => {
            let word = match state {
                Presence::Buildable => "not yet",
                Presence::Optional => "not there, not needed",
                Presence::Found | Presence::Missing => "missing",
            };
            (word.to_owned(), line.remedy.clone().unwrap_or_default())
        }
    };
    vec![name, found, line.purpose.clone(), what]
}

#[cfg(test)]
mod tests {
    use sandbox::{Component, Listing, Release};

    use super::*;

    #[test]
    fn only_what_somebody_has_to_get_is_missing() {
        let presence = |name: &str, has_go: bool, can_have_nodes: bool| {
            let component = Component::named(name, Release::V1_36).unwrap();
            let listing = Listing { component, found: None, passed_over: Vec::new(), remedy: None };
            line(&listing, has_go, can_have_nodes).state
        };
        assert_eq!(presence("etcd", true, true), Presence::Buildable);
        assert_eq!(presence("etcd", false, true), Presence::Missing);
        assert_eq!(presence("kubelet", true, true), Presence::Buildable);
        assert_eq!(presence("nft", true, true), Presence::Missing, "Go does not build it");
        assert_eq!(presence("nft", true, false), Presence::Optional, "nothing needs it here");
        assert_eq!(presence("etcd", false, false), Presence::Missing);
    }
}
