//! A contract made out of a state that has none: whatever the attribute tables recognise, with provenance per value.
//!
//! Logical names come from the logical-id tag, the natural key or the resource's own name, in this order; they pair with
//! another environment only as well as those names agree.

use std::collections::BTreeMap;

use model::Severity;
use serde_json::{Map, Value, json};

use super::attributes::{LOGICAL_ID_TAG, natural_key};
use super::{Resource, State};
use crate::contract::format::{self, DrContract};
use crate::contract::{Contract, Provenance, note, values};
use crate::grammar;

/// Section of the contract, its depth-two name and where each field comes from.
type Section = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Resources whose values go to `<section>.<logical name>.<field>`.
const SECTIONS: &[Section] = &[
    ("aws_kms_key", "kms", &[("arn", "arn"), ("key_id", "key_id")]),
    ("aws_kms_replica_key", "kms", &[("arn", "arn"), ("key_id", "key_id")]),
    (
        "aws_db_instance",
        "databases",
        &[
            ("endpoint", "address"),
            ("port", "port"),
            ("identifier", "identifier"),
            ("secret_arn", "master_user_secret[0].secret_arn"),
        ],
    ),
    (
        "aws_rds_cluster",
        "databases",
        &[
            ("endpoint", "endpoint"),
            ("reader_endpoint", "reader_endpoint"),
            ("port", "port"),
            ("identifier", "cluster_identifier"),
            ("secret_arn", "master_user_secret[0].secret_arn"),
        ],
    ),
    (
        "aws_docdb_cluster",
        "databases",
        &[
            ("endpoint", "endpoint"),
            ("reader_endpoint", "reader_endpoint"),
            ("port", "port"),
            ("identifier", "cluster_identifier"),
        ],
    ),
    (
        "aws_elasticache_replication_group",
        "caches",
        &[
            ("id", "id"),
            ("arn", "arn"),
            ("endpoint", "primary_endpoint_address"),
            ("reader_endpoint", "reader_endpoint_address"),
        ],
    ),
    ("aws_elasticache_cluster", "caches", &[("id", "id"), ("arn", "arn"), ("endpoint", "cache_nodes[0].address")]),
    (
        "aws_elasticache_serverless_cache",
        "caches",
        &[
            ("id", "id"),
            ("arn", "arn"),
            ("endpoint", "endpoint[0].address"),
            ("reader_endpoint", "reader_endpoint[0].address"),
        ],
    ),
    ("aws_memorydb_cluster", "caches", &[("id", "id"), ("arn", "arn"), ("endpoint", "cluster_endpoint[0].address")]),
    ("aws_msk_cluster", "brokers", &[("arn", "arn"), ("endpoint", "bootstrap_brokers_tls")]),
    ("aws_mq_broker", "brokers", &[("arn", "arn"), ("url", "instances[0].endpoints[0]")]),
    ("aws_opensearch_domain", "search", &[("arn", "arn"), ("endpoint", "endpoint")]),
    ("aws_sqs_queue", "queues", &[("id", "name"), ("arn", "arn"), ("url", "url")]),
    ("aws_sns_topic", "topics", &[("id", "name"), ("arn", "arn")]),
    ("aws_dynamodb_table", "tables", &[("id", "name"), ("arn", "arn")]),
    ("aws_s3_bucket", "buckets", &[("id", "bucket"), ("arn", "arn")]),
    ("aws_efs_file_system", "file_systems", &[("id", "id"), ("dns_name", "dns_name")]),
    (
        "aws_fsx_lustre_file_system",
        "file_systems",
        &[("id", "id"), ("dns_name", "dns_name"), ("mount_name", "mount_name")],
    ),
    ("aws_fsx_openzfs_file_system", "file_systems", &[("id", "id"), ("dns_name", "dns_name")]),
    ("aws_fsx_ontap_file_system", "file_systems", &[("id", "id"), ("dns_name", "dns_name")]),
];

struct Derived {
    root: Map<String, Value>,
    provenance: BTreeMap<String, Provenance>,
    notes: Vec<model::Finding>,
}

/// Derives what a state says about its environment.
pub fn contract(state: &State) -> Contract {
    let mut derived = Derived { root: Map::new(), provenance: BTreeMap::new(), notes: Vec::new() };
    cluster(state, &mut derived);
    for resource in &state.resources {
        place(resource, &mut derived);
        for (_, section, fields) in SECTIONS.iter().filter(|(kind, _, _)| *kind == resource.kind) {
            let name = logical_name(resource);
            for (field, attribute) in *fields {
                derived.put(&[section, &name, field], resource, attribute);
            }
        }
    }
    derived.root.insert("schema_version".into(), format!("{}.{}", format::MAJOR, format::MINOR).into());
    if derived.provenance.is_empty() {
        derived.notes.push(note(
            Severity::Error,
            "nothing-derived",
            None,
            "the state holds no resource that a contract could be derived from",
        ));
    }
    let body = serde_json::from_value::<DrContract>(Value::Object(derived.root)).unwrap_or_else(|error| {
        let message = format!("the state's values do not form a contract: {error}");
        derived.notes.push(note(Severity::Error, "derived-shape", None, message));
        DrContract::default()
    });
    Contract::from_parts(body, derived.provenance, derived.notes)
}

/// Fields that only one cluster, region and account can fill.
fn cluster(state: &State, derived: &mut Derived) {
    let clusters: Vec<&Resource> = state.resources.iter().filter(|r| r.kind == "aws_eks_cluster").collect();
    if let [cluster] = clusters[..] {
        for (field, attribute) in [
            ("name", "name"),
            ("arn", "arn"),
            ("endpoint", "endpoint"),
            ("version", "version"),
            ("certificate_authority", "certificate_authority[0].data"),
            ("oidc_issuer", "identity[0].oidc[0].issuer"),
            ("vpc_id", "vpc_config[0].vpc_id"),
            ("cluster_security_group_id", "vpc_config[0].cluster_security_group_id"),
            ("service_cidr", "kubernetes_network_config[0].service_ipv4_cidr"),
            ("ip_family", "kubernetes_network_config[0].ip_family"),
        ] {
            derived.put(&["cluster", field], cluster, attribute);
        }
    } else if clusters.len() > 1 {
        let message = format!("the state holds {} clusters; say which with a contract or a map file", clusters.len());
        derived.notes.push(note(Severity::Error, "several-clusters", None, message));
    }
    for (part, accepts) in [("region", grammar::is_region as fn(&str) -> bool), ("account_id", grammar::is_account)] {
        let mut seen: BTreeMap<String, (usize, &Resource)> = BTreeMap::new();
        for resource in &state.resources {
            let arn = resource.attributes.get("arn").and_then(Value::as_str).and_then(grammar::parse_arn);
            let value = arn.map(|arn| if part == "region" { arn.region } else { arn.account });
            if let Some(value) = value.filter(|value| accepts(value)) {
                seen.entry(value.to_owned()).or_insert((0, resource)).0 += 1;
            }
        }
        // The cluster decides; without one, the value that most resources share.
        let own =
            clusters.first().and_then(|c| c.attributes.get("arn")).and_then(Value::as_str).and_then(grammar::parse_arn);
        let own = own.map(|arn| if part == "region" { arn.region } else { arn.account }.to_owned());
        let most = own.or_else(|| seen.iter().max_by_key(|(_, (count, _))| *count).map(|(value, _)| value.clone()));
        if let Some((value, (_, resource))) = most.and_then(|value| seen.remove_entry(&value)) {
            derived.insert(&[part], value.into(), resource, "arn");
        }
    }
    let partition = clusters
        .first()
        .and_then(|c| c.attribute("arn"))
        .and_then(|arn| grammar::parse_arn(&arn).map(|a| a.partition.to_owned()));
    if let (Some(partition), Some(cluster)) = (partition, clusters.first()) {
        derived.insert(&["partition"], partition.into(), cluster, "arn");
    }
}

/// Resources that have a place of their own in a contract.
fn place(resource: &Resource, derived: &mut Derived) {
    let name = logical_name(resource);
    match resource.kind.as_str() {
        "aws_vpc" => {
            let cluster_vpc = derived.root.get("cluster").and_then(|c| c.get("vpc_id")).and_then(Value::as_str);
            if cluster_vpc.is_none_or(|vpc| resource.attribute("id").as_deref() == Some(vpc)) {
                derived.put(&["network", "vpc_cidr"], resource, "cidr_block");
                derived.put(&["cluster", "vpc_id"], resource, "id");
            }
        }
        "aws_subnet" => {
            let Some((tier, slot)) = subnet_slot(resource) else { return };
            for (field, attribute) in [("id", "id"), ("cidr", "cidr_block"), ("az", "availability_zone")] {
                derived.put(&["network", "subnets", &tier, &slot, field], resource, attribute);
            }
            if !derived.has(&["network", "azs", &slot]) {
                derived.put(&["network", "azs", &slot, "name"], resource, "availability_zone");
                derived.put(&["network", "azs", &slot, "id"], resource, "availability_zone_id");
            }
        }
        "aws_security_group" => derived.put(&["network", "security_groups", &name], resource, "id"),
        "aws_iam_openid_connect_provider" => derived.put(&["cluster", "oidc_provider_arn"], resource, "arn"),
        "aws_iam_role" => {
            if let Some(subject) = natural_key(resource) {
                derived.put(&["workload_iam", &subject, "role_arn"], resource, "arn");
                derived.insert(&["workload_iam", &subject, "kind"], json!("irsa"), resource, "assume_role_policy");
            }
        }
        "aws_eks_pod_identity_association" => {
            if let Some(subject) = natural_key(resource) {
                derived.put(&["workload_iam", &subject, "role_arn"], resource, "role_arn");
                derived.insert(&["workload_iam", &subject, "kind"], json!("pod_identity"), resource, "association_id");
            }
        }
        "aws_ecr_repository" => {
            derived.put(&["repositories", &name], resource, "repository_url");
            let url = resource.attribute("repository_url");
            if let Some((host, _)) = url.as_deref().and_then(|url| url.split_once('/')) {
                derived.insert(&["registries", "main"], host.into(), resource, "repository_url");
            }
        }
        "aws_efs_access_point" => {
            let file_system = resource.attribute("file_system_id");
            let owner = derived.root.get("file_systems").and_then(Value::as_object).and_then(|systems| {
                systems.iter().find(|(_, fs)| fs.get("id").and_then(Value::as_str) == file_system.as_deref())
            });
            if let Some(owner) = owner.map(|(name, _)| name.clone()) {
                derived.put(&["file_systems", &owner, "access_points", &name], resource, "id");
            }
        }
        "aws_lb_target_group" => derived.put(&["load_balancing", "target_groups", &name], resource, "arn"),
        "aws_wafv2_web_acl" => derived.put(&["load_balancing", "waf", &name], resource, "arn"),
        "aws_acm_certificate" => {
            if let Some(domain) = natural_key(resource) {
                derived.put(&["load_balancing", "certificates", &domain], resource, "arn");
            }
        }
        "aws_route53_zone" => {
            derived.put(&["dns", "zones", &name, "id"], resource, "zone_id");
            derived.put(&["dns", "zones", &name, "name"], resource, "name");
        }
        _ => {}
    }
}

/// Tier and slot: an index key that is a slot already, else the zone's last letter.
fn subnet_slot(resource: &Resource) -> Option<(String, String)> {
    let tier = if let Some(logical) = resource.tag(LOGICAL_ID_TAG).and_then(|id| id.rsplit_once('/')) {
        return Some((logical.0.to_owned(), logical.1.to_owned()));
    } else if resource.tag("kubernetes.io/role/elb").is_some() {
        "public"
    } else {
        "private"
    };
    let key = resource.index.trim_matches(['[', ']', '"']);
    let is_slot = key.len() == 1 && key.bytes().all(|b| b.is_ascii_lowercase());
    let zone = resource.attribute("availability_zone")?;
    let slot = if is_slot { key.to_owned() } else { zone.chars().last()?.to_string() };
    let tier = if is_slot && resource.name != "this" { resource.name.as_str() } else { tier };
    Some((tier.to_owned(), slot))
}

fn logical_name(resource: &Resource) -> String {
    if let Some(tag) = resource.tag(LOGICAL_ID_TAG) {
        return tag.to_owned();
    }
    if let Some(natural) = natural_key(resource) {
        return natural.trim_end_matches('.').to_owned();
    }
    let index = resource.index.trim_matches(['[', ']', '"']);
    let generic = ["this", "main", "default"].contains(&resource.name.as_str());
    match (index.is_empty(), generic) {
        (true, true) if !resource.module.is_empty() => last_module(&resource.module),
        (true, _) => resource.name.clone(),
        (false, true) => index.to_owned(),
        (false, false) => format!("{}/{index}", resource.name),
    }
}

/// `module.data.module.orders` is called `orders`.
fn last_module(address: &str) -> String {
    let name = address.rsplit("module.").next().unwrap_or(address);
    name.replace(['[', ']', '"'], "")
}

impl Derived {
    fn put(&mut self, path: &[&str], resource: &Resource, attribute: &str) {
        let Some(value) = resource.attribute(attribute) else { return };
        self.insert(path, value.into(), resource, attribute);
    }

    /// Sets a value that is not set yet; a second, different one is noted and dropped.
    fn insert(&mut self, path: &[&str], value: Value, resource: &Resource, attribute: &str) {
        let key = values::key(path);
        let provenance = Provenance::State { address: resource.address(), attribute: attribute.to_owned() };
        let pointer = model::pointer::join(path.iter().copied());
        if let Some(old) = pointer_get(&self.root, path) {
            if *old != value {
                let first = self.provenance.get(&key).map(origin).unwrap_or_default();
                let message = format!("{key} has two values: {first} comes first, {} is left out", origin(&provenance));
                self.notes.push(note(Severity::Warning, "ambiguous", Some(&pointer), message));
            }
            return;
        }
        if model::pointer::set(&mut self.root, &pointer, value).is_ok() {
            self.provenance.insert(key, provenance);
        }
    }

    fn has(&self, path: &[&str]) -> bool {
        pointer_get(&self.root, path).is_some()
    }
}

fn pointer_get<'a>(root: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(root.get(*first)?, |here, name| here.get(*name))
}

pub(crate) fn origin(provenance: &Provenance) -> String {
    match provenance {
        Provenance::Output => crate::contract::OUTPUT_NAME.to_owned(),
        Provenance::State { address, attribute } => format!("{address} ({attribute})"),
    }
}
