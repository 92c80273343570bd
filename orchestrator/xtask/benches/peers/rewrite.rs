//! Rewriting and scanning objects with many pairs, beside only parsing and writing the same bytes.
//!
//! In one thread, in memory, CPU time of the process. One object in ten names something of the source.

use std::hint::black_box;
use std::time::Duration;

use anyhow::ensure;
use infra::pair::{Confidence, Method};
use infra::{Contract, LeakScanner, Pair, Pairs, Rewriter, ValueClass};
use model::{Manifest, Severity};
use serde_json::json;

use crate::convert::own_cpu;
use crate::measure;
use crate::objects::{Crowd, Random};
use crate::table::{Table, bar, megabytes, ratio, seconds};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, default_value_t = 60_000)]
    objects: usize,
    #[arg(long, default_value_t = 500)]
    pairs: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let count = arguments.pairs.max(1);
    let crowd = Crowd {
        prefix: "crowd".to_owned(),
        objects: arguments.objects,
        namespaces: 50,
        size: 2048,
        secrets_only: false,
    };
    let bodies: Vec<Vec<u8>> = crowd
        .objects()
        .enumerate()
        .map(|(number, ready)| match number % 10 {
            0 => planted(&ready.body, number, count),
            _ => ready.body.to_vec(),
        })
        .collect();
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    // The bodies are the benchmark's; what comes on top is what rewriting holds.
    let before = resident();
    let pairs = Pairs::from_pairs((0..count).map(|number| Pair {
        source: identifier(number, "source"),
        target: identifier(number, "target"),
        class: ValueClass::Token,
        key: format!("security_groups.group_{number}"),
        by: Method::Contract,
        confidence: Confidence::Certain,
    }))?;
    let source = contract("us-east-1", "111122223333", "prod")?;
    let target = contract("eu-west-1", "444455556666", "dr")?;
    let rewriter = Rewriter::new(&pairs)?;
    let scanner = LeakScanner::with_pairs(&source, Some(&target), &pairs)?;
    let pass = |rewrites: bool| -> anyhow::Result<(Duration, usize)> {
        let before = own_cpu();
        let mut changes = 0;
        for body in &bodies {
            let mut manifest = Manifest::from_slice(body)?;
            if rewrites {
                changes += rewriter.rewrite_reporting(&mut manifest).changes.len();
                // What is no text is noted; only warnings and errors say that something was left.
                let left = scanner.scan(&manifest, None).into_iter().find(|finding| finding.severity != Severity::Info);
                ensure!(left.is_none(), "still there: {left:?}");
            }
            black_box(manifest.to_vec());
        }
        Ok((own_cpu().saturating_sub(before), changes))
    };
    pass(true)?;
    let held = resident().saturating_sub(before);
    let (mut plain, mut rewritten, mut changes) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..7 {
        plain = plain.min(pass(false)?.0);
        let (cpu, made) = pass(true)?;
        rewritten = rewritten.min(cpu);
        changes = made;
    }
    ensure!(changes >= bodies.len().div_ceil(10), "only {changes} changes");
    let mut table = Table::new(&["what", "CPU"]);
    table.row(["parse and write".to_owned(), seconds(plain)]);
    table.row([format!("parse, rewrite ({changes} changes), scan and write"), seconds(rewritten)]);
    table.print(&format!("{} objects, {}, {count} pairs", bodies.len(), megabytes(bytes as u64)));
    let alone = ratio(rewritten.saturating_sub(plain), plain);
    bar("rewriting and scanning / parsing and writing", alone, "x", alone <= 1.5, "≤ 1.5x");
    bar("memory on top of the bodies", held as f64 / 1e6, " MB", held <= 20_000_000, "≤ 20 MB");
    Ok(())
}

fn identifier(number: usize, side: &str) -> String {
    let seed = number as u64 * 2 + u64::from(side == "target") + 1_000_003;
    format!("sg-0{:016x}", Random::new(seed).next())
}

fn contract(region: &str, account: &str, name: &str) -> anyhow::Result<Contract> {
    Ok(Contract::from_value(&json!({"schema_version": "1.0", "region": region, "account_id": account,
        "cluster": {"name": name, "vpc_id": format!("vpc-0{name}a1b2c3d4e5f6071")}}))?)
}

/// The body with two identifiers of the source: in an annotation, and inside a longer text.
fn planted(body: &[u8], number: usize, count: usize) -> Vec<u8> {
    let Ok(mut manifest) = Manifest::from_slice(body) else { return body.to_vec() };
    let first = identifier(number % count, "source");
    let second = identifier((number + 7) % count, "source");
    manifest.set_annotation("example.com/security-groups", &format!("{first},{second}"));
    manifest.to_vec()
}

fn resident() -> u64 {
    // The high-water mark before is the bodies' own; nothing was freed yet.
    measure::peak(std::process::id()).unwrap_or(0)
}
