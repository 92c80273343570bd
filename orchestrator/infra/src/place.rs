//! Where a string stands in an object, and what that place is known to hold.
//!
//! A typed place is one whose meaning a published API gives (terraform reference: annotations, CSI fields, CRDs of AWS
//! controllers, arguments of known controllers). Everything else is free text.

pub mod tables;

use serde_json::Value;

use crate::class::NameKind;

/// One step from an object to a string in it, linked to the step before.
#[derive(Debug, Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
    /// What the step was taken in; siblings are found here.
    container: Option<&'a Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

/// What a place is known to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The API says what stands here, so that a source value here is an error and not a remark.
    pub typed: bool,
    /// The kinds of names that stand here.
    pub names: &'static [NameKind],
}

impl<'a> Path<'a> {
    pub fn root() -> Self {
        Self { parent: None, step: Step::Root, container: None }
    }

    pub fn key(parent: &'a Path<'a>, key: &'a str, container: Option<&'a Value>) -> Self {
        Self { parent: Some(parent), step: Step::Key(key), container }
    }

    pub fn index(parent: &'a Path<'a>, index: usize, container: &'a Value) -> Self {
        Self { parent: Some(parent), step: Step::Index(index), container: Some(container) }
    }

    /// Steps from the innermost outwards.
    fn outwards(&self) -> impl Iterator<Item = &Path<'a>> {
        std::iter::successors(Some(self), |path| path.parent)
    }

    pub fn pointer(&self) -> String {
        let mut out = String::with_capacity(64);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => model::pointer::append(out, key),
            Step::Index(index) => model::pointer::append_index(out, index),
        }
    }

    /// The innermost key, skipping list positions.
    fn last_key(&self) -> &'a str {
        self.outwards()
            .find_map(|path| if let Step::Key(key) = path.step { Some(key) } else { None })
            .unwrap_or_default()
    }

    fn outermost(&self) -> &'a str {
        let keys = self.outwards().filter_map(|path| if let Step::Key(key) = path.step { Some(key) } else { None });
        keys.last().unwrap_or_default()
    }

    fn has_key(&self, key: &str) -> bool {
        self.outwards().any(|path| path.step == Step::Key(key))
    }

    fn sibling(&self, key: &str) -> Option<&'a str> {
        self.container?.get(key)?.as_str()
    }

    /// The element before this one in a list of strings, for `--flag value`.
    fn previous(&self) -> Option<&'a str> {
        let Step::Index(index) = self.step else { return None };
        self.container?.get(index.checked_sub(1)?)?.as_str()
    }
}

/// What is known of the place of `text` in an object of this group and kind.
pub fn place_of(group: &str, kind: &str, path: &Path, text: &str) -> Place {
    let last = path.last_key();
    if path.has_key("annotations") && path.has_key("metadata") {
        return annotation(last);
    }
    if tables::ZONE_KEYS.contains(&last) {
        return Place { typed: true, names: &[] };
    }
    if let Some(place) = scheduling(path, last) {
        return place;
    }
    if path.has_key("labels") && path.has_key("metadata") {
        let names = tables::label_names(last);
        return Place { typed: !names.is_empty() || tables::REGION_KEYS.contains(&last), names };
    }
    if last == "value" && path.has_key("env") {
        return match path.sibling("name").and_then(tables::environment) {
            Some(names) => Place { typed: true, names },
            None => Place::default(),
        };
    }
    if last == "args" || last == "command" {
        let flag = text.split_once('=').map_or_else(|| path.previous().unwrap_or(text), |(flag, _)| flag);
        return match tables::flag(flag) {
            Some(names) => Place { typed: true, names },
            None => Place::default(),
        };
    }
    if last == "image"
        && (path.has_key("containers") || path.has_key("initContainers") || path.has_key("ephemeralContainers"))
    {
        return Place { typed: true, names: &[] };
    }
    let typed_kind = match kind {
        "PersistentVolume" | "StorageClass" | "VolumeAttributesClass" | "CSIDriver" => {
            path.has_key("spec") || group == "storage.k8s.io"
        }
        "Service" => matches!(last, "loadBalancerIP" | "loadBalancerSourceRanges" | "externalName"),
        "Ingress" => last == "host" || path.has_key("tls"),
        _ => tables::is_typed_group(group) && path.outermost() != "metadata",
    };
    if typed_kind {
        // Volumes carry their zone and their source in fields of the driver's own.
        return Place { typed: true, names: field_names(path, last) };
    }
    Place::default()
}

fn annotation(key: &str) -> Place {
    match tables::annotation(key) {
        Some(names) => Place { typed: true, names },
        None => Place::default(),
    }
}

/// `matchExpressions: [{key: <zone>, values: […]}]`, topology terms and node group labels.
fn scheduling(path: &Path, last: &str) -> Option<Place> {
    if last == "values" {
        let key = path.outwards().find(|p| p.step == Step::Key("values"))?.sibling("key")?;
        if tables::ZONE_KEYS.contains(&key) || tables::REGION_KEYS.contains(&key) {
            return Some(Place { typed: true, names: &[] });
        }
        let names = tables::label_names(key);
        return (!names.is_empty()).then_some(Place { typed: true, names });
    }
    if path.has_key("nodeSelector") || path.has_key("matchLabels") {
        let names = tables::label_names(last);
        let typed = !names.is_empty() || tables::REGION_KEYS.contains(&last);
        return typed.then_some(Place { typed, names });
    }
    None
}

fn field_names(path: &Path, last: &str) -> &'static [NameKind] {
    if path.has_key("tags") {
        return &[NameKind::Cluster];
    }
    match last {
        "name" if path.has_key("securityGroupSelectorTerms") => &[NameKind::SecurityGroup],
        "key" if path.has_key("remoteRef") || path.has_key("extract") => &[NameKind::Secret, NameKind::Parameter],
        last => tables::field(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_and_environment_of_controllers_are_typed_by_their_name() {
        let args = json!(["--cluster-name", "prod", "--aws-region=us-east-1", "--verbose", "prod"]);
        let root = Path::root();
        let key = Path::key(&root, "args", None);
        let place = |index: usize| {
            place_of("apps", "Deployment", &Path::index(&key, index, &args), args[index].as_str().unwrap())
        };
        assert_eq!(place(1).names, &[NameKind::Cluster]);
        assert!(place(2).typed);
        assert!(!place(4).typed);
        let env = json!({"name": "ENVIRONMENT", "value": "prod"});
        let list = Path::key(&root, "env", None);
        assert!(!place_of("apps", "Deployment", &Path::key(&list, "value", Some(&env)), "prod").typed);
    }

    #[test]
    fn zones_are_typed_by_the_key_beside_them() {
        let term = json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"]});
        let root = Path::root();
        let values = Path::key(&root, "values", Some(&term));
        let list = json!(["us-east-1a"]);
        assert!(place_of("", "Pod", &Path::index(&values, 0, &list), "us-east-1a").typed);
        assert_eq!(Path::index(&values, 0, &list).pointer(), "/values/0");
    }
}
