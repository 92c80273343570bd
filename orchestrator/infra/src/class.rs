//! What a value is, which decides where it may be replaced.
//!
//! Knows nothing about where a value came from or what it is paired with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How freely a value may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueClass {
    /// Cannot stand for anything else (ARN, `sg-…`, host, UUID): replaced anywhere as a whole token.
    Token,
    /// An ordinary word (`prod`): replaced only in places that hold a name of this kind.
    Name(NameKind),
    /// Replaced in typed places and inside ARNs and hosts; elsewhere as a whole word, with low confidence.
    Region,
    Account,
    /// A zone's name (`eu-west-1a`) or its id (`euw1-az1`).
    Zone,
    /// Ports, ranges, sizes, versions: never replaced.
    Never,
}

/// What an ordinary name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameKind {
    Cluster,
    Role,
    Bucket,
    Queue,
    Topic,
    Table,
    Stream,
    Secret,
    Parameter,
    Database,
    LogGroup,
    NodeGroup,
    AutoscalingGroup,
    KmsAlias,
    Domain,
    SecurityGroup,
    Subnet,
    LoadBalancer,
    LaunchTemplate,
    User,
    MountName,
}

const CLASSES: &[(&str, ValueClass)] = &[
    ("token", ValueClass::Token),
    ("region", ValueClass::Region),
    ("account", ValueClass::Account),
    ("zone", ValueClass::Zone),
    ("never", ValueClass::Never),
];

const NAMES: &[(&str, NameKind)] = &[
    ("cluster", NameKind::Cluster),
    ("role", NameKind::Role),
    ("bucket", NameKind::Bucket),
    ("queue", NameKind::Queue),
    ("topic", NameKind::Topic),
    ("table", NameKind::Table),
    ("stream", NameKind::Stream),
    ("secret", NameKind::Secret),
    ("parameter", NameKind::Parameter),
    ("database", NameKind::Database),
    ("log-group", NameKind::LogGroup),
    ("node-group", NameKind::NodeGroup),
    ("autoscaling-group", NameKind::AutoscalingGroup),
    ("kms-alias", NameKind::KmsAlias),
    ("domain", NameKind::Domain),
    ("security-group", NameKind::SecurityGroup),
    ("subnet", NameKind::Subnet),
    ("load-balancer", NameKind::LoadBalancer),
    ("launch-template", NameKind::LaunchTemplate),
    ("user", NameKind::User),
    ("mount-name", NameKind::MountName),
];

impl ValueClass {
    /// Reads `token`, `region`, `account`, `zone`, `never` or `name:<kind>`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(kind) = text.strip_prefix("name:") {
            return NAMES.iter().find(|(name, _)| *name == kind).map(|(_, kind)| Self::Name(*kind));
        }
        CLASSES.iter().find(|(name, _)| *name == text).map(|(_, class)| *class)
    }

    /// Every text that `parse` accepts, for messages.
    pub fn known() -> String {
        let names = NAMES.iter().map(|(name, _)| format!("name:{name}"));
        CLASSES.iter().map(|(name, _)| (*name).to_owned()).chain(names).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for ValueClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Name(kind) = self {
            return write!(f, "name:{}", NAMES.iter().find(|(_, k)| k == kind).map_or("", |(name, _)| name));
        }
        f.write_str(CLASSES.iter().find(|(_, class)| class == self).map_or("", |(name, _)| name))
    }
}

impl Serialize for ValueClass {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ValueClass {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown class {text:?}; known are {}", Self::known())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_reads_back_what_it_prints() {
        for text in ValueClass::known().split(", ") {
            assert_eq!(ValueClass::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(ValueClass::parse("name:"), None);
        assert_eq!(ValueClass::parse("everything"), None);
    }
}
