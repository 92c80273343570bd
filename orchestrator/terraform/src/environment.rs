//! The environment that the tool runs in.
//!
//! The caller hands over what it has; this crate reads no environment of its own. What could change the meaning of
//! our commands is taken out, what makes them quiet and non-interactive is put in. Values are secrets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Takes over what may be inherited. `TF_VAR_*`, credentials and where to find providers stay.
    pub fn inherit<K: Into<OsString>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let kept = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
        Self(kept.filter(|(key, _)| !is_scrubbed(key)).collect())
    }

    pub fn get(&self, key: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(key)).map(OsString::as_os_str)
    }

    /// The same environment with one more variable, which is not scrubbed.
    pub fn with(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// Everything that the child gets.
    pub(crate) fn for_child(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        const OURS: [(&str, &str); 3] = [("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0"), ("CHECKPOINT_DISABLE", "1")];
        let inherited = self.0.iter().map(|(key, value)| (key.as_os_str(), value.as_os_str()));
        inherited.chain(OURS.map(|(key, value)| (OsStr::new(key), OsStr::new(value))))
    }
}

/// Whether a variable of the surrounding shell would change what our commands do or say.
fn is_scrubbed(key: &OsStr) -> bool {
    const NAMES: [&str; 9] = [
        "TF_WORKSPACE",
        "TF_REATTACH_PROVIDERS",
        "TF_APPEND_USER_AGENT",
        "TF_IN_AUTOMATION",
        "TF_INPUT",
        "TF_DISABLE_PLUGIN_TLS",
        "TF_SKIP_PROVIDER_VERIFY",
        "TF_STATE_PERSIST_INTERVAL",
        "TF_IGNORE",
    ];
    let Some(key) = key.to_str() else { return false };
    NAMES.contains(&key) || key.starts_with("TF_CLI_ARGS") || key.starts_with("TF_LOG")
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_our_commands_is_gone() {
        let inherited = [
            ("TF_CLI_ARGS", "-target=x"),
            ("TF_CLI_ARGS_apply", "-lock=false"),
            ("TF_WORKSPACE", "typo"),
            ("TF_LOG", "trace"),
            ("TF_LOG_PATH", "/tmp/x"),
            ("TF_LOG_PROVIDER", "trace"),
            ("TF_REATTACH_PROVIDERS", "{}"),
            ("TF_INPUT", "1"),
            ("TF_VAR_password", "hunter2"),
            ("TF_CLI_CONFIG_FILE", "/x"),
            ("PATH", "/bin"),
        ];
        let environment = Environment::inherit(inherited);
        let child: BTreeMap<_, _> = environment.for_child().collect();
        let names: Vec<_> = child.keys().map(|key| key.to_str().unwrap()).collect();
        assert_eq!(
            names,
            ["CHECKPOINT_DISABLE", "PATH", "TF_CLI_CONFIG_FILE", "TF_INPUT", "TF_IN_AUTOMATION", "TF_VAR_password"]
        );
        assert_eq!(child[OsStr::new("TF_INPUT")], "0");
        assert!(!format!("{environment:?}").contains("hunter2"));
    }
}
