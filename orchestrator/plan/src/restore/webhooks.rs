//! Admission webhooks of the target that would refuse everything, because what answers them is not up.
//!
//! Only webhooks that fail closed and are answered by a service of the cluster count. Whether the service is up is
//! observed; which of the restored kinds would be stopped is decided here. Namespace and object selectors are not
//! evaluated: a webhook that might not apply is still worth a warning.

use std::collections::BTreeSet;

use model::{GroupResource, Manifest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One webhook that fails closed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Webhook {
    /// `validatingwebhookconfigurations/name`.
    pub configuration: String,
    pub name: String,
    /// Namespace and name of the service that answers it.
    pub service: (String, String),
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rule {
    groups: Vec<String>,
    resources: Vec<String>,
}

/// What to do about webhooks whose backend is not up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnreadyWebhooks {
    /// Say so and go on; what they refuse is reported item by item.
    #[default]
    Warn,
    /// Refuse to begin.
    Fail,
    /// Wait for them before the first write.
    Wait,
    /// Restore the namespaces of their backends first, wait for them, then the rest.
    WorkloadsFirst,
}

/// Webhooks of one configuration that fail closed, on create or update.
pub fn read(resource: &str, configuration: &Manifest) -> Vec<Webhook> {
    let webhooks = configuration.as_map().get("webhooks").and_then(Value::as_array);
    webhooks.into_iter().flatten().filter_map(|webhook| read_one(resource, configuration.name(), webhook)).collect()
}

/// The webhooks that would stop some of these kinds.
pub fn in_the_way<'a>(
    webhooks: &'a [Webhook],
    services_up: &BTreeSet<(String, String)>,
    kinds: &BTreeSet<GroupResource>,
) -> Vec<&'a Webhook> {
    let stops = |webhook: &&Webhook| kinds.iter().any(|kind| webhook.rules.iter().any(|rule| rule.matches(kind)));
    webhooks.iter().filter(|webhook| !services_up.contains(&webhook.service)).filter(stops).collect()
}

impl Webhook {
    /// In words, for a person.
    pub fn describe(&self) -> String {
        let (namespace, service) = &self.service;
        format!(
            "webhook {} of {} fails closed, and its backend {namespace}/{service} is not up",
            self.name, self.configuration
        )
    }
}

impl Rule {
    fn matches(&self, kind: &GroupResource) -> bool {
        let group = self.groups.iter().any(|group| group == "*" || *group == kind.group);
        let named = |resource: &String| resource == "*" || resource == "*/*" || *resource == kind.resource;
        group && self.resources.iter().any(named)
    }
}

fn read_one(resource: &str, configuration: &str, webhook: &Value) -> Option<Webhook> {
    // v1 fails closed unless told otherwise.
    if webhook.get("failurePolicy").and_then(Value::as_str) == Some("Ignore") {
        return None;
    }
    let text = |pointer: &str| webhook.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let service = (text("/clientConfig/service/namespace")?, text("/clientConfig/service/name")?);
    let strings = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let rules = webhook.get("rules").and_then(Value::as_array);
    let rules: Vec<Rule> = rules
        .into_iter()
        .flatten()
        .filter(|rule| {
            strings(rule.get("operations"))
                .iter()
                .any(|operation| ["*", "CREATE", "UPDATE"].contains(&operation.as_str()))
        })
        .map(|rule| Rule { groups: strings(rule.get("apiGroups")), resources: strings(rule.get("resources")) })
        .collect();
    let name = text("/name")?;
    (!rules.is_empty()).then(|| Webhook { configuration: format!("{resource}/{configuration}"), name, service, rules })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_closed_webhooks_without_a_backend_are_in_the_way() {
        let configuration = Manifest::from_value(json!({"metadata": {"name": "policy"}, "webhooks": [
            {"name": "closed", "clientConfig": {"service": {"namespace": "guard", "name": "hook"}},
             "rules": [{"operations": ["CREATE"], "apiGroups": [""], "resources": ["configmaps"]}]},
            {"name": "open", "failurePolicy": "Ignore", "clientConfig": {"service": {"namespace": "guard", "name": "hook"}},
             "rules": [{"operations": ["*"], "apiGroups": ["*"], "resources": ["*"]}]},
            {"name": "outside", "clientConfig": {"url": "https://example.com"},
             "rules": [{"operations": ["*"], "apiGroups": ["*"], "resources": ["*"]}]}]}))
        .unwrap();
        let webhooks = read("validatingwebhookconfigurations", &configuration);
        assert_eq!(webhooks.len(), 1);
        let kinds = |text: &str| BTreeSet::from([GroupResource::parse(text)]);
        assert_eq!(in_the_way(&webhooks, &BTreeSet::new(), &kinds("configmaps")).len(), 1);
        assert!(in_the_way(&webhooks, &BTreeSet::new(), &kinds("secrets")).is_empty());
        let up = BTreeSet::from([("guard".to_owned(), "hook".to_owned())]);
        assert!(in_the_way(&webhooks, &up, &kinds("configmaps")).is_empty());
    }
}
