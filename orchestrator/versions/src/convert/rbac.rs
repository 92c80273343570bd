//! ClusterRole, ClusterRoleBinding, Role, RoleBinding: `rbac.authorization.k8s.io/v1alpha1`, `v1beta1` ⇄ `v1`.
//! Lossless.
//!
//! v1alpha1 has the version of a subject where the others have its group, and its user `*` is everybody who has
//! authenticated. Rules about resources whose group moved are another matter: decision `rbac-groups`.
//!
//! Before:
//! ```yaml
//! apiVersion: rbac.authorization.k8s.io/v1alpha1
//! kind: ClusterRoleBinding
//! metadata: { name: readers }
//! roleRef: { kind: ClusterRole, name: view }
//! subjects:
//!   - { kind: User, name: "*" }
//!   - { kind: ServiceAccount, name: web, namespace: shop }
//! ```
//! After:
//! ```yaml
//! apiVersion: rbac.authorization.k8s.io/v1
//! kind: ClusterRoleBinding
//! metadata: { name: readers }
//! roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }
//! subjects:
//!   - { kind: Group, name: system:authenticated, apiGroup: rbac.authorization.k8s.io }
//!   - { kind: ServiceAccount, name: web, namespace: shop }
//! ```

use serde_json::{Map, Value};

use super::draft::{each_object, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(crate) static CLUSTER_ROLE: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "ClusterRole", "clusterroles"),
    Form::new(GROUP, "v1beta1", "ClusterRole", "clusterroles"),
    Form::new(GROUP, "v1", "ClusterRole", "clusterroles"),
]);

pub(crate) static CLUSTER_ROLE_BINDING: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "ClusterRoleBinding", "clusterrolebindings"),
    Form::new(GROUP, "v1beta1", "ClusterRoleBinding", "clusterrolebindings"),
    Form::new(GROUP, "v1", "ClusterRoleBinding", "clusterrolebindings"),
])
.with_defaults(defaults)
.with_conversion(binding);

pub(crate) static ROLE: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "Role", "roles"),
    Form::new(GROUP, "v1beta1", "Role", "roles"),
    Form::new(GROUP, "v1", "Role", "roles"),
]);

pub(crate) static ROLE_BINDING: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "RoleBinding", "rolebindings"),
    Form::new(GROUP, "v1beta1", "RoleBinding", "rolebindings"),
    Form::new(GROUP, "v1", "RoleBinding", "rolebindings"),
])
.with_defaults(defaults)
.with_conversion(binding);

type Body = Map<String, Value>;

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if let Some(role) = object_mut(body, &At::ROOT, "roleRef")? {
        draft.default(role, &At::ROOT.key("roleRef"), "apiGroup", GROUP);
    }
    if form.version == "v1alpha1" {
        return Ok(());
    }
    each_object(body, &At::ROOT, "subjects", |subject, at| {
        if matches!(text(subject, "kind"), Some("User" | "Group")) {
            draft.default(subject, at, "apiGroup", GROUP);
        }
        Ok(())
    })
}

fn binding(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let alpha = |form: &Form| form.version == "v1alpha1";
    each_object(body, &At::ROOT, "subjects", |subject, at| {
        if alpha(from) && !alpha(to) {
            subject_up(subject, at, draft);
        } else if alpha(to) && !alpha(from) {
            subject_down(subject, at, draft);
        }
        Ok(())
    })
}

fn subject_up(subject: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let because = "a subject has a group instead of a version";
    let version = draft.remove(subject, at, "apiVersion", because);
    let version = version.as_ref().and_then(Value::as_str).unwrap_or_default();
    let kind = text(subject, "kind").unwrap_or_default();
    let group = match kind {
        "ServiceAccount" => "",
        "User" | "Group" => GROUP,
        _ => version.split_once('/').map_or("", |(group, _)| group),
    };
    let everybody = kind == "User" && text(subject, "name") == Some("*");
    if !group.is_empty() {
        draft.set(subject, at, "apiGroup", group, because);
    }
    if everybody {
        let because = "the user * meant everybody who has authenticated";
        draft.set(subject, at, "kind", "Group", because);
        draft.set(subject, at, "name", "system:authenticated", because);
    }
}

fn subject_down(subject: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let because = "a subject has a version instead of a group";
    let group = draft.remove(subject, at, "apiGroup", because);
    let version = match (text(subject, "kind"), group.as_ref().and_then(Value::as_str)) {
        (Some("ServiceAccount"), _) => "v1".to_owned(),
        (_, None | Some("")) => return,
        (_, Some(group)) => format!("{group}/v1alpha1"),
    };
    draft.set(subject, at, "apiVersion", version, because);
}
