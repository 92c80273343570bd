//! Which kinds have converters, between which versions, and why the others have none.
//!
//! A family is one kind in all its versions, oldest first; a converter goes from any of them to any other.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::Gvk;
use serde_json::{Map, Value};

use super::{CannotConvert, Draft};
use super::{
    admission_policy, api_service, certificate_signing_request, cron_job, custom_resource_definition, dynamic_resource,
    endpoint_slice, event, flow_control, gateway, horizontal_pod_autoscaler, ingress, ingress_class, misc,
    network_policy, pod, pod_disruption_budget, pod_security_policy, priority_class, rbac, runtime_class, snapshot,
    storage, webhook_configuration, workload,
};

type Body = Map<String, Value>;
pub(crate) type Defaults = fn(&mut Body, &Form, &mut Draft<'_>) -> Result<(), CannotConvert>;
pub(crate) type Convert = fn(&mut Body, &Form, &Form, &mut Draft<'_>) -> Result<(), CannotConvert>;

/// A kind in one version.
pub(crate) struct Form {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) resource: &'static str,
}

/// A kind in all its versions.
pub(crate) struct Family {
    /// Oldest first.
    pub(crate) forms: &'static [Form],
    /// Fills what the form's server would fill.
    pub(crate) defaults: Defaults,
    /// Moves the fields; the apiVersion and kind are set afterwards.
    pub(crate) convert: Convert,
    /// Makes the object pass the form's create validation, or says why it cannot.
    pub(crate) repair: Defaults,
    pub(crate) upward_only: bool,
}

pub(crate) static FAMILIES: &[&Family] = &[
    &workload::DEPLOYMENT,
    &workload::DAEMON_SET,
    &workload::REPLICA_SET,
    &workload::STATEFUL_SET,
    &workload::CONTROLLER_REVISION,
    &network_policy::NETWORK_POLICY,
    &ingress::INGRESS,
    &ingress_class::INGRESS_CLASS,
    &cron_job::CRON_JOB,
    &horizontal_pod_autoscaler::HORIZONTAL_POD_AUTOSCALER,
    &pod_disruption_budget::POD_DISRUPTION_BUDGET,
    &pod_security_policy::POD_SECURITY_POLICY,
    &custom_resource_definition::CUSTOM_RESOURCE_DEFINITION,
    &webhook_configuration::MUTATING,
    &webhook_configuration::VALIDATING,
    &admission_policy::VALIDATING,
    &admission_policy::VALIDATING_BINDING,
    &admission_policy::MUTATING,
    &admission_policy::MUTATING_BINDING,
    &rbac::CLUSTER_ROLE,
    &rbac::CLUSTER_ROLE_BINDING,
    &rbac::ROLE,
    &rbac::ROLE_BINDING,
    &storage::STORAGE_CLASS,
    &storage::CSI_DRIVER,
    &storage::CSI_NODE,
    &storage::VOLUME_ATTACHMENT,
    &storage::CSI_STORAGE_CAPACITY,
    &storage::VOLUME_ATTRIBUTES_CLASS,
    &certificate_signing_request::CERTIFICATE_SIGNING_REQUEST,
    &endpoint_slice::ENDPOINT_SLICE,
    &event::EVENT,
    &flow_control::FLOW_SCHEMA,
    &flow_control::PRIORITY_LEVEL_CONFIGURATION,
    &runtime_class::RUNTIME_CLASS,
    &priority_class::PRIORITY_CLASS,
    &api_service::API_SERVICE,
    &pod::POD,
    &misc::LEASE,
    &misc::IP_ADDRESS,
    &misc::SERVICE_CIDR,
    &misc::CLUSTER_TRUST_BUNDLE,
    &misc::POD_CERTIFICATE_REQUEST,
    &misc::LEASE_CANDIDATE,
    &misc::STORAGE_VERSION_MIGRATION,
    &misc::DEVICE_TAINT_RULE,
    &misc::TOKEN_REVIEW,
    &misc::SELF_SUBJECT_REVIEW,
    &misc::SELF_SUBJECT_RULES_REVIEW,
    &misc::SUBJECT_ACCESS_REVIEW,
    &misc::SELF_SUBJECT_ACCESS_REVIEW,
    &misc::LOCAL_SUBJECT_ACCESS_REVIEW,
    &dynamic_resource::DEVICE_CLASS,
    &dynamic_resource::RESOURCE_CLAIM,
    &dynamic_resource::RESOURCE_CLAIM_TEMPLATE,
    &dynamic_resource::RESOURCE_SLICE,
    &snapshot::VOLUME_SNAPSHOT,
    &snapshot::VOLUME_SNAPSHOT_CLASS,
    &snapshot::VOLUME_SNAPSHOT_CONTENT,
    &snapshot::VOLUME_GROUP_SNAPSHOT,
    &snapshot::VOLUME_GROUP_SNAPSHOT_CLASS,
    &snapshot::VOLUME_GROUP_SNAPSHOT_CONTENT,
    &gateway::GATEWAY_CLASS,
    &gateway::GATEWAY,
    &gateway::HTTP_ROUTE,
    &gateway::GRPC_ROUTE,
    &gateway::TLS_ROUTE,
    &gateway::TCP_ROUTE,
    &gateway::UDP_ROUTE,
    &gateway::REFERENCE_GRANT,
    &gateway::BACKEND_TLS_POLICY,
    &gateway::LISTENER_SET,
];

type Key = (&'static str, &'static str, &'static str);

static BY_KIND: LazyLock<BTreeMap<Key, (&'static Family, &'static Form)>> = LazyLock::new(|| {
    let forms = FAMILIES.iter().flat_map(|family| family.forms.iter().map(move |form| (*family, form)));
    forms.map(|(family, form)| ((form.kind, form.group, form.version), (family, form))).collect()
});

pub(crate) fn family_of(gvk: &Gvk) -> Option<(&'static Family, &'static Form)> {
    family_named(&gvk.group, &gvk.version, &gvk.kind)
}

pub(crate) fn family_named(group: &str, version: &str, kind: &str) -> Option<(&'static Family, &'static Form)> {
    BY_KIND.get(&(kind, group, version)).copied()
}

impl Form {
    pub(crate) const fn new(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        resource: &'static str,
    ) -> Self {
        Self { group, version, kind, resource }
    }
}

impl Family {
    /// A kind whose versions have the same fields and the same defaults.
    pub(crate) const fn same(forms: &'static [Form]) -> Self {
        Self { forms, defaults: no_defaults, convert: same_fields, repair: no_repair, upward_only: false }
    }

    pub(crate) const fn with_defaults(mut self, defaults: Defaults) -> Self {
        self.defaults = defaults;
        self
    }

    pub(crate) const fn with_conversion(mut self, convert: Convert) -> Self {
        self.convert = convert;
        self
    }

    pub(crate) const fn with_repair(mut self, repair: Defaults) -> Self {
        self.repair = repair;
        self
    }

    pub(crate) const fn upward_only(mut self) -> Self {
        self.upward_only = true;
        self
    }

    pub(crate) fn allows(&self, from: &Form, to: &Form) -> bool {
        let position = |form: &Form| self.forms.iter().position(|other| std::ptr::eq(other, form));
        !self.upward_only || position(from) <= position(to)
    }
}

fn no_defaults(_: &mut Body, _: &Form, _: &mut Draft<'_>) -> Result<(), CannotConvert> {
    Ok(())
}

fn no_repair(_: &mut Body, _: &Form, _: &mut Draft<'_>) -> Result<(), CannotConvert> {
    Ok(())
}

fn same_fields(_: &mut Body, _: &Form, _: &Form, _: &mut Draft<'_>) -> Result<(), CannotConvert> {
    Ok(())
}

/// Why there is no conversion, and what to use instead.
pub(crate) fn refusal(from: &Gvk, to: &Gvk) -> CannotConvert {
    match no_successor(from) {
        Some((why, instead)) => CannotConvert::NoSuccessor { from: from.to_string(), why, instead },
        None => {
            let instead = "create the object by hand in a version that the target serves".to_owned();
            CannotConvert::NoPath { from: from.to_string(), to: to.to_string(), instead }
        }
    }
}

/// The kinds that were removed without a form to convert to.
pub(crate) fn no_successor(gvk: &Gvk) -> Option<(&'static str, &'static str)> {
    const CLASSIC: (&str, &str) = (
        "classic dynamic resource allocation was replaced by a different model",
        "write a DeviceClass and a ResourceClaim of resource.k8s.io/v1 for the driver",
    );
    Some(match (gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str()) {
        ("extensions" | "policy", "v1beta1", "PodSecurityPolicy") => (
            "it was removed in 1.25, and Pod Security admission works by namespace",
            "label the namespaces with pod-security.kubernetes.io/enforce and the level reported for the policy",
        ),
        ("resource.k8s.io", "v1alpha1" | "v1alpha2", _) => CLASSIC,
        ("resource.k8s.io", _, "PodSchedulingContext") => CLASSIC,
        ("settings.k8s.io", _, "PodPreset") => (
            "it was removed in 1.20",
            "use a MutatingAdmissionPolicy or a mutating webhook that adds the same settings",
        ),
        ("auditregistration.k8s.io", _, "AuditSink") => (
            "it was removed in 1.19",
            "configure the audit webhook of the apiserver, or the provider's control plane logging",
        ),
        ("admissionregistration.k8s.io", _, "InitializerConfiguration") => {
            ("initializers were removed in 1.14", "use a mutating webhook")
        }
        ("networking.k8s.io", _, "ClusterCIDR") => {
            ("the feature was removed in 1.29", "configure node networks in the network plugin")
        }
        ("scheduling.k8s.io", "v1alpha1" | "v1alpha2", "Workload" | "PodGroup") => {
            ("the alpha was replaced without a conversion", "write it again in the version that the target serves")
        }
        ("networking.x-k8s.io", "v1alpha1", _) => (
            "the first Gateway API was redesigned when it became gateway.networking.k8s.io",
            "write it again as gateway.networking.k8s.io/v1",
        ),
        ("snapshot.storage.k8s.io", "v1alpha1", _) => (
            "upstream never converted the alpha",
            "create a VolumeSnapshot of snapshot.storage.k8s.io/v1 that names the snapshot's handle",
        ),
        ("groupsnapshot.storage.k8s.io", "v1alpha1", _) => {
            ("the alpha was dropped when v1beta1 came", "create it again as groupsnapshot.storage.k8s.io/v1beta2")
        }
        _ => return None,
    })
}
