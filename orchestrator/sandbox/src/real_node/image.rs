//! Container images without a registry: an archive as `docker save` writes it, from one static program.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use tokio::process::Command;

use crate::error::SandboxError;

/// An archive with busybox under all its names, started as `entrypoint`.
pub(super) async fn busybox(program: &Path, reference: &str, entrypoint: &[&str]) -> Result<Vec<u8>, SandboxError> {
    let content = std::fs::read(program).map_err(|source| SandboxError::file("read", program, source))?;
    if !is_static(&content) {
        let what = format!("a static busybox ({} needs libraries); apt-get install busybox-static", program.display());
        return Err(SandboxError::Unsupported { missing: vec![what] });
    }
    let output = Command::new(program)
        .arg("--list")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|source| SandboxError::file("run", program, source))?;
    let list = String::from_utf8_lossy(&output.stdout).into_owned();
    let applets: Vec<&str> = list.lines().filter(|name| *name != "busybox" && !name.contains('/')).collect();
    let failed = |source| SandboxError::file("pack", program, source);
    let layer = layer(&content, &applets).map_err(failed)?;
    archive(&layer, reference, entrypoint).map_err(failed)
}

fn layer(program: &[u8], applets: &[&str]) -> std::io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (folder, mode) in [
        ("bin", 0o755),
        ("etc", 0o755),
        ("root", 0o700),
        ("tmp", 0o1777),
        ("dev", 0o755),
        ("proc", 0o755),
        ("sys", 0o755),
    ] {
        let mut header = header(EntryType::Directory, mode, 0);
        tar.append_data(&mut header, format!("{folder}/"), &[][..])?;
    }
    for (path, content, mode) in [
        ("bin/busybox", program, 0o755),
        ("etc/passwd", &b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"[..], 0o644),
        ("etc/group", &b"root:x:0:\nnobody:x:65534:\n"[..], 0o644),
    ] {
        tar.append_data(&mut header(EntryType::Regular, mode, content.len() as u64), path, content)?;
    }
    for applet in applets {
        tar.append_link(&mut header(EntryType::Symlink, 0o777, 0), format!("bin/{applet}"), "busybox")?;
    }
    tar.into_inner()
}

fn archive(layer: &[u8], reference: &str, entrypoint: &[&str]) -> std::io::Result<Vec<u8>> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Entrypoint": entrypoint },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex::encode(Sha256::digest(layer)))] },
    })
    .to_string();
    let config_name = format!("{}.json", hex::encode(Sha256::digest(config.as_bytes())));
    let manifest = json!([{ "Config": config_name, "RepoTags": [reference], "Layers": ["layer.tar"] }]).to_string();
    let mut tar = Builder::new(Vec::new());
    for (path, content) in
        [(config_name.as_str(), config.as_bytes()), ("layer.tar", layer), ("manifest.json", manifest.as_bytes())]
    {
        tar.append_data(&mut header(EntryType::Regular, 0o644, content.len() as u64), path, content)?;
    }
    tar.into_inner()
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// True for a 64-bit ELF program that names no interpreter, and so needs nothing but itself.
fn is_static(program: &[u8]) -> bool {
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = program.get(at..at.checked_add(size)?)?;
        bytes.iter().rev().try_fold(0usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))
    };
    const INTERPRETER: usize = 3;
    let has_interpreter = || {
        let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        let mut found = false;
        for index in 0..count {
            found |= number(table.checked_add(index.checked_mul(size)?)?, 4)? == INTERPRETER;
        }
        Some(found)
    };
    // Magic, 64 bit, little endian.
    program.starts_with(b"\x7fELF\x02\x01") && has_interpreter() == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_an_interpreter_or_no_program_is_not_static() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        assert!(!is_static(&own), "test programs are linked dynamically");
        assert!(!is_static(b""));
        assert!(!is_static(b"#!/bin/sh\n"));
        assert!(!is_static(b"\x7fELF\x02\x01 cut short"));
        let mut elf = vec![0u8; 64 + 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = 1;
        elf[64] = 1;
        assert!(is_static(&elf));
        elf[64] = 3;
        assert!(!is_static(&elf));
    }
}
