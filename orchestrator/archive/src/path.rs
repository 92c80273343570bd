//! Where an object lies in the archive, both ways.
//!
//! Knows the shape of paths, not whether a group or a kind exists. What reads a path here has been checked: no
//! segment is empty, `.` or `..`.

use model::{GroupResource, ItemId};

use crate::error::{ArchiveError, Refusal};

/// The suffix of the directory that holds the second copy of objects stored in their group's preferred version.
const PREFERRED_SUFFIX: &str = "-preferredversion";
const VERSION_FILE: &str = "metadata/version";

/// Which of an object's copies an entry is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredVersion {
    /// Outside any version directory; in the group's preferred version. The only copy in format version 1.
    Plain,
    /// The second copy of the plain one, in `v1-preferredversion`.
    Preferred(String),
    /// In a version that is not the preferred one; there is no plain copy.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemPath {
    pub item: ItemId,
    pub version: StoredVersion,
}

/// What an entry of an archive is, by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryPath {
    /// `metadata/version`.
    FormatVersion,
    Item(ItemPath),
    /// Not a place where an object lies; readers pass over it.
    Unknown,
}

impl ItemPath {
    /// The path in the archive; refuses names that cannot be one segment.
    pub fn encode(&self) -> Result<String, ArchiveError> {
        let mut out = String::with_capacity(96);
        self.encode_into(&mut out)?;
        Ok(out)
    }

    pub(crate) fn encode_into(&self, out: &mut String) -> Result<(), ArchiveError> {
        let version = match &self.version {
            StoredVersion::Plain => None,
            StoredVersion::Preferred(version) => Some((version.as_str(), PREFERRED_SUFFIX)),
            StoredVersion::Other(version) => Some((version.as_str(), "")),
        };
        encode_into(&self.item, version, out)
    }

    /// Reads a checked path; `None` when no object lies there.
    pub fn decode(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("resources/")?.strip_suffix(".json")?;
        let segments: Vec<&str> = rest.splitn(6, '/').collect();
        let (group_resource, version, namespace, name) = match *segments.as_slice() {
            [gr, "cluster", name] => (gr, None, None, name),
            [gr, "namespaces", namespace, name] => (gr, None, Some(namespace), name),
            [gr, version, "cluster", name] => (gr, Some(version), None, name),
            [gr, version, "namespaces", namespace, name] => (gr, Some(version), Some(namespace), name),
            _ => return None,
        };
        let resource = GroupResource::parse(group_resource);
        let spells_back = !resource.resource.is_empty() && resource.to_string() == group_resource;
        if name.is_empty() || !spells_back {
            return None;
        }
        let version = match version {
            None => StoredVersion::Plain,
            Some(directory) => match directory.strip_suffix(PREFERRED_SUFFIX) {
                Some("") => return None,
                Some(version) => StoredVersion::Preferred(version.to_owned()),
                None if directory == "cluster" || directory == "namespaces" => return None,
                None => StoredVersion::Other(directory.to_owned()),
            },
        };
        let item = ItemId { resource, namespace: namespace.map(str::to_owned), name: name.to_owned() };
        Some(Self { item, version })
    }
}

impl EntryPath {
    /// Reads a checked path.
    pub fn decode(path: &str) -> Self {
        if path == VERSION_FILE {
            return Self::FormatVersion;
        }
        ItemPath::decode(path).map_or(Self::Unknown, Self::Item)
    }
}

pub(crate) fn version_file() -> &'static str {
    VERSION_FILE
}

/// Appends the path of an item's preferred copy, its plain copy (`version` absent) or its copy in another version.
pub(crate) fn encode_version_into(
    item: &ItemId,
    version: &str,
    preferred: bool,
    out: &mut String,
) -> Result<(), ArchiveError> {
    encode_into(item, Some((version, if preferred { PREFERRED_SUFFIX } else { "" })), out)
}

pub(crate) fn encode_plain_into(item: &ItemId, out: &mut String) -> Result<(), ArchiveError> {
    encode_into(item, None, out)
}

fn encode_into(item: &ItemId, version: Option<(&str, &str)>, out: &mut String) -> Result<(), ArchiveError> {
    let resource = &item.resource;
    check_segment("resource", &resource.resource)?;
    if resource.resource.contains('.') {
        return Err(unstorable("resource", &resource.resource));
    }
    out.push_str("resources/");
    out.push_str(&resource.resource);
    if !resource.group.is_empty() {
        check_segment("group", &resource.group)?;
        out.push('.');
        out.push_str(&resource.group);
    }
    if let Some((version, suffix)) = version {
        check_segment("version", version)?;
        // These two would read back as the scope directory of a plain copy.
        if suffix.is_empty() && (version == "cluster" || version == "namespaces" || version.ends_with(PREFERRED_SUFFIX))
        {
            return Err(unstorable("version", version));
        }
        out.push('/');
        out.push_str(version);
        out.push_str(suffix);
    }
    match &item.namespace {
        Some(namespace) => {
            check_segment("namespace", namespace)?;
            out.push_str("/namespaces/");
            out.push_str(namespace);
        }
        None => out.push_str("/cluster"),
    }
    check_segment("name", &item.name)?;
    out.push('/');
    out.push_str(&item.name);
    out.push_str(".json");
    Ok(())
}

/// Brings an entry's path into its one normal form, or says why it is refused.
///
/// A leading `./` and, on directories, a trailing `/` are what `tar` itself writes and are taken off; nothing else is
/// repaired, because two readers that repair differently see two different archives.
pub(crate) fn normalise(raw: &[u8], is_directory: bool, max_bytes: usize, max_depth: usize) -> Result<String, Refusal> {
    if raw.is_empty() {
        return Err(Refusal::Empty);
    }
    if raw.len() > max_bytes {
        return Err(Refusal::PathTooLong(max_bytes));
    }
    let text = std::str::from_utf8(raw).map_err(|_| Refusal::NotText)?;
    if text.contains('\0') {
        return Err(Refusal::NotText);
    }
    if text.starts_with('/') {
        return Err(Refusal::Absolute);
    }
    if text.split('/').any(|segment| segment == "..") {
        return Err(Refusal::Climbs);
    }
    let mut path = text.strip_prefix("./").unwrap_or(text);
    if is_directory {
        path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() || path == "." {
            return Ok(String::new());
        }
    }
    if path.is_empty() {
        return Err(Refusal::Empty);
    }
    if path.split('/').any(|segment| segment.is_empty() || segment == ".") {
        return Err(Refusal::NotNormal);
    }
    if path.split('/').count() > max_depth {
        return Err(Refusal::TooDeep(max_depth));
    }
    Ok(path.to_owned())
}

fn check_segment(what: &'static str, text: &str) -> Result<(), ArchiveError> {
    if text.is_empty() || text == "." || text == ".." || text.contains(['/', '\0']) {
        return Err(unstorable(what, text));
    }
    Ok(())
}

fn unstorable(what: &'static str, text: &str) -> ArchiveError {
    ArchiveError::Unstorable { what, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pods(name: &str) -> ItemId {
        ItemId::namespaced(GroupResource::parse("pods"), "shop", name)
    }

    #[test]
    fn paths_are_velero_s() {
        let check = |item: ItemId, version, expected: &str| {
            let path = ItemPath { item, version };
            assert_eq!(path.encode().unwrap(), expected);
            assert_eq!(ItemPath::decode(expected), Some(path));
        };
        let preferred = || StoredVersion::Preferred("v1".into());
        let namespace = || ItemId::cluster(GroupResource::parse("namespaces"), "shop");
        let role = || ItemId::cluster(GroupResource::parse("clusterroles.rbac.authorization.k8s.io"), "system:node");
        check(pods("web"), StoredVersion::Plain, "resources/pods/namespaces/shop/web.json");
        check(pods("web"), preferred(), "resources/pods/v1-preferredversion/namespaces/shop/web.json");
        check(namespace(), StoredVersion::Plain, "resources/namespaces/cluster/shop.json");
        check(
            role(),
            StoredVersion::Other("v1beta1".into()),
            "resources/clusterroles.rbac.authorization.k8s.io/v1beta1/cluster/system:node.json",
        );
        // A namespace may be called like a scope directory, a name may end in the suffix.
        let odd = ItemId::namespaced(GroupResource::parse("pods"), "cluster", "a.json");
        check(odd, StoredVersion::Plain, "resources/pods/namespaces/cluster/a.json.json");
    }

    #[test]
    fn other_places_hold_no_object() {
        for path in [
            "resources/pods/namespaces/shop/web",
            "resources/pods/namespaces/web.json",
            "resources/pods/web.json",
            "resources/pods/v1/namespaces/shop/deep/web.json",
            "resources/pods/-preferredversion/cluster/web.json",
            "resources/pods/cluster/cluster/web.json",
            "resources/pods/cluster/namespaces/shop/web.json",
            "resources/.apps/cluster/web.json",
            "resources/pods./cluster/web.json",
            "resources/pods/cluster/.json",
            "resources.json",
            "metadata/other",
        ] {
            assert_eq!(EntryPath::decode(path), EntryPath::Unknown, "{path}");
        }
        assert_eq!(EntryPath::decode("metadata/version"), EntryPath::FormatVersion);
    }

    #[test]
    fn names_that_cannot_be_a_segment_are_not_written() {
        for name in ["", ".", "..", "a/b", "a\0b"] {
            let path = ItemPath { item: pods(name), version: StoredVersion::Plain };
            assert!(matches!(path.encode(), Err(ArchiveError::Unstorable { what: "name", .. })), "{name:?}");
        }
        for version in ["cluster", "namespaces", "v1-preferredversion", ""] {
            let path = ItemPath { item: pods("web"), version: StoredVersion::Other(version.into()) };
            assert!(path.encode().is_err(), "{version:?}");
        }
    }

    #[test]
    fn hostile_paths_are_refused_for_what_they_are() {
        let check = |raw: &[u8], expected: Refusal| {
            assert_eq!(normalise(raw, false, 100, 8), Err(expected), "{}", String::from_utf8_lossy(raw));
        };
        check(b"/etc/passwd", Refusal::Absolute);
        check(b"../x", Refusal::Climbs);
        check(b"resources/../../x", Refusal::Climbs);
        check(b"a/..", Refusal::Climbs);
        check(b"a//b", Refusal::NotNormal);
        check(b"././a", Refusal::NotNormal);
        check(b"a/./b", Refusal::NotNormal);
        check(b"a/", Refusal::NotNormal);
        check(b"", Refusal::Empty);
        check(b"./", Refusal::Empty);
        check(b"a\0b", Refusal::NotText);
        check(b"a\xff", Refusal::NotText);
        check(&[b'a'; 101], Refusal::PathTooLong(100));
        check(b"a/a/a/a/a/a/a/a/a", Refusal::TooDeep(8));
        assert_eq!(normalise(b"./resources/a", false, 100, 8).unwrap(), "resources/a");
        assert_eq!(normalise(b"./", true, 100, 8).unwrap(), "");
    }

    proptest! {
        #[test]
        fn every_identity_reads_back(
            resource in "[a-z]{1,12}", group in "([a-z]{1,6}(\\.[a-z]{1,6}){0,2})?",
            namespace in proptest::option::of("[a-z0-9-]{1,12}"), name in "[^/\0]{1,40}",
            version in 0..3usize,
        ) {
            prop_assume!(name != "." && name != "..");
            let version = match version {
                0 => StoredVersion::Plain,
                1 => StoredVersion::Preferred("v1".into()),
                _ => StoredVersion::Other("v2beta1".into()),
            };
            let path = ItemPath { item: ItemId { resource: GroupResource::new(resource, group), namespace, name }, version };
            let text = path.encode().unwrap();
            prop_assert_eq!(normalise(text.as_bytes(), false, 4096, 32).unwrap(), text.clone());
            prop_assert_eq!(ItemPath::decode(&text), Some(path));
        }
    }
}
