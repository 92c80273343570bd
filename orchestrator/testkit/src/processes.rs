//! Who is still at work for a test: processes that can be told by the folder that they were started for.
//!
//! Ends nobody.

use std::path::Path;

/// Every other process that has the folder in its environment or on its command line, or works in it: its id and its
/// command line.
pub fn of(folder: &Path) -> Vec<String> {
    let name = folder.to_string_lossy().trim_end_matches('/').to_owned();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid == own || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let read = |file: &str| {
            String::from_utf8_lossy(&std::fs::read(entry.path().join(file)).unwrap_or_default()).into_owned()
        };
        let command = read("cmdline").replace('\0', " ");
        // One that has given its memory back is ending already.
        if command.is_empty() {
            continue;
        }
        let works_in = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|path| path.starts_with(folder));
        if works_in || command.contains(&name) || read("environ").contains(&name) {
            found.push(format!("{pid} {command}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_told_by_its_folder_its_environment_and_its_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let text = folder.path().to_str().unwrap();
        let cat = |change: &dyn Fn(&mut Command)| {
            let mut command = Command::new("cat");
            command.current_dir(other.path()).stdin(Stdio::piped()).stdout(Stdio::null());
            change(&mut command);
            command.spawn().unwrap()
        };
        let mut children = [
            cat(&|command| {
                command.current_dir(folder.path());
            }),
            cat(&|command| {
                command.env("STATE", text);
            }),
            cat(&|command| {
                command.args(["-", text]).stderr(Stdio::null());
            }),
            cat(&|_| ()),
        ];
        let found = of(folder.path());
        for (at, child) in children.iter().enumerate() {
            let is_found = found.iter().any(|line| line.starts_with(&format!("{} ", child.id())));
            assert_eq!(is_found, at < 3, "{at}: {found:?}");
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(of(folder.path()), [""; 0]);
    }
}
