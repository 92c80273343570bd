//! Ingress: `extensions/v1beta1`, `networking.k8s.io/v1beta1` ⇄ `networking.k8s.io/v1`. Lossless, with decisions.
//!
//! Backends moved: `serviceName` and `servicePort` became `service.name` and `service.port.number` or `.name`, and
//! `spec.backend` became `spec.defaultBackend`. The path type is required in v1; the old versions meant
//! `ImplementationSpecific`. What v1 rejects on create is decided by `ingress-port-name`, `ingress-class`,
//! `ingress-backend` and `ingress-path`. An Ingress that names its class by annotation alone is left so.
//!
//! Before:
//! ```yaml
//! apiVersion: extensions/v1beta1
//! kind: Ingress
//! metadata: { name: shop, namespace: shop, annotations: { kubernetes.io/ingress.class: nginx } }
//! spec:
//!   backend: { serviceName: default, servicePort: http }
//!   rules:
//!     - host: shop.example
//!       http: { paths: [{ path: /cart, backend: { serviceName: cart, servicePort: 8080 } }] }
//! ```
//! After:
//! ```yaml
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata: { name: shop, namespace: shop, annotations: { kubernetes.io/ingress.class: nginx } }
//! spec:
//!   defaultBackend: { service: { name: default, port: { name: http } } }
//!   rules:
//!     - host: shop.example
//!       http:
//!         paths:
//!           - path: /cart
//!             pathType: ImplementationSpecific
//!             backend: { service: { name: cart, port: { number: 8080 } } }
//! ```

use serde_json::{Map, Value, json};

use super::draft::{annotation, each_object, is_unset, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};
use crate::options::{INGRESS_BACKEND, INGRESS_CLASS, INGRESS_PATH, INGRESS_PORT_NAME};

const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

pub(crate) static INGRESS: Family = Family::same(&[
    Form::new("extensions", "v1beta1", "Ingress", "ingresses"),
    Form::new("networking.k8s.io", "v1beta1", "Ingress", "ingresses"),
    Form::new("networking.k8s.io", "v1", "Ingress", "ingresses"),
])
.with_defaults(defaults)
.with_conversion(ingress)
.with_repair(repair);

type Body = Map<String, Value>;

/// Calls `edit` for each path of each rule.
fn each_path(
    spec: &mut Body,
    at: &At<'_>,
    mut edit: impl FnMut(&mut Body, &At<'_>) -> Result<(), CannotConvert>,
) -> Result<(), CannotConvert> {
    each_object(spec, at, "rules", |rule, at| match object_mut(rule, at, "http")? {
        Some(http) => each_object(http, &at.key("http"), "paths", &mut edit),
        None => Ok(()),
    })
}

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if form.version == "v1" {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    each_path(spec, &At::ROOT.key("spec"), |path, at| {
        draft.own_default(path, at, "pathType", "ImplementationSpecific");
        Ok(())
    })
}

fn ingress(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if (from.version == "v1") == (to.version == "v1") {
        return Ok(());
    }
    let upward = to.version == "v1";
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let (old, new) = if upward { ("backend", "defaultBackend") } else { ("defaultBackend", "backend") };
    if is_unset(spec, old) {
        draft.discard(spec, &at, old, "there is no default backend");
    } else {
        backend(spec, &at, old, upward, draft)?;
        draft.rename(spec, &at, old, new);
    }
    each_path(spec, &at, |path, at| backend(path, at, "backend", upward, draft))
}

fn backend(
    parent: &mut Body,
    at: &At<'_>,
    key: &str,
    upward: bool,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let Some(backend) = object_mut(parent, at, key)? else { return Ok(()) };
    let at = at.key(key);
    if upward { service_of(backend, &at, draft) } else { flat(backend, &at, draft) }
}

fn service_of(backend: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "serviceName and servicePort became service";
    let pointer = at.pointer();
    let at = &At::written(&pointer);
    let name = draft.remove(backend, at, "serviceName", because);
    let port = draft.remove(backend, at, "servicePort", because);
    let name = name.filter(|name| !matches!(name, Value::Null) && name.as_str() != Some(""));
    let port = match port {
        Some(Value::String(name)) if !name.is_empty() => Some(json!({"name": name})),
        Some(Value::Number(number)) if number.as_i64() != Some(0) => Some(json!({"number": number})),
        None | Some(Value::Null | Value::String(_) | Value::Number(_)) => None,
        Some(other) => return Err(super::draft::malformed(&at.key("servicePort"), &other, "a number or a string")),
    };
    if name.is_none() && port.is_none() {
        return Ok(());
    }
    let port = port.unwrap_or_else(|| Map::new().into());
    let service = Map::from_iter([("name".to_owned(), name.unwrap_or_else(|| "".into())), ("port".to_owned(), port)]);
    draft.set(backend, at, "service", service, because);
    Ok(())
}

fn flat(backend: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "service became serviceName and servicePort";
    let Some(Value::Object(mut service)) = draft.remove(backend, at, "service", because) else { return Ok(()) };
    let port = service.get_mut("port").map(Value::take);
    if let Some(name) = service.remove("name") {
        draft.set(backend, at, "serviceName", name, because);
    }
    let part = |key: &str| port.as_ref().and_then(|port| port.get(key)).filter(|v| !v.is_null()).cloned();
    if let Some(port) = part("name").filter(|name| name.as_str() != Some("")).or_else(|| part("number")) {
        draft.set(backend, at, "servicePort", port, because);
    }
    Ok(())
}

fn repair(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    class(body, draft)?;
    if form.version != "v1" {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if let Some(backend) = object_mut(spec, &at, "defaultBackend")? {
        port_name(backend, &at.key("defaultBackend"), draft)?;
        if names_nothing(backend) {
            let message = "the default backend names neither a service nor a resource";
            if draft.decide(INGRESS_BACKEND, &at.key("defaultBackend"), message) == "drop" {
                draft.remove(spec, &at, "defaultBackend", message);
            }
        }
    }
    each_object(spec, &at, "rules", |rule, at| {
        let Some(http) = object_mut(rule, at, "http")? else { return Ok(()) };
        let at = at.key("http");
        each_object(http, &at, "paths", |path, at| {
            path_of(path, at, draft)?;
            match object_mut(path, at, "backend")? {
                Some(backend) => port_name(backend, &at.key("backend"), draft),
                None => Ok(()),
            }
        })?;
        drop_empty_paths(http, &at, draft);
        Ok(())
    })?;
    if draft.options.is(INGRESS_BACKEND, "drop") {
        drop_empty_rules(spec, &at, draft);
    }
    let has_rules = spec.get("rules").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    if has_rules || !is_unset(spec, "defaultBackend") {
        return Ok(());
    }
    Err(CannotConvert::NotCreatable {
        code: INGRESS_BACKEND,
        pointer: at.pointer(),
        why: "the Ingress has neither a default backend nor rules".into(),
        instead: "leave it out, or give it a backend by hand".into(),
    })
}

fn names_nothing(backend: &Body) -> bool {
    is_unset(backend, "service") && is_unset(backend, "resource")
}

fn drop_empty_paths(http: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let Some(Value::Array(paths)) = http.get_mut("paths") else { return };
    let empty = |path: &Value| path.get("backend").and_then(Value::as_object).is_none_or(names_nothing);
    let mut drops = false;
    for (index, path) in paths.iter().enumerate() {
        if empty(path) {
            let message = "the backend of the path names neither a service nor a resource";
            drops |= draft.decide(INGRESS_BACKEND, &at.key("paths").index(index), message) == "drop";
        }
    }
    if drops {
        let before = Value::Array(paths.clone());
        paths.retain(|path| !empty(path));
        draft.replace(http, at, "paths", before, "paths whose backend names nothing are dropped");
    }
}

/// A rule whose every path was dropped is invalid; a rule for a host alone is not.
fn drop_empty_rules(spec: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let Some(Value::Array(rules)) = spec.get_mut("rules") else { return };
    let empty = |rule: &Value| {
        let http = rule.get("http").and_then(Value::as_object);
        http.is_some_and(|http| http.get("paths").and_then(Value::as_array).is_none_or(Vec::is_empty))
    };
    if rules.iter().any(empty) {
        let before = Value::Array(rules.clone());
        rules.retain(|rule| !empty(rule));
        draft.replace(spec, at, "rules", before, "rules without paths are dropped");
    }
}

fn port_name(backend: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(service) = object_mut(backend, at, "service")? else { return Ok(()) };
    let at = at.key("service");
    let Some(port) = object_mut(service, &at, "port")? else { return Ok(()) };
    let at = at.key("port");
    let Some(name) = text(port, "name") else { return Ok(()) };
    if !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let (message, number) = (format!("the port {name:?} is a name made of digits"), name.parse::<u16>().ok());
    if draft.decide(INGRESS_PORT_NAME, &at, &*message) == "number"
        && let Some(number) = number.filter(|number| *number > 0)
    {
        draft.remove(port, &at, "name", &message);
        draft.set(port, &at, "number", number, &message);
    }
    Ok(())
}

fn path_of(path: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let own = text(path, "path").unwrap_or_default();
    let strict = matches!(text(path, "pathType"), Some("Exact" | "Prefix"));
    let no_slash = !own.starts_with('/') && (strict || !own.is_empty());
    let forbidden = ["//", "/./", "/../", "%2f", "%2F"].iter().any(|part| own.contains(part))
        || own.ends_with("/..")
        || own.ends_with("/.");
    if !(no_slash || strict && forbidden) {
        return Ok(());
    }
    let own = own.to_owned();
    let message = format!("the path {own:?} is not valid for its path type");
    if draft.decide(INGRESS_PATH, &at.key("path"), &*message) != "repair" {
        return Ok(());
    }
    if no_slash {
        draft.set(path, at, "path", format!("/{own}"), &message);
    }
    if strict && forbidden {
        draft.set(path, at, "pathType", "ImplementationSpecific", &message);
    }
    Ok(())
}

fn class(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(by_annotation) = annotation(body, CLASS_ANNOTATION).map(str::to_owned) else { return Ok(()) };
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let Some(by_field) = text(spec, "ingressClassName").map(str::to_owned) else { return Ok(()) };
    if by_annotation == by_field {
        if !draft.changes_version {
            return Ok(());
        }
        draft.remove_annotation(body, CLASS_ANNOTATION, "the field names the same class");
        return Ok(());
    }
    let message = format!("the annotation names the class {by_annotation:?} and the field {by_field:?}");
    if draft.decide(INGRESS_CLASS, &at.key("ingressClassName"), &*message) == "field" {
        draft.remove_annotation(body, CLASS_ANNOTATION, &message);
    } else {
        draft.remove(spec, &at, "ingressClassName", &message);
    }
    Ok(())
}
