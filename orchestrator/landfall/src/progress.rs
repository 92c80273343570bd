//! Bars on a terminal, plain lines elsewhere, nothing when asked for quiet.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::{Progress, Stage};
use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::Printer;

/// Progress of one operation, on stderr.
pub(crate) struct Bars {
    printer: Printer,
    terminal: bool,
    current: Mutex<Option<ProgressBar>>,
}

impl Bars {
    pub(crate) fn new(printer: Printer) -> Self {
        Self { printer, terminal: std::io::stderr().is_terminal() && !printer.quiet, current: Mutex::new(None) }
    }

    fn replace(&self, bar: Option<ProgressBar>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = current.take() {
            old.finish_and_clear();
        }
        *current = bar;
    }
}

impl Progress for Bars {
    fn begin(&self, stage: Stage, total: Option<u64>) {
        let words = words(stage);
        if !self.terminal {
            if self.printer.verbose > 0 {
                self.printer.say(words);
            }
            return;
        }
        let (bar, template) = match total {
            Some(total) if total > 0 => {
                (ProgressBar::new(total), "{spinner} {msg:12} [{bar:30}] {pos}/{len} {per_sec} {elapsed}")
            }
            _ => (ProgressBar::new_spinner(), "{spinner} {msg:12} {elapsed}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(words);
        bar.enable_steady_tick(Duration::from_millis(120));
        self.replace(Some(bar));
    }

    fn advance(&self, _stage: Stage, done: u64) {
        if let Some(bar) = self.current.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            bar.set_position(done);
        }
    }

    fn end(&self, _stage: Stage) {
        self.replace(None);
    }
}

/// News of a sandbox, as words on stderr.
pub(crate) struct SandboxNews {
    printer: Printer,
    bar: Option<ProgressBar>,
}

impl SandboxNews {
    pub(crate) fn new(printer: Printer) -> Self {
        let bar = (std::io::stderr().is_terminal() && !printer.quiet).then(ProgressBar::new_spinner);
        if let Some(bar) = &bar {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { printer, bar }
    }

    fn line(&self, words: String) {
        match &self.bar {
            Some(bar) => bar.println(words),
            None => self.printer.say(&words),
        }
    }

    fn passing(&self, words: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(words);
        }
    }
}

impl Drop for SandboxNews {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl sandbox::Progress for SandboxNews {
    fn report(&self, event: sandbox::Event) {
        use sandbox::Event;
        match event {
            Event::Using { component, version, path } if self.printer.verbose > 0 => {
                self.line(format!("using {component} {version} from {}", path.display()));
            }
            Event::Using { .. } => {}
            Event::PassedOver { component, path, why } => {
                self.line(format!("not using {} as {component}: {why}", path.display()));
            }
            Event::WaitingForBuild { component } => self.line(format!("waiting for another build of {component}")),
            Event::BuildStarted { component, version } => {
                self.line(format!("building {component} {version} from its Go module; this happens once"));
            }
            Event::Building { component, packages, line } => {
                self.passing(format!("building {component}: {packages} packages, {line}"));
            }
            Event::Built { component, seconds } => self.line(format!("built {component} in {seconds} s")),
            Event::WaitingForSandbox { name, holder } => {
                self.line(format!("waiting for {holder}, who has sandbox {name}"))
            }
            Event::CleanedUp { name, processes } => {
                self.line(format!("removed what was left of sandbox {name} ({processes} processes)"));
            }
            Event::Starting { process } => self.passing(format!("starting {process}")),
            Event::PortsTaken { attempt } => self.line(format!("ports were taken meanwhile; attempt {attempt}")),
            Event::WaitingFor { what } => self.passing(format!("waiting for {what}")),
            Event::Ready { name, server } => self.line(format!("sandbox {name} is ready at {server}")),
            Event::Stopping { name } => self.passing(format!("stopping {name}")),
        }
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Discover => "discovering",
        Stage::List => "listing",
        Stage::Store => "storing",
        Stage::Upload => "uploading",
        Stage::Download => "downloading",
        Stage::Prepare => "preparing",
        Stage::Apply => "applying",
        Stage::Wait => "waiting",
        Stage::Verify => "verifying",
    }
}
