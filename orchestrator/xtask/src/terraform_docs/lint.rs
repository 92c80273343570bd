//! Our rules for modules and stacks that neither `terraform validate` nor a scanner knows.

use super::Module;

/// The terraform version that every module and stack asks for.
const REQUIRED_VERSION: &str = ">= 1.9";
/// The provider versions that every module and stack allows.
const AWS_VERSION: &str = ">= 5.80, < 7.0";
const LOGICAL_ID: &str = "landfall.dev/logical-id";

/// Returns one line per broken rule; empty when all is well.
pub(super) fn check(module: &Module) -> Vec<String> {
    let mut findings = Vec::new();
    variables(module, &mut findings);
    for output in &module.outputs {
        described("output", &output.name, output.description.as_deref(), &mut findings);
    }
    for resource in &module.resources {
        if resource.tags.as_ref().is_some_and(|tags| !tags.contains(LOGICAL_ID)) {
            findings.push(format!("resource {} is tagged without {LOGICAL_ID}", resource.address));
        }
    }
    requirements(module, &mut findings);
    findings
}

fn variables(module: &Module, findings: &mut Vec<String>) {
    for variable in &module.variables {
        let name = &variable.name;
        described("variable", name, variable.description.as_deref(), findings);
        match variable.kind.as_deref() {
            None | Some("any") => findings.push(format!("variable {name} has no type")),
            // Its type already allows nothing but two values.
            Some("bool") => {}
            Some(_) if variable.validations.is_empty() => findings.push(format!("variable {name} is not validated")),
            Some(_) => {}
        }
        if variable.validations.iter().any(Option::is_none) {
            findings.push(format!("variable {name} has a validation without an error message"));
        }
    }
}

fn described(what: &str, name: &str, description: Option<&str>, findings: &mut Vec<String>) {
    match description {
        None => findings.push(format!("{what} {name} has no description")),
        Some(description) if !description.ends_with('.') => {
            findings.push(format!("{what} {name}: its description does not end in a full stop"));
        }
        Some(_) => {}
    }
}

fn requirements(module: &Module, findings: &mut Vec<String>) {
    if module.required_version.as_deref() != Some(REQUIRED_VERSION) {
        findings.push(format!("required_version is not {REQUIRED_VERSION:?}"));
    }
    for (name, provider) in &module.providers {
        if name != "aws" {
            findings.push(format!("provider {name} is not one of ours"));
        } else if provider.version.as_deref() != Some(AWS_VERSION) {
            findings.push(format!("provider aws is not {AWS_VERSION:?}"));
        }
    }
    let uses_aws = module.resources.iter().any(|resource| resource.address.starts_with("aws_"));
    if uses_aws && !module.providers.contains_key("aws") {
        findings.push("aws resources, but no required provider aws".to_owned());
    }
    let is_stack = module.folder.components().any(|part| part.as_os_str() == "stacks");
    if module.configures_providers && !is_stack {
        findings.push("a module configures a provider; only a stack may".to_owned());
    }
    for (name, source) in &module.modules {
        if !source.starts_with("./") && !source.starts_with("../") {
            findings.push(format!("module {name} comes from {source:?}: modules must not need a registry"));
        }
    }
}
