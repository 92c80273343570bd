use super::*;
use crate::gzip::compress;
use crate::header::encode;
use crate::{ArchiveOptions, ArchiveWriter};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use model::{GroupResource, ItemId};
use proptest::prelude::*;

type Body = (String, Vec<u8>);

#[test]
fn what_is_written_is_what_another_reader_sees() {
    let bytes = sample(2);
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes.as_slice()));
    let mut seen = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!(entry.header().mode().unwrap(), 0o755);
        assert!(entry.header().entry_type().is_file());
        let mut body = String::new();
        entry.read_to_string(&mut body).unwrap();
        seen.push((entry.path().unwrap().to_string_lossy().into_owned(), body));
    }
    let pod = r#"{"kind":"Pod"}"#;
    let expected = [
        ("metadata/version", "1.1.0\n"),
        ("resources/pods/namespaces/shop/web.json", pod),
        ("resources/pods/v1-preferredversion/namespaces/shop/web.json", pod),
        ("resources/deployments.apps/v1beta1/namespaces/shop/web.json", "{}"),
        ("resources/namespaces/cluster/shop.json", "{}"),
        ("resources/namespaces/v1-preferredversion/cluster/shop.json", "{}"),
    ];
    assert_eq!(seen, expected.map(|(path, body)| (path.to_owned(), body.to_owned())));
}

#[test]
fn our_reader_sees_the_same() {
    let (bodies, summary) = read(&sample(1)).unwrap();
    assert_eq!(bodies.len(), 5);
    assert_eq!((summary.files, summary.copies, summary.unknown_count), (6, 5, 0));
    assert_eq!(summary.format_version.as_deref(), Some("1.1.0"));
    assert_eq!(bodies[0], ("resources/pods/namespaces/shop/web.json".into(), br#"{"kind":"Pod"}"#.to_vec()));
}

#[test]
fn stats_describe_the_bytes() {
    let mut writer = ArchiveWriter::new(Vec::new(), &options(3)).unwrap();
    writer.append(&item("pods", "a"), "v1", true, b"{}").unwrap();
    writer.append(&item("pods", "a"), "v2", false, b"{}").unwrap();
    let (bytes, stats) = writer.finish().unwrap();
    let (_, summary) = read(&bytes).unwrap();
    assert_eq!((stats.items, stats.entries), (2, 4));
    assert_eq!((stats.compressed, stats.uncompressed), (bytes.len() as u64, summary.uncompressed));
    assert_eq!((stats.sha256, stats.compressed), (summary.sha256, summary.compressed));
}

#[test]
fn an_object_is_not_written_twice() {
    let mut writer = ArchiveWriter::new(Vec::new(), &options(1)).unwrap();
    writer.append(&item("pods", "a"), "v1", true, b"{}").unwrap();
    for (version, preferred) in [("v1", true), ("v2", true)] {
        let outcome = writer.append(&item("pods", "a"), version, preferred, b"{}");
        assert!(matches!(outcome, Err(ArchiveError::Refused { why: Refusal::Duplicate, .. })), "{version}");
    }
}

#[test]
fn the_visitor_may_leave_bodies_unread() {
    let mut paths = 0;
    let outcome = ArchiveReader::new(sample(1).as_slice(), Caps::default()).for_each(|entry, body| {
        paths += 1;
        // One byte of some, none of others.
        body.take(entry.size % 2).read_to_end(&mut Vec::new()).map_err(ArchiveError::Read)?;
        Ok::<_, ArchiveError>(())
    });
    assert!(outcome.is_ok());
    assert_eq!(paths, 5);
}

#[test]
fn hostile_entries_are_refused_by_name() {
    let check = |raw: Vec<u8>, name: &str, expected: Refusal| {
        match read(&compress(&ended(raw))) {
            Err(ArchiveError::Refused { path, why }) => assert_eq!((path.as_str(), why), (name, expected)),
            other => panic!("{name}: {other:?}"),
        };
    };
    check(file("../../etc/cron.d/x", b"x"), "../../etc/cron.d/x", Refusal::Climbs);
    check(file("/etc/passwd", b"x"), "/etc/passwd", Refusal::Absolute);
    check(file("resources/../x", b""), "resources/../x", Refusal::Climbs);
    check(file("resources//x", b""), "resources//x", Refusal::NotNormal);
    check(file(&format!("a/{}", "b/".repeat(40) + "c"), b""), &format!("a/{}c", "b/".repeat(40)), Refusal::TooDeep(32));
    let link = "resources/pods/cluster/link.json";
    check(typed(b'1', link), link, Refusal::HardLink);
    check(typed(b'2', link), link, Refusal::SymbolicLink);
    for device in [b'3', b'4', b'6'] {
        check(typed(device, link), link, Refusal::Device);
    }
    check(typed(b'S', link), link, Refusal::UnknownType('S'));
    check(typed(b'K', link), link, Refusal::SymbolicLink);
    let pod = "resources/pods/namespaces/a/b.json";
    check([file(pod, b"{}"), file(pod, b"[]")].concat(), pod, Refusal::Duplicate);
    check([file(pod, b"{}"), file(&format!("./{pod}"), b"[]")].concat(), pod, Refusal::Duplicate);
    check(
        [file("metadata/version", b"1"), file("metadata/version", b"1")].concat(),
        "metadata/version",
        Refusal::Duplicate,
    );
}

#[test]
fn headers_that_contradict_each_other_are_refused() {
    let pod = "resources/pods/namespaces/a/b.json";
    let contradiction = |raw: Vec<u8>| {
        let outcome = read(&compress(&ended(raw)));
        assert!(
            matches!(&outcome, Err(ArchiveError::Refused { why: Refusal::Contradiction, .. })),
            "{:?}",
            outcome.map(|_| ())
        );
    };
    // A size beside the header's, a link in disguise, a sparse file, a path for everybody, two paths for one.
    contradiction([extended(b'x', b"9 size=9\n"), file(pod, b"{}")].concat());
    contradiction([extended(b'x', b"17 linkpath=/etc\n"), file(pod, b"{}")].concat());
    contradiction([extended(b'x', b"22 GNU.sparse.major=1\n"), file(pod, b"{}")].concat());
    contradiction([extended(b'g', b"10 path=x\n"), file(pod, b"{}")].concat());
    contradiction([extended(b'x', b"10 path=x\n"), extended(b'x', b"10 path=y\n"), file(pod, b"{}")].concat());
    contradiction([extended(b'L', b"x\0"), extended(b'L', b"y\0"), file(pod, b"{}")].concat());
    contradiction([extended(b'x', b"10 path=x\n"), extended(b'L', b"y\0"), file(pod, b"{}")].concat());
    // A climbing path stays one when it comes in an extension.
    for raw in [extended(b'x', b"13 path=../x\n"), extended(b'L', b"../x\0")] {
        let outcome = read(&compress(&ended([raw, file(pod, b"{}")].concat())));
        assert!(matches!(outcome, Err(ArchiveError::Refused { why: Refusal::Climbs, .. })));
    }
}

#[test]
fn foreign_writers_are_understood() {
    let name = "n".repeat(240);
    let long = format!("resources/configmaps/namespaces/{}/{name}.json", "s".repeat(60));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    builder.append_data(&mut header, &long, &b"{}"[..]).unwrap();
    let mut directory = tar::Header::new_gnu();
    directory.set_entry_type(tar::EntryType::Directory);
    directory.set_size(0);
    builder.append_data(&mut directory, "resources/", &b""[..]).unwrap();
    let mut raw = builder.into_inner().unwrap();
    // What tar -b20 pads with.
    raw.resize(10_240, 0);
    let (bodies, summary) = read(&compress(&raw)).unwrap();
    assert_eq!(bodies, [(long, b"{}".to_vec())]);
    assert_eq!((summary.files, summary.format_version), (1, None));
}

#[test]
fn format_version_1_has_no_version_directories() {
    let raw = [file("metadata/version", b"1\n"), file("resources/pods/namespaces/a/b.json", b"{}")].concat();
    let (bodies, summary) = read(&compress(&ended(raw))).unwrap();
    assert_eq!((bodies.len(), summary.format_version.as_deref()), (1, Some("1")));
    for version in ["2", "2.0.0", "11", "", "x"] {
        let outcome = read(&compress(&ended(file("metadata/version", version.as_bytes()))));
        assert!(matches!(outcome, Err(ArchiveError::FormatVersion(text)) if text == version));
    }
}

#[test]
fn unknown_files_are_reported_and_passed_over() {
    let raw = [file("README", b"hello"), file("resources/pods/x", b"?"), file("resources/pods/cluster/a.json", b"{}")];
    let (bodies, summary) = read(&compress(&ended(raw.concat()))).unwrap();
    assert_eq!(bodies.len(), 1);
    assert_eq!((summary.unknown, summary.unknown_count), (vec!["README".into(), "resources/pods/x".into()], 2));
}

#[test]
fn every_cut_of_an_archive_is_truncated_or_corrupt() {
    let whole = sample(1);
    for cut in 0..whole.len() {
        let outcome = read(&whole[..cut]);
        assert!(matches!(outcome, Err(ArchiveError::Truncated { .. })), "cut at {cut}: {outcome:?}");
    }
    // Cuts of the tar inside a sound gzip: at a block, in a body, in the end marker.
    let raw = crate::gzip::decompress(whole.as_slice(), u64::MAX).unwrap();
    for cut in (0..raw.len()).step_by(256) {
        let outcome = read(&compress(&raw[..cut]));
        assert!(matches!(outcome, Err(ArchiveError::Truncated { .. })), "cut at {cut}: {outcome:?}");
    }
}

#[test]
fn corrupt_archives_are_told_apart() {
    let corrupt = |raw: Vec<u8>| assert!(matches!(read(&compress(&raw)), Err(ArchiveError::Corrupt { .. })));
    let mut broken = ended(file("resources/pods/cluster/a.json", b"{}"));
    broken[3] ^= 1;
    corrupt(broken);
    corrupt([ended(Vec::new()), file("hidden", b"x")].concat());
    corrupt([vec![0; BLOCK], file("hidden", b"x")].concat());
    corrupt(ended(extended(b'x', b"10 path=x\n")));
    assert!(matches!(read(b"PK\x03\x04 a zip, rather"), Err(ArchiveError::Corrupt { .. })));
    assert!(matches!(read(b""), Err(ArchiveError::Truncated { after: 0 })));
}

#[test]
fn caps_hold() {
    let caps = Caps { decompressed_bytes: 1 << 20, entries: 5, entry_bytes: 100, path_bytes: 120, path_depth: 8 };
    let with_caps = |raw: Vec<u8>| {
        let bytes = compress(&ended(raw));
        ArchiveReader::new(bytes.as_slice(), caps).for_each(|_, _| Ok::<_, ArchiveError>(())).unwrap_err()
    };
    let many: Vec<u8> = (0..6).flat_map(|at| file(&format!("resources/pods/cluster/{at}.json"), b"{}")).collect();
    assert!(matches!(with_caps(many), ArchiveError::OverCap { what: "entries", limit: 5 }));
    let directories: Vec<u8> = (0..6).flat_map(|at| typed(b'5', &format!("{at}/"))).collect();
    assert!(matches!(with_caps(directories), ArchiveError::OverCap { what: "entries", .. }));
    let large = file("resources/pods/cluster/a.json", &[b' '; 101]);
    assert!(matches!(with_caps(large), ArchiveError::Refused { why: Refusal::TooLarge(100), .. }));
    let long = file(&"a".repeat(121), b"");
    assert!(matches!(with_caps(long), ArchiveError::Refused { why: Refusal::PathTooLong(120), .. }));
    // A header that promises an enormous record is refused before anything of that size exists.
    let mut promise = Vec::new();
    encode("x", 1 << 40, 0, &mut promise);
    retype(&mut promise, b'x');
    assert!(matches!(with_caps(promise), ArchiveError::Refused { why: Refusal::TooLarge(_), .. }));
    let zeros = vec![0; 2 << 20];
    let bytes = compress(&ended(zeros));
    let outcome = ArchiveReader::new(bytes.as_slice(), caps).for_each(|_, _| Ok::<_, ArchiveError>(()));
    assert!(matches!(outcome, Err(ArchiveError::OverCap { what: "decompressed bytes", .. })));
}

#[test]
fn the_stream_s_error_wins_over_the_visitor_s() {
    let whole = sample(1);
    let raw = crate::gzip::decompress(whole.as_slice(), u64::MAX).unwrap();
    let cut = compress(&raw[..3 * BLOCK + 4]);
    let outcome = ArchiveReader::new(cut.as_slice(), Caps::default()).for_each(|_, body| {
        body.read_to_end(&mut Vec::new()).map_err(|_| ArchiveError::Stopped)?;
        Ok(())
    });
    assert!(matches!(outcome, Err(ArchiveError::Truncated { .. })), "{outcome:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn write_then_read_gives_the_same(
        objects in proptest::collection::btree_map(
            ("[a-z]{1,8}", proptest::option::of("[a-z-]{1,70}"), "[a-zé:.*-]{1,120}"),
            (proptest::collection::vec(any::<u8>(), 0..3000), any::<bool>()),
            0..20,
        ),
        threads in 1..4usize, level in 0..10u32,
    ) {
        let mut writer = ArchiveWriter::new(Vec::new(), &ArchiveOptions { level, ..options(threads) }).unwrap();
        let mut expected = Vec::new();
        for ((resource, namespace, name), (body, preferred)) in &objects {
            prop_assume!(name != "." && name != "..");
            let resource = GroupResource::new(resource, "example.com");
            let item = ItemId { resource, namespace: namespace.clone(), name: name.clone() };
            writer.append(&item, "v1", *preferred, body).unwrap();
            for _ in 0..if *preferred { 2 } else { 1 } {
                expected.push((item.clone(), body.clone()));
            }
        }
        let (bytes, _) = writer.finish().unwrap();
        let mut seen = Vec::new();
        let read = ArchiveReader::new(bytes.as_slice(), Caps::default()).for_each(|entry, reader| {
            let mut body = Vec::new();
            reader.read_to_end(&mut body).map_err(ArchiveError::Read)?;
            seen.push((entry.path.item.clone(), body));
            Ok::<_, ArchiveError>(())
        });
        prop_assert!(read.is_ok(), "{:?}", read);
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..4000), at in 0..6000usize) {
        drop(read(&noise));
        drop(read(&compress(&noise)));
        let mut raw = crate::gzip::decompress(sample(1).as_slice(), u64::MAX).unwrap();
        let at = at % raw.len();
        let end = (at + noise.len()).min(raw.len());
        raw[at..end].copy_from_slice(&noise[..end - at]);
        drop(read(&compress(&raw)));
    }
}

fn sample(threads: usize) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new(), &options(threads)).unwrap();
    writer.append(&item("pods", "web"), "v1", true, br#"{"kind":"Pod"}"#).unwrap();
    writer.append(&item("deployments.apps", "web"), "v1beta1", false, b"{}").unwrap();
    writer.append(&ItemId::cluster(GroupResource::parse("namespaces"), "shop"), "v1", true, b"{}").unwrap();
    writer.finish().unwrap().0
}

fn options(threads: usize) -> ArchiveOptions {
    ArchiveOptions { threads, ..ArchiveOptions::new(Timestamp::from_second(1_700_000_000).unwrap()) }
}

fn item(resource: &str, name: &str) -> ItemId {
    ItemId::namespaced(GroupResource::parse(resource), "shop", name)
}

fn read(bytes: &[u8]) -> Result<(Vec<Body>, ReadSummary), ArchiveError> {
    let mut bodies = Vec::new();
    let summary = ArchiveReader::new(bytes, Caps::default()).for_each(|entry, reader| {
        let mut body = Vec::new();
        reader.read_to_end(&mut body).map_err(ArchiveError::Read)?;
        assert_eq!(body.len() as u64, entry.size);
        bodies.push((entry.path.encode()?, body));
        Ok::<_, ArchiveError>(())
    })?;
    Ok((bodies, summary))
}

fn file(path: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(path, body.len() as u64, 0, &mut out);
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out
}

fn typed(kind: u8, path: &str) -> Vec<u8> {
    let mut out = file(path, b"");
    retype(&mut out, kind);
    out
}

fn extended(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = file("extension", body);
    retype(&mut out, kind);
    out
}

fn retype(block: &mut [u8], kind: u8) {
    block[156] = kind;
    block[148..156].fill(b' ');
    let sum: u32 = block[..BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn ended(mut raw: Vec<u8>) -> Vec<u8> {
    raw.resize(raw.len() + 2 * BLOCK, 0);
    raw
}
