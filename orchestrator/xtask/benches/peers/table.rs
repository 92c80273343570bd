//! Rows and bars as text, for a terminal and for docs/benchmarks.md alike.

use std::time::Duration;

pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
        let rule = vec!["---".to_owned(); head.len()];
        Self { rows: vec![head, rule] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self, title: &str) {
        println!("\n{title}\n");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
        println!();
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// A ratio, and whether it keeps its bar.
pub(crate) fn bar(what: &str, value: f64, unit: &str, holds: bool, bar: &str) {
    let verdict = if holds { "holds" } else { "MISSED" };
    println!("- {what}: {value:.2}{unit} (bar: {bar}) — {verdict}");
}

pub(crate) fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(f64::EPSILON)
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
