//! `landfall doctor`: what was found where, and what to do about what is missing.

use clap::Args;
use serde::Serialize;

use super::Context;
use crate::failure::{Exit, Outcome};
use crate::printer::table;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Exit with 1 when something is missing.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    component: String,
    release: Option<String>,
    purpose: String,
    found: Option<FoundAt>,
    passed_over: Vec<String>,
    remedy: Option<String>,
}

#[derive(Debug, Serialize)]
struct FoundAt {
    path: String,
    version: String,
    origin: String,
}

pub(crate) async fn run(args: &DoctorArgs, context: &Context) -> Outcome {
    let listing = sandbox::component::survey(&context.settings.sandbox()?).await;
    let mut lines: Vec<Line> = listing.iter().map(line).collect();
    for (program, purpose, remedy) in [
        ("go", "builds sandbox components", "install Go 1.26 or newer"),
        ("terraform", "builds infrastructure", "install Terraform 1.9 or newer, or OpenTofu"),
        ("tofu", "builds infrastructure, instead of terraform", "optional: install OpenTofu 1.9 or newer"),
    ] {
        lines.push(on_path(context, program, purpose, remedy));
    }
    let missing = lines.iter().any(|line| line.found.is_none());
    context.printer.value(&lines, |lines| {
        let rows = lines.iter().map(|line| {
            let name = match &line.release {
                Some(release) => format!("{} {release}", line.component),
                None => line.component.clone(),
            };
            let (found, what) = match &line.found {
                Some(found) => (format!("{} ({})", found.version, found.origin), found.path.clone()),
                None => ("missing".to_owned(), line.remedy.clone().unwrap_or_default()),
            };
            vec![name, found, line.purpose.clone(), what]
        });
        table(&["component", "found", "for", "where, or what to do"], rows)
    })?;
    for line in lines.iter().filter(|line| !line.passed_over.is_empty()) {
        for why in &line.passed_over {
            context.printer.say(&format!("{}: {why}", line.component));
        }
    }
    Ok(if missing && args.strict { Exit::NotGood } else { Exit::Good })
}

fn line(listing: &sandbox::Listing) -> Line {
    let origin = |origin: sandbox::Origin| match origin {
        sandbox::Origin::Assets => "assets",
        sandbox::Origin::Cache => "cache",
        sandbox::Origin::Path => "PATH",
        sandbox::Origin::Built => "built",
    };
    Line {
        component: listing.component.name.to_owned(),
        release: listing.component.release.map(|release| release.to_string()),
        purpose: listing.component.purpose.to_owned(),
        found: listing.found.as_ref().map(|found| FoundAt {
            path: found.path.display().to_string(),
            version: found.version.clone(),
            origin: origin(found.origin).to_owned(),
        }),
        passed_over: listing.passed_over.iter().map(|(path, why)| format!("{}: {why}", path.display())).collect(),
        remedy: listing.remedy.clone(),
    }
}

fn on_path(context: &Context, program: &str, purpose: &str, remedy: &str) -> Line {
    let found = context.settings.path.iter().map(|folder| folder.join(program)).find(|path| path.is_file());
    Line {
        component: program.to_owned(),
        release: None,
        purpose: purpose.to_owned(),
        found: found.map(|path| FoundAt {
            path: path.display().to_string(),
            version: "found".to_owned(),
            origin: "PATH".to_owned(),
        }),
        passed_over: Vec::new(),
        remedy: Some(remedy.to_owned()),
    }
}
