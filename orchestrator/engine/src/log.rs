//! The log of one operation, which its users download, and the warnings and errors in it.
//!
//! Lines have the shape of Velero's own log: `time="…" level=… msg="…" key=value`. Every error line counts.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use archive::side::{Messages, Results};
use jiff::Timestamp;
use model::{Finding, ItemId, Severity};

#[derive(Debug, Default)]
pub struct RunLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    text: String,
    warnings: Messages,
    errors: Messages,
}

/// A log that grows past this says so and keeps counting without keeping lines.
const TEXT_CAP: usize = 64 << 20;

impl RunLog {
    pub fn info(&self, now: Timestamp, message: &str) {
        self.lock().line(now, "info", message, None);
    }

    pub fn info_of(&self, now: Timestamp, item: &ItemId, message: &str) {
        self.lock().line(now, "info", message, Some(item));
    }

    pub fn finding(&self, now: Timestamp, finding: &Finding) {
        let message = &finding.reason.message;
        match finding.severity {
            Severity::Info => self.lock().line(now, "info", message, finding.item.as_ref()),
            Severity::Warning => self.warn(now, finding.item.as_ref(), message),
            Severity::Error => self.error(now, finding.item.as_ref(), message),
        }
    }

    pub fn warn(&self, now: Timestamp, item: Option<&ItemId>, message: &str) {
        let mut inner = self.lock();
        inner.line(now, "warning", message, item);
        add(&mut inner.warnings, item, message);
    }

    pub fn error(&self, now: Timestamp, item: Option<&ItemId>, message: &str) {
        let mut inner = self.lock();
        inner.line(now, "error", message, item);
        add(&mut inner.errors, item, message);
    }

    pub fn results(&self) -> Results {
        let inner = self.lock();
        Results { warnings: inner.warnings.clone(), errors: inner.errors.clone() }
    }

    pub fn counts(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.warnings.count(), inner.errors.count())
    }

    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves the log readable, which is when it is needed most.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn line(&mut self, now: Timestamp, level: &str, message: &str, item: Option<&ItemId>) {
        if self.text.len() > TEXT_CAP {
            return;
        }
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        // Writing to a string cannot fail.
        let _ = write!(self.text, "time=\"{now}\" level={level} msg={message:?}");
        if let Some(item) = item {
            let _ = write!(self.text, " name={:?}", item.name);
            if let Some(namespace) = &item.namespace {
                let _ = write!(self.text, " namespace={namespace:?}");
            }
            let _ = write!(self.text, " resource={}", item.resource);
        }
        self.text.push('\n');
        if self.text.len() > TEXT_CAP {
            self.text.push_str("time=\"…\" level=warning msg=\"the log is full; further lines are counted only\"\n");
        }
    }
}

fn add(messages: &mut Messages, item: Option<&ItemId>, message: &str) {
    let text = described(item, message);
    match item {
        Some(item) => messages.add(item.namespace.as_deref(), text),
        None => messages.add_velero(text),
    }
}

fn described(item: Option<&ItemId>, message: &str) -> String {
    match item {
        Some(item) => format!(" resource: /{} name: /{} message: /{message}", item.resource, item.name),
        None => format!(" message: /{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::GroupResource;

    #[test]
    fn messages_are_counted_where_they_belong() {
        let log = RunLog::default();
        let now = Timestamp::UNIX_EPOCH;
        log.warn(now, Some(&ItemId::namespaced(GroupResource::parse("pods"), "shop", "web")), "odd \"thing\"");
        log.error(now, Some(&ItemId::cluster(GroupResource::parse("nodes"), "n")), "bad");
        log.error(now, None, "worse");
        assert_eq!(log.counts(), (1, 2));
        assert_eq!(log.results().warnings.namespaces["shop"].len(), 1);
        assert!(log.text().contains(r#"msg="odd \"thing\"""#), "{}", log.text());
    }
}
