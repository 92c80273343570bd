//! The generated part of a module's README: what it needs, takes, gives and makes.

use std::fmt::Write as _;

use super::{Module, Variable};

/// Renders the tables, one fact per row; types too long for a row follow below their table.
pub(super) fn tables(module: &Module) -> String {
    let mut text = String::new();
    requirements(module, &mut text);
    inputs(module, &mut text);
    outputs(module, &mut text);
    contents(module, &mut text);
    text
}

fn requirements(module: &Module, text: &mut String) {
    text.push_str("\n## Requirements\n\n| name | version | configurations |\n| --- | --- | --- |\n");
    let version = module.required_version.as_deref().unwrap_or("any");
    let _ = writeln!(text, "| terraform or tofu | {} | |", cell(version));
    for (name, provider) in &module.providers {
        let aliases: Vec<String> = provider.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            cell(provider.source.as_deref().unwrap_or(name)),
            cell(provider.version.as_deref().unwrap_or("any")),
            aliases.join(", ")
        );
    }
}

fn inputs(module: &Module, text: &mut String) {
    if module.variables.is_empty() {
        return;
    }
    text.push_str("\n## Inputs\n\n| name | type | default | description |\n| --- | --- | --- | --- |\n");
    for variable in &module.variables {
        let kind = variable.kind.as_deref().unwrap_or("any");
        let shown = if is_long(kind) { format!("[`{}`](#{})", head(kind), anchor(variable)) } else { code(kind) };
        let default = match variable.default.as_deref() {
            None => "required".to_owned(),
            Some(default) if is_long(default) => "see below".to_owned(),
            Some(default) => code(default),
        };
        let description = cell(variable.description.as_deref().unwrap_or_default());
        let _ = writeln!(text, "| `{}` | {shown} | {default} | {description} |", variable.name);
    }
    for variable in &module.variables {
        let kind = variable.kind.as_deref().unwrap_or("any");
        let default = variable.default.as_deref().filter(|default| is_long(default));
        if !is_long(kind) && default.is_none() {
            continue;
        }
        let _ = write!(text, "\n### {}\n\n```hcl\ntype = {}\n", variable.name, dedent(kind));
        if let Some(default) = default {
            let _ = writeln!(text, "default = {}", dedent(default));
        }
        text.push_str("```\n");
    }
}

fn outputs(module: &Module, text: &mut String) {
    if module.outputs.is_empty() {
        return;
    }
    text.push_str("\n## Outputs\n\n| name | description |\n| --- | --- |\n");
    for output in &module.outputs {
        let description = cell(output.description.as_deref().unwrap_or_default());
        let sensitive = if output.sensitive { " Sensitive." } else { "" };
        let _ = writeln!(text, "| `{}` | {description}{sensitive} |", output.name);
    }
}

fn contents(module: &Module, text: &mut String) {
    if !module.modules.is_empty() {
        text.push_str("\n## Modules\n\n| name | source |\n| --- | --- |\n");
        for (name, source) in &module.modules {
            let _ = writeln!(text, "| `{name}` | [{source}]({source}) |");
        }
    }
    if !module.resources.is_empty() {
        text.push_str("\n## Resources\n\n");
        for resource in &module.resources {
            let _ = writeln!(text, "- `{}`", resource.address);
        }
    }
    text.push('\n');
}

fn is_long(expression: &str) -> bool {
    expression.contains('\n') || expression.len() > 60
}

/// The outermost type words: `map(object({...}))` is `map(object)`.
fn head(kind: &str) -> String {
    let words = kind.split(['{', ' ', '\n']).next().unwrap_or(kind);
    let words = words.trim_end_matches('(');
    let open = words.matches('(').count().saturating_sub(words.matches(')').count());
    format!("{words}{}", ")".repeat(open))
}

/// GitHub's anchor of the heading that carries the variable's name.
fn anchor(variable: &Variable) -> String {
    variable.name.to_lowercase()
}

fn code(expression: &str) -> String {
    format!("`{}`", cell(expression))
}

/// A table cell ends at a bar or a line break.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Takes away the indentation that the expression had inside its block.
fn dedent(expression: &str) -> String {
    let indent = expression
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let mut lines = expression.lines();
    let mut text = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        text.push('\n');
        text.push_str(line.get(indent..).unwrap_or_default());
    }
    text
}
