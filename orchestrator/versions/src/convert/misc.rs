//! Lease, IPAddress, ServiceCIDR, ClusterTrustBundle, PodCertificateRequest, LeaseCandidate,
//! StorageVersionMigration, DeviceTaintRule and the reviews, between all their versions. Lossless but for fields of
//! alphas that were given up.
//!
//! Most of them are written by controllers or never stored; they convert all the same, for files written by people.
//!
//! Before:
//! ```yaml
//! apiVersion: coordination.k8s.io/v1beta1
//! kind: Lease
//! metadata: { name: leader, namespace: shop }
//! spec: { holderIdentity: web-0, leaseDurationSeconds: 15 }
//! ```
//! After:
//! ```yaml
//! apiVersion: coordination.k8s.io/v1
//! kind: Lease
//! metadata: { name: leader, namespace: shop }
//! spec: { holderIdentity: web-0, leaseDurationSeconds: 15 }
//! ```
//!
//! Before:
//! ```yaml
//! apiVersion: authorization.k8s.io/v1beta1
//! kind: SubjectAccessReview
//! spec: { user: jane, group: [dev], resourceAttributes: { verb: get, resource: pods } }
//! ```
//! After:
//! ```yaml
//! apiVersion: authorization.k8s.io/v1
//! kind: SubjectAccessReview
//! spec: { user: jane, groups: [dev], resourceAttributes: { verb: get, resource: pods } }
//! ```

use serde_json::{Map, Value, json};

use super::draft::{each_object, is_blank, is_unset, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};

type Body = Map<String, Value>;

macro_rules! family {
    ($name:ident, $group:literal, $kind:literal, $resource:literal, [$($version:literal),+]) => {
        pub(crate) static $name: Family =
            Family::same(&[$(Form::new($group, $version, $kind, $resource)),+]);
    };
    ($name:ident, $group:literal, $kind:literal, $resource:literal, [$($version:literal),+], $convert:ident) => {
        pub(crate) static $name: Family =
            Family::same(&[$(Form::new($group, $version, $kind, $resource)),+]).with_conversion($convert);
    };
}

family!(LEASE, "coordination.k8s.io", "Lease", "leases", ["v1beta1", "v1"]);
family!(IP_ADDRESS, "networking.k8s.io", "IPAddress", "ipaddresses", ["v1alpha1", "v1beta1", "v1"], address);
family!(SERVICE_CIDR, "networking.k8s.io", "ServiceCIDR", "servicecidrs", ["v1alpha1", "v1beta1", "v1"]);
family!(
    CLUSTER_TRUST_BUNDLE,
    "certificates.k8s.io",
    "ClusterTrustBundle",
    "clustertrustbundles",
    ["v1alpha1", "v1beta1", "v1"]
);
family!(
    POD_CERTIFICATE_REQUEST,
    "certificates.k8s.io",
    "PodCertificateRequest",
    "podcertificaterequests",
    ["v1alpha1", "v1beta1"]
);
family!(
    LEASE_CANDIDATE,
    "coordination.k8s.io",
    "LeaseCandidate",
    "leasecandidates",
    ["v1alpha1", "v1alpha2", "v1beta1"],
    candidate
);
family!(
    STORAGE_VERSION_MIGRATION,
    "storagemigration.k8s.io",
    "StorageVersionMigration",
    "storageversionmigrations",
    ["v1alpha1", "v1beta1", "v1"],
    migration
);
family!(DEVICE_TAINT_RULE, "resource.k8s.io", "DeviceTaintRule", "devicetaintrules", ["v1alpha3", "v1beta2", "v1"]);
family!(TOKEN_REVIEW, "authentication.k8s.io", "TokenReview", "tokenreviews", ["v1beta1", "v1"]);
family!(
    SELF_SUBJECT_REVIEW,
    "authentication.k8s.io",
    "SelfSubjectReview",
    "selfsubjectreviews",
    ["v1alpha1", "v1beta1", "v1"]
);
family!(
    SELF_SUBJECT_RULES_REVIEW,
    "authorization.k8s.io",
    "SelfSubjectRulesReview",
    "selfsubjectrulesreviews",
    ["v1beta1", "v1"]
);
family!(
    SELF_SUBJECT_ACCESS_REVIEW,
    "authorization.k8s.io",
    "SelfSubjectAccessReview",
    "selfsubjectaccessreviews",
    ["v1beta1", "v1"]
);
family!(
    SUBJECT_ACCESS_REVIEW,
    "authorization.k8s.io",
    "SubjectAccessReview",
    "subjectaccessreviews",
    ["v1beta1", "v1"],
    access_review
);
family!(
    LOCAL_SUBJECT_ACCESS_REVIEW,
    "authorization.k8s.io",
    "LocalSubjectAccessReview",
    "localsubjectaccessreviews",
    ["v1beta1", "v1"],
    access_review
);

fn access_review(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if from.version == to.version {
        return Ok(());
    }
    let (old, new) = if to.version == "v1" { ("group", "groups") } else { ("groups", "group") };
    if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
        draft.rename(spec, &At::ROOT.key("spec"), old, new);
    }
    Ok(())
}

fn address(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if from.version != "v1alpha1" || to.version == "v1alpha1" {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if let Some(parent) = object_mut(spec, &at, "parentRef")? {
        draft.remove(parent, &at.key("parentRef"), "uid", "the first alphas named the parent's uid");
    }
    Ok(())
}

fn candidate(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if from.version == "v1alpha1" && to.version != "v1alpha1" {
        let because = "the list of preferred strategies became one strategy";
        if let Some(Value::Array(list)) = draft.remove(spec, &at, "preferredStrategies", because) {
            draft.lossless &= list.len() <= 1;
            if let Some(first) = list.into_iter().next() {
                draft.set(spec, &at, "strategy", first, because);
            }
        }
        if is_blank(spec, "binaryVersion") {
            let because = "the version of the binary is required";
            draft.set(spec, &at, "binaryVersion", "0.0.0", because);
            draft.lossless = false;
        }
    } else if to.version == "v1alpha1" && from.version != "v1alpha1" {
        let because = "the strategy is a list of preferred ones in this version";
        if let Some(strategy) = draft.remove(spec, &at, "strategy", because) {
            draft.set(spec, &at, "preferredStrategies", json!([strategy]), because);
        }
    }
    Ok(())
}

fn migration(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if from.version == "v1alpha1" && to.version != "v1alpha1" {
        if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
            let at = At::ROOT.key("spec");
            draft.remove(spec, &at, "continueToken", "a migration starts over");
            if let Some(resource) = object_mut(spec, &at, "resource")? {
                draft.remove(resource, &at.key("resource"), "version", "a migration names the resource alone");
            }
        }
    } else if to.version == "v1alpha1" && from.version != "v1alpha1" {
        return Err(CannotConvert::NotCreatable {
            code: "migration-version",
            pointer: "/spec/resource/version".into(),
            why: "the alpha wants the version of the resource, which the object does not name".into(),
            instead: "leave it out: a migration belongs to the cluster it was made for".into(),
        });
    }
    let Some(status) = object_mut(body, &At::ROOT, "status")? else { return Ok(()) };
    each_object(status, &At::ROOT.key("status"), "conditions", |condition, at| {
        if condition.contains_key("lastUpdateTime") && is_unset(condition, "lastTransitionTime") {
            draft.rename(condition, at, "lastUpdateTime", "lastTransitionTime");
        }
        if is_blank(condition, "reason") {
            let reason = text(condition, "type").unwrap_or("Unknown").to_owned();
            draft.set(condition, at, "reason", reason, "a condition has a reason");
        }
        Ok(())
    })
}
