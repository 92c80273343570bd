//! Resource policies of a backup, from a file.
//!
//! A cluster's ConfigMap is never looked up: what decides what is saved lies in a file that can be reviewed.

use std::path::Path;

use api::velero::BackupSpec;
use model::request::BackupRequest;
use serde_json::{Value, json};

use crate::command::read_input;
use crate::failure::{Exit, Failure};

const HINT: &str = "save it with `kubectl get configmap NAME -n velero -o yaml > policy.yaml` and give \
                    --resource-policies policy.yaml";

/// The policy document, if one is given or asked for; a ConfigMap's name goes into the spec.
pub(super) fn read(
    file: Option<&Path>,
    manifest: Option<&Path>,
    spec: &mut BackupSpec,
) -> Result<Option<String>, Failure> {
    let named = spec.resource_policy.as_ref().map(reference).transpose()?;
    let Some(file) = file else {
        return match named {
            None => Ok(None),
            Some(name) => {
                let message = format!("the Backup follows the resource policy {name:?}, which is not given");
                Err(Failure::usage(message).hint(HINT))
            }
        };
    };
    if file.as_os_str() == "-" && manifest.is_some_and(|path| path.as_os_str() == "-") {
        return Err(Failure::usage("--from-file and --resource-policies cannot both be read from stdin"));
    }
    let found = document(&read_input(file)?)?;
    match (named, found.config_map) {
        (Some(named), Some(found)) if named != found => {
            let message = format!("the Backup follows the resource policy {named:?}; the file holds {found:?}");
            return Err(Failure::usage(message).hint(HINT));
        }
        (None, Some(name)) => spec.resource_policy = Some(json!({"kind": "configmap", "name": name})),
        _ => {}
    }
    Ok(Some(found.text))
}

/// Mistakes in the document are the user's, before anything is touched.
pub(super) fn check(request: &BackupRequest) -> Result<(), Failure> {
    let policy = plan::backup::Policy::of(request);
    policy.map(drop).map_err(|error| Failure::from(error).exit(Exit::Usage))
}

struct Document {
    text: String,
    config_map: Option<String>,
}

/// The document itself, also out of the ConfigMap that Velero wants it in.
fn document(text: &str) -> Result<Document, Failure> {
    let unreadable = |error| Failure::usage(format!("the resource policies are not YAML: {error}"));
    let value: Value = serde_saphyr::from_str(text).map_err(unreadable)?;
    if value.get("kind").is_none() && value.get("apiVersion").is_none() {
        return Ok(Document { text: text.to_owned(), config_map: None });
    }
    if value["kind"] != "ConfigMap" {
        return Err(Failure::usage(format!("the resource policies are in a {}, not in a ConfigMap", value["kind"])));
    }
    let data = value.get("data").and_then(Value::as_object).map(|data| data.values().collect::<Vec<_>>());
    let Some([Value::String(text)]) = data.as_deref() else {
        return Err(Failure::usage("the ConfigMap of the resource policies must have exactly one key in its data"));
    };
    let name = value.pointer("/metadata/name").and_then(Value::as_str).filter(|name| !name.is_empty());
    Ok(Document { text: text.clone(), config_map: name.map(str::to_owned) })
}

/// The name of the ConfigMap that a spec refers to.
fn reference(policy: &Value) -> Result<String, Failure> {
    let text = |field: &str| policy.get(field).and_then(Value::as_str).unwrap_or_default();
    if !text("kind").eq_ignore_ascii_case("configmap") || text("name").is_empty() {
        return Err(Failure::usage("spec.resourcePolicy is not the name of a configmap"));
    }
    Ok(text("name").to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const POLICY: &str = "version: v1\nvolumePolicies:\n- conditions: {}\n  action: {type: skip}\n";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn config_map(name: &str) -> String {
        let indented = POLICY.replace('\n', "\n    ");
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  any: |\n    {indented}\n")
    }

    #[test]
    fn a_config_map_leaves_its_name_in_the_spec_and_a_document_none() {
        let mut spec = BackupSpec::default();
        let text = read(Some(file(POLICY).path()), None, &mut spec).unwrap().unwrap();
        assert_eq!((text.as_str(), &spec.resource_policy), (POLICY, &None));
        let text = read(Some(file(&config_map("keep")).path()), None, &mut spec).unwrap().unwrap();
        assert_eq!(text.trim(), POLICY.trim());
        assert_eq!(spec.resource_policy, Some(json!({"kind": "configmap", "name": "keep"})));
    }

    #[test]
    fn a_policy_that_the_spec_names_must_be_given_and_be_that_one() {
        let named = || BackupSpec {
            resource_policy: Some(json!({"kind": "ConfigMap", "name": "keep"})),
            ..BackupSpec::default()
        };
        let failure = read(None, None, &mut named()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.hint.is_some());
        assert!(read(Some(file(&config_map("other")).path()), None, &mut named()).is_err());
        assert!(read(Some(file(&config_map("keep")).path()), None, &mut named()).is_ok());
        assert!(read(Some(file(POLICY).path()), None, &mut named()).is_ok());
        let mut odd =
            BackupSpec { resource_policy: Some(json!({"kind": "Secret", "name": "keep"})), ..BackupSpec::default() };
        assert!(read(Some(file(POLICY).path()), None, &mut odd).is_err());
    }

    #[test]
    fn a_config_map_has_exactly_one_key() {
        for text in [
            "kind: ConfigMap\ndata: {}\n",
            "kind: ConfigMap\ndata: {a: b, c: d}\n",
            "kind: ConfigMap\n",
            "kind: Secret\n",
            "[\n",
        ] {
            assert!(document(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mistakes_in_the_document_are_usage_errors() {
        let mut request = BackupSpec::default().request("b").unwrap();
        request.resource_policy = Some("version: v2\nvolumePolicies: [{action: {type: jump}}]\n".to_owned());
        let failure = check(&request).unwrap_err();
        let text = format!("{:#}", failure.error);
        assert_eq!(failure.exit, Exit::Usage);
        assert!(text.contains("v2") && text.contains("jump"), "{text}");
    }
}
