//! Data to stdout, in the format asked for; words to stderr.
//!
//! A table is for people and may change; JSON and YAML are the same structure, for programs.

use std::io::Write;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cli::Format;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    pub(crate) format: Format,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
}

impl Printer {
    /// Prints a value: as it is for programs, by `table` for people.
    pub(crate) fn value<T: Serialize>(&self, value: &T, table: impl FnOnce(&T) -> String) -> Result<()> {
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(value).context("failed to encode the result")?,
            Format::Yaml => serde_saphyr::to_string(value).context("failed to encode the result")?,
            Format::Table => table(value),
        };
        self.raw(text.trim_end().as_bytes())?;
        self.raw(b"\n")
    }

    /// Whether the output is read by a program.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.format != Format::Table
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<()> {
        match std::io::stdout().lock().write_all(bytes) {
            // `landfall … | head` is no failure.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.context("failed to write to stdout"),
        }
    }

    /// Says something to a person.
    #[expect(clippy::print_stderr, reason = "this is the printer")]
    pub(crate) fn say(&self, words: &str) {
        if !self.quiet {
            eprintln!("{words}");
        }
    }
}

/// A table without lines, as kubectl prints them.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new());
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(header.iter().map(|word| word.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    text.lines().map(|line| line.trim_end().strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// `1.5 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `3s`, `2m10s`, `5h`, `12d`, as kubectl shows ages.
pub(crate) fn age(seconds: i64) -> String {
    let s = seconds.max(0);
    match s {
        0..120 => format!("{s}s"),
        120..7200 => format!("{}m", s / 60),
        7200..172_800 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86_400),
    }
}
