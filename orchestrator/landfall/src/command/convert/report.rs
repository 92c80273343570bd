//! What changed and why, for people on stderr and for programs on stdout, and the exit code that follows.

use model::{Blocked, Change, Gvk, KubernetesVersion, Manifest};
use plan::restore::format::redacted;
use serde::Serialize;
use versions::{ConvertedText, DecisionTaken, DocumentReport, Outcome};

use super::input::Trouble;
use crate::failure::Exit;

/// Changes of one object that people are shown without --verbose.
const SHOWN: usize = 12;
/// Characters of a value that people are shown.
const WIDTH: usize = 80;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    to: String,
    counts: Counts,
    changed: bool,
    needs_decision: bool,
    /// Files with something to say; what is left as it is only counts.
    files: Vec<FileReport>,
    #[serde(skip)]
    could_not: bool,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    files: usize,
    objects: usize,
    converted: usize,
    upgraded: usize,
    unchanged: usize,
    unknown: usize,
    blocked: usize,
    unreadable: usize,
    decisions_by_default: usize,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileReport {
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) written: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The converted text, when it was written nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<String>,
    objects: Vec<Object>,
    #[serde(skip)]
    counts: Counts,
    #[serde(skip)]
    changed: bool,
    #[serde(skip)]
    needs_decision: bool,
    #[serde(skip)]
    could_not: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    outcome: &'static str,
    /// The `apiVersion` it has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<Blocked>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    name: &'static str,
    value: &'static str,
    chosen: bool,
    pointer: String,
    message: String,
    /// All values, the default first.
    values: Vec<&'static str>,
}

impl Report {
    pub(super) fn new(to: KubernetesVersion) -> Self {
        Self {
            to: to.to_string(),
            counts: Counts::default(),
            changed: false,
            needs_decision: false,
            files: Vec::new(),
            could_not: false,
        }
    }

    pub(super) fn add(&mut self, file: FileReport) {
        let counts = &mut self.counts;
        counts.files += 1;
        counts.objects += file.counts.objects;
        counts.converted += file.counts.converted;
        counts.upgraded += file.counts.upgraded;
        counts.unchanged += file.counts.unchanged;
        counts.unknown += file.counts.unknown;
        counts.blocked += file.counts.blocked;
        counts.unreadable += file.counts.unreadable;
        counts.decisions_by_default += file.counts.decisions_by_default;
        self.changed |= file.changed;
        self.needs_decision |= file.needs_decision;
        self.could_not |= file.could_not;
        if !file.objects.is_empty() || file.error.is_some() {
            self.files.push(file);
        }
    }

    /// What could not be read or written comes first, then what needs a person.
    pub(super) fn exit(&self) -> Exit {
        match (self.could_not, self.needs_decision, self.changed) {
            (true, _, _) => Exit::CouldNotRun,
            (_, true, _) => Exit::Decision,
            (_, _, true) => Exit::Changes,
            _ => Exit::Good,
        }
    }

    pub(super) fn text(&self, verbose: u8) -> String {
        let mut text = String::new();
        for file in &self.files {
            if let Some(error) = &file.error {
                text.push_str(&format!("{}: {error}\n", file.path));
            }
            for object in &file.objects {
                object.text(&file.path, verbose, &mut text);
            }
        }
        let counts = &self.counts;
        text.push_str(&format!("{} objects for {}: {} converted", counts.objects, self.to, counts.converted));
        for (count, word) in [
            (counts.upgraded, "upgraded"),
            (counts.unchanged, "unchanged"),
            (counts.unknown, "of unknown kinds"),
            (counts.blocked, "blocked"),
            (counts.unreadable, "unreadable"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        if counts.decisions_by_default > 0 {
            let message = "decisions taken by default; take them with --decide NAME=VALUE";
            text.push_str(&format!("; {} {message}", counts.decisions_by_default));
        }
        text.push('\n');
        text
    }
}

impl FileReport {
    pub(super) fn of(path: &str, converted: &ConvertedText) -> Self {
        let mut report = Self::named(path);
        converted.documents.iter().for_each(|document| report.object(document));
        report
    }

    pub(super) fn named(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// A file that was not read or not written.
    pub(super) fn failed(path: &str, trouble: Trouble) -> Self {
        let (could_not, error) = match trouble {
            Trouble::Io(error) => (true, format!("could not be converted: {error}")),
            Trouble::Content(message) => (false, message),
        };
        Self { error: Some(error), could_not, needs_decision: !could_not, ..Self::named(path) }
    }

    /// A file that is left alone on purpose.
    pub(super) fn passed_over(path: &str, message: String) -> Self {
        Self { error: Some(message), ..Self::named(path) }
    }

    /// What needs a person, about the file as a whole.
    pub(super) fn needs_person(path: &str, message: String) -> Self {
        Self { error: Some(message), needs_decision: true, ..Self::named(path) }
    }

    pub(super) fn object(&mut self, document: &DocumentReport) {
        self.changed |= document.outcome.is_change();
        self.needs_decision |= document.needs_decision();
        let counts = &mut self.counts;
        let count = match document.outcome {
            Outcome::Converted => &mut counts.converted,
            Outcome::Upgraded => &mut counts.upgraded,
            Outcome::Unchanged => &mut counts.unchanged,
            Outcome::Unknown => &mut counts.unknown,
            Outcome::Blocked => &mut counts.blocked,
            Outcome::Unreadable => &mut counts.unreadable,
            Outcome::Empty | Outcome::NotAnObject => return,
        };
        *count += 1;
        counts.objects += 1;
        counts.decisions_by_default += document.decisions.iter().filter(|decision| !decision.chosen).count();
        let silent = document.outcome == Outcome::Unchanged && document.note.is_none() && document.decisions.is_empty();
        if !silent {
            self.objects.push(Object::of(document));
        }
    }
}

impl Object {
    fn of(document: &DocumentReport) -> Self {
        let kind = document.gvk.as_ref().map(|gvk| gvk.kind.clone());
        Self {
            line: document.line,
            api_version: document.gvk.as_ref().map(Gvk::api_version),
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            outcome: word(document.outcome),
            to: document.to.as_ref().map(Gvk::api_version),
            changes: shown(kind.as_deref(), &document.changes),
            decisions: document.decisions.iter().map(decision).collect(),
            blocked: document.blocked.clone(),
            note: document.note.clone(),
            kind,
        }
    }

    fn text(&self, path: &str, verbose: u8, text: &mut String) {
        let kind = self.kind.as_deref().unwrap_or("document");
        let name = match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        };
        let named = [kind, &name].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("{path}:{}: {named}: {}", self.line, self.outcome));
        match (&self.api_version, &self.to) {
            (Some(from), Some(to)) => text.push_str(&format!(", {from} becomes {to}\n")),
            (Some(from), None) => text.push_str(&format!(" ({from})\n")),
            _ => text.push('\n'),
        }
        if let Some(blocked) = &self.blocked {
            text.push_str(&format!("    {}\n", blocked.reason.message));
            if !blocked.hint.is_empty() {
                text.push_str(&format!("    hint: {}\n", blocked.hint));
            }
        }
        for decision in &self.decisions {
            let how = if decision.chosen { "chosen" } else { "by default" };
            text.push_str(&format!("    decision {}={} ({how}): {}", decision.name, decision.value, decision.message));
            if !decision.pointer.is_empty() {
                text.push_str(&format!(" at {}", decision.pointer));
            }
            let others: Vec<&str> = decision.values.iter().filter(|value| **value != decision.value).copied().collect();
            text.push_str(&format!("; or {}\n", others.join(", ")));
        }
        let limit = if verbose > 0 { usize::MAX } else { SHOWN };
        for change in self.changes.iter().take(limit) {
            let value = |value: &Option<serde_json::Value>| value.as_ref().map_or_else(|| "nothing".into(), brief);
            let values = format!("{} becomes {}", value(&change.before), value(&change.after));
            text.push_str(&format!("    {}: {values} ({})\n", change.pointer, change.because));
        }
        if self.changes.len() > limit {
            text.push_str(&format!("    … and {} more changes; see --verbose\n", self.changes.len() - limit));
        }
        if let Some(note) = &self.note {
            text.push_str(&format!("    note: {note}\n"));
        }
    }
}

/// Without what a Secret holds.
fn shown(kind: Option<&str>, changes: &[Change]) -> Vec<Change> {
    let mut of = Manifest::from_map(serde_json::Map::new());
    of.set("/kind", kind.unwrap_or_default());
    changes.iter().map(|change| redacted(&of, change.clone())).collect()
}

fn decision(taken: &DecisionTaken) -> Decision {
    let values = versions::options::flag(taken.code).map(|flag| flag.values.iter().map(|(value, _)| *value).collect());
    Decision {
        name: taken.code,
        value: taken.value,
        chosen: taken.chosen,
        pointer: taken.pointer.clone(),
        message: taken.message.clone(),
        values: values.unwrap_or_default(),
    }
}

fn brief(value: &serde_json::Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= WIDTH {
        return text;
    }
    format!("{}…", text.chars().take(WIDTH).collect::<String>())
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "unchanged",
        Outcome::Unknown => "unknown kind, left as it is",
        Outcome::Converted => "converted",
        Outcome::Upgraded => "upgraded",
        Outcome::Blocked => "blocked",
        Outcome::Empty => "empty",
        Outcome::NotAnObject => "not an object",
        Outcome::Unreadable => "unreadable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use versions::{Options, Target, convert_text};

    fn report(text: &str, choices: &[&str]) -> Report {
        let target = Target::of_release(KubernetesVersion::new(1, 36));
        let options = Options::parse(choices.iter().copied()).unwrap();
        let mut report = Report::new(target.release);
        report.add(FileReport::of("a.yaml", &convert_text(text, &target, &options).unwrap()));
        report
    }

    const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    const CRON: &str = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\nspec: {schedule: '@daily'}\n";
    const POLICY: &str = "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: a}\nspec: {}\n";
    const INGRESS: &str = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n\
                           spec: {backend: {serviceName: a, servicePort: '80'}}\n";

    #[test]
    fn exit_codes_tell_what_is_left_to_do() {
        assert_eq!(report(CONFIG, &[]).exit(), Exit::Good);
        assert_eq!(report("", &[]).exit(), Exit::Good);
        assert_eq!(report(CRON, &[]).exit(), Exit::Changes);
        assert_eq!(report(POLICY, &[]).exit(), Exit::Decision);
        assert_eq!(report("kind: {{ .Values.kind }}\n", &[]).exit(), Exit::Decision);
        assert_eq!(report(INGRESS, &[]).exit(), Exit::Decision);
        assert_eq!(report(INGRESS, &["ingress-port-name=number"]).exit(), Exit::Changes);
        let mut failed = report(POLICY, &[]);
        failed.add(FileReport::failed("b.yaml", Trouble::Io(std::io::Error::other("gone"))));
        assert_eq!(failed.exit(), Exit::CouldNotRun);
    }

    #[test]
    fn decisions_are_named_with_what_else_there_is() {
        let text = report(INGRESS, &[]).text(0);
        assert!(text.contains("decision ingress-port-name=number (by default)"), "{text}");
        assert!(text.contains("; or name"), "{text}");
        let text = report(INGRESS, &["ingress-port-name=name"]).text(0);
        assert!(text.contains("decision ingress-port-name=name (chosen)"), "{text}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let change = Change::set("/data/password", Some("c2VjcmV0".into()), "bmV3".into(), "because");
        let shown = shown(Some("Secret"), &[change]);
        assert!(!serde_json::to_string(&shown).unwrap().contains("c2VjcmV0"));
    }
}
