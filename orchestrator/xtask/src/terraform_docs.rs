//! Reads the Terraform modules and stacks: writes the tables of their READMEs, and says where they break our rules.
//!
//! Works on the HCL text alone: no terraform, no provider. It evaluates nothing, so a type or default is shown as
//! it is written. Formatting is `terraform fmt`'s job, meaning is `terraform validate`'s.

mod lint;
mod render;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};

/// What stands around the generated part of a README; the rest is written by hand and kept.
pub(crate) const BEGIN: &str = "<!-- BEGIN generated: `cargo xtask codegen` -->";
pub(crate) const END: &str = "<!-- END generated -->";

/// Returns every README under `root`'s `terraform/`, as it should be, by its path relative to `root`.
///
/// A README that exists keeps what stands outside the markers; a missing one begins with the module's own first
/// comment. A module that breaks our rules is an error that names every broken one.
pub(crate) fn generate(root: &Path) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut readmes = BTreeMap::new();
    let mut broken = Vec::new();
    for folder in folders(root)? {
        let module = Module::read(root, &folder)?;
        broken.extend(lint::check(&module).into_iter().map(|rule| format!("{}: {rule}", folder.display())));
        let path = folder.join("README.md");
        let existing = match fs::read_to_string(root.join(&path)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let generated = render::tables(&module);
        let text = match existing {
            Some(text) => splice(&text, &generated).with_context(|| format!("updating {}", path.display()))?,
            None => format!("# {}\n\n{}\n\n{BEGIN}\n{generated}{END}\n", module.name(), module.intro),
        };
        readmes.insert(path, text);
    }
    if !broken.is_empty() {
        bail!("the terraform modules break our rules:\n{}", broken.join("\n"));
    }
    Ok(readmes)
}

/// One folder of `.tf` files, read.
pub(crate) struct Module {
    /// Path relative to the repository.
    pub(crate) folder: PathBuf,
    /// First comment of `main.tf`.
    pub(crate) intro: String,
    pub(crate) variables: Vec<Variable>,
    pub(crate) outputs: Vec<Output>,
    /// `type.name` of each resource, sorted.
    pub(crate) resources: Vec<Resource>,
    /// Name and source of each module call.
    pub(crate) modules: BTreeMap<String, String>,
    pub(crate) required_version: Option<String>,
    pub(crate) providers: BTreeMap<String, Provider>,
    /// Whether a `provider` block configures something.
    pub(crate) configures_providers: bool,
}

pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: Option<String>,
    /// As written; `None` makes it required.
    pub(crate) default: Option<String>,
    /// Error messages of its validations.
    pub(crate) validations: Vec<Option<String>>,
}

pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) sensitive: bool,
}

pub(crate) struct Resource {
    pub(crate) address: String,
    /// Its `tags`, as written.
    pub(crate) tags: Option<String>,
}

pub(crate) struct Provider {
    pub(crate) source: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) aliases: Vec<String>,
}

impl Module {
    pub(crate) fn read(root: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut module = Self {
            folder: folder.to_owned(),
            intro: String::new(),
            variables: Vec::new(),
            outputs: Vec::new(),
            resources: Vec::new(),
            modules: BTreeMap::new(),
            required_version: None,
            providers: BTreeMap::new(),
            configures_providers: false,
        };
        for file in terraform_files(&root.join(folder))? {
            let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            if file.file_name().is_some_and(|name| name == "main.tf") {
                module.intro = first_comment(&text);
            }
            module.add(&text).with_context(|| format!("parsing {}", file.display()))?;
        }
        module.resources.sort_by(|left, right| left.address.cmp(&right.address));
        Ok(module)
    }

    pub(crate) fn name(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn add(&mut self, text: &str) -> anyhow::Result<()> {
        // The parser's error quotes the place; its own type borrows the text.
        let body = hcl_edit::parser::parse_body(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        for block in body.blocks() {
            let labels: Vec<&str> = block.labels.iter().map(|label| label.as_str()).collect();
            match (block.ident.as_str(), labels.as_slice()) {
                ("variable", [name]) => self.variables.push(variable(name, block, text)),
                ("output", [name]) => self.outputs.push(output(name, block)),
                ("resource", [kind, name]) => self
                    .resources
                    .push(Resource { address: format!("{kind}.{name}"), tags: written(&block.body, "tags", text) }),
                ("module", [name]) => {
                    self.modules.insert((*name).to_owned(), string(&block.body, "source").unwrap_or_default());
                }
                ("provider", _) => self.configures_providers = true,
                ("terraform", _) => self.requirements(&block.body, text),
                _ => {}
            }
        }
        Ok(())
    }

    fn requirements(&mut self, body: &Body, text: &str) {
        if let Some(version) = string(body, "required_version") {
            self.required_version = Some(version);
        }
        for providers in body.get_blocks("required_providers") {
            for attribute in providers.body.attributes() {
                let Some(object) = attribute.value.as_object() else { continue };
                let field = |wanted: &str| {
                    object.iter().find(|(key, _)| key.as_ident().is_some_and(|ident| ident.as_str() == wanted))
                };
                let text_of =
                    |wanted: &str| field(wanted).and_then(|(_, value)| value.expr().as_str()).map(str::to_owned);
                let aliases = field("configuration_aliases")
                    .and_then(|(_, value)| value.expr().as_array())
                    .map(|array| array.iter().filter_map(|alias| source(alias, text)).collect())
                    .unwrap_or_default();
                self.providers.insert(
                    attribute.key.as_str().to_owned(),
                    Provider { source: text_of("source"), version: text_of("version"), aliases },
                );
            }
        }
    }
}

fn variable(name: &str, block: &Block, text: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        description: string(&block.body, "description"),
        kind: written(&block.body, "type", text),
        default: written(&block.body, "default", text),
        validations: block
            .body
            .get_blocks("validation")
            .map(|validation| {
                validation.body.get_attribute("error_message").and_then(|attribute| source(&attribute.value, text))
            })
            .collect(),
    }
}

fn output(name: &str, block: &Block) -> Output {
    Output {
        name: name.to_owned(),
        description: string(&block.body, "description"),
        sensitive: block.body.get_attribute("sensitive").and_then(|attribute| attribute.value.as_bool()) == Some(true),
    }
}

fn string(body: &Body, key: &str) -> Option<String> {
    body.get_attribute(key)?.value.as_str().map(str::to_owned)
}

fn written(body: &Body, key: &str, text: &str) -> Option<String> {
    source(&body.get_attribute(key)?.value, text)
}

/// The expression as it stands in the file, without the spaces around it.
fn source(expression: &Expression, text: &str) -> Option<String> {
    text.get(expression.span()?).map(|slice| slice.trim().to_owned())
}

/// The comment that a file begins with, as prose.
fn first_comment(text: &str) -> String {
    text.lines()
        .take_while(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .collect::<Vec<_>>()
        .join("\n")
}

fn splice(existing: &str, generated: &str) -> anyhow::Result<String> {
    let (Some(begin), Some(end)) = (existing.find(BEGIN), existing.find(END)) else {
        bail!("the markers {BEGIN} and {END} are missing");
    };
    if end < begin {
        bail!("the markers are the wrong way round");
    }
    Ok(format!("{}{BEGIN}\n{generated}{}", &existing[..begin], &existing[end..]))
}

/// Every folder under `terraform/` that holds `.tf` files, relative to `root`, sorted.
pub(crate) fn folders(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from("terraform")];
    while let Some(folder) = waiting.pop() {
        let absolute = root.join(&folder);
        for entry in fs::read_dir(&absolute).with_context(|| format!("listing {}", absolute.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            // Hidden folders are terraform's own working files.
            if entry.file_type()?.is_dir() && !name.to_string_lossy().starts_with('.') {
                waiting.push(folder.join(name));
            }
        }
        if !terraform_files(&absolute)?.is_empty() {
            found.push(folder);
        }
    }
    found.sort();
    Ok(found)
}

fn terraform_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "tf") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
