//! `landfall location`: add, list, check, remove.

use clap::{Args, Subcommand};
use serde::Serialize;
use store::LocationUrl;

use super::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::locations;
use crate::printer::table;
use crate::settings::NamedLocation;

#[derive(Debug, Subcommand)]
pub(crate) enum LocationCommand {
    /// Give a location a name.
    ///
    /// Example: landfall location add main 's3://backups/prod?region=eu-west-1' --default
    Add(AddArgs),
    /// Show all named locations.
    List,
    /// Look whether a location can be read, and whether Velero would accept its layout.
    Check(CheckArgs),
    /// Forget a name; nothing in the location is touched.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    name: String,
    /// file:///directory, or s3://bucket/prefix?region=…&endpoint=…
    url: String,
    /// Use it when no location is named.
    #[arg(long)]
    default: bool,
    /// Replace one of the same name.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A name or a URL; the default location without it.
    location: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    name: String,
}

#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    url: String,
    default: bool,
}

#[derive(Debug, Serialize)]
struct Checked {
    location: String,
    readable: bool,
    backups: usize,
    foreign: Vec<String>,
}

pub(crate) async fn run(command: LocationCommand, context: Context) -> Outcome {
    match command {
        LocationCommand::Add(args) => add(args, context),
        LocationCommand::List => list(&context),
        LocationCommand::Check(args) => check(&args, &context).await,
        LocationCommand::Remove(args) => remove(&args, context),
    }
}

fn add(args: AddArgs, mut context: Context) -> Outcome {
    let url: LocationUrl = args.url.parse().map_err(anyhow::Error::from)?;
    let plain = !args.name.is_empty() && args.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !plain {
        return Err(
            Failure::usage(format!("{:?} is not a name", args.name)).hint("use letters, digits, '-', '_' and '.'")
        );
    }
    let config = &mut context.settings.config;
    if config.locations.contains_key(&args.name) && !args.force {
        return Err(
            Failure::usage(format!("there is a location {:?} already", args.name)).hint("replace it with --force")
        );
    }
    config.locations.insert(args.name.clone(), NamedLocation { url: url.to_string() });
    if args.default || config.default_location.is_none() {
        config.default_location = Some(args.name.clone());
    }
    context.settings.save()?;
    context.printer.say(&format!("location {} is {url}", args.name));
    Ok(Exit::Good)
}

fn list(context: &Context) -> Outcome {
    let config = &context.settings.config;
    let all: Vec<Shown> = config
        .locations
        .iter()
        .map(|(name, location)| Shown {
            name: name.clone(),
            url: location.url.clone(),
            default: config.default_location.as_deref() == Some(name),
        })
        .collect();
    context.printer.value(&all, |all| {
        let rows = all.iter().map(|l| vec![l.name.clone(), if l.default { "*" } else { "" }.to_owned(), l.url.clone()]);
        table(&["name", "default", "url"], rows)
    })?;
    Ok(Exit::Good)
}

async fn check(args: &CheckArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let listing = location.store.list("").await?;
    let foreign: Vec<String> = listing
        .directories
        .iter()
        .filter(|directory| !engine::bucket::TOP_LEVEL.contains(&directory.as_str()))
        .cloned()
        .collect();
    let backups = location.store.list(engine::bucket::BACKUPS).await?.directories.len();
    let checked = Checked { location: location.store.describe(), readable: true, backups, foreign };
    context.printer.value(&checked, |c| {
        let mut text = format!("{} can be read; {} backups\n", c.location, c.backups);
        for name in &c.foreign {
            text.push_str(&format!(
                "{name}/ is no folder of a backup location; Velero would refuse the whole location\n"
            ));
        }
        text
    })?;
    Ok(if checked.foreign.is_empty() { Exit::Good } else { Exit::NotGood })
}

fn remove(args: &RemoveArgs, mut context: Context) -> Outcome {
    let config = &mut context.settings.config;
    if config.locations.remove(&args.name).is_none() {
        return Err(Failure::usage(format!("there is no location {:?}", args.name)));
    }
    if config.default_location.as_ref() == Some(&args.name) {
        config.default_location = None;
    }
    context.settings.save()?;
    Ok(Exit::Good)
}
