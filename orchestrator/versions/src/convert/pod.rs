//! Pod: `v1`, the only version there is. Lossless.
//!
//! `serviceAccount` is an alias of `serviceAccountName`; a server writes both, and where they differ the name wins.
//!
//! Before:
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: web, namespace: shop }
//! spec: { serviceAccount: web, containers: [{ name: web, image: "registry.example/web:1" }] }
//! ```
//! After:
//! ```yaml
//! apiVersion: v1
//! kind: Pod
//! metadata: { name: web, namespace: shop }
//! spec:
//!   serviceAccount: web
//!   serviceAccountName: web
//!   containers: [{ name: web, image: "registry.example/web:1" }]
//! ```

use serde_json::{Map, Value};

use super::draft::{object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static POD: Family = Family::same(&[Form::new("", "v1", "Pod", "pods")]).with_defaults(defaults);

fn defaults(body: &mut Map<String, Value>, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let name = text(spec, "serviceAccountName").or_else(|| text(spec, "serviceAccount")).map(str::to_owned);
    if let Some(name) = name.filter(|_| draft.fills_shared_defaults()) {
        draft.set(spec, &at, "serviceAccountName", name.clone(), "serviceAccount is an alias of it");
        draft.set(spec, &at, "serviceAccount", name, "it is an alias of serviceAccountName");
    }
    Ok(())
}
