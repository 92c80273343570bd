//! Every way of cutting a list into chunks gives the same items, and nothing broken gives a list.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn scan(chunks: &[&[u8]]) -> Result<(Vec<Bytes>, ListMeta), ScanError> {
    let mut scanner = Scanner::new();
    let mut items = Vec::new();
    for chunk in chunks {
        scanner.push(Bytes::copy_from_slice(chunk));
        while let Some(item) = scanner.next()? {
            items.push(item);
        }
    }
    Ok((items, scanner.finish()?))
}

fn scan_whole(text: &str) -> Result<(Vec<Bytes>, ListMeta), ScanError> {
    scan(&[text.as_bytes()])
}

/// A list with most of what can go wrong in JSON: escapes, brackets in strings, deep nesting, odd numbers, blanks.
const ODD: &str = concat!(
    "\u{20}\n{\"kind\":\"List\" , \"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"a\\\"b\",\"remainingItemCount\":3},",
    "\"extra\":[{\"items\":[{}]},\"]}\",-1.5e+10,null],",
    "\"items\" : [ {} ,{\"a\":\"\\\\\"},{\"a\":\"\\\"}]\"},{\"b\":[[[[{\"c\":[]}]]]]},",
    "{\"日本\":\"\\u00e9 ✓ \\ud83d\\ude00\"} , {\"n\":[0,-0,1e5,1.25E-3,true,false,null]}\n], \"after\": true }\n"
);

#[test]
fn every_two_and_three_way_split_gives_the_same_items() {
    let bytes = ODD.as_bytes();
    let whole = scan_whole(ODD).unwrap();
    let parsed: Json = serde_json::from_str(ODD).unwrap();
    let items: Vec<Json> = whole.0.iter().map(|item| serde_json::from_slice(item).unwrap()).collect();
    assert_eq!(Json::Array(items), parsed["items"]);
    assert_eq!(whole.1, ListMeta { resource_version: "7".into(), continue_token: "a\"b".into() });
    for first in 0..=bytes.len() {
        for second in [first, (first + 1).min(bytes.len()), (first + 7).min(bytes.len()), bytes.len()] {
            let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            assert_eq!(scan(&chunks).unwrap(), whole, "cut at {first} and {second}");
        }
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(scan(&single).unwrap(), whole);
}

#[test]
fn every_prefix_is_an_error() {
    let end = ODD.trim_end().len();
    for length in 0..end {
        assert!(scan(&[&ODD.as_bytes()[..length]]).is_err(), "cut after {length} bytes");
    }
    assert!(scan(&[&ODD.as_bytes()[..end]]).is_ok());
}

#[test]
fn metadata_may_come_after_the_items() {
    let (items, meta) = scan_whole(r#"{"items":[{"a":1}],"metadata":{"resourceVersion":"9"}}"#).unwrap();
    assert_eq!(items, [Bytes::from_static(br#"{"a":1}"#)]);
    assert_eq!(meta.resource_version, "9");
}

#[test]
fn null_items_and_null_metadata_are_an_empty_list() {
    for text in [r#"{"metadata":{},"items":null}"#, r#"{"metadata":null,"items":[]}"#, r#"{"items":[ ]}"#] {
        assert_eq!(scan_whole(text).unwrap(), (vec![], ListMeta::default()), "{text}");
    }
}

#[test]
fn an_escaped_key_is_the_same_key() {
    assert_eq!(scan_whole(r#"{"it\u0065ms":[{}]}"#).unwrap().0.len(), 1);
    assert_eq!(scan_whole(r#"{"it\u0065ms":[{}],"items":[]}"#), Err(ScanError::Twice("items")));
}

#[test]
fn what_is_no_list_is_refused() {
    let cases = [
        ("", ScanError::Cut),
        ("[]", ScanError::Unexpected(b'[')),
        ("null", ScanError::Unexpected(b'n')),
        (r#"{"kind":"Status"}"#, ScanError::NoItems),
        (r#"{"items":{}}"#, ScanError::NoItems),
        (r#"{"items":"x"}"#, ScanError::NoItems),
        (r#"{"items":nulll}"#, ScanError::NoItems),
        (r#"{"items":[1]}"#, ScanError::ItemNotAnObject),
        (r#"{"items":[[]]}"#, ScanError::ItemNotAnObject),
        (r#"{"items":[null]}"#, ScanError::ItemNotAnObject),
        (r#"{"items":[{}],"items":[{}]}"#, ScanError::Twice("items")),
        (r#"{"metadata":{},"metadata":{},"items":[]}"#, ScanError::Twice("metadata")),
        (r#"{"items":[{}]}x"#, ScanError::Unexpected(b'x')),
        (r#"{"items":[{}]}{"#, ScanError::Unexpected(b'{')),
        (r#"{"items":[{},]}"#, ScanError::Unexpected(b']')),
        (r#"{"items":[{}{}]}"#, ScanError::Unexpected(b'{')),
        (r#"{"items":[{"a":[}]}"#, ScanError::Unexpected(b'}')),
        (r#"{"items":[{"a":{]}]}"#, ScanError::Unexpected(b']')),
        (r#"{"items":[],}"#, ScanError::Unexpected(b'}')),
        (r#"{,"items":[]}"#, ScanError::Unexpected(b',')),
        (r#"{"a" 1}"#, ScanError::Unexpected(b'1')),
        (r#"{"a":}"#, ScanError::Unexpected(b'}')),
        (r#"{"items":[],"a":1 2}"#, ScanError::Unexpected(b'2')),
    ];
    for (text, error) in cases {
        assert_eq!(scan_whole(text), Err(error), "{text}");
    }
    assert!(matches!(scan_whole(r#"{"metadata":{"resourceVersion":7},"items":[]}"#), Err(ScanError::Metadata(_))));
}

#[test]
fn depth_and_size_are_capped() {
    let deep = format!("{{\"items\":[{}", "{\"a\":".repeat(2000));
    assert_eq!(scan_whole(&deep), Err(ScanError::TooDeep));
    let chunk = vec![b'a'; SMALL_CAP / 2 + 1];
    assert_eq!(scan(&[b"{\"", &chunk, &chunk]), Err(ScanError::TooLong(SMALL_CAP)));
    let mut scanner = Scanner::new();
    scanner.push(Bytes::from_static(b"{\"items\":[{\"a\":\""));
    let block = Bytes::from(vec![b'x'; 1 << 20]);
    let mut outcome = scanner.next();
    for _ in 0..=ITEM_CAP >> 20 {
        assert_eq!(outcome, Ok(None));
        scanner.push(block.clone());
        outcome = scanner.next();
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(ScanError::TooLong(ITEM_CAP)));
}

#[test]
fn an_item_inside_a_chunk_is_not_copied() {
    let chunk = Bytes::from_static(br#"{"items":[{"a":1},{"b":2}]}"#);
    let mut scanner = Scanner::new();
    scanner.push(chunk.clone());
    let item = scanner.next().unwrap().unwrap();
    assert_eq!(item.as_ptr(), chunk[10..].as_ptr());
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".*".prop_map(Json::from),
        r#"[\\"{}\[\],: ]{0,12}"#.prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map(".{0,8}", inner, 0..6).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn json_object() -> impl Strategy<Value = Json> {
    prop::collection::btree_map(".{0,8}", json_value(), 0..5).prop_map(|map| Json::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn items_equal_what_serde_json_reads(
        items in prop::collection::vec(json_object(), 0..8),
        other in json_value(),
        pretty in any::<bool>(),
        size in 1usize..40,
    ) {
        let list = json!({"metadata": {"resourceVersion": "5", "continue": ""}, "items": items, "other": other});
        let text = if pretty { serde_json::to_vec_pretty(&list) } else { serde_json::to_vec(&list) }.unwrap();
        let chunks: Vec<&[u8]> = text.chunks(size).collect();
        let (found, meta) = scan(&chunks).unwrap();
        let found: Vec<Json> = found.iter().map(|item| serde_json::from_slice(item).unwrap()).collect();
        let whole: Json = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(Json::from(found), whole["items"].clone());
        prop_assert_eq!(meta.resource_version, "5");
    }

    /// Whatever comes, there is an answer and no panic; and what serde_json accepts as a list is accepted.
    #[test]
    fn damaged_lists_never_panic(items in prop::collection::vec(json_object(), 0..4), at in any::<prop::sample::Index>(), byte in any::<u8>(), size in 1usize..9) {
        let mut text = serde_json::to_vec(&json!({"items": items, "metadata": {}})).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        let chunks: Vec<&[u8]> = text.chunks(size).collect();
        let outcome = scan(&chunks);
        #[derive(Deserialize)]
        struct Strict { #[serde(default)] items: Option<Vec<serde_json::Map<String, Json>>>, #[serde(default, rename = "metadata")] _metadata: Option<ListMeta> }
        let has_items = serde_json::from_slice::<Json>(&text).is_ok_and(|list| list.get("items").is_some());
        if let Ok(list) = serde_json::from_slice::<Strict>(&text) && has_items {
            let found = outcome.unwrap().0;
            prop_assert_eq!(found.len(), list.items.map_or(0, |items| items.len()));
        }
    }
}
