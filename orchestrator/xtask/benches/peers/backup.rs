//! Backup: the same cluster by landfall, by Velero and by the bare pipeline, alternating; then what memory it takes.

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
    /// Secrets of 1 MB among them, in the second measurement
    #[arg(long, default_value_t = 500)]
    large: usize,
    /// Secrets and ConfigMaps of the third measurement
    #[arg(long, default_value_t = 200_000)]
    many: usize,
    /// Times that landfall and the bare pipeline are run
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Leave Velero out
    #[arg(long)]
    without_velero: bool,
    /// Only this part; more than once for more parts
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Beside Velero and the bare pipeline
    Peers,
    /// Memory, with large Secrets among the objects
    Large,
    /// Memory, with many objects
    Many,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure_all(arguments))
}

async fn measure_all(arguments: &Arguments) -> anyhow::Result<()> {
    let is_wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let world = World::new()?;
    let gateway = Gateway::start(&world)?;
    let crowd = |objects| Crowd {
        prefix: "crowd".to_owned(),
        objects,
        namespaces: arguments.namespaces,
        size: arguments.size,
        secrets_only: false,
    };
    if is_wanted(Part::Peers) || is_wanted(Part::Large) {
        let source = Source::fill(&world, &gateway, crowd(arguments.objects), "source").await?;
        if is_wanted(Part::Peers) {
            beside_peers(&source, arguments).await?;
        }
        if is_wanted(Part::Large) {
            with_large(&source, arguments.large).await?;
        }
    }
    if is_wanted(Part::Many) {
        let source = Source::fill(&world, &gateway, crowd(arguments.many), "many").await?;
        let measured = source.landfall("many")?;
        let mut table = Table::new(&HEAD);
        table.row(row("landfall", &measured)?);
        table.print(&source.title());
        memory_bar("peak memory", measured.peak, 220);
    }
    Ok(())
}

const HEAD: [&str; 6] = ["what", "wall", "CPU of its own", "peak memory", "objects", "archive"];

/// A cluster that holds a crowd, and where its backups go.
struct Source<'w> {
    world: &'w World,
    gateway: &'w Gateway,
    sandbox: Sandbox<'w>,
    crowd: Crowd,
}

impl<'w> Source<'w> {
    async fn fill(world: &'w World, gateway: &'w Gateway, crowd: Crowd, name: &str) -> anyhow::Result<Self> {
        let sandbox = world.sandbox(name)?;
        let filled = sandbox.fill(&crowd).await?;
        eprintln!("{} objects created in {}", crowd.objects, seconds(filled));
        Ok(Self { world, gateway, sandbox, crowd })
    }

    fn title(&self) -> String {
        let Crowd { objects, size, namespaces, .. } = &self.crowd;
        format!("Backup of {objects} Secrets and ConfigMaps of {size} bytes in {namespaces} namespaces")
    }

    /// One backup of the whole cluster, of which the outcome is checked.
    fn landfall(&self, name: &str) -> anyhow::Result<Measured> {
        let mut command = self.world.landfall();
        command.args(["backup", "run", name, "--sandbox", &self.sandbox.name]);
        command.args(["--location", &self.gateway.location(), "--output", "json"]);
        let measured = measure_good(&mut command)?;
        let items = outcome(&measured)?["items"].as_u64().unwrap_or(0);
        ensure!(items >= self.crowd.objects as u64, "landfall saved {items} objects");
        Ok(measured)
    }
}

async fn beside_peers(source: &Source<'_>, arguments: &Arguments) -> anyhow::Result<()> {
    let Source { world, gateway, sandbox, crowd } = source;
    let client = sandbox.client()?;
    let mut table = Table::new(&HEAD);
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
        let measured = source.landfall(&format!("ours-{run}"))?;
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
    let velero = match arguments.without_velero || !Velero::is_built(world) {
        true => {
            eprintln!("warning: without Velero");
            None
        }
        false => {
            let velero = Velero::start(world, sandbox, gateway, &[]).await?;
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
    table.print(&source.title());
    let against_bare = ratio(ours, median(bares));
    bar("landfall / bare pipeline", against_bare, "x", against_bare <= 1.5, "≤ 1.5x");
    if let Some(velero) = velero {
        let faster = ratio(velero.wall, ours);
        bar("Velero / landfall", faster, "x", faster >= 6.0, "≥ 6x, aim 10x");
    }
    memory_bar("peak memory", peak, if crowd.objects > 100_000 { 220 } else { 100 });
    Ok(())
}

async fn with_large(source: &Source<'_>, large: usize) -> anyhow::Result<()> {
    source.sandbox.fill_with(large_secrets(&source.crowd.namespace(0), large), 8).await?;
    let measured = source.landfall("with-large")?;
    let items = outcome(&measured)?["items"].as_u64().unwrap_or(0);
    ensure!(items >= (source.crowd.objects + large) as u64, "landfall saved {items} objects");
    let mut table = Table::new(&HEAD);
    table.row(row("landfall", &measured)?);
    table.print(&format!("{}, and {large} Secrets of 1 MB", source.title()));
    memory_bar("peak memory", measured.peak, 150);
    Ok(())
}

fn memory_bar(what: &str, peak: u64, megabytes: u64) {
    bar(what, peak as f64 / 1e6, " MB", peak <= megabytes * 1_000_000, &format!("≤ {megabytes} MB"));
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
