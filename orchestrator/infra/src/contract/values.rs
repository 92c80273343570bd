//! Every value of a contract under its key, with the class that says where it may be replaced.
//!
//! A key is a path of logical names. List elements get an index in their key, but an index never pairs anything.

use serde_json::Value;

use crate::class::{NameKind, ValueClass};
use crate::grammar;

/// One leaf of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractValue {
    /// `network.subnets.private.a.id`, `load_balancing.certificates["shop.example.com"]`.
    pub key: String,
    pub value: String,
    pub class: ValueClass,
    /// Whether the key says what the value is; elements of unordered lists have only a position.
    pub keyed: bool,
}

/// Flattens a contract's JSON, in key order.
pub(super) fn flatten(root: &Value) -> Vec<ContractValue> {
    let mut out = Vec::new();
    walk(root, &mut Vec::new(), true, &mut out);
    out
}

/// Writes path segments as a key; a segment that holds more than a plain name is quoted.
pub fn key(segments: &[&str]) -> String {
    let mut out = String::new();
    for segment in segments {
        let plain = !segment.is_empty()
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-' || b == b'/');
        match (plain, out.is_empty()) {
            (true, true) => out.push_str(segment),
            (true, false) => {
                out.push('.');
                out.push_str(segment);
            }
            (false, _) => {
                out.push_str("[\"");
                out.push_str(&segment.replace('\\', "\\\\").replace('"', "\\\""));
                out.push_str("\"]");
            }
        }
    }
    out
}

/// The class of a string whose origin says nothing about it: what it looks like, else a name of no certain kind.
pub fn class_by_shape(value: &str) -> Option<ValueClass> {
    let text = strip_scheme(value);
    if grammar::is_region(value) {
        Some(ValueClass::Region)
    } else if grammar::is_account(value) {
        Some(ValueClass::Account)
    } else if grammar::is_zone(value) || grammar::is_zone_id(value) {
        Some(ValueClass::Zone)
    } else if grammar::parse_arn(value).is_some()
        || grammar::is_resource_id(value)
        || grammar::is_uuid(value)
        || grammar::is_hosted_zone(value)
        || text.len() != value.len()
        || grammar::host_kind(text.split(['/', ':']).next().unwrap_or_default()).is_some()
    {
        Some(ValueClass::Token)
    } else if grammar::is_quantity(value) {
        Some(ValueClass::Never)
    } else {
        None
    }
}

/// The text after `scheme://`, or all of it.
pub fn strip_scheme(value: &str) -> &str {
    match value.split_once("://") {
        Some((scheme, rest))
            if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+') =>
        {
            rest
        }
        _ => value,
    }
}

fn walk<'a>(value: &'a Value, path: &mut Vec<&'a str>, keyed: bool, out: &mut Vec<ContractValue>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                path.push(name);
                walk(value, path, keyed, out);
                path.pop();
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                let before = out.len();
                walk(value, path, keyed && list.len() == 1, out);
                for element in &mut out[before..] {
                    element.key.push_str(&format!("[{index}]"));
                }
            }
        }
        Value::String(text) => {
            out.push(ContractValue { key: key(path), value: text.clone(), class: class_of(path, text), keyed });
        }
        Value::Number(number) => {
            out.push(ContractValue { key: key(path), value: number.to_string(), class: ValueClass::Never, keyed });
        }
        Value::Bool(_) | Value::Null => {}
    }
}

fn class_of(path: &[&str], value: &str) -> ValueClass {
    use ValueClass::{Account, Name, Never, Region, Token, Zone};
    match path {
        ["region"] => Region,
        ["account_id"] => Account,
        ["cluster", "name"] => Name(NameKind::Cluster),
        ["cluster", "node_role_name"] => Name(NameKind::Role),
        ["cluster", "version" | "service_cidr" | "ip_family" | "compute"] => Never,
        ["cluster", _] => Token,
        ["network", "azs", _, _] | ["network", "subnets", _, _, "az"] => Zone,
        ["network", "subnets", _, _, "id"] | ["network", "security_groups", _] | ["network", "nat_ips"] => Token,
        ["workload_iam", _, "role_arn"] => Token,
        ["kms", _, "alias"] => Name(NameKind::KmsAlias),
        ["kms", _, _] | ["registries", _] | ["repositories", _] => Token,
        ["databases", _, "identifier"] => Name(NameKind::Database),
        ["databases", _, "endpoint" | "reader_endpoint" | "secret_arn"] => Token,
        [
            "caches" | "brokers" | "search" | "queues" | "topics" | "tables" | "buckets",
            _,
            "arn" | "endpoint" | "reader_endpoint" | "url",
        ] => Token,
        [section, _, "id"] => class_by_shape(value).unwrap_or(match *section {
            "queues" => Name(NameKind::Queue),
            "topics" => Name(NameKind::Topic),
            "tables" => Name(NameKind::Table),
            "buckets" => Name(NameKind::Bucket),
            "caches" | "search" => Name(NameKind::Database),
            "brokers" => Name(NameKind::Stream),
            "file_systems" => Token,
            _ => Never,
        }),
        ["file_systems", _, "mount_name"] => Name(NameKind::MountName),
        ["file_systems", _, "dns_name"] | ["file_systems", _, "access_points", _] => Token,
        ["load_balancing", _, _] | ["load_balancing", "eips"] => Token,
        ["dns", "zones", _, "id"] => Token,
        ["dns", "zones", _, "name"] => Name(NameKind::Domain),
        ["storage_classes", _, "kms_key_arn"] => Token,
        ["locations", _, "bucket"] => Name(NameKind::Bucket),
        ["locations", _, "kms_key_arn"] => Token,
        ["extra", _] => class_by_shape(value).unwrap_or(if value.len() < 3 { Never } else { Token }),
        _ => Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_quote_what_is_not_a_plain_name() {
        assert_eq!(key(&["workload_iam", "shop/web", "role_arn"]), "workload_iam.shop/web.role_arn");
        assert_eq!(key(&["load_balancing", "certificates", "a.b"]), r#"load_balancing.certificates["a.b"]"#);
    }

    #[test]
    fn ports_ranges_and_versions_are_never_replaced() {
        let values = flatten(&json!({
            "cluster": {"name": "prod", "version": "1.34", "service_cidr": "172.20.0.0/16", "vpc_id": "vpc-0a1b2c3d"},
            "databases": {"orders": {"port": 5432}},
            "extra": {"size": "10Gi", "range": "10.0.0.0/16", "motd": "hello there"},
            "network": {"nat_ips": ["192.0.2.1", "192.0.2.2"]},
        }));
        let class = |key: &str| values.iter().find(|v| v.key == key).unwrap().class;
        assert_eq!(class("cluster.name"), ValueClass::Name(NameKind::Cluster));
        assert_eq!(class("cluster.vpc_id"), ValueClass::Token);
        for key in ["cluster.version", "cluster.service_cidr", "databases.orders.port", "extra.size", "extra.range"] {
            assert_eq!(class(key), ValueClass::Never, "{key}");
        }
        assert_eq!(class("extra.motd"), ValueClass::Token);
        assert!(values.iter().filter(|v| v.key.starts_with("network.nat_ips")).all(|v| !v.keyed));
    }
}
