//! The report's page in a real browser: every width, light, dark and printed, with axe-core as the judge.
//!
//! Needs Chromium and Node, which the check installs; axe-core comes from the package registry, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::skip::{Why, skip, variable};

use super::{project, silent};

#[allow(dead_code, unreachable_pub, reason = "an example of the crate report, whose main is not called here")]
#[path = "../../../../report/examples/sample_report.rs"]
mod sample_report;

#[test]
fn the_page_can_be_read_by_everybody() {
    const NAME: &str = "the_page_can_be_read_by_everybody";
    let runs =
        |program: &str| silent(Command::new(program).arg("--version")).status().is_ok_and(|status| status.success());
    for program in ["chromium", "node", "npm"] {
        if !runs(program) {
            return skip(NAME, Why::NotSetUp, &format!("{program} is not on PATH"));
        }
    }
    let recipe = PathBuf::from(project()).join("tests/report-page");
    let axe = match axe(&recipe) {
        Ok(axe) => axe,
        Err(why) => return skip(NAME, Why::NotInRegistry, &why),
    };
    let folder = tempfile::tempdir().unwrap();
    sample_report::write(folder.path()).unwrap();
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    // The one that passed has nothing that the others have not.
    pages
        .retain(|page| page.extension().is_some_and(|extension| extension == "html") && !page.ends_with("passed.html"));
    pages.sort();
    assert_eq!(pages.len(), 3);
    let output = Command::new("node").arg(recipe.join("check.mjs")).args(&pages).env("AXE", &axe).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("3 pages, 0 problems"), "{said}");
}

/// axe-core in the user's cache, as the recipe's lock file has it.
fn axe(recipe: &Path) -> Result<PathBuf, String> {
    let lock = std::fs::read_to_string(recipe.join("package-lock.json")).map_err(|error| error.to_string())?;
    let lock: serde_json::Value = serde_json::from_str(&lock).map_err(|error| error.to_string())?;
    let version =
        lock["packages"]["node_modules/axe-core"]["version"].as_str().ok_or("the lock file has no axe-core")?;
    let cache =
        variable("XDG_CACHE_HOME").unwrap_or_else(|| format!("{}/.cache", variable("HOME").unwrap_or_default()));
    let folder = Path::new(&cache).join(format!("landfall/testbed/axe-core-{version}"));
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if file.is_file() {
        return Ok(file);
    }
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(recipe.join(name), folder.join(name)).map_err(|error| error.to_string())?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    let output = npm.output().map_err(|error| error.to_string())?;
    match file.is_file() {
        true => Ok(file),
        false => Err(format!("axe-core cannot be had: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
