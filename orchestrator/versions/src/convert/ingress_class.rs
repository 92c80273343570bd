//! IngressClass: `networking.k8s.io/v1beta1` ⇄ `networking.k8s.io/v1`. Lossless.
//!
//! The fields are the same; v1 has `Cluster` as the scope of the parameters where v1beta1 has none.
//!
//! Before:
//! ```yaml
//! apiVersion: networking.k8s.io/v1beta1
//! kind: IngressClass
//! metadata: { name: alb }
//! spec:
//!   controller: ingress.k8s.aws/alb
//!   parameters: { apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: alb }
//! ```
//! After:
//! ```yaml
//! apiVersion: networking.k8s.io/v1
//! kind: IngressClass
//! metadata: { name: alb }
//! spec:
//!   controller: ingress.k8s.aws/alb
//!   parameters: { apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: alb, scope: Cluster }
//! ```

use serde_json::{Map, Value};

use super::draft::object_mut;
use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static INGRESS_CLASS: Family = Family::same(&[
    Form::new("networking.k8s.io", "v1beta1", "IngressClass", "ingressclasses"),
    Form::new("networking.k8s.io", "v1", "IngressClass", "ingressclasses"),
])
.with_defaults(defaults);

fn defaults(body: &mut Map<String, Value>, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if form.version != "v1" {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if let Some(parameters) = object_mut(spec, &at, "parameters")? {
        draft.default(parameters, &at.key("parameters"), "scope", "Cluster");
    }
    Ok(())
}
