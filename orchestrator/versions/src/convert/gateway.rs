//! Gateway API: GatewayClass, Gateway, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute, ReferenceGrant,
//! BackendTLSPolicy, ListenerSet, between all their versions of `gateway.networking.k8s.io`. Lossless.
//!
//! Later versions only add fields. ReferencePolicy was renamed to ReferenceGrant, XListenerSet to ListenerSet with
//! its group, and the fields of BackendTLSPolicy between v1alpha2 and v1alpha3. `networking.x-k8s.io` was a
//! different design and has no conversion.
//!
//! Before:
//! ```yaml
//! apiVersion: gateway.networking.k8s.io/v1alpha2
//! kind: BackendTLSPolicy
//! metadata: { name: web, namespace: shop }
//! spec:
//!   targetRef: { group: "", kind: Service, name: web, namespace: shop }
//!   tls: { hostname: web.example, caCertRefs: [{ group: "", kind: ConfigMap, name: ca }] }
//! ```
//! After:
//! ```yaml
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: BackendTLSPolicy
//! metadata: { name: web, namespace: shop }
//! spec:
//!   targetRefs: [{ group: "", kind: Service, name: web }]
//!   validation: { hostname: web.example, caCertificateRefs: [{ group: "", kind: ConfigMap, name: ca }] }
//! ```
//!
//! Before:
//! ```yaml
//! apiVersion: gateway.networking.k8s.io/v1alpha2
//! kind: ReferencePolicy
//! metadata: { name: from-web, namespace: shop }
//! spec:
//!   from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web }]
//!   to: [{ group: "", kind: Service }]
//! ```
//! After:
//! ```yaml
//! apiVersion: gateway.networking.k8s.io/v1
//! kind: ReferenceGrant
//! metadata: { name: from-web, namespace: shop }
//! spec:
//!   from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web }]
//!   to: [{ group: "", kind: Service }]
//! ```

use serde_json::{Map, Value};

use super::draft::object_mut;
use super::{At, CannotConvert, Draft, Family, Form};

const GROUP: &str = "gateway.networking.k8s.io";

macro_rules! family {
    ($name:ident, $kind:literal, $resource:literal, [$($version:literal),+]) => {
        pub(crate) static $name: Family =
            Family::same(&[$(Form::new(GROUP, $version, $kind, $resource)),+]);
    };
}

family!(GATEWAY_CLASS, "GatewayClass", "gatewayclasses", ["v1alpha2", "v1beta1", "v1"]);
family!(GATEWAY, "Gateway", "gateways", ["v1alpha2", "v1beta1", "v1"]);
family!(HTTP_ROUTE, "HTTPRoute", "httproutes", ["v1alpha2", "v1beta1", "v1"]);
family!(GRPC_ROUTE, "GRPCRoute", "grpcroutes", ["v1alpha2", "v1"]);
family!(TLS_ROUTE, "TLSRoute", "tlsroutes", ["v1alpha2", "v1alpha3", "v1"]);
family!(TCP_ROUTE, "TCPRoute", "tcproutes", ["v1alpha2", "v1"]);
family!(UDP_ROUTE, "UDPRoute", "udproutes", ["v1alpha2", "v1"]);

pub(crate) static REFERENCE_GRANT: Family = Family::same(&[
    Form::new(GROUP, "v1alpha2", "ReferencePolicy", "referencepolicies"),
    Form::new(GROUP, "v1alpha2", "ReferenceGrant", "referencegrants"),
    Form::new(GROUP, "v1beta1", "ReferenceGrant", "referencegrants"),
    Form::new(GROUP, "v1", "ReferenceGrant", "referencegrants"),
]);

pub(crate) static BACKEND_TLS_POLICY: Family = Family::same(&[
    Form::new(GROUP, "v1alpha2", "BackendTLSPolicy", "backendtlspolicies"),
    Form::new(GROUP, "v1alpha3", "BackendTLSPolicy", "backendtlspolicies"),
    Form::new(GROUP, "v1", "BackendTLSPolicy", "backendtlspolicies"),
])
.with_conversion(backend_tls_policy)
.upward_only();

pub(crate) static LISTENER_SET: Family = Family::same(&[
    Form::new("gateway.networking.x-k8s.io", "v1alpha1", "XListenerSet", "xlistenersets"),
    Form::new(GROUP, "v1", "ListenerSet", "listenersets"),
])
.upward_only();

fn backend_tls_policy(
    body: &mut Map<String, Value>,
    from: &Form,
    _: &Form,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if from.version != "v1alpha2" {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let because = "targetRef became a list, of the policy's own namespace";
    if let Some(mut target) = draft.remove(spec, &at, "targetRef", because).filter(|target| !target.is_null()) {
        if let Value::Object(target) = &mut target {
            target.remove("namespace");
        }
        draft.set(spec, &at, "targetRefs", vec![target], because);
    }
    draft.rename(spec, &at, "tls", "validation");
    if let Some(validation) = object_mut(spec, &at, "validation")? {
        let at = at.key("validation");
        draft.rename(validation, &at, "caCertRefs", "caCertificateRefs");
        draft.rename(validation, &at, "wellKnownCACerts", "wellKnownCACertificates");
    }
    Ok(())
}
