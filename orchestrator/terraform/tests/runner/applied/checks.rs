//! What can be said of the modules without an account: format, their own tests, and the policies of the roles.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::moto;
use super::provider::provider;
use super::workspace::{command, copy, everything, root, said};
use crate::runner::bed::tool;

/// These need no provider.
const WITHOUT: [&str; 2] = ["modules/contract", "stacks/local"];
/// With a provider each takes many seconds; these reach into most of the others.
const ALWAYS: [&str; 3] = ["modules/iam", "modules/platform", "stacks/recovery"];

#[test]
fn everything_is_formatted() {
    for program in ["terraform", "tofu"] {
        let Some(tool) = tool(program) else { continue };
        let output = command(&tool, &root().join("terraform"))
            .args(["fmt", "-check", "-recursive", "-diff", "-no-color"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{program}: {}", said(&output));
    }
}

#[test]
fn what_needs_no_provider_keeps_its_promises() {
    for program in ["terraform", "tofu"] {
        let Some(tool) = tool(program) else { continue };
        let copy = copy();
        // tofu knows outputs of other runs in variables only, and the local stack's tests compare with them; what
        // they say of it, the tests of both tools say too.
        for folder in WITHOUT.iter().filter(|folder| program == "terraform" || **folder != "stacks/local") {
            test(&tool, &copy.path().join(folder), &[], &[]);
        }
    }
}

#[test]
fn modules_and_stacks_keep_their_promises() {
    let Some(tool) = tool("terraform") else { return };
    let Some(provider) = provider(&tool) else { return };
    let copy = copy();
    let (init, variables) = (provider.init_args(), provider.variables());
    for folder in tested(copy.path()) {
        let is_wanted =
            if everything() { !WITHOUT.contains(&folder.as_str()) } else { ALWAYS.contains(&folder.as_str()) };
        if is_wanted {
            test(&tool, &copy.path().join(folder), &init, &variables);
        }
    }
}

#[test]
fn the_roles_may_do_what_they_need_and_no_more() {
    let Some(python) = moto::python() else { return };
    let script = root().join("tests/testbed/moto/check_roles.py");
    let output = Command::new(&python).arg(&script).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let tried = said(&output);
    let count: u32 = tried.split_whitespace().next().unwrap().parse().unwrap();
    assert!(count > 90 && tried.contains("calls tried, 0 wrong"), "{tried}");

    // The check is worth something: a policy that allows too little and one that allows too much are both told, and
    // the third role has no fault.
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root().join("terraform/modules/iam/policies")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    for (role, instead_of, by) in
        [("restore", "s3:GetBucketLocation", "s3:DeleteBucket"), ("prune", "s3:DeleteObject", "s3:*")]
    {
        let file = folder.path().join(format!("{role}.json.tftpl"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(instead_of), "{text}");
        std::fs::write(&file, text.replace(instead_of, by)).unwrap();
    }
    let output = Command::new(&python).arg(&script).arg("--policies").arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let told = said(&output);
    assert!(told.contains("restore: GetBucketLocation was refused, should be allowed"), "{told}");
    assert!(told.contains("prune: DeleteObjectVersion was allowed, should be refused"), "{told}");
    assert!(!told.contains("backup: "), "{told}");
}

/// Every folder of a kind that has tests.
fn tested(copy: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["modules", "stacks"] {
        let entries = std::fs::read_dir(copy.join(kind)).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().join("tests").is_dir());
        found.extend(folders.map(|entry| format!("{kind}/{}", entry.file_name().to_string_lossy())));
    }
    found.sort();
    assert!(WITHOUT.iter().chain(&ALWAYS).all(|one| found.iter().any(|folder| folder == one)), "{found:?}");
    found
}

fn test(tool: &Path, folder: &Path, init: &[String], variables: &[(&str, PathBuf)]) {
    let run = |args: &[&str], more: &[String]| {
        let mut command = command(tool, folder);
        let variables = variables.iter().map(|(key, value)| (key, value));
        command.args(args).args(more).arg("-no-color").envs(variables).output().unwrap()
    };
    let output = run(&["init", "-backend=false", "-input=false"], init);
    assert!(output.status.success(), "{}: {}", folder.display(), said(&output));
    let output = run(&["test"], &[]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("0 failed"), "{}: {text}", folder.display());
    assert!(!text.contains("0 passed"), "{} tested nothing: {text}", folder.display());
}
