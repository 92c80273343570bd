//! URLs of the Kubernetes API.
//!
//! A name from a backup is hostile: it is encoded, and what would change the path is refused.

use model::ApiResource;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ports::PortError;
use ports::cluster::ObjectRef;

/// Bytes that stay as they are in a path segment or a query value.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// RBAC names hold colons, which are fine in a path.
const SEGMENT: &AsciiSet = &KEPT.remove(b':');

/// `/api/v1/namespaces/a/pods`; without a namespace, all of them.
pub(crate) fn collection(resource: &ApiResource, namespace: Option<&str>) -> Result<String, PortError> {
    let mut path = group_version(&resource.group, &resource.version)?;
    if let Some(namespace) = namespace.filter(|_| resource.namespaced) {
        path.push_str("/namespaces/");
        path.push_str(&segment(namespace)?);
    }
    path.push('/');
    path.push_str(&segment(&resource.resource)?);
    Ok(path)
}

/// The collection an object is created in.
pub(crate) fn collection_of(object: &ObjectRef<'_>) -> Result<String, PortError> {
    if object.resource.namespaced && object.namespace.is_none_or(str::is_empty) {
        return Err(PortError::invalid(format!("{} needs a namespace", object.resource.group_resource())));
    }
    collection(object.resource, object.namespace)
}

pub(crate) fn object(object: &ObjectRef<'_>) -> Result<String, PortError> {
    let mut path = collection_of(object)?;
    path.push('/');
    path.push_str(&segment(object.name)?);
    Ok(path)
}

pub(crate) fn subresource(object: &ObjectRef<'_>, subresource: &str) -> Result<String, PortError> {
    Ok(format!("{}/{}", self::object(object)?, segment(subresource)?))
}

pub(crate) fn group_version(group: &str, version: &str) -> Result<String, PortError> {
    let version = segment(version)?;
    Ok(if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{}/{version}", segment(group)?) })
}

/// Appends `?a=b` or `&a=b`.
pub(crate) fn add_query(path: &mut String, key: &str, value: &str) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(key);
    path.push('=');
    path.extend(utf8_percent_encode(value, KEPT));
}

/// Refuses a name that would need encoding, for the one caller that cannot encode.
pub(crate) fn plain(name: &str) -> Result<(), PortError> {
    if segment(name)? == name { Ok(()) } else { Err(PortError::invalid(format!("{name:?} is not a name"))) }
}

fn segment(text: &str) -> Result<String, PortError> {
    if text.is_empty() || text == "." || text == ".." || text.contains('/') || text.contains('%') || text.len() > 1024 {
        return Err(PortError::invalid(format!("{text:?} cannot be a name in the Kubernetes API")));
    }
    Ok(utf8_percent_encode(text, SEGMENT).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, namespaced: bool) -> ApiResource {
        ApiResource {
            group: group.into(),
            version: "v1".into(),
            resource: "widgets".into(),
            singular: "widget".into(),
            kind: "Widget".into(),
            short_names: vec![],
            namespaced,
            verbs: Default::default(),
            subresources: Default::default(),
        }
    }

    #[test]
    fn objects_have_the_paths_of_kubernetes() {
        let (core, group) = (resource("", true), resource("x.io", false));
        let named = |resource, namespace, name| object(&ObjectRef { resource, namespace, name }).unwrap();
        assert_eq!(named(&core, Some("a"), "b"), "/api/v1/namespaces/a/widgets/b");
        assert_eq!(named(&group, None, "system:x"), "/apis/x.io/v1/widgets/system:x");
        assert_eq!(named(&group, Some("ignored"), "x"), "/apis/x.io/v1/widgets/x");
        assert_eq!(collection(&core, None).unwrap(), "/api/v1/widgets");
    }

    #[test]
    fn hostile_names_cannot_leave_their_place() {
        let core = resource("", true);
        for name in ["", ".", "..", "a/b", "a%2fb"] {
            assert!(object(&ObjectRef { resource: &core, namespace: Some("a"), name }).is_err(), "{name:?}");
            assert!(object(&ObjectRef { resource: &core, namespace: Some(name), name: "a" }).is_err(), "{name:?}");
        }
        let path = object(&ObjectRef { resource: &core, namespace: Some("a"), name: "b?c#d e\n" }).unwrap();
        assert_eq!(path, "/api/v1/namespaces/a/widgets/b%3Fc%23d%20e%0A");
    }

    #[test]
    fn query_values_are_encoded() {
        let mut path = "/x".to_owned();
        add_query(&mut path, "labelSelector", "a in (b,c)");
        add_query(&mut path, "limit", "5");
        assert_eq!(path, "/x?labelSelector=a%20in%20%28b%2Cc%29&limit=5");
    }
}
