//! Keeps secret values out of everything that is shown, logged or stored.
//!
//! The tool marks sensitive values in its JSON but prints them there in clear. [`redact`] applies the marks to a
//! value, [`Secrets`] collects what was marked and takes it out of free text such as a provider's error message.
//! Some values are secret although nobody marked them; names decide about those.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

pub const HIDDEN: &str = "(sensitive)";

/// Shorter texts are only taken out where they stand alone: a secret `a` must not eat every `a`.
const SHORT: usize = 6;
/// Nobody wants a page without the words it was written in.
const NEVER: [&str; 12] =
    ["", "true", "false", "null", "none", "default", "yes", "no", "0", "1", "enabled", "disabled"];

/// The value with everything hidden that `marks` marks, or that is known to be secret by its name.
pub fn redact(value: &Value, marks: &Value) -> Value {
    match (value, marks) {
        (_, Value::Bool(true)) if !value.is_null() => HIDDEN.into(),
        (Value::Object(map), _) => {
            let inner = |key: &str| marks.get(key).unwrap_or(&Value::Null);
            let entries = map.iter().map(|(key, value)| match is_secret_name(key) && !is_empty(value) {
                true => (key.clone(), HIDDEN.into()),
                false => (key.clone(), redact(value, inner(key))),
            });
            Value::Object(entries.collect())
        }
        (Value::Array(list), _) => {
            let inner = |at: usize| marks.get(at).unwrap_or(&Value::Null);
            Value::Array(list.iter().enumerate().map(|(at, value)| redact(value, inner(at))).collect())
        }
        // Marks that go deeper than the value do mark something: better too much than too little.
        (value, marks) if has_mark(marks) && !value.is_null() => HIDDEN.into(),
        (value, _) => value.clone(),
    }
}

/// Values that must not be seen.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Remembers every text and number that `marks` marks in `value`.
    pub fn collect(&mut self, value: &Value, marks: &Value) {
        match (value, marks) {
            (value, Value::Bool(true)) => self.everything(value),
            (Value::Object(map), _) => {
                for (key, value) in map {
                    match is_secret_name(key) {
                        true => self.everything(value),
                        false => self.collect(value, marks.get(key).unwrap_or(&Value::Null)),
                    }
                }
            }
            (Value::Array(list), _) => {
                for (at, value) in list.iter().enumerate() {
                    self.collect(value, marks.get(at).unwrap_or(&Value::Null));
                }
            }
            (value, marks) if has_mark(marks) => self.everything(value),
            _ => {}
        }
    }

    /// Remembers every text and number in `value`.
    pub fn everything(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.add(text);
                // As it looks inside JSON, and line by line as a log prints it.
                if let Ok(quoted) = serde_json::to_string(text) {
                    self.add(&quoted[1..quoted.len() - 1]);
                }
                for line in text.lines().filter(|line| line.trim().len() > SHORT) {
                    self.add(line.trim());
                }
            }
            Value::Number(number) => self.add(&number.to_string()),
            Value::Array(list) => list.iter().for_each(|value| self.everything(value)),
            Value::Object(map) => map.values().for_each(|value| self.everything(value)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    pub fn merge(&mut self, other: Secrets) {
        self.0.extend(other.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without any of the secrets.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // Longest first, or a secret that holds another one would leave its rest behind.
        let mut secrets: Vec<&String> = self.0.iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets {
            if !text.contains(secret.as_str()) {
                continue;
            }
            text =
                if secret.len() >= SHORT { text.replace(secret.as_str(), HIDDEN) } else { replace_word(&text, secret) };
        }
        text
    }

    fn add(&mut self, text: &str) {
        if !NEVER.contains(&text.trim()) && text != HIDDEN {
            self.0.insert(text.to_owned());
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// Attributes that hold secrets whether or not anybody marked them.
fn is_secret_name(name: &str) -> bool {
    const EXACT: [&str; 9] = [
        "user_data",
        "user_data_base64",
        "secret",
        "kubeconfig",
        "set_sensitive",
        "private",
        "token",
        "secret_key",
        "auth_token",
    ];
    const ENDS: [&str; 6] =
        ["password", "_pem", "secret_string", "secret_binary", "private_key", "private_key_openssh"];
    let name = name.to_ascii_lowercase();
    let public = ["public_key_pem", "cert_pem", "certificate_pem", "ca_cert_pem"].contains(&name.as_str());
    !public && (EXACT.contains(&name.as_str()) || ENDS.iter().any(|end| name.ends_with(end)))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(_) => false,
    }
}

fn has_mark(marks: &Value) -> bool {
    match marks {
        Value::Bool(marked) => *marked,
        Value::Array(list) => list.iter().any(has_mark),
        Value::Object(map) => map.values().any(has_mark),
        _ => false,
    }
}

fn replace_word(text: &str, word: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in text.match_indices(word) {
        let alone = !text[..at].ends_with(is_word) && !text[at + found.len()..].starts_with(is_word);
        if alone {
            out.push_str(&text[from..at]);
            out.push_str(HIDDEN);
            from = at + found.len();
        }
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_hide_leaves_and_whole_branches() {
        let value = json!({"a": "x", "b": {"c": [1, "y"], "d": null}, "e": {"f": "z"}, "user_data": "#!", "g": "s"});
        let marks = json!({"b": {"c": [false, true], "d": true}, "e": true, "g": {"deeper": true}});
        assert_eq!(
            redact(&value, &marks),
            json!({"a": "x", "b": {"c": [1, HIDDEN], "d": null}, "e": HIDDEN, "user_data": HIDDEN, "g": HIDDEN})
        );
        assert_eq!(redact(&json!("x"), &json!(true)), json!(HIDDEN));
        assert_eq!(redact(&json!({"a": 1}), &json!(false)), json!({"a": 1}));
    }

    #[test]
    fn secrets_leave_free_text() {
        let mut secrets = Secrets::default();
        secrets.collect(
            &json!({"p": "hunter2", "q": ["hunter22\"x"], "n": 71263}),
            &json!({"p": true, "q": [true], "n": true}),
        );
        secrets
            .collect(&json!({"short": "ab", "flag": true, "open": "visible"}), &json!({"short": true, "flag": true}));
        assert_eq!(
            secrets.scrub(r#"p=hunter2 q={"v":"hunter22\"x"} n=71263 true visible ab cab ab."#),
            format!("p={HIDDEN} q={{\"v\":\"{HIDDEN}\"}} n={HIDDEN} true visible {HIDDEN} cab {HIDDEN}.")
        );
        assert_eq!(format!("{secrets:?}"), format!("Secrets({})", secrets.0.len()));
    }

    #[test]
    fn a_secret_of_many_lines_is_found_line_by_line() {
        let mut secrets = Secrets::default();
        secrets.everything(&json!("-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n"));
        assert_eq!(secrets.scrub("log: MIIEvQIBADAN"), format!("log: {HIDDEN}"));
    }
}
