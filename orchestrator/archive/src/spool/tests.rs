use super::*;
use crate::gzip::compress;
use crate::header;
use crate::{ArchiveOptions, ArchiveWriter};
use jiff::Timestamp;
use model::GroupResource;
use std::io::Seek;

#[test]
fn two_copies_become_one_body() {
    let (spool, facts, reader) = unpack(&[
        ("resources/pods/namespaces/shop/web.json", POD),
        ("resources/pods/v1-preferredversion/namespaces/shop/web.json", POD),
        ("resources/pods/v2/namespaces/shop/web.json", POD_V2),
    ]);
    let stored = &spool.items[&pod()];
    let versions: Vec<_> = stored.bodies.iter().map(|body| (body.version.as_str(), body.preferred)).collect();
    assert_eq!(versions, [("v1", true), ("v2", false)]);
    assert_eq!(reader.read(stored.best().unwrap().span).unwrap(), POD.as_bytes());
    assert_eq!(reader.read(stored.in_version("v2").unwrap().span).unwrap(), POD_V2.as_bytes());
    assert_eq!(spool.troubles, []);
    assert_eq!(spool.summary.copies, 3);
    let seen: Vec<_> = facts.iter().map(|facts| (facts.api_version.as_str(), facts.kind.as_str())).collect();
    assert_eq!(seen, [("v1", "Pod"), ("v2", "Pod")]);
    assert_eq!(facts[0].labels["app"], "web");
}

#[test]
fn the_order_of_the_copies_does_not_matter() {
    let entries = [
        ("resources/pods/v2/namespaces/shop/web.json", POD_V2),
        ("resources/pods/v1-preferredversion/namespaces/shop/web.json", POD),
        ("resources/pods/namespaces/shop/web.json", POD),
    ];
    let (spool, facts, reader) = unpack(&entries);
    assert_eq!(spool.items[&pod()].bodies.len(), 2);
    assert_eq!(reader.read(spool.items[&pod()].best().unwrap().span).unwrap(), POD.as_bytes());
    assert_eq!(facts.len(), 2);
}

#[test]
fn without_version_directories_the_body_says_its_version() {
    let (spool, _, _) = unpack(&[("resources/pods/namespaces/shop/web.json", POD)]);
    assert_eq!(spool.items[&pod()].best().unwrap().version, "v1");
}

#[test]
fn an_object_in_other_versions_only_is_kept() {
    let (spool, _, _) = unpack(&[("resources/pods/v2/namespaces/shop/web.json", POD_V2)]);
    let best = spool.items[&pod()].best().unwrap();
    assert_eq!((best.version.as_str(), best.preferred), ("v2", false));
}

#[test]
fn copies_that_differ_are_reported_and_the_plain_one_counts() {
    let (spool, _, reader) = unpack(&[
        ("resources/pods/v1-preferredversion/namespaces/shop/web.json", POD_V2),
        ("resources/pods/namespaces/shop/web.json", POD),
    ]);
    assert_eq!(spool.troubles, [Trouble::CopiesDiffer { item: pod() }]);
    let stored = &spool.items[&pod()];
    assert_eq!(stored.bodies.len(), 1);
    assert_eq!(reader.read(stored.best().unwrap().span).unwrap(), POD.as_bytes());
}

#[test]
fn trouble_with_one_item_leaves_the_others() {
    let (spool, facts, _) = unpack(&[
        ("resources/pods/namespaces/shop/web.json", POD),
        ("resources/pods/namespaces/shop/broken.json", "{"),
        ("resources/pods/v1-preferredversion/namespaces/shop/broken.json", "{"),
        ("resources/pods/namespaces/shop/other.json", POD),
        ("notes.txt", "hello"),
    ]);
    let said: Vec<String> = spool.troubles.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("the body of pods shop/broken does not read as an object"), "{}", said[0]);
    assert_eq!(said[1], "the body of pods shop/other says that it is \"shop/web\"");
    assert_eq!(said[2], "\"notes.txt\" is not an object");
    assert_eq!(spool.items.len(), 2);
    assert_eq!(facts.len(), 2);
}

#[test]
fn every_kept_body_is_observed_once() {
    let mut writer = ArchiveWriter::new(Vec::new(), &ArchiveOptions::new(Timestamp::UNIX_EPOCH)).unwrap();
    for at in 0..100 {
        let body = format!(r#"{{"metadata":{{"name":"n{at}","namespace":"shop"}}}}"#);
        let item = ItemId::namespaced(GroupResource::parse("pods"), "shop", format!("n{at}"));
        writer.append(&item, "v1", true, body.as_bytes()).unwrap();
    }
    let (archive, stats) = writer.finish().unwrap();
    let mut observed = 0;
    let mut out = Vec::new();
    let spool = Spool::unpack(archive.as_slice(), &mut out, Caps::default(), |_, _, _| observed += 1).unwrap();
    assert_eq!((observed, spool.items.len()), (100, 100));
    assert_eq!(spool.summary.sha256, stats.sha256);
    let total: u64 = spool.items.values().flat_map(|item| &item.bodies).map(|body| u64::from(body.span.length)).sum();
    assert_eq!(total, out.len() as u64);
}

#[test]
fn a_full_disk_is_an_error() {
    let mut small = [0; 10];
    let archive = archive(&[("resources/pods/namespaces/shop/web.json", POD)]);
    let outcome = Spool::unpack(archive.as_slice(), small.as_mut_slice(), Caps::default(), |_, _, _| {});
    assert!(matches!(outcome, Err(ArchiveError::Write(_))), "{outcome:?}");
}

const POD: &str =
    r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","labels":{"app":"web"}}}"#;
const POD_V2: &str = r#"{"apiVersion":"v2","kind":"Pod","metadata":{"name":"web","namespace":"shop"}}"#;

fn pod() -> ItemId {
    ItemId::namespaced(GroupResource::parse("pods"), "shop", "web")
}

fn unpack(entries: &[(&str, &str)]) -> (Spool, Vec<BodyFacts>, SpoolReader) {
    let mut file = tempfile::tempfile().unwrap();
    let mut observed = Vec::new();
    let observe = |_: &Entry, facts: &BodyFacts, _: &[u8]| observed.push(facts.clone());
    let spool = Spool::unpack(archive(entries).as_slice(), &file, Caps::default(), observe).unwrap();
    file.rewind().unwrap();
    (spool, observed, SpoolReader::new(file))
}

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut raw = Vec::new();
    for (path, body) in entries {
        header::encode(path, body.len() as u64, 0, &mut raw);
        raw.extend_from_slice(body.as_bytes());
        raw.resize(raw.len() + header::padding(body.len() as u64), 0);
    }
    raw.resize(raw.len() + 2 * header::BLOCK, 0);
    compress(&raw)
}
