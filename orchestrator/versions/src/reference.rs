//! The page of conversions, rendered from what the converters say of themselves.
//!
//! Every kind's file begins with a description and examples; this reads them out of the source, so the page cannot
//! say something else than the code, and a test runs every example. It writes no file.

use std::fmt::Write;

use crate::options::FLAGS;

/// One kind's description and its examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The file it comes from.
    pub file: &'static str,
    /// Markdown, the first line naming the kinds and versions.
    pub text: String,
    pub examples: Vec<Example>,
}

/// An object before and after its conversion, as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub before: String,
    pub after: String,
}

macro_rules! sources {
    ($($file:literal),+ $(,)?) => {
        const SOURCES: &[(&str, &str)] = &[$(($file, include_str!(concat!("convert/", $file, ".rs")))),+];
    };
}

sources![
    "workload",
    "network_policy",
    "ingress",
    "ingress_class",
    "cron_job",
    "horizontal_pod_autoscaler",
    "pod_disruption_budget",
    "pod_security_policy",
    "custom_resource_definition",
    "webhook_configuration",
    "admission_policy",
    "rbac",
    "storage",
    "certificate_signing_request",
    "endpoint_slice",
    "event",
    "flow_control",
    "runtime_class",
    "priority_class",
    "api_service",
    "pod",
    "dynamic_resource",
    "snapshot",
    "gateway",
    "misc",
];

/// Every kind's page, in the order of the reference.
pub fn pages() -> Vec<Page> {
    SOURCES.iter().map(|(file, source)| page(file, source)).collect()
}

/// The reference of conversions and decisions, as Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Conversions\n\n\
         Objects of removed API versions are converted when they are restored, and by `landfall convert`.\n\
         The old version's defaults are written out first, so that no behaviour changes with the version.\n\
         What a target would reject or lose in silence is a decision: it has a default, a flag and a line in the report.\n",
    );
    for page in pages() {
        let (title, rest) = page.text.split_once("\n\n").unwrap_or((&page.text, ""));
        let title = title.replace('\n', " ");
        let (kinds, versions) = title.split_once(": ").unwrap_or((&title, ""));
        let _ = write!(out, "\n## {kinds}\n\n{}\n", versions.trim());
        if !rest.trim().is_empty() {
            let _ = write!(out, "\n{}\n", rest.trim());
        }
        for example in page.examples {
            let _ =
                write!(out, "\nBefore:\n\n```yaml\n{}```\n\nAfter:\n\n```yaml\n{}```\n", example.before, example.after);
        }
    }
    out.push_str("\n## Decisions\n\nTake one with `NAME=VALUE`. The first value is the default.\n");
    for flag in FLAGS {
        let _ = write!(out, "\n### `{}`\n\n{}\n\n", flag.name, flag.about);
        for (value, meaning) in flag.values {
            let _ = writeln!(out, "- `{value}`: {meaning}");
        }
    }
    out
}

/// Reads the module documentation at the top of a source file.
fn page(file: &'static str, source: &str) -> Page {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let (mut text, mut blocks, mut block): (Vec<&str>, Vec<String>, Option<String>) = (Vec::new(), Vec::new(), None);
    for line in lines {
        match (&mut block, line) {
            (None, "```yaml") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(open), line) => {
                open.push_str(line);
                open.push('\n');
            }
            (None, "Before:" | "After:") => {}
            (None, line) => text.push(line),
        }
    }
    let mut blocks = blocks.into_iter();
    let pairs = std::iter::from_fn(|| Some(Example { before: blocks.next()?, after: blocks.next()? }));
    Page { file, text: text.join("\n").trim().to_owned(), examples: pairs.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{FAMILIES, convert};
    use crate::options::Options;
    use crate::yaml::read_one;
    use model::Manifest;
    use std::collections::BTreeSet;

    #[test]
    fn every_example_is_what_the_converter_does() {
        let mut examples = 0;
        for page in pages() {
            assert!(!page.examples.is_empty(), "{} has no example", page.file);
            for example in &page.examples {
                let expected = read_one(&example.after).unwrap();
                let mut actual = read_one(&example.before).unwrap();
                let to = Manifest::from_value(expected.clone().into_value()).unwrap().gvk();
                convert(&mut actual, &to, &Options::default()).unwrap();
                assert_eq!(actual.into_value(), expected.into_value(), "{}:\n{}", page.file, example.before);
                examples += 1;
            }
        }
        assert!(examples >= SOURCES.len());
    }

    #[test]
    fn every_kind_is_on_the_page_and_every_decision_is_described() {
        let reference = reference();
        let kinds: BTreeSet<&str> = FAMILIES.iter().flat_map(|family| family.forms).map(|form| form.kind).collect();
        for kind in kinds {
            // Reviews are one word in the text.
            assert!(kind.ends_with("Review") || reference.contains(kind) || reference.contains("bindings"), "{kind}");
        }
        for flag in FLAGS {
            assert!(reference.contains(&format!("### `{}`", flag.name)));
        }
    }
}
