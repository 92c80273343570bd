//! The reference page of the transforms, made out of their own first comments.
//!
//! The same examples are run as tests, so the page cannot say what the code does not do.

use super::TRANSFORMS;

/// A transform's page: what it does, and an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub name: &'static str,
    pub about: String,
    /// The object before, in YAML.
    pub before: String,
    /// The object after, in YAML, or `held back: <code>` or `blocked: <code>`.
    pub after: String,
}

/// `docs/reference/transforms.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "# Transforms\n\n\
         What changes in an object when it is restored into other infrastructure.\n\
         They run in this order; each line of a plan names the transform that made it.\n\
         Pairs come from the contracts of both environments, their states, or a map file.\n\n\
         This page is generated from the transforms' own examples, which are also their tests.\n",
    );
    for page in pages() {
        out.push_str(&format!("\n## {}\n\n{}\n", page.name, page.about));
        let after =
            if page.after.starts_with("held back:") || page.after.starts_with("blocked:") { "text" } else { "yaml" };
        out.push_str(&format!("\nBefore:\n\n```yaml\n{}```\n\nAfter:\n\n```{after}\n{}```\n", page.before, page.after));
    }
    out
}

/// Every transform's page, in the order in which they run.
pub fn pages() -> Vec<Page> {
    TRANSFORMS.iter().map(|transform| page(transform.name(), transform.text())).collect()
}

fn page(name: &'static str, text: &str) -> Page {
    let mut blocks = Vec::new();
    let mut about = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        match &mut block {
            None if line.starts_with("```") => block = Some(String::new()),
            None if blocks.is_empty() && !line.starts_with("Transform: ") => about.push(line),
            None => {}
            Some(_) if line == "```" => blocks.extend(block.take()),
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    let mut blocks = blocks.into_iter();
    let (before, after) = (blocks.next().unwrap_or_default(), blocks.next().unwrap_or_default());
    Page { name, about: about.join("\n").trim().to_owned(), before, after }
}
