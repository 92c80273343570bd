//! Turns what a run says into what the port's caller hears, without secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use model::Severity;
use ports::infrastructure::{StackEvent, StackPhase, StackProgress};

use crate::event::{ApplyPhase, Event, Stamped};
use crate::progress::action_of;
use crate::record::is_work;
use crate::redact::Secrets;
use crate::run::News;

pub(super) struct Listener<'a> {
    progress: &'a dyn StackProgress,
    phase: StackPhase,
    secrets: Secrets,
    started: BTreeMap<(String, String), Timestamp>,
}

impl<'a> Listener<'a> {
    pub(super) fn new(progress: &'a dyn StackProgress, phase: StackPhase, secrets: Secrets) -> Self {
        Self { progress, phase, secrets, started: BTreeMap::new() }
    }

    pub(super) fn hear(&mut self, news: News<'_>) {
        match news {
            News::Event(stamped) => self.event(stamped),
            // A plan has no units: its progress is the tool's talk.
            News::Progress(_) if matches!(self.phase, StackPhase::Plan | StackPhase::Drift) => {}
            News::Progress(snapshot) => self.progress.report(StackEvent::Progress {
                phase: self.phase,
                done: snapshot.done,
                failed: snapshot.failed,
                total: snapshot.total,
                fraction: snapshot.fraction,
                running: snapshot.running,
            }),
        }
    }

    fn event(&mut self, stamped: &Stamped) {
        match &stamped.event {
            Event::Diagnostic(diagnostic) => {
                let severity = if diagnostic.is_error() { Severity::Error } else { Severity::Warning };
                self.message(severity, &diagnostic.line(), diagnostic.address.as_deref());
            }
            Event::Apply(apply) if is_work(&apply.action) => {
                let key = (apply.resource.address.clone(), apply.action.clone());
                match apply.phase {
                    ApplyPhase::Start => {
                        if let Some(at) = stamped.at {
                            self.started.insert(key, at);
                        }
                    }
                    ApplyPhase::Progress => {}
                    ApplyPhase::Complete => {
                        let since = self.started.remove(&key);
                        let elapsed = match (since, stamped.at) {
                            (Some(since), Some(at)) => at.duration_since(since).try_into().unwrap_or_default(),
                            _ => Duration::from_secs(apply.elapsed_seconds),
                        };
                        self.progress.report(StackEvent::Finished {
                            address: key.0,
                            action: action_of(&key.1),
                            id: self.secrets.scrub(&apply.id_value),
                            elapsed,
                        });
                    }
                    ApplyPhase::Errored => {
                        self.message(Severity::Error, &format!("{} of {} failed", key.1, key.0), Some(&key.0));
                    }
                }
            }
            Event::Log { level, text, .. } | Event::Other { level, text, .. } => {
                let severity = match level.as_str() {
                    "error" => Severity::Error,
                    "warn" => Severity::Warning,
                    _ => Severity::Info,
                };
                self.message(severity, text, None);
            }
            Event::Raw(text) => self.message(Severity::Warning, text, None),
            Event::Lock { acquiring: true } => self.message(Severity::Info, "waiting for the state's lock", None),
            Event::Provision { address, phase: ApplyPhase::Progress, text } => {
                self.message(Severity::Info, text, Some(address));
            }
            Event::Apply(_)
            | Event::Drift(_)
            | Event::Lock { .. }
            | Event::Outputs(_)
            | Event::Planned(_)
            | Event::Provision { .. }
            | Event::Refresh { .. }
            | Event::Summary(_)
            | Event::Version { .. } => {}
        }
    }

    fn message(&self, severity: Severity, text: &str, address: Option<&str>) {
        let text = self.secrets.scrub(text.trim());
        if !text.is_empty() {
            self.progress.report(StackEvent::Message { severity, text, address: address.map(str::to_owned) });
        }
    }
}
