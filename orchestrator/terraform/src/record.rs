//! Everything that the event stream of one run has said so far.
//!
//! A record is a fold over events: it can be built again from the stream's file at any time, by any process.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::diagnostic::{Class, Diagnostic, classify};
use crate::event::{ApplyEvent, ApplyPhase, Event, Stamped, StreamOutput, Summary};
use crate::tool::Flavour;

/// A finished piece of work on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    pub address: String,
    pub kind: String,
    pub provider: String,
    pub action: String,
    pub id_key: String,
    pub id_value: String,
}

#[derive(Debug, Clone, Default)]
pub struct Record {
    pub tool: Option<(Flavour, String)>,
    pub plan_summary: Option<Summary>,
    /// Set when an apply or destroy said that it was complete.
    pub summary: Option<Summary>,
    /// Creates, updates and deletes that were completed, in order.
    pub made: Vec<Made>,
    /// Work that failed: address and action.
    pub errored: Vec<(String, String)>,
    /// Work that began and has not ended: address and action, since when, and the id where it is known.
    pub running: BTreeMap<(String, String), Running>,
    pub diagnostics: Vec<Diagnostic>,
    pub outputs: BTreeMap<String, StreamOutput>,
    /// How many interrupts the tool said it had heard.
    pub interrupts: u8,
    /// The state that could be saved nowhere else.
    pub dumped_state: Option<Box<Value>>,
    /// Lines that were no events; the last few of them.
    pub raw: Vec<String>,
    pub first_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub kind: String,
    pub since: Option<Timestamp>,
    pub id_key: String,
    pub id_value: String,
}

const RAW_KEPT: usize = 50;

impl Record {
    pub fn apply(&mut self, stamped: &Stamped) {
        if let Some(at) = stamped.at {
            self.first_at = self.first_at.or(Some(at));
            self.last_at = Some(at);
        }
        match &stamped.event {
            Event::Version { flavour, version, .. } => self.tool = Some((*flavour, version.clone())),
            Event::Diagnostic(diagnostic) => {
                self.heard(&diagnostic.summary);
                self.diagnostics.push(diagnostic.clone());
            }
            Event::Summary(summary) if summary.operation == "plan" => self.plan_summary = Some(summary.clone()),
            Event::Summary(summary) => self.summary = Some(summary.clone()),
            Event::Outputs(outputs) => self.outputs = outputs.clone(),
            Event::Apply(apply) if is_work(&apply.action) => self.work(apply, stamped.at),
            Event::Log { text, state, .. } => {
                self.heard(text);
                if state.is_some() {
                    self.dumped_state = state.clone();
                }
            }
            Event::Raw(text) => {
                self.heard(text);
                if self.raw.len() == RAW_KEPT {
                    self.raw.remove(0);
                }
                self.raw.push(text.chars().take(2000).collect());
            }
            Event::Apply(_)
            | Event::Drift(_)
            | Event::Planned(_)
            | Event::Refresh { .. }
            | Event::Provision { .. }
            | Event::Lock { .. }
            | Event::Other { .. } => {}
        }
    }

    pub fn done(&self) -> u64 {
        self.made.len() as u64
    }

    pub fn failed(&self) -> u64 {
        self.errored.len() as u64
    }

    /// What the errors mean.
    pub fn class(&self) -> Class {
        classify(&self.diagnostics)
    }

    /// The errors in one line each, without repetition.
    pub fn errors(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for line in self.diagnostics.iter().filter(|d| d.is_error()).map(Diagnostic::line) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    fn work(&mut self, apply: &ApplyEvent, at: Option<Timestamp>) {
        let key = (apply.resource.address.clone(), apply.action.clone());
        match apply.phase {
            ApplyPhase::Start => {
                let running = Running {
                    kind: apply.resource.kind.clone(),
                    since: at,
                    id_key: apply.id_key.clone(),
                    id_value: apply.id_value.clone(),
                };
                self.running.insert(key, running);
            }
            ApplyPhase::Progress => {}
            ApplyPhase::Complete => {
                let started = self.running.remove(&key);
                let known = |complete: &str, started: Option<&String>| match complete.is_empty() {
                    true => started.cloned().unwrap_or_default(),
                    false => complete.to_owned(),
                };
                self.made.push(Made {
                    id_key: known(&apply.id_key, started.as_ref().map(|s| &s.id_key)),
                    id_value: known(&apply.id_value, started.as_ref().map(|s| &s.id_value)),
                    address: key.0,
                    action: key.1,
                    kind: apply.resource.kind.clone(),
                    provider: apply.resource.provider.clone(),
                });
            }
            ApplyPhase::Errored => {
                self.running.remove(&key);
                self.errored.push(key);
            }
        }
    }

    fn heard(&mut self, text: &str) {
        let heard = match text {
            text if text.contains("Two interrupts received") || text.contains("operation canceled") => 2,
            text if text.contains("Interrupt received") || text.contains("Stopping operation") => 1,
            _ => return,
        };
        self.interrupts = self.interrupts.max(heard);
    }
}

/// Reading a data source is no work: it is in no summary.
pub(crate) fn is_work(action: &str) -> bool {
    matches!(action, "create" | "update" | "delete")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event::parse;

    pub(crate) fn hook(kind: &str, address: &str, action: &str, id: &str) -> String {
        format!(
            r#"{{"@level":"info","@message":"","@timestamp":"2026-01-01T00:00:00Z","hook":{{"resource":{{"addr":"{address}",
            "implied_provider":"aws","resource_type":"aws_vpc"}},"action":"{action}","id_key":"id","id_value":"{id}"}},
            "type":"{kind}"}}"#
        )
        .replace('\n', " ")
    }

    pub(crate) fn record(lines: &[String]) -> Record {
        let mut record = Record::default();
        lines.iter().for_each(|line| record.apply(&parse(line.as_bytes())));
        record
    }

    #[test]
    fn a_replacement_is_two_pieces_of_work_at_one_address() {
        let record = record(&[
            hook("apply_start", "a.x", "delete", "old"),
            hook("apply_start", "a.y", "create", ""),
            hook("apply_complete", "a.x", "delete", ""),
            hook("apply_start", "a.x", "create", ""),
            hook("apply_start", "data.d", "read", ""),
            hook("apply_complete", "data.d", "read", "r"),
            hook("apply_complete", "a.x", "create", "new"),
            hook("apply_errored", "a.y", "create", ""),
            hook("apply_start", "a.z", "create", ""),
        ]);
        assert_eq!((record.done(), record.failed()), (2, 1));
        let ids: Vec<_> = record.made.iter().map(|m| (m.action.as_str(), m.id_value.as_str())).collect();
        assert_eq!(ids, [("delete", "old"), ("create", "new")], "a delete's id comes from its start");
        assert_eq!(record.running.keys().map(|k| k.0.as_str()).collect::<Vec<_>>(), ["a.z"]);
    }

    #[test]
    fn noise_is_kept_within_bounds() {
        let lines: Vec<_> = (0..200).map(|n| format!("noise {n}")).collect();
        let record = record(&lines);
        assert_eq!(record.raw.len(), RAW_KEPT);
        assert_eq!(record.raw.last().unwrap(), "noise 199");
    }
}
