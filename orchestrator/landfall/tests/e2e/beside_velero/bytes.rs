//! An archive read by us and by `tar`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use archive::{ArchiveError, ArchiveReader, Caps, EntryPath, ItemPath, Spool, SpoolReader, StoredVersion};

use crate::support::Bed;

/// What our reader finds is, byte for byte, what `tar` extracts, and neither finds a file more than the other. The
/// versions that the archive holds.
pub(super) fn same_bytes_as_tar(bed: &Bed, archive: &Path) -> BTreeSet<StoredVersion> {
    let extracted = bed.path("extracted");
    std::fs::create_dir_all(&extracted).unwrap();
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&extracted).status().unwrap();
    assert!(status.success());
    let mut expected = files(&extracted);
    std::fs::remove_dir_all(&extracted).unwrap();

    let open = || std::fs::File::open(archive).unwrap();
    let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let summary = ArchiveReader::new(open(), Caps::default()).for_each(|entry, body| {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(ArchiveError::Read)?;
        assert_eq!(bytes.len() as u64, entry.size);
        assert_eq!(found.insert(entry.path.encode()?, bytes), None);
        Ok::<_, ArchiveError>(())
    });
    let summary = summary.unwrap_or_else(|error| panic!("{}", model::chain(&error)));
    assert_eq!(summary.unknown, [""; 0], "Velero's archive is odd to our reader");
    // Not an item: the reader keeps its content by itself.
    let version = expected.remove("metadata/version").expect("no metadata/version");
    assert_eq!(summary.format_version.as_deref(), Some(String::from_utf8(version).unwrap().trim()));
    assert!(expected.len() > 40, "only {} files", expected.len());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{path} differs");
    }

    // The same through the spool, which is what restores read.
    let spool = bed.path("spool");
    let file = std::fs::File::create(&spool).unwrap();
    let unpacked = Spool::unpack(open(), file, Caps::default(), |_, _, _| {}).unwrap();
    assert_eq!(unpacked.troubles, [], "Velero's archive is odd to our spool");
    let bodies = SpoolReader::new(std::fs::File::open(&spool).unwrap());
    let mut compared = BTreeSet::new();
    for (id, item) in &unpacked.items {
        for body in &item.bodies {
            let version = body.version.clone();
            let copies = if body.preferred {
                vec![StoredVersion::Plain, StoredVersion::Preferred(version)]
            } else {
                vec![StoredVersion::Other(version)]
            };
            for version in copies {
                let path = ItemPath { item: id.clone(), version }.encode().unwrap();
                assert!(bodies.read(body.span).unwrap() == expected[&path], "{path} differs in the spool");
                compared.insert(path);
            }
        }
    }
    assert!(compared.iter().eq(expected.keys()), "the spool has {} of {} copies", compared.len(), expected.len());
    let decoded = expected.keys().map(|path| match EntryPath::decode(path) {
        EntryPath::Item(path) => path.version,
        other => panic!("{path} is {other:?}"),
    });
    decoded.collect()
}

/// Every file below a folder, by its path from there.
pub(super) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
