//! Pod Security labels for namespaces, from the pod security policies that could be used in them.
//!
//! A policy held whoever may `use` it, by roles and bindings; a label holds a namespace. A namespace gets the loosest
//! level among the policies that service accounts in it may use: a stricter one would refuse pods that ran before.
//! What users may use who create pods themselves is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use model::Manifest;
use serde_json::Value;
use versions::{PodSecurityLevel, pod_security_level};

/// What a backup says of pod security policies.
#[derive(Debug, Default)]
pub struct PodSecurity<'a> {
    pub policies: Vec<Manifest>,
    /// Roles and ClusterRoles.
    pub roles: Vec<Manifest>,
    /// RoleBindings and ClusterRoleBindings.
    pub bindings: Vec<Manifest>,
    /// The namespaces of the backup.
    pub namespaces: BTreeSet<&'a str>,
}

impl PodSecurity<'_> {
    /// The level of each namespace in which service accounts may use some policy.
    pub fn levels(&self) -> BTreeMap<String, PodSecurityLevel> {
        let levels: BTreeMap<&str, PodSecurityLevel> =
            self.policies.iter().map(|policy| (policy.name(), pod_security_level(policy))).collect();
        let mut found: BTreeMap<String, PodSecurityLevel> = BTreeMap::new();
        for binding in &self.bindings {
            let Some(level) = self.granted(binding, &levels) else { continue };
            for namespace in self.reach(binding) {
                let entry = found.entry(namespace.to_owned()).or_insert(level);
                *entry = level.min(*entry);
            }
        }
        found
    }

    /// The loosest level among the policies that a binding's role grants.
    fn granted(&self, binding: &Manifest, levels: &BTreeMap<&str, PodSecurityLevel>) -> Option<PodSecurityLevel> {
        let (kind, name) = (binding.get_str("/roleRef/kind")?, binding.get_str("/roleRef/name")?);
        let namespace = binding.namespace().filter(|_| kind == "Role");
        let same = |role: &&Manifest| role.kind() == kind && role.name() == name && role.namespace() == namespace;
        let role = self.roles.iter().find(same)?;
        let rules = role.as_map().get("rules").and_then(Value::as_array);
        let granting = rules.into_iter().flatten().filter(|rule| {
            has(rule, "apiGroups", &["policy", "extensions"])
                && has(rule, "resources", &["podsecuritypolicies"])
                && has(rule, "verbs", &["use"])
        });
        let mut loosest = None;
        for rule in granting {
            let named: Vec<&str> = strings(rule, "resourceNames").collect();
            let these = levels.iter().filter(|(name, _)| named.is_empty() || named.contains(*name));
            loosest = these.map(|(_, level)| *level).chain(loosest).min();
        }
        loosest
    }

    /// The namespaces whose service accounts a binding is about.
    fn reach(&self, binding: &Manifest) -> BTreeSet<&str> {
        let subjects = binding.as_map().get("subjects").and_then(Value::as_array);
        let mut reached = BTreeSet::new();
        for subject in subjects.into_iter().flatten() {
            let text = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
            let all = self.namespaces.iter().copied();
            match (text("kind"), text("name")) {
                ("ServiceAccount", _) => {
                    // A binding in a namespace that names no other means its own.
                    let namespace = [text("namespace"), binding.namespace().unwrap_or_default()];
                    let namespace = namespace.into_iter().find(|namespace| !namespace.is_empty());
                    reached.extend(all.filter(|known| Some(*known) == namespace));
                }
                ("Group", "system:serviceaccounts" | "system:authenticated") => reached.extend(all),
                ("Group", group) => {
                    let namespace = group.strip_prefix("system:serviceaccounts:");
                    reached.extend(all.filter(|known| Some(*known) == namespace));
                }
                _ => {}
            }
        }
        // A role that is bound in a namespace holds there and nowhere else.
        if let Some(own) = binding.namespace() {
            reached.retain(|namespace| *namespace == own);
        }
        reached
    }
}

fn strings<'a>(rule: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    rule.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn has(rule: &Value, key: &str, wanted: &[&str]) -> bool {
    strings(rule, key).any(|value| value == "*" || wanted.contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy(name: &str, spec: Value) -> Manifest {
        object(json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": name},
            "spec": spec}))
    }

    fn object(value: Value) -> Manifest {
        Manifest::from_value(value).unwrap()
    }

    fn role(name: &str, policies: Value) -> Manifest {
        object(json!({"kind": "ClusterRole", "metadata": {"name": name}, "rules": [
            {"apiGroups": ["policy"], "resources": ["podsecuritypolicies"], "verbs": ["use"], "resourceNames": policies},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]}))
    }

    fn binding(namespace: Option<&str>, role: &str, subject: Value) -> Manifest {
        object(json!({"kind": "RoleBinding", "metadata": {"name": "b", "namespace": namespace},
            "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [subject]}))
    }

    #[test]
    fn a_namespace_gets_the_loosest_level_that_its_accounts_may_use() {
        let account = |namespace: &str| json!({"kind": "ServiceAccount", "name": "default", "namespace": namespace});
        let group = |name: &str| json!({"kind": "Group", "name": name});
        let security = PodSecurity {
            policies: vec![
                policy("open", json!({"privileged": true})),
                policy("base", json!({"seLinux": {"rule": "MustRunAs"}, "volumes": ["nfs"]})),
            ],
            roles: vec![
                role("use-open", json!(["open"])),
                role("use-base", json!(["base"])),
                role("none", json!(["x"])),
            ],
            bindings: vec![
                binding(Some("shop"), "use-base", group("system:serviceaccounts:shop")),
                binding(Some("pay"), "use-base", account("pay")),
                binding(None, "use-open", account("pay")),
                binding(Some("dev"), "use-open", json!({"kind": "User", "name": "mia"})),
                binding(None, "none", group("system:authenticated")),
                binding(Some("dev"), "use-base", account("shop")),
            ],
            namespaces: ["dev", "pay", "shop"].into(),
        };
        let levels = security.levels();
        let expected = [("pay", PodSecurityLevel::Privileged), ("shop", PodSecurityLevel::Baseline)];
        assert_eq!(levels, expected.map(|(name, level)| (name.to_owned(), level)).into());
    }

    #[test]
    fn everybody_is_every_namespace_of_the_backup() {
        let everybody = json!({"kind": "Group", "name": "system:serviceaccounts"});
        let security = PodSecurity {
            policies: vec![policy("open", json!({"privileged": true}))],
            roles: vec![role("use-all", json!([]))],
            bindings: vec![binding(None, "use-all", everybody)],
            namespaces: ["a", "b"].into(),
        };
        assert_eq!(security.levels().into_keys().collect::<Vec<_>>(), ["a", "b"]);
    }
}
