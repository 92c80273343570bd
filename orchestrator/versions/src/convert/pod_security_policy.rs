//! PodSecurityPolicy: `extensions/v1beta1` ⇄ `policy/v1beta1`, and no further. Decision `pod-security-policy`.
//!
//! Removed in 1.25 without a successor: Pod Security admission works by namespace, not by user, and changes no pod.
//! The level of the Pod Security Standards that a policy comes closest to is derived here and named in the report.
//!
//! Before:
//! ```yaml
//! apiVersion: extensions/v1beta1
//! kind: PodSecurityPolicy
//! metadata: { name: restricted }
//! spec: { runAsUser: { rule: MustRunAsNonRoot } }
//! ```
//! After:
//! ```yaml
//! apiVersion: policy/v1beta1
//! kind: PodSecurityPolicy
//! metadata: { name: restricted }
//! spec: { runAsUser: { rule: MustRunAsNonRoot }, allowPrivilegeEscalation: true }
//! ```

use std::fmt;

use model::Manifest;
use serde_json::{Map, Value};

use super::draft::object_mut;
use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static POD_SECURITY_POLICY: Family = Family::same(&[
    Form::new("extensions", "v1beta1", "PodSecurityPolicy", "podsecuritypolicies"),
    Form::new("policy", "v1beta1", "PodSecurityPolicy", "podsecuritypolicies"),
])
.with_defaults(defaults);

/// A level of the Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurityLevel {
    Privileged,
    Baseline,
    Restricted,
}

impl PodSecurityLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// Labels for a namespace whose pods are to be held to this level.
    pub fn labels(self) -> [(&'static str, &'static str); 3] {
        ["enforce", "audit", "warn"].map(|mode| {
            let key = match mode {
                "enforce" => "pod-security.kubernetes.io/enforce",
                "audit" => "pod-security.kubernetes.io/audit",
                _ => "pod-security.kubernetes.io/warn",
            };
            (key, self.as_str())
        })
    }
}

impl fmt::Display for PodSecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const RESTRICTED_VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
const SELINUX_TYPES: [&str; 4] = ["", "container_t", "container_init_t", "container_kvm_t"];
const SECCOMP_PROFILES: &str = "seccomp.security.alpha.kubernetes.io/allowedProfileNames";
const APPARMOR_PROFILES: &str = "apparmor.security.beta.kubernetes.io/allowedProfileNames";

fn defaults(body: &mut Map<String, Value>, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
        draft.default(spec, &At::ROOT.key("spec"), "allowPrivilegeEscalation", true);
    }
    Ok(())
}

/// The strictest level that allows nothing which the policy forbids to be looser: every field fits its column.
pub fn pod_security_level(policy: &Manifest) -> PodSecurityLevel {
    let empty = Map::new();
    let spec = policy.get("/spec").and_then(Value::as_object).unwrap_or(&empty);
    if !fits_baseline(policy, spec) {
        PodSecurityLevel::Privileged
    } else if fits_restricted(policy, spec) {
        PodSecurityLevel::Restricted
    } else {
        PodSecurityLevel::Baseline
    }
}

fn strings<'m>(spec: &'m Map<String, Value>, key: &str) -> Vec<&'m str> {
    spec.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn fits_baseline(policy: &Manifest, spec: &Map<String, Value>) -> bool {
    let off = |key: &str| !spec.get(key).and_then(Value::as_bool).unwrap_or(false);
    let empty = |key: &str| spec.get(key).and_then(Value::as_array).is_none_or(Vec::is_empty);
    let se_linux = spec.get("seLinux");
    let se_text = |pointer: &str| se_linux.and_then(|rule| rule.pointer(pointer)?.as_str()).unwrap_or_default();
    let mounts = strings(spec, "allowedProcMountTypes");
    let capabilities: Vec<&str> =
        [strings(spec, "allowedCapabilities"), strings(spec, "defaultAddCapabilities")].concat();
    ["privileged", "hostNetwork", "hostPID", "hostIPC"].iter().all(|key| off(key))
        && empty("hostPorts")
        && empty("allowedUnsafeSysctls")
        && (mounts.is_empty() || mounts == ["Default"])
        && capabilities.iter().all(|capability| BASELINE_CAPABILITIES.contains(capability))
        && !strings(spec, "volumes").iter().any(|volume| matches!(*volume, "hostPath" | "*"))
        && se_text("/rule") == "MustRunAs"
        && se_text("/seLinuxOptions/user").is_empty()
        && se_text("/seLinuxOptions/role").is_empty()
        && SELINUX_TYPES.contains(&se_text("/seLinuxOptions/type"))
        && profiles_fit(policy.annotation(SECCOMP_PROFILES), false)
        && profiles_fit(policy.annotation(APPARMOR_PROFILES), false)
}

fn fits_restricted(policy: &Manifest, spec: &Map<String, Value>) -> bool {
    let capabilities: Vec<&str> =
        [strings(spec, "allowedCapabilities"), strings(spec, "defaultAddCapabilities")].concat();
    capabilities.iter().all(|capability| *capability == "NET_BIND_SERVICE")
        && strings(spec, "requiredDropCapabilities").contains(&"ALL")
        && strings(spec, "volumes").iter().all(|volume| RESTRICTED_VOLUMES.contains(volume))
        && spec.get("runAsUser").and_then(|rule| rule.get("rule")?.as_str()) == Some("MustRunAsNonRoot")
        && spec.get("allowPrivilegeEscalation").and_then(Value::as_bool) == Some(false)
        && profiles_fit(policy.annotation(SECCOMP_PROFILES), true)
        && profiles_fit(policy.annotation(APPARMOR_PROFILES), true)
}

/// Baseline takes the runtime's profile, a local one, or none (which the trailing comma of the old syntax says);
/// restricted wants one named. A policy without the annotation takes none for seccomp, so it cannot be restricted.
fn profiles_fit(profiles: Option<&str>, restricted: bool) -> bool {
    let Some(profiles) = profiles else { return !restricted };
    profiles.split(',').map(str::trim).all(|profile| match profile {
        "runtime/default" => true,
        "" => !restricted,
        "docker/default" => true,
        other => other.starts_with("localhost/"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn level(spec: Value, annotations: Value) -> PodSecurityLevel {
        let policy = json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy",
            "metadata": {"name": "p", "annotations": annotations}, "spec": spec});
        pod_security_level(&Manifest::from_value(policy).unwrap())
    }

    #[test]
    fn the_strictest_column_that_fits_is_the_level() {
        let se_linux = json!({"rule": "MustRunAs"});
        let restricted = json!({"seLinux": se_linux, "runAsUser": {"rule": "MustRunAsNonRoot"},
            "requiredDropCapabilities": ["ALL"], "volumes": ["configMap", "secret"], "allowPrivilegeEscalation": false});
        let profiles = json!({SECCOMP_PROFILES: "runtime/default", APPARMOR_PROFILES: "runtime/default"});
        assert_eq!(level(restricted.clone(), profiles.clone()), PodSecurityLevel::Restricted);
        assert_eq!(level(restricted.clone(), json!({})), PodSecurityLevel::Baseline);
        assert_eq!(level(restricted, json!({SECCOMP_PROFILES: "*"})), PodSecurityLevel::Privileged);
        assert_eq!(level(json!({"seLinux": se_linux, "volumes": ["nfs"]}), json!({})), PodSecurityLevel::Baseline);
        assert_eq!(level(json!({"seLinux": se_linux, "volumes": ["*"]}), profiles), PodSecurityLevel::Privileged);
        assert_eq!(level(json!({"seLinux": {"rule": "RunAsAny"}}), json!({})), PodSecurityLevel::Privileged);
    }
}
