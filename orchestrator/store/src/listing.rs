//! Listings built from sorted objects, alike for every store that holds its keys itself.

use ports::ObjectMeta;
use ports::object_store::Listing;
use ports::{ObjectKey, PortError};

/// A directory as a prefix of keys: empty, or with one trailing slash.
pub(crate) fn prefix(directory: &str) -> Result<String, PortError> {
    let directory = directory.strip_suffix('/').unwrap_or(directory);
    if directory.is_empty() {
        return Ok(String::new());
    }
    match ObjectKey::parse(directory) {
        Ok(key) => Ok(format!("{key}/")),
        Err(error) => Err(PortError::invalid(format!("invalid directory {directory:?}")).with_source(error)),
    }
}

/// One level below a prefix, from objects in the order of their keys.
pub(crate) fn one_level(prefix: &str, objects: impl Iterator<Item = ObjectMeta>) -> Listing {
    let mut listing = Listing::default();
    for object in objects {
        let Some(rest) = object.key.as_str().strip_prefix(prefix) else { continue };
        match rest.split_once('/') {
            None => listing.objects.push(object),
            Some((directory, _)) => {
                if listing.directories.last().is_none_or(|last| last != directory) {
                    listing.directories.push(directory.to_owned());
                }
            }
        }
    }
    // `a-b/` comes before `a/` among keys, and after it among names.
    listing.directories.sort();
    listing.directories.dedup();
    listing
}
