//! CertificateSigningRequest: `certificates.k8s.io/v1beta1` ⇄ `v1`. Lossless as data, seldom worth creating.
//!
//! v1 wants a signer and usages; v1beta1 fills the usages and derives the signer from the request. The signer
//! `legacy-unknown` cannot be created in v1, and approval and certificate are status, which no create carries over.
//!
//! Before:
//! ```yaml
//! apiVersion: certificates.k8s.io/v1beta1
//! kind: CertificateSigningRequest
//! metadata: { name: web }
//! spec: { request: bm90IGEgcGVt, signerName: example.com/web, usages: [client auth] }
//! ```
//! After:
//! ```yaml
//! apiVersion: certificates.k8s.io/v1
//! kind: CertificateSigningRequest
//! metadata: { name: web }
//! spec: { request: bm90IGEgcGVt, signerName: example.com/web, usages: [client auth] }
//! ```

mod request;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::draft::{each_object, is_unset, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};
use request::CertificateRequest;

const GROUP: &str = "certificates.k8s.io";
const LEGACY: &str = "kubernetes.io/legacy-unknown";

pub(crate) static CERTIFICATE_SIGNING_REQUEST: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "CertificateSigningRequest", "certificatesigningrequests"),
    Form::new(GROUP, "v1", "CertificateSigningRequest", "certificatesigningrequests"),
])
.with_defaults(defaults)
.with_repair(repair);

type Body = Map<String, Value>;

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if form.version != "v1beta1" {
        return Ok(());
    }
    if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
        let at = At::ROOT.key("spec");
        if is_unset(spec, "usages") {
            draft.own_default(spec, &at, "usages", json!(["digital signature", "key encipherment"]));
        }
        let signer = signer(spec);
        draft.own_default(spec, &at, "signerName", signer);
    }
    let Some(status) = object_mut(body, &At::ROOT, "status")? else { return Ok(()) };
    each_object(status, &At::ROOT.key("status"), "conditions", |condition, at| {
        draft.own_default(condition, at, "status", "True");
        Ok(())
    })
}

/// The signer that a server of 1.18 to 1.21 would name.
fn signer(spec: &Body) -> &'static str {
    let usages: BTreeSet<&str> =
        spec.get("usages").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let is = |wanted: [&str; 3]| usages == BTreeSet::from(wanted);
    let Some(request) = text(spec, "request").and_then(CertificateRequest::parse) else { return LEGACY };
    let is_node = request.organizations == ["system:nodes"]
        && request.common_name.as_deref().is_some_and(|name| name.starts_with("system:node:"));
    if !is_node || request.emails + request.uris > 0 {
        return LEGACY;
    }
    let addresses = request.dns_names + request.ip_addresses;
    if addresses == 0 && is(["digital signature", "key encipherment", "client auth"]) {
        "kubernetes.io/kube-apiserver-client-kubelet"
    } else if addresses > 0 && is(["digital signature", "key encipherment", "server auth"]) {
        "kubernetes.io/kubelet-serving"
    } else {
        LEGACY
    }
}

fn repair(body: &mut Body, form: &Form, _: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let signer = body.get("spec").and_then(|spec| spec.get("signerName")).and_then(Value::as_str);
    if form.version != "v1" || signer != Some(LEGACY) {
        return Ok(());
    }
    Err(CannotConvert::NotCreatable {
        code: "legacy-signer",
        pointer: "/spec/signerName".into(),
        why: format!("a request for the signer {LEGACY} cannot be created in v1"),
        instead: "leave it out: its certificate is valid in the source cluster alone".into(),
    })
}
