//! PriorityClass: `scheduling.k8s.io/v1alpha1`, `v1beta1` ⇄ `v1`. Lossless.
//!
//! The fields and the default are the same.
//!
//! Before:
//! ```yaml
//! apiVersion: scheduling.k8s.io/v1beta1
//! kind: PriorityClass
//! metadata: { name: high }
//! value: 1000
//! ```
//! After:
//! ```yaml
//! apiVersion: scheduling.k8s.io/v1
//! kind: PriorityClass
//! metadata: { name: high }
//! value: 1000
//! preemptionPolicy: PreemptLowerPriority
//! ```

use serde_json::{Map, Value};

use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static PRIORITY_CLASS: Family = Family::same(&[
    Form::new("scheduling.k8s.io", "v1alpha1", "PriorityClass", "priorityclasses"),
    Form::new("scheduling.k8s.io", "v1beta1", "PriorityClass", "priorityclasses"),
    Form::new("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses"),
])
.with_defaults(defaults);

fn defaults(body: &mut Map<String, Value>, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    draft.default(body, &At::ROOT, "preemptionPolicy", "PreemptLowerPriority");
    Ok(())
}
