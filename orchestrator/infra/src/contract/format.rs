//! The infrastructure contract as Terraform writes it: one object output named `dr_contract`.
//!
//! These types only describe the shape on disk. They give no value a meaning; see `contract::values` for that.
//! Absent values are absent: neither null nor the empty string survives reading.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// The newest version this build writes and fully understands.
pub const MAJOR: u32 = 1;
pub const MINOR: u32 = 0;

type Entries<T> = BTreeMap<String, T>;

/// What an environment offers, keyed by logical names that are the same in the source and in the target.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DrContract {
    /// `MAJOR.MINOR` of this shape. A newer major is refused; a newer minor is read and its additions ignored.
    pub schema_version: String,
    /// The environment's name, such as `production` or `drill-eu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The AWS partition: `aws`, `aws-cn`, `aws-us-gov`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Keyed by `namespace/serviceaccount`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub workload_iam: Entries<WorkloadIam>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kms: Entries<KmsKey>,
    /// Registry hosts, such as `111122223333.dkr.ecr.eu-west-1.amazonaws.com`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub registries: Entries<String>,
    /// Repository URLs: a registry host, a slash and the repository's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub repositories: Entries<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: Entries<Database>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub caches: Entries<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub brokers: Entries<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub search: Entries<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: Entries<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: Entries<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: Entries<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub buckets: Entries<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub file_systems: Entries<FileSystem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancing: Option<LoadBalancing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub storage_classes: Entries<StorageClass>,
    /// How to reach the cluster's API from where landfall runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// Where backups are kept.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub locations: Entries<Location>,
    /// Any further strings to be substituted; the user vouches that each is safe to replace wherever it stands.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: Entries<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Primary,
    Recovery,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Cluster {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The Kubernetes version, such as `1.34`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// PEM certificates in base64, as the EKS API gives them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc_issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc_provider_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_security_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_security_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_role_arn: Option<String>,
    /// The role that nodes run as, for Karpenter's node classes; the ARN above says it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_role_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_cidr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family: Option<String>,
    /// Who provides nodes: `managed`, `karpenter` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Network {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_cidr: Option<String>,
    /// Keyed by slot (`a`, `b`, `c`), never by zone name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub azs: Entries<Zone>,
    /// Keyed by tier, then by slot.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subnets: Entries<Entries<Subnet>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub security_groups: Entries<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nat_ips: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Zone {
    /// The zone's name, such as `eu-west-1a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The zone's id, such as `euw1-az1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Subnet {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub az: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WorkloadIam {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<WorkloadIamKind>,
}

/// How a service account gets its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadIamKind {
    Irsa,
    PodIdentity,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KmsKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Database {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "port")]
    #[schemars(with = "Option<u16>")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// A reference to the secret, never the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_arn: Option<String>,
}

/// A cache, broker, search domain, queue, topic, table or bucket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Service {
    /// The id or the name by which the service's own API knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FileSystem {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// Only FSx for Lustre has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_name: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "access_points")]
    #[schemars(with = "BTreeMap<String, AccessPoint>")]
    pub access_points: Entries<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LoadBalancing {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub target_groups: Entries<String>,
    /// Keyed by domain.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: Entries<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub waf: Entries<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub eips: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dns {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: Entries<DnsZone>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DnsZone {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StorageClass {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Connection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ConnectionKind>,
    /// For `https_proxy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// For `ssm-port-forward`: the instance through which the API endpoint is reached.
    #[serde(skip_serializing_if = "Option::is_none", alias = "instance_id")]
    pub ssm_target: Option<String>,
    /// For `direct`: a sandbox of this machine, which gives its own kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
    /// A kubeconfig file, for clusters that are not reached through EKS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
    /// The kubeconfig's context; its current one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    Direct,
    HttpsProxy,
    #[serde(rename = "ssm-port-forward", alias = "ssm_port_forward")]
    SsmPortForward,
}

/// What keeps backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LocationKind {
    #[serde(alias = "aws")]
    S3,
    /// A directory.
    Disk,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Location {
    #[serde(skip_serializing_if = "Option::is_none", alias = "provider")]
    pub kind: Option<LocationKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The endpoint of an S3-compatible store; AWS's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// For `disk`: the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

/// An access point's id, alone or as the field of an object.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum AccessPoint {
    Id(String),
    Object { id: String },
}

fn access_points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Entries<String>, D::Error> {
    let read = Entries::<AccessPoint>::deserialize(deserializer)?;
    let id = |point| match point {
        AccessPoint::Id(id) | AccessPoint::Object { id } => id,
    };
    Ok(read.into_iter().map(|(name, point)| (name, id(point))).collect())
}

/// Terraform turns a number into a string as soon as it shares a map with one, so both are read.
fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Port {
        Number(u16),
        Text(String),
    }
    match Option::<Port>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Port::Number(port)) => Ok(Some(port)),
        Some(Port::Text(text)) => match text.parse() {
            Ok(port) => Ok(Some(port)),
            Err(_) => Err(serde::de::Error::custom(format!("{text:?} is not a port"))),
        },
    }
}
