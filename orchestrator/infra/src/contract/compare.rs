//! What is wrong with a contract, and which keys one contract has that the other lacks.
//!
//! Comparing keys comes before everything else: a key without a counterpart is a rewrite that cannot happen.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, Severity};

use super::{Contract, ContractValue, note};
use crate::class::ValueClass;
use crate::grammar;

/// The keys of two contracts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyComparison {
    /// Keys that the source has and the target lacks: nothing can be paired with them.
    pub missing: Vec<String>,
    /// Keys of zones that the target does not have; they are folded onto the zones it has.
    pub folded: Vec<String>,
    /// Keys that only the target has; harmless.
    pub added: Vec<String>,
}

impl KeyComparison {
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// An error for each missing key, a warning for each folded one.
    pub fn findings(&self) -> Vec<Finding> {
        let missing = self.missing.iter().map(|key| {
            let message =
                format!("the source has {key}, the target does not; add it to the target's {}", super::OUTPUT_NAME);
            note(Severity::Error, "missing-in-target", None, message)
        });
        let folded = self.folded.iter().map(|key| {
            let message = format!("the target has fewer zones: what stood in {key} is placed in another zone");
            note(Severity::Warning, "zone-folded", None, message)
        });
        missing.chain(folded).collect()
    }
}

/// Compares the keys that a restore relies on.
pub fn compare_keys(source: &Contract, target: &Contract) -> KeyComparison {
    let (source, target) = (compared(source), compared(target));
    let slots: BTreeSet<&str> = target.keys().filter_map(|key| slot_of(key)).collect();
    let mut comparison = KeyComparison::default();
    for key in source.keys().filter(|key| !target.contains_key(*key)) {
        let folds = slot_of(key).is_some_and(|slot| !slots.is_empty() && !slots.contains(slot));
        if folds { &mut comparison.folded } else { &mut comparison.missing }.push(key.clone());
    }
    comparison.added = target.keys().filter(|key| !source.contains_key(*key)).cloned().collect();
    comparison
}

/// The slot in the key of a zone or a subnet.
pub(crate) fn slot_of(key: &str) -> Option<&str> {
    if let Some(rest) = key.strip_prefix("network.azs.") {
        return rest.split('.').next();
    }
    key.strip_prefix("network.subnets.")?.split('.').nth(1)
}

/// Keys whose values matter to objects in the cluster. How to connect and where backups lie differ on purpose.
fn compared(contract: &Contract) -> BTreeMap<String, ContractValue> {
    contract
        .values()
        .into_iter()
        .filter(|value| value.keyed && value.class != ValueClass::Never && !value.key.starts_with("locations."))
        .map(|value| (value.key.clone(), value))
        .collect()
}

/// Checks that values look like what their keys promise.
pub(super) fn check_values(contract: &Contract, findings: &mut Vec<Finding>) {
    let mut bad_values = Vec::new();
    let mut bad = |key: &str, value: &str, expected: &str| {
        let shown: String = value.chars().take(80).collect();
        let message = format!("{key} is {shown:?}, which is not {expected}");
        bad_values.push(note(Severity::Error, "bad-value", None, message));
    };
    for ContractValue { key, value, class, .. } in contract.values() {
        let last = key.rsplit('.').next().unwrap_or_default();
        if value.chars().any(|c| c.is_control()) || value.trim() != value {
            bad(&key, &value, "free of control characters and outer spaces");
        } else if key == "region" && !grammar::is_region(&value) && value != "local" {
            bad(&key, &value, "a region such as \"eu-west-1\"");
        } else if key == "account_id" && !grammar::is_account(&value) {
            bad(&key, &value, "twelve digits (quote them: Terraform drops leading zeros of numbers)");
        } else if (last == "arn" || last.ends_with("_arn") || key.starts_with("load_balancing.certificates"))
            && grammar::parse_arn(&value).is_none()
        {
            bad(&key, &value, "an ARN");
        } else if last == "vpc_id" && !value.starts_with("vpc-") {
            bad(&key, &value, "a VPC's id");
        } else if key.starts_with("network.subnets.") && last == "id" && !value.starts_with("subnet-") {
            bad(&key, &value, "a subnet's id");
        } else if key.starts_with("network.security_groups.") && !value.starts_with("sg-") {
            bad(&key, &value, "a security group's id");
        } else if key.starts_with("network.azs.")
            && last == "name"
            && !grammar::is_zone(&value)
            && !value.starts_with("local")
        {
            bad(&key, &value, "a zone's name such as \"eu-west-1a\"");
        } else if (key == "cluster.oidc_issuer" || key == "cluster.endpoint") && !value.contains("://") {
            bad(&key, &value, "a URL");
        } else if (last == "service_cidr" || last == "vpc_cidr" || last == "cidr") && !grammar::is_cidr(&value) {
            bad(&key, &value, "an address range such as \"10.0.0.0/16\"");
        } else if key.starts_with("extra") && class == ValueClass::Never {
            let message =
                format!("{key} looks like a port, a size or a range and is never replaced; pair it in a map file");
            findings.push(note(Severity::Warning, "quantity-in-extra", None, message));
        }
    }
    findings.append(&mut bad_values);
    for subject in contract.body().workload_iam.keys() {
        if subject.split('/').filter(|part| !part.is_empty()).count() != 2 {
            let message = format!("workload_iam has the key {subject:?}; write it as \"namespace/serviceaccount\"");
            findings.push(note(Severity::Error, "bad-key", None, message));
        }
    }
}
