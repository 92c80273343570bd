//! How a stack's run is followed: a bar on a terminal, JSON lines for programs, words elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use model::Severity;
use ports::infrastructure::{StackAction, StackEvent, StackPhase, StackProgress};
use serde::Serialize;

use crate::cli::Format;
use crate::printer::Printer;

/// Steps of the bar: progress is a fraction.
const STEPS: f64 = 1000.0;

pub(super) struct News {
    printer: Printer,
    bar: Option<ProgressBar>,
}

impl News {
    pub(super) fn new(printer: Printer) -> Self {
        let terminal = std::io::stderr().is_terminal() && !printer.quiet && !printer.is_for_programs();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(STEPS as u64);
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:30}] {percent:>3}% {elapsed} {wide_msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { printer, bar }
    }

    /// The result: a last line for programs that read lines, a document otherwise.
    pub(super) fn result<T: Serialize>(
        &self,
        kind: &str,
        value: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.printer.format != Format::Json {
            return self.printer.value(value, table);
        }
        let mut value = serde_json::to_value(value)?;
        if let Some(map) = value.as_object_mut() {
            map.insert("type".to_owned(), kind.into());
        } else {
            value = serde_json::json!({ "type": kind, "items": value });
        }
        self.printer.raw(format!("{value}\n").as_bytes())
    }

    pub(super) fn say(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.println(words),
            None => self.printer.say(words),
        }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl StackProgress for News {
    fn report(&self, event: StackEvent) {
        if self.printer.format == Format::Json {
            if let Ok(line) = serde_json::to_string(&event) {
                // Whoever reads the lines may have gone; the run goes on, and its end is told by the exit code.
                let _ = self.printer.raw(format!("{line}\n").as_bytes());
            }
            return;
        }
        match event {
            StackEvent::Phase { phase } => match &self.bar {
                Some(bar) => bar.set_message(phase_word(phase)),
                None if self.printer.verbose > 0 => self.printer.say(phase_word(phase)),
                None => {}
            },
            StackEvent::Progress { phase, done, failed, total, fraction, running } => {
                let Some(bar) = &self.bar else { return };
                bar.set_position((fraction.clamp(0.0, 1.0) * STEPS) as u64);
                let longest = running.iter().max_by_key(|unit| unit.elapsed);
                let on = longest.map(|unit| {
                    let more =
                        if running.len() > 1 { format!(" and {} more", running.len() - 1) } else { String::new() };
                    format!(", {} {} for {}s{more}", doing(unit.action), unit.address, unit.elapsed.as_secs())
                });
                let bad = if failed > 0 { format!(", {failed} failed") } else { String::new() };
                bar.set_message(format!("{} {done}/{total}{bad}{}", phase_word(phase), on.unwrap_or_default()));
            }
            StackEvent::Finished { address, action, id, elapsed } => {
                let id = if id.is_empty() { id } else { format!(" {id}") };
                self.say(&format!("{} {address}{id} ({}s)", done(action), elapsed.as_secs()));
            }
            StackEvent::Message { severity, text, address } => {
                let word = match severity {
                    Severity::Info if self.printer.verbose == 0 => return,
                    Severity::Info => "info",
                    Severity::Warning => "warning",
                    Severity::Error => "error",
                };
                let address = address.map(|address| format!("{address}: ")).unwrap_or_default();
                self.say(&format!("{word}: {address}{text}"));
            }
        }
    }
}

fn phase_word(phase: StackPhase) -> &'static str {
    match phase {
        StackPhase::Prepare => "preparing",
        StackPhase::Plan => "planning",
        StackPhase::Apply => "applying",
        StackPhase::Destroy => "destroying",
        StackPhase::Drift => "looking for drift",
    }
}

pub(super) fn action_word(action: StackAction) -> &'static str {
    match action {
        StackAction::Create => "create",
        StackAction::Update => "update",
        StackAction::Replace => "replace",
        StackAction::Delete => "delete",
        StackAction::Forget => "forget",
        StackAction::Import => "import",
        StackAction::Read => "read",
        StackAction::Nothing => "nothing",
    }
}

fn doing(action: StackAction) -> &'static str {
    match action {
        StackAction::Create => "creating",
        StackAction::Update => "updating",
        StackAction::Replace => "replacing",
        StackAction::Delete => "deleting",
        StackAction::Forget => "forgetting",
        StackAction::Import => "importing",
        StackAction::Read => "reading",
        StackAction::Nothing => "looking at",
    }
}

fn done(action: StackAction) -> &'static str {
    match action {
        StackAction::Create => "created",
        StackAction::Update => "updated",
        StackAction::Replace => "replaced",
        StackAction::Delete => "deleted",
        StackAction::Forget => "forgot",
        StackAction::Import => "imported",
        StackAction::Read => "read",
        StackAction::Nothing => "looked at",
    }
}
