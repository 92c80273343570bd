//! RuntimeClass: `node.k8s.io/v1alpha1`, `v1beta1` ⇄ `v1`. Lossless.
//!
//! v1alpha1 keeps its fields under `spec`, and calls the handler `runtimeHandler`.
//!
//! Before:
//! ```yaml
//! apiVersion: node.k8s.io/v1alpha1
//! kind: RuntimeClass
//! metadata: { name: gvisor }
//! spec: { runtimeHandler: runsc, overhead: { podFixed: { memory: 64Mi } } }
//! ```
//! After:
//! ```yaml
//! apiVersion: node.k8s.io/v1
//! kind: RuntimeClass
//! metadata: { name: gvisor }
//! handler: runsc
//! overhead: { podFixed: { memory: 64Mi } }
//! ```

use serde_json::{Map, Value};

use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static RUNTIME_CLASS: Family = Family::same(&[
    Form::new("node.k8s.io", "v1alpha1", "RuntimeClass", "runtimeclasses"),
    Form::new("node.k8s.io", "v1beta1", "RuntimeClass", "runtimeclasses"),
    Form::new("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses"),
])
.with_conversion(class);

const NAMES: [(&str, &str); 3] =
    [("runtimeHandler", "handler"), ("overhead", "overhead"), ("scheduling", "scheduling")];

fn class(body: &mut Map<String, Value>, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if from.version == "v1alpha1" && to.version != "v1alpha1" {
        let because = "the fields of spec moved to the top";
        let Some(Value::Object(mut spec)) = draft.remove(body, &At::ROOT, "spec", because) else { return Ok(()) };
        for (old, new) in NAMES {
            if let Some(value) = spec.remove(old).filter(|value| !value.is_null()) {
                draft.set(body, &At::ROOT, new, value, because);
            }
        }
    } else if to.version == "v1alpha1" && from.version != "v1alpha1" {
        let because = "the fields are in spec in this version";
        let mut spec = Map::new();
        for (old, new) in NAMES {
            if let Some(value) = draft.remove(body, &At::ROOT, new, because) {
                spec.insert(old.into(), value);
            }
        }
        draft.set(body, &At::ROOT, "spec", spec, because);
    }
    Ok(())
}
