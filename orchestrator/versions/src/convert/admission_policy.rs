//! ValidatingAdmissionPolicy, MutatingAdmissionPolicy and their bindings: `admissionregistration.k8s.io/v1alpha1`,
//! `v1beta1` ⇄ `v1`. Lossless.
//!
//! The fields and the defaults are the same. The target compiles the expressions with its own environment.
//!
//! Before:
//! ```yaml
//! apiVersion: admissionregistration.k8s.io/v1beta1
//! kind: ValidatingAdmissionPolicy
//! metadata: { name: replicas }
//! spec:
//!   matchConstraints:
//!     resourceRules: [{ apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments] }]
//!   validations: [{ expression: object.spec.replicas <= 5 }]
//! ```
//! After:
//! ```yaml
//! apiVersion: admissionregistration.k8s.io/v1
//! kind: ValidatingAdmissionPolicy
//! metadata: { name: replicas }
//! spec:
//!   failurePolicy: Fail
//!   matchConstraints:
//!     matchPolicy: Equivalent
//!     namespaceSelector: {}
//!     objectSelector: {}
//!     resourceRules: [{ apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments] }]
//!   validations: [{ expression: object.spec.replicas <= 5 }]
//! ```

use serde_json::{Map, Value, json};

use super::draft::object_mut;
use super::{At, CannotConvert, Draft, Family, Form};

const GROUP: &str = "admissionregistration.k8s.io";

pub(crate) static VALIDATING: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    Form::new(GROUP, "v1beta1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    Form::new(GROUP, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
])
.with_defaults(policy_defaults);

pub(crate) static VALIDATING_BINDING: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
    Form::new(GROUP, "v1beta1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
    Form::new(GROUP, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
])
.with_defaults(binding_defaults);

pub(crate) static MUTATING: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
    Form::new(GROUP, "v1beta1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
    Form::new(GROUP, "v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
])
.with_defaults(policy_defaults);

pub(crate) static MUTATING_BINDING: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
    Form::new(GROUP, "v1beta1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
    Form::new(GROUP, "v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
])
.with_defaults(binding_defaults);

type Body = Map<String, Value>;

fn policy_defaults(body: &mut Body, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    draft.default(spec, &At::ROOT.key("spec"), "failurePolicy", "Fail");
    matching(spec, "matchConstraints", draft)
}

fn binding_defaults(body: &mut Body, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    match object_mut(body, &At::ROOT, "spec")? {
        Some(spec) => matching(spec, "matchResources", draft),
        None => Ok(()),
    }
}

fn matching(spec: &mut Body, key: &str, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let at = At::ROOT.key("spec");
    if let Some(matched) = object_mut(spec, &at, key)? {
        let at = at.key(key);
        draft.default(matched, &at, "matchPolicy", "Equivalent");
        draft.default(matched, &at, "namespaceSelector", json!({}));
        draft.default(matched, &at, "objectSelector", json!({}));
    }
    Ok(())
}
