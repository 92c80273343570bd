//! What is done to restores that are there: get, describe, logs.

use clap::Args;
use engine::bucket::RestoreKeys;
use engine::shelf;
use ports::Clock;

use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::locations;
use crate::printer::{age, table};

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[arg(long)]
    location: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    name: String,
    #[arg(long)]
    location: Option<String>,
}

pub(crate) async fn get(args: &GetArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let entries = shelf::restores(location.store.as_ref()).await?;
    let now = SystemClock.now();
    context.printer.value(&entries, |entries| {
        let rows = entries.iter().map(|entry| {
            vec![
                entry.name.clone(),
                entry.backup.clone(),
                entry.trouble.clone().unwrap_or_else(|| entry.phase.clone()),
                entry.errors.to_string(),
                entry.warnings.to_string(),
                entry.started.map(|t| age(now.duration_since(t).as_secs())).unwrap_or_default(),
            ]
        });
        table(&["name", "backup", "status", "errors", "warnings", "age"], rows)
    })?;
    Ok(Exit::Good)
}

pub(crate) async fn describe(args: &NameArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let record = match shelf::restore_record(location.store.as_ref(), &args.name).await {
        Ok(record) => record,
        Err(error) if error.is_not_found() => return Err(missing(&args.name, &location.store.describe())),
        Err(error) => return Err(error.into()),
    };
    context.printer.value(&record, |record| {
        let text = |pointer: &str| record.pointer(pointer).map(plain).unwrap_or_default();
        let mut out = String::new();
        for (key, pointer) in [
            ("Name", "/outcome/name"),
            ("Backup", "/outcome/backup"),
            ("Phase", "/outcome/phase"),
            ("Target", "/target/server"),
            ("Kubernetes", "/target/version"),
            ("Started", "/outcome/started"),
            ("Completed", "/outcome/completed"),
            ("Errors", "/outcome/errors"),
            ("Warnings", "/outcome/warnings"),
            ("Hooks", "/outcome/hooks_attempted"),
            ("Failed hooks", "/outcome/hooks_failed"),
        ] {
            out.push_str(&format!("{:<13} {}\n", format!("{key}:"), text(pointer)));
        }
        out.push_str("Objects by kind:\n");
        for (kind, counts) in record.pointer("/outcome/by_kind").and_then(|v| v.as_object()).into_iter().flatten() {
            let counts = counts.as_object().into_iter().flatten().map(|(verdict, n)| format!("{n} {verdict}"));
            out.push_str(&format!("  {kind}: {}\n", counts.collect::<Vec<_>>().join(", ")));
        }
        let exceptions = record.pointer("/outcome/exceptions").and_then(|v| v.as_array());
        for exception in exceptions.into_iter().flatten() {
            let field = |key: &str| exception.get(key).map(plain).unwrap_or_default();
            out.push_str(&format!("  - {}: {}: {}\n", field("verdict"), field("item"), field("message")));
        }
        out
    })?;
    Ok(Exit::Good)
}

pub(crate) async fn logs(args: &NameArgs, context: &Context) -> Outcome {
    let location = locations::open(&context.settings, args.location.as_deref()).await?;
    let keys = RestoreKeys::new(&args.name)?;
    match shelf::text(location.store.as_ref(), &keys.log()).await {
        Ok(text) => context.printer.raw(&text)?,
        Err(error) if error.is_not_found() => return Err(missing(&args.name, &location.store.describe())),
        Err(error) => return Err(error.into()),
    }
    Ok(Exit::Good)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn missing(name: &str, location: &str) -> Failure {
    Failure::from(anyhow::anyhow!("there is no restore {name:?} in {location}"))
        .exit(Exit::CouldNotRun)
        .hint("`landfall restore get` lists what is there")
}
