//! What is done to backups that are there: get, describe, logs, download, delete, verify, gc.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use engine::bucket::BackupKeys;
use engine::shelf::{self, BackupEntry};
use plan::retention::Retention;
use ports::Clock;
use serde::Serialize;
use tokio::io::AsyncReadExt;

use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::locations;
use crate::printer::{age, table};

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Backups to show; all without one.
    names: Vec<String>,
    #[arg(long)]
    location: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    pub(crate) name: String,
    #[arg(long)]
    pub(crate) location: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    name: String,
    #[arg(long)]
    location: Option<String>,
    /// Name every object.
    #[arg(long)]
    details: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    name: String,
    #[arg(long)]
    location: Option<String>,
    /// File to write; NAME-data.tar.gz by default.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace an existing file.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    #[arg(long)]
    location: Option<String>,
    /// Every backup of the location.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Do not ask.
    #[arg(long)]
    confirm: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[arg(required = true)]
    names: Vec<String>,
    #[arg(long)]
    location: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    #[arg(long)]
    location: Option<String>,
    /// Only say what would be deleted.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Described {
    #[serde(flatten)]
    entry: BackupEntry,
    backup: model::Manifest,
    items_by_kind: std::collections::BTreeMap<String, usize>,
    resources: Option<std::collections::BTreeMap<String, Vec<String>>>,
    results: Option<archive::side::Results>,
}

pub(crate) async fn get(args: &GetArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let mut entries = shelf::backups(location.store.as_ref()).await?;
    if let Some(missing) = args.names.iter().find(|name| !entries.iter().any(|entry| entry.name == **name)) {
        return Err(missing_backup(missing, &location.store.describe()));
    }
    if !args.names.is_empty() {
        entries.retain(|entry| args.names.contains(&entry.name));
    }
    let now = SystemClock.now();
    context.printer.value(&entries, |entries| {
        let rows = entries.iter().map(|entry| {
            let since =
                |time: Option<jiff::Timestamp>| time.map(|t| age(now.duration_since(t).as_secs())).unwrap_or_default();
            let left = entry.facts.expiration.map(|t| age(t.duration_since(now).as_secs())).unwrap_or_default();
            vec![
                entry.name.clone(),
                entry.trouble.clone().unwrap_or_else(|| entry.facts.phase.clone()),
                entry.facts.errors.to_string(),
                entry.facts.warnings.to_string(),
                entry.facts.items.map(|n| n.to_string()).unwrap_or_default(),
                since(entry.facts.started),
                left,
            ]
        });
        table(&["name", "status", "errors", "warnings", "items", "age", "expires in"], rows)
    })?;
    Ok(Exit::Good)
}

pub(crate) async fn describe(args: &DescribeArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let store = location.store.as_ref();
    let entries = shelf::backups(store).await?;
    let Some(entry) = entries.into_iter().find(|entry| entry.name == args.name) else {
        return Err(missing_backup(&args.name, &store.describe()));
    };
    if let Some(trouble) = &entry.trouble {
        return Err(
            Failure::from(anyhow::anyhow!("backup {:?} is not usable: {trouble}", args.name)).exit(Exit::NotGood)
        );
    }
    let backup = shelf::metadata(store, &args.name).await?;
    let resources = match shelf::resource_list(store, &args.name).await {
        Ok(list) => list,
        Err(error) if error.is_not_found() => std::collections::BTreeMap::new(),
        Err(error) => return Err(error.into()),
    };
    let keys = BackupKeys::new(&args.name)?;
    let results = match shelf::text(store, &keys.results()).await {
        Ok(text) => serde_json::from_slice(&text).ok(),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    let items_by_kind = resources.iter().map(|(kind, names)| (kind.clone(), names.len())).collect();
    let described = Described { entry, backup, items_by_kind, resources: args.details.then_some(resources), results };
    context.printer.value(&described, described_text)?;
    Ok(Exit::Good)
}

pub(crate) async fn logs(args: &NameArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let keys = BackupKeys::new(&args.name)?;
    match shelf::text(location.store.as_ref(), &keys.log()).await {
        Ok(text) => context.printer.raw(&text)?,
        Err(error) if error.is_not_found() => return Err(missing_backup(&args.name, &location.store.describe())),
        Err(error) => return Err(error.into()),
    }
    Ok(Exit::Good)
}

pub(crate) async fn download(args: &DownloadArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let keys = BackupKeys::new(&args.name)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-data.tar.gz", args.name)));
    if out.exists() && !args.force {
        return Err(Failure::usage(format!("{} exists", out.display())).hint("replace it with --force"));
    }
    let mut reader = match location.store.get(&keys.archive()).await {
        Ok(reader) => reader,
        Err(error) if error.is_not_found() => return Err(missing_backup(&args.name, &location.store.describe())),
        Err(error) => return Err(error.into()),
    };
    let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let mut file =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("failed to write in {}", folder.display()))?;
    let mut buffer = vec![0; 1 << 17];
    loop {
        let n = reader.read(&mut buffer).await.with_context(|| format!("failed to read {}", keys.archive()))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).with_context(|| format!("failed to write {}", out.display()))?;
    }
    file.persist(&out).with_context(|| format!("failed to write {}", out.display()))?;
    context.printer.say(&format!("{} written", out.display()));
    Ok(Exit::Good)
}

pub(crate) async fn delete(args: &DeleteArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let store = location.store.as_ref();
    let there: Vec<String> = shelf::backups(store).await?.into_iter().map(|entry| entry.name).collect();
    let names = if args.all { there.clone() } else { args.names.clone() };
    if let Some(missing) = names.iter().find(|name| !there.contains(name)) {
        return Err(missing_backup(missing, &store.describe()));
    }
    if !args.confirm && !ask(&format!("delete {} from {}?", names.join(", "), store.describe()))? {
        return Err(Failure::usage("nothing was deleted").hint("answer y, or give --confirm"));
    }
    for name in names {
        let files = shelf::delete_backup(store, &name).await?;
        context.printer.say(&format!("backup {name} is gone ({files} files)"));
    }
    Ok(Exit::Good)
}

pub(crate) async fn verify(args: &VerifyArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let mut all = Vec::new();
    for name in &args.names {
        all.push(shelf::verify(location.store.as_ref(), name).await?);
    }
    context.printer.value(&all, |all| {
        let mut text = String::new();
        for verified in all {
            let verdict = if verified.sound { "sound" } else { "NOT SOUND" };
            let (name, items, files) = (&verified.name, verified.items, verified.files);
            text.push_str(&format!("{name}: {verdict}, {items} objects, {files} files\n"));
            for problem in &verified.problems {
                text.push_str(&format!("  - {problem}\n"));
            }
        }
        text
    })?;
    Ok(if all.iter().all(|verified| verified.sound) { Exit::Good } else { Exit::NotGood })
}

pub(crate) async fn gc(args: &GcArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let in_use = in_use(context);
    let collected = shelf::collect(location.store.as_ref(), SystemClock.now(), &in_use, args.dry_run).await?;
    context.printer.value(&collected, |collected| {
        let rows = collected.iter().map(|c| {
            let verdict = match (&c.verdict, &c.trouble) {
                (_, Some(trouble)) => trouble.clone(),
                (Retention::Expired { since }, None) if c.deleted => format!("deleted, expired {since}"),
                (Retention::Expired { since }, None) => format!("would be deleted, expired {since}"),
                (Retention::InUse { since }, None) => format!("kept: expired {since}, but a restore reads it"),
                (Retention::Kept { until: Some(until) }, None) => format!("kept until {until}"),
                (Retention::Kept { until: None }, None) => "kept for ever".to_owned(),
                (Retention::Unfinished, None) => "kept: unfinished".to_owned(),
            };
            vec![c.name.clone(), verdict]
        });
        table(&["name", "verdict"], rows)
    })?;
    Ok(if collected.iter().any(|c| c.trouble.is_some()) { Exit::NotGood } else { Exit::Good })
}

/// Backups that a restore on this machine reads right now.
fn in_use(context: &Context) -> BTreeSet<String> {
    crate::command::restore::in_use::held(&context.settings.state)
}

fn missing_backup(name: &str, location: &str) -> Failure {
    Failure::from(anyhow::anyhow!("there is no backup {name:?} in {location}"))
        .exit(Exit::CouldNotRun)
        .hint("`landfall backup get` lists what is there")
}

/// Asks a person; nobody at the terminal is a no.
pub(crate) fn ask(question: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut err = std::io::stderr();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn described_text(described: &Described) -> String {
    let facts = &described.entry.facts;
    let time = |t: Option<jiff::Timestamp>| t.map(|t| t.to_string()).unwrap_or_default();
    let mut text = format!("Name:         {}\nPhase:        {}\n", described.entry.name, facts.phase);
    let annotation = |key: &str| described.backup.annotation(key).unwrap_or_default().to_owned();
    let hooks = |key: &str| {
        described.backup.get(&format!("/status/hookStatus/{key}")).map(ToString::to_string).unwrap_or_default()
    };
    for (key, value) in [
        ("Kubernetes", annotation("velero.io/source-cluster-k8s-gitversion")),
        ("Started", time(facts.started)),
        ("Completed", time(facts.completed)),
        ("Expires", time(facts.expiration)),
        ("Items", facts.items.map(|n| n.to_string()).unwrap_or_default()),
        ("Errors", facts.errors.to_string()),
        ("Warnings", facts.warnings.to_string()),
        ("Hooks", hooks("hooksAttempted")),
        ("Failed hooks", hooks("hooksFailed")),
    ] {
        text.push_str(&format!("{:<13} {value}\n", format!("{key}:")));
    }
    text.push_str("Objects by kind:\n");
    for (kind, count) in &described.items_by_kind {
        text.push_str(&format!("  {kind}: {count}\n"));
        for name in described.resources.iter().filter_map(|all| all.get(kind)).flatten() {
            text.push_str(&format!("    - {name}\n"));
        }
    }
    if let Some(results) = &described.results {
        for (word, messages) in [("Errors", &results.errors), ("Warnings", &results.warnings)] {
            if messages.is_empty() {
                continue;
            }
            text.push_str(&format!("{word}:\n"));
            for line in messages.velero.iter().chain(&messages.cluster) {
                text.push_str(&format!("  -{line}\n"));
            }
            for (namespace, lines) in &messages.namespaces {
                for line in lines {
                    text.push_str(&format!("  - {namespace}:{line}\n"));
                }
            }
        }
    }
    text
}
