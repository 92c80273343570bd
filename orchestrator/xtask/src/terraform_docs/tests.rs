use std::fs;
use std::path::Path;

use super::{BEGIN, END, generate};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate lies two folders below the root")
}

/// A repository with one module made of `main`.
fn sample(main: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folder = root.path().join("terraform/modules/sample");
    fs::create_dir_all(&folder).expect("folders");
    fs::write(folder.join("main.tf"), main).expect("main.tf");
    root
}

const GOOD: &str = r#"# Makes a thing.
# It is small.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source                = "hashicorp/aws"
      version               = ">= 5.80, < 7.0"
      configuration_aliases = [aws.replica]
    }
  }
}

variable "sizes" {
  description = "Sizes | by name."
  type = map(object({
    width = number
  }))

  validation {
    condition     = length(var.sizes) > 0
    error_message = "sizes must not be empty."
  }
}

variable "loud" {
  description = "Whether it is loud."
  type        = bool
  default     = false
}

resource "aws_vpc" "this" {
  tags = { "landfall.dev/logical-id" = "vpc" }
}

output "id" {
  description = "Its id."
  value       = aws_vpc.this.id
}
"#;

#[test]
fn every_module_and_stack_keeps_our_rules_and_has_a_readme() {
    let readmes = generate(repository()).unwrap_or_else(|error| panic!("{error:#}"));
    for wanted in [
        "terraform/modules/eks/README.md",
        "terraform/modules/kms/policy/README.md",
        "terraform/stacks/local/README.md",
    ] {
        assert!(readmes.contains_key(Path::new(wanted)), "{wanted} is missing");
    }
}

#[test]
fn a_readme_says_what_a_module_needs_takes_and_gives() {
    let root = sample(GOOD);
    let readmes = generate(root.path()).expect("it parses");
    let text = &readmes[Path::new("terraform/modules/sample/README.md")];
    assert!(text.starts_with("# sample\n\nMakes a thing.\nIt is small.\n\n<!-- BEGIN"), "{text}");
    for wanted in [
        "| hashicorp/aws | >= 5.80, < 7.0 | `aws.replica` |",
        r"| `sizes` | [`map(object)`](#sizes) | required | Sizes \| by name. |",
        "### sizes\n\n```hcl\ntype = map(object({\n  width = number\n}))\n```",
        "| `loud` | `bool` | `false` | Whether it is loud. |",
        "| `id` | Its id. |",
        "- `aws_vpc.this`",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing from\n{text}");
    }
}

#[test]
fn what_is_written_by_hand_stays() {
    let root = sample(GOOD);
    let path = root.path().join("terraform/modules/sample/README.md");
    fs::write(&path, format!("# Mine\n\nBefore.\n\n{BEGIN}\nstale\n{END}\n\nAfter.\n")).expect("README");
    let first = generate(root.path()).expect("it parses");
    let text = &first[Path::new("terraform/modules/sample/README.md")];
    assert!(
        text.starts_with("# Mine\n\nBefore.\n") && text.ends_with("\nAfter.\n") && !text.contains("stale"),
        "{text}"
    );

    fs::write(&path, text).expect("README");
    assert_eq!(generate(root.path()).expect("it parses"), first, "generating again changes nothing");
}

#[test]
fn a_readme_without_markers_is_not_overwritten() {
    let root = sample(GOOD);
    fs::write(root.path().join("terraform/modules/sample/README.md"), "# Mine\n").expect("README");
    let error = generate(root.path()).expect_err("no markers");
    assert!(format!("{error:#}").contains("markers"), "{error:#}");
}

#[test]
fn text_that_is_not_hcl_names_its_file() {
    let root = sample("variable \"a\" {");
    let error = generate(root.path()).err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(error.contains("main.tf"), "{error}");
}

#[test]
fn each_broken_rule_is_found() {
    for (from, to, wanted) in [
        ("  description = \"Whether it is loud.\"\n", "", "variable loud has no description"),
        ("it is loud.", "it is loud", "does not end in a full stop"),
        ("  type        = bool\n", "", "variable loud has no type"),
        ("type        = bool", "type        = string", "variable loud is not validated"),
        ("    error_message = \"sizes must not be empty.\"\n", "", "without an error message"),
        ("  description = \"Its id.\"\n", "", "output id has no description"),
        ("landfall.dev/logical-id", "Name", "aws_vpc.this is tagged without"),
        (">= 1.9", ">= 1.5", "required_version is not"),
        (">= 5.80, < 7.0", ">= 6.0", "provider aws is not"),
        ("aws = {", "random = {", "provider random is not one of ours"),
        ("variable \"loud\"", "provider \"aws\" {}\n\nvariable \"loud\"", "a module configures a provider"),
        (
            "variable \"loud\"",
            "module \"m\" {\n  source = \"a/b/c\"\n}\n\nvariable \"loud\"",
            "must not need a registry",
        ),
    ] {
        let broken = GOOD.replacen(from, to, 1);
        assert_ne!(broken, GOOD, "{from:?} is not in the sample");
        let error = generate(sample(&broken).path()).expect_err("a broken rule");
        assert!(format!("{error:#}").contains(wanted), "{wanted:?} is not in {error:#}");
    }
}
