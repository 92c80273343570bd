//! What the tool complains about, and what it means.
//!
//! Diagnostics come as JSON from `-json` commands and as framed text from the others; both become [`Diagnostic`].
//! [`classify`] recognises the ones that need a particular next step. The texts are the tools' own and are not a
//! stable interface: what is not recognised stays a plain failure with its text.

use serde::Deserialize;

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Diagnostic {
    pub severity: String,
    pub summary: String,
    pub detail: String,
    pub address: Option<String>,
}

/// Who holds a state's lock, as far as the backend tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockInfo {
    pub id: String,
    pub path: String,
    pub operation: String,
    pub who: String,
    pub version: String,
    pub created: String,
    /// The backend told only the id; the rest is unknown.
    pub only_id: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    NotInitialised,
    /// The backend's settings are not those that the directory was initialised with.
    BackendChanged,
    Locked(LockInfo),
    StalePlan,
    /// Not a plan, or one of another version of the tool.
    BadPlan,
    StateFormat,
    StateNotSaved,
    ProviderCrash,
    MissingVariable,
    WorkspaceMissing,
    Other,
}

impl Diagnostic {
    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// Summary and detail in one line.
    pub fn line(&self) -> String {
        let detail = self.detail.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = match detail.is_empty() {
            true => self.summary.clone(),
            false => format!("{}: {detail}", self.summary.trim_end_matches(['.', ':'])),
        };
        match &self.address {
            Some(address) => format!("{address}: {text}"),
            None => text,
        }
    }
}

/// What the errors among these mean; the most telling one wins.
pub fn classify<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> Class {
    let mut found = Class::Other;
    for diagnostic in diagnostics.into_iter().filter(|d| d.is_error()) {
        let class = class_of(diagnostic);
        if rank(&class) > rank(&found) {
            found = class;
        }
    }
    found
}

/// Errors and warnings out of the framed text that commands without `-json` print on stderr. What stands outside of
/// the frames is one more error: some commands fail with a bare sentence.
pub fn from_text(text: &str) -> Vec<Diagnostic> {
    let text = strip_ansi(text);
    let mut found = Vec::new();
    let mut bare = Vec::new();
    let mut frame: Option<Vec<&str>> = None;
    for line in text.lines().map(str::trim) {
        match (line.strip_prefix('│'), &mut frame) {
            (Some(inner), Some(frame)) => frame.push(inner.trim()),
            (Some(inner), None) => frame = Some(vec![inner.trim()]),
            (None, _) if line.starts_with('╷') => frame = Some(Vec::new()),
            (None, _) => {
                found.extend(frame.take().and_then(|lines| framed(&lines)));
                if !line.is_empty() && !line.starts_with('╵') && line != CONFIGURATION_PREFACE {
                    bare.push(line);
                }
            }
        }
    }
    found.extend(frame.take().and_then(|lines| framed(&lines)));
    found.extend(framed(&bare));
    found
}

/// Stands above warnings about the tool's own configuration file.
const CONFIGURATION_PREFACE: &str = "There are some problems with the CLI configuration:";

/// The first paragraph is the summary, the others are the detail.
fn framed(lines: &[&str]) -> Option<Diagnostic> {
    let end = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let summary = lines[..end].join(" ");
    let (severity, summary) = match summary.split_once(": ") {
        Some(("Error", rest)) => ("error", rest),
        Some(("Warning", rest)) => ("warning", rest),
        _ => ("error", summary.as_str()),
    };
    let detail = lines[end..].join("\n").trim().to_owned();
    (!summary.is_empty()).then(|| Diagnostic {
        severity: severity.into(),
        summary: summary.trim().to_owned(),
        detail,
        address: None,
    })
}

/// Removes colour and other escape sequences.
pub fn strip_ansi(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
        } else if chars.next_if_eq(&'[').is_some() {
            while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
        }
    }
    out
}

fn rank(class: &Class) -> u8 {
    match class {
        Class::Other => 0,
        Class::MissingVariable => 1,
        Class::WorkspaceMissing => 2,
        Class::NotInitialised => 3,
        Class::BackendChanged => 4,
        Class::BadPlan => 5,
        Class::StalePlan => 6,
        Class::Locked(_) => 7,
        Class::StateFormat => 8,
        Class::ProviderCrash => 9,
        Class::StateNotSaved => 10,
    }
}

fn class_of(diagnostic: &Diagnostic) -> Class {
    let (summary, detail) = (diagnostic.summary.as_str(), diagnostic.detail.as_str());
    let either = |text: &str| summary.contains(text) || detail.contains(text);
    let starts = |texts: &[&str]| texts.iter().any(|text| summary.starts_with(text));
    if starts(&["Failed to save state", "Failed to persist state", "Failed to create local state file"]) {
        return Class::StateNotSaved;
    }
    let plugin_died = ["Plugin did not respond", "plugin crashed", "Request cancelled", "transport is closing"];
    if plugin_died.iter().any(|text| either(text)) || detail.contains("the plugin process exited") {
        return Class::ProviderCrash;
    }
    let formats = [
        "Unsupported state file format",
        "unsupported state format",
        "state snapshot was created by",
        "which is newer than current",
        "encountered encrypted payload without",
    ];
    if formats.iter().any(|text| either(text)) {
        return Class::StateFormat;
    }
    if summary == "Error acquiring the state lock" || detail.contains("state already locked") {
        return match lock_info(detail) {
            Some(info) => Class::Locked(info),
            // A backend that is unreachable or refuses fails here as well, and nobody holds anything then.
            None => Class::Other,
        };
    }
    if starts(&["Saved plan is stale", "Saved plan does not match"]) {
        return Class::StalePlan;
    }
    let plan_file = summary.starts_with("Failed to load \"") && summary.contains("as a plan file");
    if plan_file || starts(&["Failed to read plan from plan file", "Invalid plan file", "Incompatible plan file"]) {
        return Class::BadPlan;
    }
    if either("Backend configuration changed") || either("Backend type changed") || either("a change in the backend") {
        return Class::BackendChanged;
    }
    let uninitialised = [
        "Backend initialization required",
        "Initialization required",
        "Plugin initialization required",
        "Module not installed",
        "Module source has changed",
        "Module version requirements have changed",
        "Required plugins are not installed",
        "Inconsistent dependency lock file",
        "Missing required provider",
        "Could not load plugin",
        "Could not load the schema for provider",
        "Failed to load plugin schemas",
        "Provider requirements cannot be satisfied by locked dependencies",
    ];
    if starts(&uninitialised) || either("please run \"terraform init\"") || either("please run \"tofu init\"") {
        return Class::NotInitialised;
    }
    if starts(&["No value for required variable"]) {
        return Class::MissingVariable;
    }
    if either("workspace") && (either("doesn't exist") || either("does not exist")) {
        return Class::WorkspaceMissing;
    }
    Class::Other
}

/// The block that follows `Lock Info:`; `None` when nobody is said to hold the lock.
pub fn lock_info(detail: &str) -> Option<LockInfo> {
    let mut info = LockInfo::default();
    let mut in_block = false;
    for line in detail.lines() {
        let line = line.trim_start_matches(['│', ' ']).trim_end();
        if line == "Lock Info:" {
            in_block = true;
            continue;
        }
        if !in_block {
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { break };
        let value = value.trim().to_owned();
        match key {
            "ID" => info.id = value,
            "Path" => info.path = value,
            "Operation" => info.operation = value,
            "Who" => info.who = value,
            "Version" => info.version = value,
            "Created" => info.created = value,
            _ => break,
        }
    }
    // The http backend describes the asker in the block and names the holder only here.
    if let Some(at) = detail.find("already locked: ID=") {
        let holder: String = detail[at + "already locked: ID=".len()..]
            .chars()
            .take_while(|c| !c.is_whitespace() && !matches!(c, '"' | ','))
            .collect();
        if holder != info.id {
            return Some(LockInfo { id: holder, only_id: true, ..Default::default() });
        }
    }
    let held = !info.id.is_empty() || detail.contains("temporarily unavailable");
    held.then_some(LockInfo { only_id: info.who.is_empty(), ..info })
}

#[cfg(test)]
mod tests;
