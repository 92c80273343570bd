//! The create rules of `apiextensions.k8s.io/v1`: what is repaired by rule, what is a decision, what cannot be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::draft::{annotation, each_object, is_unset, object_mut, text};
use super::super::structural;
use super::super::{At, CannotConvert, Draft, Form};
use crate::options::{CRD_APPROVAL, CRD_CA_BUNDLE, CRD_SCHEMA};

const APPROVAL: &str = "api-approved.kubernetes.io";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

type Body = Map<String, Value>;

pub(super) fn repair(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if form.version != "v1" {
        return Ok(());
    }
    approval(body, draft)?;
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let preserves = spec.get("preserveUnknownFields").and_then(Value::as_bool) == Some(true);
    if preserves {
        draft.remove(spec, &at, "preserveUnknownFields", "v1 says it at the root of each schema");
    }
    each_object(spec, &at, "versions", |version, at| schema(version, at, preserves, draft))?;
    conversion(spec, &at, draft)
}

fn approval(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let group = body.get("spec").and_then(|spec| spec.get("group")).and_then(Value::as_str).unwrap_or_default();
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|suffix| {
        let rest = group.strip_suffix(suffix);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    let approved = annotation(body, APPROVAL).is_some_and(|value| {
        value.starts_with("unapproved") || value.starts_with("https://") || value.starts_with("http://")
    });
    if !protected || approved {
        return Ok(());
    }
    let message = format!("the group {group} is protected and the definition carries no approval");
    let at = At::ROOT.key("metadata");
    if draft.decide(CRD_APPROVAL, &at, &*message) == "unapproved" {
        return draft.set_annotation(body, APPROVAL, "unapproved, restored from an older server", &message);
    }
    Err(CannotConvert::NotCreatable {
        code: CRD_APPROVAL,
        pointer: at.key("annotations").pointer(),
        why: message,
        instead: format!("choose {CRD_APPROVAL}=unapproved, or install the definition with its operator"),
    })
}

fn permissive() -> Value {
    json!({"type": "object", PRESERVE: true})
}

fn schema(version: &mut Body, at: &At<'_>, preserves: bool, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "a version has a schema in v1";
    let name = text(version, "name").unwrap_or_default().to_owned();
    let holder = draft.ensure_object(version, at, "schema", because)?;
    let at = at.key("schema");
    if is_unset(holder, "openAPIV3Schema") {
        draft.set(holder, &at, "openAPIV3Schema", permissive(), because);
        return Ok(());
    }
    let at_schema = at.key("openAPIV3Schema");
    // Written in v1 it was checked as v1. One that preserves unknown fields was not: an old server shows in v1 what was
    // written in v1beta1.
    if !draft.changes_version && !preserves {
        return Ok(());
    }
    let mut schema = match object_mut(holder, &at, "openAPIV3Schema")? {
        Some(schema) => Value::Object(schema.clone()),
        None => return Ok(()),
    };
    structural::repair(&mut schema, preserves);
    let Some(violation) = structural::check(&schema) else {
        let because = "a structural schema says what its structure implies";
        draft.set(holder, &at, "openAPIV3Schema", schema, because);
        return Ok(());
    };
    let message = format!("the schema of version {name:?} is not structural: {violation}");
    if draft.decide(CRD_SCHEMA, &at_schema, &*message) == "permissive" {
        draft.set(holder, &at, "openAPIV3Schema", permissive(), &message);
        return Ok(());
    }
    Err(CannotConvert::NotCreatable {
        code: CRD_SCHEMA,
        pointer: at_schema.pointer(),
        why: message,
        instead: format!("choose {CRD_SCHEMA}=permissive, or install a release of the operator that brings v1"),
    })
}

fn conversion(spec: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(conversion) = object_mut(spec, at, "conversion")? else { return Ok(()) };
    let at = at.key("conversion");
    if text(conversion, "strategy") != Some("Webhook") {
        draft.remove(conversion, &at, "webhook", "only the strategy Webhook has one");
        return Ok(());
    }
    let Some(webhook) = object_mut(conversion, &at, "webhook")? else { return Ok(()) };
    let at = at.key("webhook");
    let versions = webhook.get("conversionReviewVersions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !versions.iter().any(|version| matches!(version.as_str(), Some("v1" | "v1beta1"))) {
        return Err(CannotConvert::NotCreatable {
            code: "conversion-review-versions",
            pointer: at.key("conversionReviewVersions").pointer(),
            why: "the conversion webhook understands neither v1 nor v1beta1 reviews".into(),
            instead: "install a release of the operator that does".into(),
        });
    }
    let Some(client) = object_mut(webhook, &at, "clientConfig")? else { return Ok(()) };
    let at = at.key("clientConfig");
    let bundle = text(client, "caBundle");
    if bundle.is_some_and(|bundle| !is_certificate(bundle)) {
        let message = "the caBundle is no PEM certificate";
        if draft.decide(CRD_CA_BUNDLE, &at.key("caBundle"), message) == "drop" {
            draft.remove(client, &at, "caBundle", message);
        }
    }
    Ok(())
}

/// Whether the text is base64 of at least one PEM certificate; its content is not verified.
fn is_certificate(bundle: &str) -> bool {
    let Ok(pem) = STANDARD.decode(bundle.trim()) else { return false };
    let Ok(pem) = String::from_utf8(pem) else { return false };
    let Some((_, rest)) = pem.split_once("-----BEGIN CERTIFICATE-----") else { return false };
    let Some((body, _)) = rest.split_once("-----END CERTIFICATE-----") else { return false };
    let encoded: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(encoded).is_ok_and(|der| der.first() == Some(&0x30))
}
