//! What others make of our archives: Go's own tar and gzip readers, and the system's tar.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of this is tests, helpers included")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use archive::{ArchiveOptions, ArchiveReader, ArchiveWriter, Caps};
use jiff::Timestamp;
use model::{GroupResource, ItemId};
use sha2::{Digest, Sha256};

/// Prints each entry as `mode type size sha256 name`, with Go's standard library alone.
const PROGRAM: &str = r#"
package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	file, err := os.Open(os.Args[1])
	check(err)
	unzipped, err := gzip.NewReader(file)
	check(err)
	reader := tar.NewReader(unzipped)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		check(err)
		digest := sha256.New()
		_, err = io.Copy(digest, reader)
		check(err)
		fmt.Printf("%o %c %d %x %s\n", header.Mode, header.Typeflag, header.Size, digest.Sum(nil), header.Name)
	}
	rest, err := io.ReadAll(unzipped)
	check(err)
	fmt.Println(len(rest))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
"#;

#[test]
fn go_reads_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    let (path, expected) = archive(directory.path());
    let source = directory.path().join("main.go");
    std::fs::write(&source, PROGRAM).unwrap();
    let run = Command::new("go").arg("run").arg(&source).arg(&path).env("GO111MODULE", "off").output();
    let output = match run {
        Ok(output) => output,
        Err(error) => return skip("go_reads_what_we_write", &format!("no Go: {error}")),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.pop(), Some("0"), "bytes follow the end of the tar");
    let said: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            let fields: Vec<&str> = line.splitn(5, ' ').collect();
            assert_eq!(fields[..2], ["755", "0"], "{line}");
            (fields[4].to_owned(), fields[3].to_owned())
        })
        .collect();
    assert_eq!(said, expected);
}

#[test]
fn the_system_s_tar_reads_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    let (path, expected) = archive(directory.path());
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let run = Command::new("tar").arg("-xzf").arg(&path).arg("-C").arg(&out).output();
    let output = match run {
        Ok(output) => output,
        Err(error) => return skip("the_system_s_tar_reads_what_we_write", &format!("no tar: {error}")),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, digest) in expected {
        let body = std::fs::read(out.join(&name)).unwrap();
        assert_eq!(hex::encode(Sha256::digest(&body)), digest, "{name}");
    }
}

#[test]
fn our_reader_gives_what_tar_extracts_from_another_s_archive() {
    let directory = tempfile::tempdir().unwrap();
    let tree = directory.path().join("tree");
    let mut expected = BTreeMap::new();
    for (path, body) in [
        ("metadata/version", "1.1.0\n".to_owned()),
        ("resources/pods/namespaces/shop/web.json", format!("{{\"a\":\"{}\"}}", "é".repeat(9_000))),
        ("resources/pods/v1-preferredversion/namespaces/shop/web.json", "{}".to_owned()),
        ("resources/clusterroles.rbac.authorization.k8s.io/cluster/system:node.json", "[]".to_owned()),
    ] {
        let at = tree.join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, &body).unwrap();
        if path != "metadata/version" {
            expected.insert(path.to_owned(), body.into_bytes());
        }
    }
    // GNU's and POSIX's own formats, with directories and leading dots, as a person would pack it again.
    for format in ["gnu", "posix", "ustar"] {
        let path = directory.path().join(format);
        let mut command = Command::new("tar");
        command.arg("-czf").arg(&path).arg(format!("--format={format}")).arg("-C").arg(&tree).arg(".");
        let run = command.output();
        let Ok(output) = run else {
            return skip("our_reader_gives_what_tar_extracts_from_another_s_archive", "no tar");
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut seen = BTreeMap::new();
        let file = std::fs::File::open(&path).unwrap();
        let summary = ArchiveReader::new(file, Caps::default()).for_each(|entry, body| {
            let mut bytes = Vec::new();
            body.read_to_end(&mut bytes).unwrap();
            seen.insert(entry.path.encode().unwrap(), bytes);
            Ok::<_, archive::ArchiveError>(())
        });
        assert_eq!(summary.unwrap().format_version.as_deref(), Some("1.1.0"), "{format}");
        assert!(seen == expected, "{format}");
    }
}

/// An archive of several gzip members with names of every kind, and its entries with their digests.
fn archive(directory: &Path) -> (std::path::PathBuf, Vec<(String, String)>) {
    let path = directory.join("backup.tar.gz");
    let options = ArchiveOptions { threads: 3, ..ArchiveOptions::new(Timestamp::from_second(1_767_323_045).unwrap()) };
    let mut writer = ArchiveWriter::new(std::fs::File::create(&path).unwrap(), &options).unwrap();
    let mut expected = vec![("metadata/version".to_owned(), hex::encode(Sha256::digest(b"1.1.0\n")))];
    let long = "n".repeat(200);
    let mut names: Vec<String> = (0..2000).map(|at| format!("object-{at}")).collect();
    names.extend([long, "system:node".into(), "rôle".into(), "a b".into()]);
    for (at, name) in names.iter().enumerate() {
        let body = format!("{{\"at\":{at},\"fill\":\"{}\"}}", "abc".repeat(at % 1500));
        let item = ItemId::namespaced(GroupResource::parse("widgets.example.com"), "s".repeat(40), name.clone());
        writer.append(&item, "v1", at % 3 > 0, body.as_bytes()).unwrap();
        let directory = format!("namespaces/{}/{name}.json", "s".repeat(40));
        let digest = hex::encode(Sha256::digest(&body));
        let version = if at % 3 > 0 { "v1-preferredversion/" } else { "v1/" };
        if at % 3 > 0 {
            expected.push((format!("resources/widgets.example.com/{directory}"), digest.clone()));
        }
        expected.push((format!("resources/widgets.example.com/{version}{directory}"), digest));
    }
    let (_, stats) = writer.finish().unwrap();
    assert!(stats.uncompressed > 3 << 20, "several members");
    (path, expected)
}

/// Like testkit's, which this crate cannot use without depending on a runtime.
#[expect(clippy::disallowed_methods, reason = "settings of tests, not of the product")]
fn skip(test: &str, reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} must run with CI=true but was skipped: {reason}");
    eprintln!("SKIP {test}: {reason}");
}
