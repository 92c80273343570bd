//! CustomResourceDefinition: `apiextensions.k8s.io/v1beta1` ⇄ `v1`. Lossless as data; the schema often needs repair.
//!
//! What v1beta1 says once for all versions, v1 says in each. v1 takes structural schemas only: what the structure
//! implies is written out, and `preserveUnknownFields` becomes an extension at the root of each schema. A schema that
//! no rule repairs is the decision `crd-schema`; an approval that is missing, `crd-approval`; a webhook certificate
//! that is none, `crd-ca-bundle`.
//!
//! Before:
//! ```yaml
//! apiVersion: apiextensions.k8s.io/v1beta1
//! kind: CustomResourceDefinition
//! metadata: { name: widgets.example.com }
//! spec:
//!   group: example.com
//!   version: v1
//!   names: { plural: widgets, kind: Widget }
//!   subresources: { status: {} }
//!   additionalPrinterColumns: [{ name: Size, type: integer, JSONPath: .spec.size }]
//!   validation:
//!     openAPIV3Schema:
//!       properties:
//!         spec:
//!           properties:
//!             size: { type: integer }
//! ```
//! After:
//! ```yaml
//! apiVersion: apiextensions.k8s.io/v1
//! kind: CustomResourceDefinition
//! metadata: { name: widgets.example.com }
//! spec:
//!   group: example.com
//!   scope: Namespaced
//!   names: { plural: widgets, singular: widget, kind: Widget, listKind: WidgetList }
//!   conversion: { strategy: None }
//!   versions:
//!     - name: v1
//!       served: true
//!       storage: true
//!       subresources: { status: {} }
//!       additionalPrinterColumns: [{ name: Size, type: integer, jsonPath: .spec.size }]
//!       schema:
//!         openAPIV3Schema:
//!           type: object
//!           x-kubernetes-preserve-unknown-fields: true
//!           properties:
//!             spec:
//!               type: object
//!               properties:
//!                 size: { type: integer }
//! ```

mod repair;

use serde_json::{Map, Value, json};

use super::draft::{each_object, is_blank, is_unset, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static CUSTOM_RESOURCE_DEFINITION: Family = Family::same(&[
    Form::new("apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition", "customresourcedefinitions"),
    Form::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"),
])
.with_defaults(defaults)
.with_conversion(definition)
.with_repair(repair::repair);

type Body = Map<String, Value>;

/// What v1beta1 has at the top and v1 in each version.
const PER_VERSION: [(&str, &str); 3] = [
    ("validation", "schema"),
    ("subresources", "subresources"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
];

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let old = form.version == "v1beta1";
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if let Some(names) = object_mut(spec, &at, "names")?
        && let Some(kind) = text(names, "kind").map(str::to_owned)
    {
        let at = at.key("names");
        draft.default(names, &at, "singular", kind.to_lowercase());
        draft.default(names, &at, "listKind", format!("{kind}List"));
    }
    if old {
        draft.own_default(spec, &at, "scope", "Namespaced");
        versions(spec, &at, draft);
        draft.own_default(spec, &at, "preserveUnknownFields", true);
    }
    if draft.fills_shared_defaults() {
        let conversion = draft.ensure_object(spec, &at, "conversion", "a conversion strategy is always there")?;
        draft.default(conversion, &at.key("conversion"), "strategy", "None");
    }
    let Some(conversion) = object_mut(spec, &at, "conversion")? else { return Ok(()) };
    let at = at.key("conversion");
    if old {
        if text(conversion, "strategy") == Some("Webhook") && is_unset(conversion, "conversionReviewVersions") {
            let because = "default of apiextensions.k8s.io/v1beta1";
            draft.set(conversion, &at, "conversionReviewVersions", json!(["v1beta1"]), because);
        }
        client_port(conversion, &at, "webhookClientConfig", draft)
    } else if let Some(webhook) = object_mut(conversion, &at, "webhook")? {
        client_port(webhook, &at.key("webhook"), "clientConfig", draft)
    } else {
        Ok(())
    }
}

/// v1beta1 has one version by name, or a list; each implies the other.
fn versions(spec: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let none = spec.get("versions").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if none && let Some(version) = text(spec, "version").map(str::to_owned) {
        let only = json!([{"name": version, "served": true, "storage": true}]);
        draft.set(spec, at, "versions", only, "the one version of the old form");
    }
    let first = spec.get("versions").and_then(|versions| versions.get(0)?.get("name")).cloned();
    if let Some(first) = first.filter(|_| is_blank(spec, "version")) {
        draft.own_default(spec, at, "version", first);
    }
}

fn client_port(holder: &mut Body, at: &At<'_>, key: &str, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(client) = object_mut(holder, at, key)? else { return Ok(()) };
    let at = at.key(key);
    if let Some(service) = object_mut(client, &at, "service")? {
        draft.default(service, &at.key("service"), "port", 443);
    }
    Ok(())
}

fn definition(body: &mut Body, _: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if to.version == "v1" { upward(spec, &at, draft) } else { downward(spec, &at, draft) }
}

fn upward(spec: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    for (top, own) in PER_VERSION {
        let because = format!("{top} is said in each version");
        let Some(value) = draft.remove(spec, at, top, &because).filter(|value| !value.is_null()) else { continue };
        each_object(spec, at, "versions", |version, at| {
            if is_unset(version, own) {
                draft.set(version, at, own, value.clone(), &because);
            }
            Ok(())
        })?;
    }
    draft.remove(spec, at, "version", "the list of versions says it");
    each_object(spec, at, "versions", |version, at| {
        each_object(version, at, "additionalPrinterColumns", |column, at| {
            draft.rename(column, at, "JSONPath", "jsonPath");
            Ok(())
        })
    })?;
    if spec.get("preserveUnknownFields").and_then(Value::as_bool) == Some(false) {
        draft.remove(spec, at, "preserveUnknownFields", "false is what v1 has without it");
    }
    let Some(conversion) = object_mut(spec, at, "conversion")? else { return Ok(()) };
    let at = at.key("conversion");
    let because = "the webhook of a conversion has an object of its own";
    let client = draft.remove(conversion, &at, "webhookClientConfig", because).filter(|client| !client.is_null());
    let versions = draft.remove(conversion, &at, "conversionReviewVersions", because).filter(|v| !v.is_null());
    if client.is_none() && versions.is_none() {
        return Ok(());
    }
    let mut webhook = Map::new();
    if let Some(client) = client {
        webhook.insert("clientConfig".into(), client);
    }
    webhook.insert("conversionReviewVersions".into(), versions.unwrap_or(Value::Null));
    draft.set(conversion, &at, "webhook", webhook, because);
    Ok(())
}

fn downward(spec: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    for (top, own) in PER_VERSION {
        let list = spec.get("versions").and_then(Value::as_array);
        let values: Vec<Option<&Value>> = list.into_iter().flatten().map(|version| version.get(own)).collect();
        let shared = values.first().copied().flatten().filter(|value| !value.is_null());
        let Some(shared) = shared.filter(|first| values.iter().all(|value| *value == Some(first))).cloned() else {
            continue;
        };
        let because = format!("{own} is the same in every version");
        each_object(spec, at, "versions", |version, at| {
            draft.remove(version, at, own, &because);
            Ok(())
        })?;
        draft.set(spec, at, top, shared, &because);
    }
    let because = "columns name their path by another word in v1beta1";
    let rename = |column: &mut Body, at: &At<'_>, draft: &mut Draft<'_>| {
        if let Some(path) = draft.remove(column, at, "jsonPath", because) {
            draft.set(column, at, "JSONPath", path, because);
        }
    };
    each_object(spec, at, "additionalPrinterColumns", |column, at| {
        rename(column, at, draft);
        Ok(())
    })?;
    each_object(spec, at, "versions", |version, at| {
        each_object(version, at, "additionalPrinterColumns", |column, at| {
            rename(column, at, draft);
            Ok(())
        })
    })?;
    let first = spec.get("versions").and_then(|versions| versions.get(0)?.get("name")).cloned();
    if let Some(first) = first {
        draft.set(spec, at, "version", first, "v1beta1 also names its first version");
    }
    if is_unset(spec, "preserveUnknownFields") {
        draft.set(spec, at, "preserveUnknownFields", false, "without it, v1beta1 would preserve them");
    }
    let Some(conversion) = object_mut(spec, at, "conversion")? else { return Ok(()) };
    let at = at.key("conversion");
    let because = "the webhook of a conversion has no object of its own in v1beta1";
    if let Some(Value::Object(mut webhook)) = draft.remove(conversion, &at, "webhook", because) {
        for (own, top) in
            [("clientConfig", "webhookClientConfig"), ("conversionReviewVersions", "conversionReviewVersions")]
        {
            if let Some(value) = webhook.remove(own).filter(|value| !value.is_null()) {
                draft.set(conversion, &at, top, value, because);
            }
        }
    }
    Ok(())
}
