//! Identities in sixteen bytes: a set of them costs little, and no two identities share one.
//!
//! For sets that are only asked whether they hold something; what has to be shown keeps its [`ItemId`].

use model::{GroupResource, ItemId};
use sha2::{Digest, Sha256};

/// Half a SHA-256.
pub(crate) type Fingerprint = [u8; 16];

pub(crate) fn fingerprint(id: &ItemId) -> Fingerprint {
    fingerprint_of(&id.resource, id.namespace.as_deref(), &id.name)
}

pub(crate) fn fingerprint_of(kind: &GroupResource, namespace: Option<&str>, name: &str) -> Fingerprint {
    let mut hash = Sha256::new();
    // A length before each part: no two identities run together into the same bytes.
    for part in [&kind.resource, &kind.group, namespace.unwrap_or_default(), name] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.update([u8::from(namespace.is_some())]);
    let digest: [u8; 32] = hash.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let kind = |resource: &str, group: &str| GroupResource::new(resource, group);
        let all = [
            fingerprint_of(&kind("a", "b"), Some("c"), "d"),
            fingerprint_of(&kind("ab", ""), Some("c"), "d"),
            fingerprint_of(&kind("a", "bc"), Some(""), "d"),
            fingerprint_of(&kind("a", "bc"), None, "d"),
            fingerprint_of(&kind("a", "b"), Some("cd"), ""),
        ];
        let different: std::collections::BTreeSet<Fingerprint> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
        let id = ItemId::namespaced(kind("a", "b"), "c", "d");
        assert_eq!(fingerprint(&id), all[0]);
    }
}
