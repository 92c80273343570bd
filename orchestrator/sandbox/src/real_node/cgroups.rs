//! The cgroup hierarchies of this machine, and removing what a node left in them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::SandboxError;

/// Controllers without which no kubelet starts.
const NEEDED: [&str; 7] = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids"];
/// The kernel lets go of a killed process's cgroup a little after the process.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) mount: PathBuf,
    pub(super) version: u8,
    /// How the same hierarchy is mounted again: `cpu,cpuacct`, `none,name=systemd`.
    pub(super) options: String,
}

/// The hierarchies to use: those of version 1 where the memory controller is one of them, else the one of version 2.
pub(super) fn hierarchies() -> Vec<Hierarchy> {
    parse(&std::fs::read_to_string("/proc/self/mounts").unwrap_or_default())
}

fn parse(mounts: &str) -> Vec<Hierarchy> {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, mount, kind, options, ..] = fields.as_slice() else { continue };
        let mount = PathBuf::from(mount);
        match *kind {
            "cgroup" => {
                let controllers: Vec<&str> = options.split(',').filter(|option| is_controller(option)).collect();
                let named = controllers.iter().any(|option| option.starts_with("name="));
                let options = if named { format!("none,{}", controllers.join(",")) } else { controllers.join(",") };
                let hierarchy = Hierarchy { mount, version: 1, options };
                // The same hierarchy can be mounted in several places; one is enough.
                if !controllers.is_empty() && first.iter().all(|known: &Hierarchy| known.options != hierarchy.options) {
                    first.push(hierarchy);
                }
            }
            "cgroup2" => second.push(Hierarchy { mount, version: 2, options: "-".to_owned() }),
            _ => {}
        }
    }
    let has_memory = first.iter().any(|hierarchy| hierarchy.options.split(',').any(|option| option == "memory"));
    if has_memory { first } else { second.into_iter().take(1).collect() }
}

/// Mount options are a mixture; what is no flag of the mount is a controller.
fn is_controller(option: &str) -> bool {
    const FLAGS: [&str; 12] = [
        "rw",
        "ro",
        "nosuid",
        "nodev",
        "noexec",
        "relatime",
        "noatime",
        "nodiratime",
        "xattr",
        "clone_children",
        "noprefix",
        "none",
    ];
    !FLAGS.contains(&option) && !option.starts_with("release_agent=")
}

/// Controllers that a kubelet needs and this machine does not give.
pub(super) fn missing_controllers(hierarchies: &[Hierarchy]) -> Vec<&'static str> {
    match hierarchies {
        [Hierarchy { version: 2, mount, .. }] => {
            let given = std::fs::read_to_string(mount.join("cgroup.subtree_control")).unwrap_or_default();
            let given: Vec<&str> = given.split_whitespace().collect();
            // Version 2 has no freezer, devices and cpuacct controllers; those are always there.
            ["cpu", "cpuset", "memory", "pids"].into_iter().filter(|name| !given.contains(name)).collect()
        }
        _ => {
            let given: Vec<&str> = hierarchies.iter().flat_map(|hierarchy| hierarchy.options.split(',')).collect();
            NEEDED.into_iter().filter(|name| !given.contains(name)).collect()
        }
    }
}

/// Removes the directory of that name from every hierarchy, deepest first.
pub(super) async fn remove(name: &str) -> Result<(), SandboxError> {
    for hierarchy in hierarchies() {
        let path = hierarchy.mount.join(name);
        let removing = async {
            while remove_tree(&path).is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, removing).await.is_err() {
            return remove_tree(&path).map_err(|source| SandboxError::file("remove", path, source));
        }
    }
    Ok(())
}

fn remove_tree(path: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    std::fs::remove_dir(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_used_where_memory_is_in_it_whatever_else_is_mounted() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
            cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0\n\
            cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n\
            cgroup /elsewhere/memory cgroup rw,relatime,memory 0 0\n\
            cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,release_agent=/bin/x,name=systemd 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let options: Vec<String> = parse(mounts).into_iter().map(|hierarchy| hierarchy.options).collect();
        assert_eq!(options, ["cpu,cpuacct", "memory", "none,name=systemd"]);
        assert_eq!(missing_controllers(&parse(mounts)), ["cpuset", "devices", "freezer", "pids"]);
    }

    #[test]
    fn version_2_alone_is_one_hierarchy_and_nothing_is_none() {
        let all = parse("cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n");
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].version, 2);
        assert!(parse("proc /proc proc rw 0 0\n").is_empty());
        assert_eq!(missing_controllers(&[]).len(), NEEDED.len());
    }
}
