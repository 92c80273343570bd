//! Whether this machine can run a real node: rights, cgroups, file systems.
//!
//! Programs are not looked for here; a missing one is named by whoever looks for components.

use super::cgroups;

/// CAP_NET_ADMIN and CAP_SYS_ADMIN, as bits of /proc/self/status.
const CAPABILITIES: [(u8, &str); 2] = [(12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN")];

/// What this machine lacks; empty where a real node can run.
pub fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        missing.push("root".to_owned());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (bit, name) in CAPABILITIES {
        if effective(&status) & (1 << bit) == 0 {
            missing.push(name.to_owned());
        }
    }
    let hierarchies = cgroups::hierarchies();
    let controllers = cgroups::missing_controllers(&hierarchies);
    if hierarchies.is_empty() {
        missing.push("a mounted cgroup hierarchy".to_owned());
    } else if !controllers.is_empty() {
        missing.push(format!("the cgroup controllers {}", controllers.join(", ")));
    } else if let Some(hierarchy) = hierarchies.iter().find(|hierarchy| is_read_only(&hierarchy.mount)) {
        missing.push(format!("a writable {}", hierarchy.mount.display()));
    }
    let file_systems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !file_systems.lines().any(|line| line.trim_start_matches("nodev").trim() == "overlay") {
        missing.push("the overlay file system".to_owned());
    }
    if !std::path::Path::new("/dev/kmsg").exists() {
        missing.push("/dev/kmsg".to_owned());
    }
    missing
}

fn effective(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}

fn is_read_only(path: &std::path::Path) -> bool {
    nix::sys::statvfs::statvfs(path).is_ok_and(|disk| disk.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_as_hexadecimal_bits() {
        assert_eq!(effective("Name:\tx\nCapEff:\t0000000000201000\n"), 1 << 21 | 1 << 12);
        assert_eq!(effective("CapEff:\tnone"), 0);
        assert_eq!(effective(""), 0);
    }
}
