//! A run as it goes: a tree that moves on a terminal, one line for each change elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::drill::{DrillObserver, StepProgress};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use scenario::{Event, Record, Saga, Waiting};

use super::look::words;
use crate::printer::Printer;

pub(crate) struct Live {
    printer: Printer,
    /// Goes before every plain line: which of several runs speaks.
    prefix: String,
    bars: Option<MultiProgress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<String, Row>,
    group: Option<String>,
    waited: Vec<String>,
}

struct Row {
    bar: Option<ProgressBar>,
    since: Timestamp,
}

impl Live {
    pub(crate) fn new(printer: Printer) -> Self {
        let terminal = std::io::stderr().is_terminal() && !printer.quiet;
        Self { printer, prefix: String::new(), bars: terminal.then(MultiProgress::new), state: Mutex::default() }
    }

    /// Plain lines that say which run they are about.
    pub(crate) fn plain(printer: Printer, run: &str) -> Self {
        Self { printer, prefix: format!("{run} "), bars: None, state: Mutex::default() }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => {
                // A terminal that cannot be written to is no reason to stop a recovery.
                let _ = bars.println(text);
            }
            None => self.printer.say(&format!("{}{text}", self.prefix)),
        }
    }

    fn start(&self, state: &mut State, saga: &Saga, step: &str, at: Timestamp, what: &str) {
        let known = saga.scenario().step(step);
        let group = known.and_then(|step| step.group.clone());
        if self.bars.is_some() && group != state.group {
            if let Some(group) = &group {
                self.line(group);
            }
            state.group = group.clone();
        }
        let title = known.map_or(step, |known| if known.title.is_empty() { step } else { &known.title });
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(format!("{step}{what}"));
            bar.set_message(title.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            self.line(&format!("{} … {step}{what}: {title}", clock(at)));
        }
        state.running.insert(step.to_owned(), Row { bar, since: at });
    }

    fn end(&self, state: &mut State, step: &str, at: Timestamp, mark: &str, words: &str) {
        let row = state.running.remove(step);
        let took = row.as_ref().map_or(0.0, |row| at.duration_since(row.since).as_secs_f64());
        if let Some(bar) = row.and_then(|row| row.bar) {
            bar.finish_and_clear();
        }
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        let time = if self.bars.is_some() { "  ".to_owned() } else { format!("{} ", clock(at)) };
        self.line(&format!("{time}{mark} {step} {took:.1}s{words}"));
    }
}

impl DrillObserver for Live {
    fn recorded(&self, saga: &Saga, record: &Record) {
        let at = record.at;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        match &record.event {
            Event::Started { step, attempt } => {
                let what = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                self.start(state, saga, step, at, &what);
            }
            Event::UndoStarted { step, .. } => {
                // Most steps leave nothing; undoing them is not worth a line.
                if saga.scenario().step(step).is_some_and(|step| step.traits.leaves) {
                    self.start(state, saga, step, at, " (undo)");
                }
            }
            Event::Succeeded { step, outputs, .. } => {
                let summary = outputs.get("summary").and_then(|value| value.as_str()).unwrap_or_default();
                self.end(state, step, at, "✓", summary);
            }
            Event::Failed { step, failure, .. } => {
                self.end(state, step, at, "✗", &hinted(&failure.message, &failure.hint));
            }
            Event::Refused { step, failure } => {
                self.end(state, step, at, "✗", &hinted(&failure.message, &failure.hint));
            }
            Event::Undone { step, .. } => {
                if state.running.contains_key(step) {
                    self.end(state, step, at, "↺", "undone");
                }
            }
            Event::UndoFailed { step, failure, left, .. } => {
                let left = if left.is_empty() { String::new() } else { format!("; left: {}", left.join(", ")) };
                self.end(state, step, at, "✗", &format!("undo failed: {}{left}", failure.message));
            }
            Event::Skipped { step, because } => {
                use scenario::format::Skip;
                let words = match because {
                    Skip::When { condition } => format!("only when {condition}"),
                    Skip::Missing { step } => format!("it uses {step}, which was skipped"),
                    Skip::NeedsFailed { step } => format!("{step} failed"),
                    Skip::Stopped => return,
                };
                self.line(&format!("- {step} skipped: {words}"));
            }
            Event::Asked { step } => self.line(&format!("? {step} asks")),
            Event::Approved { step, by, .. } => self.line(&format!("✓ {step} approved by {by}")),
            Event::Rejected { step, by, .. } => self.line(&format!("✗ {step} rejected by {by}")),
            Event::RetryRequested { step, by } => self.line(&format!("{step}: {by} wants it tried again")),
            Event::SkipRequested { step, by, .. } => self.line(&format!("{step}: {by} goes on without it")),
            Event::CancelRequested { by, .. } => self.line(&format!("cancelled by {by}")),
            Event::Resumed => self.line("carrying on from the journal"),
            Event::Stopped { .. } => {}
            Event::UndoBegan => self.line("destroying what was built"),
            Event::UndoRequested { by } => self.line(&format!("{by} wants what is left destroyed")),
            Event::Finished { .. } => {}
        }
    }

    fn progress(&self, step: &str, progress: &StepProgress) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match progress.total {
            Some(total) if total > 0 => format!("{} {}/{total}", progress.text, progress.done),
            _ => progress.text.clone(),
        };
        match state.running.get(step).and_then(|row| row.bar.as_ref()) {
            Some(bar) => bar.set_message(text),
            None if self.bars.is_none() && self.printer.verbose > 0 => self.line(&format!("  {step}: {text}")),
            None => {}
        }
    }

    fn waiting(&self, saga: &Saga, waiting: &[Waiting], _until: Option<Timestamp>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let id = &saga.header().drill;
        let mut now = Vec::new();
        for what in waiting {
            let next = match what {
                Waiting::Step { .. } => continue,
                Waiting::Retry { .. } => String::new(),
                Waiting::Answer { step, .. } => format!("\n  landfall drill approve {id} {step}"),
                Waiting::Decision { step, .. } => {
                    format!("\n  landfall drill retry {id} {step}\n  landfall drill skip {id} {step}")
                }
            };
            now.push(format!("{}{next}", words(what)));
        }
        for line in now.iter().filter(|line| !state.waited.contains(line)) {
            self.line(line);
        }
        state.waited = now;
    }
}

fn hinted(message: &str, hint: &str) -> String {
    if hint.is_empty() { message.to_owned() } else { format!("{message}\n    hint: {hint}") }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}
