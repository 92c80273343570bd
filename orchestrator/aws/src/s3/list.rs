//! Listings, however many pages they have.
//!
//! Keys are asked for in URL encoding, because XML cannot hold every key that S3 can; a key that is none of ours is
//! reported as foreign instead of breaking the listing.

use aws_sdk_s3::types::{EncodingType, Object};
use percent_encoding::percent_decode_str;
use ports::object_store::Listing;
use ports::{ObjectKey, ObjectMeta, PortError};

use super::{S3Store, timestamp};
use crate::error::explain;

/// More pages than any bucket has; a server whose pages never end is stopped here.
const PAGES: usize = 100_000;

pub(super) async fn list(store: &S3Store, directory: &str, one_level: bool) -> Result<Listing, PortError> {
    let prefix = prefix(directory)?;
    let what = format!("list {directory:?} of {}", store.settings.bucket);
    let mut listing = Listing::default();
    let mut token: Option<String> = None;
    for _ in 0..PAGES {
        let mut request =
            store.client.list_objects_v2().bucket(&store.settings.bucket).encoding_type(EncodingType::Url);
        if !prefix.is_empty() {
            request = request.prefix(&prefix);
        }
        if one_level {
            request = request.delimiter("/");
        }
        let page = request.set_continuation_token(token.take()).send().await;
        let page = page.map_err(|error| explain(error, &what))?;
        let is_encoded = page.encoding_type() == Some(&EncodingType::Url);
        for object in page.contents() {
            add_object(&mut listing, object, is_encoded);
        }
        for directory in page.common_prefixes().iter().filter_map(|common| common.prefix()) {
            add_directory(&mut listing, &prefix, directory, is_encoded);
        }
        if !page.is_truncated().unwrap_or(false) {
            // Not every server sorts, and some repeat what lies on the border of two pages.
            listing.objects.sort_by(|a, b| a.key.cmp(&b.key));
            listing.objects.dedup_by(|a, b| a.key == b.key);
            for names in [&mut listing.directories, &mut listing.foreign] {
                names.sort();
                names.dedup();
            }
            return Ok(listing);
        }
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            return Err(PortError::unavailable(format!(
                "failed to {what}: a page has no successor and is not the last"
            )));
        }
    }
    Err(PortError::unavailable(format!("failed to {what}: the pages do not end")))
}

fn add_object(listing: &mut Listing, object: &Object, is_encoded: bool) {
    let Some(raw) = object.key() else { return };
    let Some(text) = decode(raw, is_encoded) else {
        listing.foreign.push(raw.to_owned());
        return;
    };
    match ObjectKey::parse(&text) {
        Ok(key) => listing.objects.push(ObjectMeta {
            key,
            size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            modified: object.last_modified().and_then(timestamp),
        }),
        // Markers of empty directories, which end in a slash, among others.
        Err(_) => listing.foreign.push(text),
    }
}

fn add_directory(listing: &mut Listing, prefix: &str, raw: &str, is_encoded: bool) {
    let text = decode(raw, is_encoded);
    let name = text.as_deref().and_then(|text| text.strip_prefix(prefix)?.strip_suffix('/'));
    match name {
        Some(name) if ObjectKey::parse(name).is_ok() => listing.directories.push(name.to_owned()),
        Some(_) | None => listing.foreign.push(text.unwrap_or_else(|| raw.to_owned())),
    }
}

/// A space is `%20` or a plus, and a plus is always `%2B`, in this encoding.
fn decode(raw: &str, is_encoded: bool) -> Option<String> {
    if !is_encoded {
        return Some(raw.to_owned());
    }
    let spaced = raw.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
}

/// A directory as a prefix of keys: empty, or with one trailing slash.
fn prefix(directory: &str) -> Result<String, PortError> {
    let directory = directory.strip_suffix('/').unwrap_or(directory);
    if directory.is_empty() {
        return Ok(String::new());
    }
    match ObjectKey::parse(directory) {
        Ok(key) => Ok(format!("{key}/")),
        Err(error) => Err(PortError::invalid(format!("invalid directory {directory:?}")).with_source(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_only_when_they_are_encoded() {
        assert_eq!(decode("a%2Bb+c%20d%2F", true).unwrap(), "a+b c d/");
        assert_eq!(decode("a%2Bb+c", false).unwrap(), "a%2Bb+c");
        assert_eq!(decode("%ff", true), None);
    }

    #[test]
    fn what_is_no_key_of_ours_is_foreign() {
        let mut listing = Listing::default();
        for raw in ["backups/", "a//b", "a/%01", "a/..", "%ff", "good"] {
            add_object(&mut listing, &Object::builder().key(raw).size(3).build(), true);
        }
        add_directory(&mut listing, "a/", "a/b/", true);
        add_directory(&mut listing, "a/", "a//", true);
        add_directory(&mut listing, "a/", "x/", true);
        assert_eq!((listing.objects.len(), listing.objects[0].size), (1, 3));
        assert_eq!(listing.directories, ["b"]);
        assert_eq!(listing.foreign, ["backups/", "a//b", "a/\u{1}", "a/..", "%ff", "a//", "x/"]);
    }
}
