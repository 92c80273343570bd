//! APIService: `apiregistration.k8s.io/v1beta1` ⇄ `v1`. Lossless.
//!
//! The fields and the default are the same. Those that a server manages itself are never restored.
//!
//! Before:
//! ```yaml
//! apiVersion: apiregistration.k8s.io/v1beta1
//! kind: APIService
//! metadata: { name: v1.metrics.example.com }
//! spec:
//!   group: metrics.example.com
//!   version: v1
//!   service: { name: metrics, namespace: shop }
//!   groupPriorityMinimum: 100
//!   versionPriority: 10
//! ```
//! After:
//! ```yaml
//! apiVersion: apiregistration.k8s.io/v1
//! kind: APIService
//! metadata: { name: v1.metrics.example.com }
//! spec:
//!   group: metrics.example.com
//!   version: v1
//!   service: { name: metrics, namespace: shop, port: 443 }
//!   groupPriorityMinimum: 100
//!   versionPriority: 10
//! ```

use serde_json::{Map, Value};

use super::draft::object_mut;
use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static API_SERVICE: Family = Family::same(&[
    Form::new("apiregistration.k8s.io", "v1beta1", "APIService", "apiservices"),
    Form::new("apiregistration.k8s.io", "v1", "APIService", "apiservices"),
])
.with_defaults(defaults);

fn defaults(body: &mut Map<String, Value>, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if let Some(service) = object_mut(spec, &at, "service")? {
        draft.default(service, &at.key("service"), "port", 443);
    }
    Ok(())
}
