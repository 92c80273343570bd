//! Restore: landfall into an empty cluster, a bare creator on the same apiserver, Velero into another empty one.

use std::time::Duration;

use anyhow::ensure;

use crate::backup::{measure_good, outcome};
use crate::client::{Client, Ready};
use crate::measure::Measured;
use crate::objects::Crowd;
use crate::table::{Table, bar, megabytes, ratio, seconds};
use crate::velero::Velero;
use crate::world::{Gateway, Sandbox, World};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Objects beside the bare creator: Secrets and ConfigMaps
    #[arg(long, default_value_t = 10_000)]
    objects: usize,
    /// Secrets beside the bare creator
    #[arg(long, default_value_t = 31_000)]
    secrets: usize,
    /// Objects of the measurement of memory
    #[arg(long, default_value_t = 60_000)]
    memory_objects: usize,
    /// Objects that Velero restores, too
    #[arg(long, default_value_t = 2_000)]
    velero_objects: usize,
    /// Bytes of an object, about
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Times that landfall restores in the first measurement
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only this part; more than once for more parts
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Secrets and ConfigMaps, beside the bare creator
    Objects,
    /// Many Secrets, beside the bare creator
    Secrets,
    /// Memory, with many objects
    Memory,
    /// Beside Velero as installed and with its client limits lifted
    Velero,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure_all(arguments))
}

async fn measure_all(arguments: &Arguments) -> anyhow::Result<()> {
    let is_wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let world = World::new()?;
    let gateway = Gateway::start(&world)?;
    let crowd = |objects, secrets_only| Crowd {
        prefix: "crowd".to_owned(),
        objects,
        namespaces: 20,
        size: arguments.size,
        secrets_only,
    };
    if is_wanted(Part::Objects) {
        against_creator(&world, &gateway, &crowd(arguments.objects, false), arguments.runs.max(1), 0.80).await?;
    }
    if is_wanted(Part::Secrets) {
        against_creator(&world, &gateway, &crowd(arguments.secrets, true), 1, 0.85).await?;
    }
    if is_wanted(Part::Memory) {
        let crowd = Crowd { size: 2048, namespaces: 50, ..crowd(arguments.memory_objects, false) };
        let backup = backed_up(&world, &gateway, &crowd, "memory").await?;
        let target = world.sandbox("memory-target")?;
        let measured = restore(&world, &target, &gateway, &backup, None, crowd.objects)?;
        let mut table = Table::new(&["what", "wall", "CPU of its own", "peak memory", "objects/s"]);
        table.row(row("landfall", &measured, crowd.objects));
        table.print(&format!("Restore of {} Secrets and ConfigMaps of {} bytes", crowd.objects, crowd.size));
        bar("peak memory", measured.peak as f64 / 1e6, " MB", measured.peak <= 120_000_000, "≤ 120 MB");
    }
    if is_wanted(Part::Velero) {
        if Velero::is_built(&world) {
            beside_velero(&world, &gateway, &crowd(arguments.velero_objects, false)).await?;
        } else {
            eprintln!("warning: without Velero");
        }
    }
    Ok(())
}

/// A cluster that is filled, saved and thrown away.
async fn backed_up(world: &World, gateway: &Gateway, crowd: &Crowd, name: &str) -> anyhow::Result<String> {
    let backup = format!("{name}-backup");
    let source = world.sandbox(&format!("{name}-source"))?;
    source.fill(crowd).await?;
    let mut command = world.landfall();
    command.args(["backup", "run", &backup, "--sandbox", &source.name, "--location", &gateway.location()]);
    let all: Vec<String> = (0..crowd.namespaces).map(|number| crowd.namespace(number)).collect();
    measure_good(command.args(["--include-namespaces", &all.join(",")]))?;
    Ok(backup)
}

/// One restore into a cluster; with a suffix, into namespaces of other names.
fn restore(
    world: &World,
    target: &Sandbox<'_>,
    gateway: &Gateway,
    backup: &str,
    mapping: Option<String>,
    objects: usize,
) -> anyhow::Result<Measured> {
    let mut command = world.landfall();
    let name = format!("{backup}-{}", mapping.as_deref().map_or(0, str::len));
    command.args(["restore", "run", backup, "--sandbox", &target.name, "--location", &gateway.location()]);
    command.args(["--name", &name, "--output", "json"]);
    if let Some(mapping) = mapping {
        command.args(["--namespace-mappings", &mapping]);
    }
    let measured = measure_good(&mut command)?;
    let created = outcome(&measured)?["counts"]["created"].as_u64().unwrap_or(0);
    ensure!(created >= objects as u64, "landfall created {created} objects of {objects}");
    Ok(measured)
}

/// The same objects on one apiserver: by the bare creator at three widths, by landfall between them. A server gets
/// slower as it fills, so each round is judged by itself, and landfall is now second and now third in it.
async fn against_creator(
    world: &World,
    gateway: &Gateway,
    crowd: &Crowd,
    runs: usize,
    least: f64,
) -> anyhow::Result<()> {
    let name = format!("o{}", crowd.objects);
    let backup = backed_up(world, gateway, crowd, &name).await?;
    let target = world.sandbox(&format!("{name}-target"))?;
    let client = target.client()?;
    let mut table = Table::new(&["what", "wall", "CPU of its own", "peak memory", "objects/s"]);
    let mut shares = Vec::new();
    // The first requests to a fresh server are slow, whoever sends them.
    bare(&client, &Crowd { prefix: "warm".to_owned(), objects: 2_000, ..crowd.clone() }, 64).await?;
    for run in 0..runs {
        let mapping = (0..crowd.namespaces).map(|number| {
            let from = crowd.namespace(number);
            format!("{from}:{}{from}", "r".repeat(run + 1))
        });
        let mapping = mapping.collect::<Vec<_>>().join(",");
        let mut mapping = Some(mapping);
        let (mut best_bare, mut ours) = (0.0_f64, 0.0);
        for (place, in_flight) in [32, 64, 128].into_iter().enumerate() {
            if place == 1 + run % 2 {
                let measured = restore(world, &target, gateway, &backup, mapping.take(), crowd.objects)?;
                ours = rate(crowd.objects, measured.wall);
                table.row(row("landfall, the whole command", &measured, crowd.objects));
            }
            let crowd = Crowd { prefix: format!("bare-{run}-{in_flight}"), ..crowd.clone() };
            let wall = bare(&client, &crowd, in_flight).await?;
            best_bare = best_bare.max(rate(crowd.objects, wall));
            let what = format!("bare creator, {in_flight} in flight");
            table.row([what, seconds(wall), String::new(), String::new(), format!("{:.0}", rate(crowd.objects, wall))]);
        }
        shares.push(ours / best_bare * 100.0);
    }
    let kind = if crowd.secrets_only { "Secrets" } else { "Secrets and ConfigMaps" };
    table.print(&format!("Restore of {} {kind} of {} bytes", crowd.objects, crowd.size));
    for (round, share) in shares.iter().enumerate() {
        println!("- landfall / best bare creator, round {}: {share:.0} %", round + 1);
    }
    shares.sort_by(f64::total_cmp);
    let share = shares[(shares.len() - 1) / 2];
    let what = "landfall / best bare creator, median of the rounds";
    bar(what, share, " %", share >= least * 100.0, &format!("≥ {:.0} %", least * 100.0));
    Ok(())
}

async fn bare(client: &Client, crowd: &Crowd, in_flight: usize) -> anyhow::Result<Duration> {
    client.create_all(crowd.namespaces(), 16).await?;
    let ready: Vec<Ready> = crowd.objects().collect();
    client.create_all(ready.into_iter(), in_flight).await
}

/// One backup, restored by everybody into an empty cluster of its own, and created bare in another one.
async fn beside_velero(world: &World, gateway: &Gateway, crowd: &Crowd) -> anyhow::Result<()> {
    let backup = backed_up(world, gateway, crowd, "small").await?;
    let mut table = Table::new(&["what", "wall", "CPU of its own", "peak memory", "objects/s"]);
    let line = |what: &str, wall, peak| {
        let speed = format!("{:.0}", rate(crowd.objects, wall));
        [what.to_owned(), seconds(wall), String::new(), peak, speed]
    };
    {
        let target = world.sandbox("small-bare")?;
        let wall = bare(&target.client()?, crowd, 64).await?;
        table.row(line("bare creator, 64 in flight", wall, String::new()));
    }
    let ours = {
        let target = world.sandbox("small-ours")?;
        let measured = restore(world, &target, gateway, &backup, None, crowd.objects)?;
        table.row(row("landfall, the whole command", &measured, crowd.objects));
        measured.wall
    };
    // The size of pages is what it is as installed: it limits lists, of which a restore makes few.
    let lifted = ["--client-qps=10000", "--client-burst=10000"];
    let mut theirs = Vec::new();
    for (what, name, flags) in [
        ("Velero 1.18.3 as installed", "small-velero", &[][..]),
        ("Velero 1.18.3, client limits lifted", "small-lifted", &lifted[..]),
    ] {
        let target = world.sandbox(name)?;
        let velero = Velero::start(world, &target, gateway, flags).await?;
        let run = velero.restore("theirs", &backup).await?;
        ensure!(run.items >= crowd.objects as u64, "Velero restored {} items", run.items);
        table.row(line(what, run.wall, megabytes(run.peak)));
        theirs.push((what, run.wall));
    }
    table.print(&format!(
        "Restore of {} Secrets and ConfigMaps of {} bytes, each into an empty cluster",
        crowd.objects, crowd.size
    ));
    for (what, wall) in theirs {
        println!("- {what} / landfall: {:.1}x", ratio(wall, ours));
    }
    Ok(())
}

fn rate(objects: usize, wall: Duration) -> f64 {
    objects as f64 / wall.as_secs_f64()
}

fn row(name: &str, measured: &Measured, objects: usize) -> [String; 5] {
    let Measured { wall, cpu, peak, .. } = measured;
    [name.to_owned(), seconds(*wall), seconds(*cpu), megabytes(*peak), format!("{:.0}", rate(objects, *wall))]
}
