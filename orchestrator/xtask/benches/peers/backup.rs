//! Backup: the same cluster by landfall, by Velero and by the bare pipeline, alternating.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bare;
use crate::measure::{self, Measured};
use crate::objects::{Crowd, large_secrets};
use crate::table::{Table, bar, median, megabytes, ratio, seconds};
use crate::velero::Velero;
use crate::world::{Gateway, Sandbox, World};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Secrets and ConfigMaps
    #[arg(long, default_value_t = 60_000)]
    objects: usize,
    #[arg(long, default_value_t = 50)]
    namespaces: usize,
    /// Bytes of an object, about
    #[arg(long, default_value_t = 2048)]
    size: usize,
    /// Secrets of 1 MB among them, in a second measurement
    #[arg(long, default_value_t = 500)]
    large: usize,
    /// Times that landfall and the bare pipeline are run
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Leave Velero out
    #[arg(long)]
    without_velero: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure_all(arguments))
}

async fn measure_all(arguments: &Arguments) -> anyhow::Result<()> {
    let world = World::new()?;
    let gateway = Gateway::start(&world)?;
    let sandbox = world.sandbox("source")?;
    let crowd = Crowd {
        prefix: "crowd".to_owned(),
        objects: arguments.objects,
        namespaces: arguments.namespaces,
        size: arguments.size,
        secrets_only: false,
    };
    let filled = sandbox.fill(&crowd).await?;
    eprintln!("{} objects created in {}", crowd.objects, seconds(filled));
    let client = sandbox.client()?;

    let mut table = Table::new(&["what", "wall", "CPU of its own", "peak memory", "objects", "archive"]);
    let (mut ours, mut bares, mut peak) = (Vec::new(), Vec::new(), 0);
    let listing = bare::list(&client).await?;
    table.row([
        "bare paged list, one kind after the other".into(),
        seconds(listing),
        String::new(),
        String::new(),
        crowd.objects.to_string(),
        String::new(),
    ]);
    for run in 0..arguments.runs.max(1) {
        let piped = bare::pipeline(&client, world.folder()).await?;
        ensure!(piped.items >= crowd.objects, "the bare pipeline saw {} objects", piped.items);
        let measured = landfall(&world, &sandbox, &gateway, &format!("ours-{run}"), crowd.objects)?;
        let name =
            format!("bare pipeline (listed after {}, {} listed)", seconds(piped.listed), megabytes(piped.listed_bytes));
        table.row([
            name,
            seconds(piped.wall),
            String::new(),
            String::new(),
            piped.items.to_string(),
            megabytes(piped.written_bytes),
        ]);
        table.row(row("landfall", &measured)?);
        peak = peak.max(measured.peak);
        bares.push(piped.wall);
        ours.push(measured.wall);
    }
    let velero = match arguments.without_velero || !Velero::is_built(&world) {
        true => {
            eprintln!("warning: without Velero");
            None
        }
        false => {
            let velero = Velero::start(&world, &sandbox, &gateway, &[]).await?;
            let run = velero.backup("theirs").await?;
            table.row([
                "Velero 1.18.3".into(),
                seconds(run.wall),
                String::new(),
                megabytes(run.peak),
                run.items.to_string(),
                String::new(),
            ]);
            Some(run)
        }
    };
    let ours = median(ours);
    table.print(&format!(
        "Backup of {} Secrets and ConfigMaps of {} bytes in {} namespaces",
        crowd.objects, crowd.size, crowd.namespaces
    ));
    let against_bare = ratio(ours, median(bares));
    bar("landfall / bare pipeline", against_bare, "x", against_bare <= 1.5, "≤ 1.5x");
    if let Some(velero) = velero {
        let faster = ratio(velero.wall, ours);
        bar("Velero / landfall", faster, "x", faster >= 6.0, "≥ 6x, aim 10x");
    }
    memory_bar("peak memory", peak, if crowd.objects > 100_000 { 220 } else { 100 });

    if arguments.large > 0 {
        sandbox.fill_with(large_secrets(&crowd.namespace(0), arguments.large), 8).await?;
        let total = crowd.objects + arguments.large;
        let measured = landfall(&world, &sandbox, &gateway, "with-large", total)?;
        let mut table = Table::new(&["what", "wall", "CPU of its own", "peak memory", "objects", "archive"]);
        table.row(row("landfall", &measured)?);
        table.print(&format!("The same with {} Secrets of 1 MB among them", arguments.large));
        memory_bar("peak memory", measured.peak, 150);
    }
    Ok(())
}

fn memory_bar(what: &str, peak: u64, megabytes: u64) {
    bar(what, peak as f64 / 1e6, " MB", peak <= megabytes * 1_000_000, &format!("≤ {megabytes} MB"));
}

/// One backup of the whole cluster, of which the outcome is checked.
fn landfall(
    world: &World,
    sandbox: &Sandbox<'_>,
    gateway: &Gateway,
    name: &str,
    least: usize,
) -> anyhow::Result<Measured> {
    let mut command = world.landfall();
    command.args(["backup", "run", name, "--sandbox", &sandbox.name, "--location", &gateway.location()]);
    command.args(["--output", "json"]);
    let measured = measure_good(&mut command)?;
    let items = outcome(&measured)?["items"].as_u64().unwrap_or(0);
    ensure!(items >= least as u64, "landfall saved {items} objects");
    Ok(measured)
}

pub(crate) fn measure_good(command: &mut Command) -> anyhow::Result<Measured> {
    let measured = measure::run(command)?;
    ensure!(measured.status.success(), "landfall failed: {} {}", measured.stderr, measured.stdout);
    Ok(measured)
}

pub(crate) fn outcome(measured: &Measured) -> anyhow::Result<Value> {
    serde_json::from_str(&measured.stdout).context("landfall printed no JSON")
}

fn row(name: &str, measured: &Measured) -> anyhow::Result<[String; 6]> {
    let outcome = outcome(measured)?;
    let archive = outcome["compressed_bytes"].as_u64().unwrap_or(0);
    let Measured { wall, cpu, peak, .. } = measured;
    let own = |time: &Duration| seconds(*time);
    Ok([name.to_owned(), own(wall), own(cpu), megabytes(*peak), outcome["items"].to_string(), megabytes(archive)])
}
