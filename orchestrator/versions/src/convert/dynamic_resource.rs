//! DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice: `resource.k8s.io/v1alpha3`, `v1beta1`,
//! `v1beta2` ⇄ `v1`. Lossless but for what was left of classic allocation in v1alpha3.
//!
//! A request's fields moved under `exactly` with v1beta2, and a device's fields out of `basic`. A capacity became an
//! object with v1beta1. v1alpha1 and v1alpha2 are a different model and have no conversion.
//!
//! Before:
//! ```yaml
//! apiVersion: resource.k8s.io/v1beta1
//! kind: ResourceClaim
//! metadata: { name: gpu, namespace: shop }
//! spec: { devices: { requests: [{ name: gpu, deviceClassName: gpu.example.com }] } }
//! ```
//! After:
//! ```yaml
//! apiVersion: resource.k8s.io/v1
//! kind: ResourceClaim
//! metadata: { name: gpu, namespace: shop }
//! spec:
//!   devices:
//!     requests:
//!       - { name: gpu, exactly: { deviceClassName: gpu.example.com, allocationMode: ExactCount, count: 1 } }
//! ```

use serde_json::{Map, Value, json};

use super::draft::{each_object, is_blank, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};

const GROUP: &str = "resource.k8s.io";
const MOVED: [&str; 7] =
    ["deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity"];

macro_rules! forms {
    ($kind:literal, $resource:literal) => {
        &[
            Form::new(GROUP, "v1alpha3", $kind, $resource),
            Form::new(GROUP, "v1beta1", $kind, $resource),
            Form::new(GROUP, "v1beta2", $kind, $resource),
            Form::new(GROUP, "v1", $kind, $resource),
        ]
    };
}

pub(crate) static DEVICE_CLASS: Family =
    Family::same(forms!("DeviceClass", "deviceclasses")).with_conversion(device_class);

pub(crate) static RESOURCE_CLAIM: Family =
    Family::same(forms!("ResourceClaim", "resourceclaims")).with_defaults(defaults).with_conversion(claim);

pub(crate) static RESOURCE_CLAIM_TEMPLATE: Family =
    Family::same(forms!("ResourceClaimTemplate", "resourceclaimtemplates"))
        .with_defaults(defaults)
        .with_conversion(claim);

pub(crate) static RESOURCE_SLICE: Family =
    Family::same(forms!("ResourceSlice", "resourceslices")).with_conversion(slice);

type Body = Map<String, Value>;

/// The versions in which fields are flat in a request and wrapped in a device.
fn is_old(form: &Form) -> bool {
    matches!(form.version, "v1alpha3" | "v1beta1")
}

/// Calls `edit` with the spec of the claim, which a template keeps one level deeper.
fn with_claim_spec(
    body: &mut Body,
    kind: &str,
    edit: impl FnOnce(&mut Body, &At<'_>) -> Result<(), CannotConvert>,
) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if kind != "ResourceClaimTemplate" {
        return edit(spec, &at);
    }
    match object_mut(spec, &at, "spec")? {
        Some(spec) => edit(spec, &at.key("spec")),
        None => Ok(()),
    }
}

fn each_request(
    spec: &mut Body,
    at: &At<'_>,
    edit: impl FnMut(&mut Body, &At<'_>) -> Result<(), CannotConvert>,
) -> Result<(), CannotConvert> {
    match object_mut(spec, at, "devices")? {
        Some(devices) => each_object(devices, &at.key("devices"), "requests", edit),
        None => Ok(()),
    }
}

fn fill(request: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    if is_blank(request, "deviceClassName") {
        return;
    }
    draft.default(request, at, "allocationMode", "ExactCount");
    if text(request, "allocationMode") == Some("ExactCount") {
        draft.default(request, at, "count", 1);
    }
}

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    with_claim_spec(body, form.kind, |spec, at| {
        each_request(spec, at, |request, at| {
            if is_old(form) {
                fill(request, at, draft);
            } else if let Some(exactly) = object_mut(request, at, "exactly")? {
                fill(exactly, &at.key("exactly"), draft);
            }
            each_object(request, at, "firstAvailable", |choice, at| {
                fill(choice, at, draft);
                Ok(())
            })
        })
    })
}

fn device_class(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if from.version == "v1alpha3"
        && to.version != "v1alpha3"
        && let Some(spec) = object_mut(body, &At::ROOT, "spec")?
        && draft.remove(spec, &At::ROOT.key("spec"), "suitableNodes", "classic allocation is gone").is_some()
    {
        draft.lossless = false;
    }
    Ok(())
}

fn claim(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    with_claim_spec(body, from.kind, |spec, at| {
        if from.version == "v1alpha3"
            && to.version != "v1alpha3"
            && draft.remove(spec, at, "controller", "classic allocation is gone").is_some()
        {
            draft.lossless = false;
        }
        if is_old(from) == is_old(to) {
            return Ok(());
        }
        each_request(spec, at, |request, at| {
            if is_old(to) {
                let because = "the fields of exactly are the request's own in this version";
                if let Some(Value::Object(exactly)) = draft.remove(request, at, "exactly", because) {
                    for (key, value) in exactly {
                        draft.set(request, at, &key, value, because);
                    }
                }
                return Ok(());
            }
            let because = "the fields of a single request moved under exactly";
            let mut exactly = Map::new();
            for key in MOVED {
                if let Some(value) = draft.remove(request, at, key, because).filter(|value| !value.is_null()) {
                    exactly.insert(key.into(), value);
                }
            }
            if !exactly.is_empty() {
                draft.set(request, at, "exactly", exactly, because);
            }
            Ok(())
        })
    })
}

fn slice(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    each_object(spec, &at, "devices", |device, at| {
        if is_old(from) && !is_old(to) {
            let because = "the fields of basic are the device's own";
            if let Some(Value::Object(basic)) = draft.remove(device, at, "basic", because) {
                for (key, value) in basic {
                    draft.set(device, at, &key, value, because);
                }
            }
        } else if !is_old(from) && is_old(to) {
            let because = "the fields of a device are under basic in this version";
            let keys: Vec<String> = device.keys().filter(|key| *key != "name").cloned().collect();
            let mut basic = Map::new();
            for key in keys {
                if let Some(value) = draft.remove(device, at, &key, because) {
                    basic.insert(key, value);
                }
            }
            draft.set(device, at, "basic", basic, because);
        }
        if (from.version == "v1alpha3") == (to.version == "v1alpha3") {
            return Ok(());
        }
        if is_old(to) {
            match object_mut(device, at, "basic")? {
                Some(basic) => capacities(basic, &at.key("basic"), to, draft),
                None => Ok(()),
            }
        } else {
            capacities(device, at, to, draft)
        }
    })
}

fn capacities(holder: &mut Body, at: &At<'_>, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(capacity) = object_mut(holder, at, "capacity")? else { return Ok(()) };
    let at = at.key("capacity");
    let names: Vec<String> = capacity.keys().cloned().collect();
    for name in names {
        let Some(value) = capacity.get(&name) else { continue };
        if to.version == "v1alpha3" {
            if let Some(quantity) = value.get("value").cloned() {
                draft.set(capacity, &at, &name, quantity, "a capacity is a bare quantity in v1alpha3");
            }
        } else if !value.is_object() {
            let value = json!({"value": value});
            draft.set(capacity, &at, &name, value, "a capacity became an object");
        }
    }
    Ok(())
}
