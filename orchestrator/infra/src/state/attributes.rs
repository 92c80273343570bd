//! Which attributes of which resources objects in a cluster refer to.
//!
//! An allowlist: ids of attachments, private addresses and per-region constants would only make noise.

use crate::class::{NameKind, ValueClass};
use crate::contract::values::class_by_shape;
use crate::grammar;

use super::{Resource, State};

/// The tag that carries a resource's logical name in every environment.
pub const LOGICAL_ID_TAG: &str = "landfall.dev/logical-id";

/// One resource's values that matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Identifiers {
    pub kind: String,
    pub module: String,
    /// The address without its module.
    pub local: String,
    pub logical_id: Option<String>,
    /// What the resource is about, independent of the environment; see [`natural_key`].
    pub natural: Option<String>,
    /// The `Name` tag without what differs between environments; see [`common_name`].
    pub name: Option<String>,
    pub values: Vec<Identifier>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Identifier {
    pub attribute: String,
    pub value: String,
    pub class: ValueClass,
}

use NameKind as N;
use ValueClass::{Name, Token, Zone};

type Row = (&'static str, &'static [(&'static str, ValueClass)]);

/// Attribute names as in provider 5.100; a trailing `[]` walks a list, paired by position only when it has one element.
const TABLE: &[Row] = &[
    (
        "aws_eks_cluster",
        &[
            ("name", Name(N::Cluster)),
            ("arn", Token),
            ("endpoint", Token),
            ("certificate_authority[0].data", Token),
            ("identity[0].oidc[0].issuer", Token),
            ("vpc_config[0].cluster_security_group_id", Token),
        ],
    ),
    (
        "aws_eks_node_group",
        &[
            ("arn", Token),
            ("node_group_name", Name(N::NodeGroup)),
            ("resources[0].autoscaling_groups[0].name", Name(N::AutoscalingGroup)),
        ],
    ),
    ("aws_eks_pod_identity_association", &[("association_arn", Token)]),
    ("aws_eks_access_entry", &[("user_name", Name(N::User))]),
    ("aws_iam_role", &[("arn", Token), ("name", Name(N::Role)), ("unique_id", Token)]),
    ("aws_iam_policy", &[("arn", Token)]),
    ("aws_iam_instance_profile", &[("arn", Token), ("name", Name(N::Role))]),
    ("aws_iam_openid_connect_provider", &[("arn", Token), ("url", Token)]),
    ("aws_subnet", &[("id", Token), ("arn", Token), ("availability_zone", Zone), ("availability_zone_id", Zone)]),
    ("aws_security_group", &[("id", Token), ("arn", Token), ("name", Name(N::SecurityGroup))]),
    ("aws_vpc", &[("id", Token), ("arn", Token), ("default_security_group_id", Token)]),
    ("aws_kms_key", &[("arn", Token), ("key_id", Token)]),
    ("aws_kms_replica_key", &[("arn", Token), ("key_id", Token)]),
    ("aws_kms_alias", &[("arn", Token), ("name", Name(N::KmsAlias))]),
    (
        "aws_db_instance",
        &[
            ("address", Token),
            ("endpoint", Token),
            ("arn", Token),
            ("resource_id", Token),
            ("identifier", Name(N::Database)),
            ("master_user_secret[0].secret_arn", Token),
        ],
    ),
    (
        "aws_rds_cluster",
        &[
            ("endpoint", Token),
            ("reader_endpoint", Token),
            ("arn", Token),
            ("cluster_identifier", Name(N::Database)),
            ("cluster_resource_id", Token),
            ("master_user_secret[0].secret_arn", Token),
        ],
    ),
    ("aws_db_proxy", &[("endpoint", Token), ("arn", Token)]),
    ("aws_docdb_cluster", &[("endpoint", Token), ("reader_endpoint", Token), ("arn", Token)]),
    ("aws_memorydb_cluster", &[("cluster_endpoint[0].address", Token), ("arn", Token)]),
    (
        "aws_elasticache_replication_group",
        &[
            ("primary_endpoint_address", Token),
            ("reader_endpoint_address", Token),
            ("configuration_endpoint_address", Token),
            ("arn", Token),
        ],
    ),
    (
        "aws_elasticache_cluster",
        &[
            ("cluster_address", Token),
            ("configuration_endpoint", Token),
            ("cache_nodes[0].address", Token),
            ("arn", Token),
        ],
    ),
    (
        "aws_elasticache_serverless_cache",
        &[("endpoint[0].address", Token), ("reader_endpoint[0].address", Token), ("arn", Token)],
    ),
    (
        "aws_msk_cluster",
        &[
            ("arn", Token),
            ("bootstrap_brokers", Token),
            ("bootstrap_brokers_tls", Token),
            ("bootstrap_brokers_sasl_iam", Token),
            ("bootstrap_brokers_sasl_scram", Token),
        ],
    ),
    ("aws_opensearch_domain", &[("endpoint", Token), ("dashboard_endpoint", Token), ("arn", Token)]),
    ("aws_mq_broker", &[("arn", Token), ("instances[0].endpoints[0]", Token)]),
    (
        "aws_s3_bucket",
        &[
            ("bucket", Name(N::Bucket)),
            ("arn", Token),
            ("bucket_domain_name", Token),
            ("bucket_regional_domain_name", Token),
        ],
    ),
    ("aws_acm_certificate", &[("arn", Token)]),
    ("aws_efs_file_system", &[("id", Token), ("arn", Token), ("dns_name", Token)]),
    ("aws_efs_access_point", &[("id", Token), ("arn", Token)]),
    ("aws_efs_mount_target", &[("mount_target_dns_name", Token)]),
    (
        "aws_fsx_lustre_file_system",
        &[("id", Token), ("arn", Token), ("dns_name", Token), ("mount_name", Name(N::MountName))],
    ),
    ("aws_fsx_openzfs_file_system", &[("id", Token), ("arn", Token), ("dns_name", Token), ("root_volume_id", Token)]),
    ("aws_fsx_ontap_file_system", &[("id", Token), ("arn", Token), ("dns_name", Token)]),
    ("aws_fsx_windows_file_system", &[("id", Token), ("arn", Token), ("dns_name", Token)]),
    ("aws_lb", &[("arn", Token), ("dns_name", Token), ("name", Name(N::LoadBalancer))]),
    ("aws_lb_target_group", &[("arn", Token)]),
    ("aws_lb_trust_store", &[("arn", Token)]),
    ("aws_wafv2_web_acl", &[("arn", Token)]),
    ("aws_cognito_user_pool", &[("arn", Token), ("id", Token)]),
    ("aws_ec2_managed_prefix_list", &[("id", Token), ("arn", Token)]),
    ("aws_eip", &[("allocation_id", Token), ("public_ip", Token)]),
    ("aws_route53_zone", &[("zone_id", Token), ("name", Name(N::Domain))]),
    ("aws_ecr_repository", &[("repository_url", Token), ("arn", Token)]),
    ("aws_sqs_queue", &[("url", Token), ("arn", Token), ("name", Name(N::Queue))]),
    ("aws_sns_topic", &[("arn", Token), ("name", Name(N::Topic))]),
    ("aws_dynamodb_table", &[("arn", Token), ("stream_arn", Token), ("name", Name(N::Table))]),
    ("aws_kinesis_stream", &[("arn", Token), ("name", Name(N::Stream))]),
    ("aws_secretsmanager_secret", &[("arn", Token), ("name", Name(N::Secret))]),
    ("aws_ssm_parameter", &[("arn", Token), ("name", Name(N::Parameter))]),
    ("aws_cloudwatch_log_group", &[("arn", Token), ("name", Name(N::LogGroup))]),
    ("aws_prometheus_workspace", &[("prometheus_endpoint", Token), ("arn", Token), ("id", Token)]),
    ("aws_launch_template", &[("id", Token), ("arn", Token), ("name", Name(N::LaunchTemplate))]),
];

/// Every resource of the table that a state holds, by address.
pub fn inventory(state: &State) -> super::Inventory {
    let found = state.resources.iter().filter_map(|resource| {
        let (_, attributes) = TABLE.iter().find(|(kind, _)| *kind == resource.kind)?;
        let values = attributes.iter().filter_map(|(attribute, class)| {
            let value = resource.attribute(attribute)?;
            let class = if *class == Token && class_by_shape(&value) == Some(ValueClass::Never) {
                ValueClass::Never
            } else {
                *class
            };
            Some(Identifier { attribute: (*attribute).to_owned(), value, class })
        });
        let identifiers = Identifiers {
            kind: resource.kind.clone(),
            module: resource.module.clone(),
            local: format!("{}.{}{}", resource.kind, resource.name, resource.index),
            logical_id: resource.tag(LOGICAL_ID_TAG).map(str::to_owned),
            natural: natural_key(resource),
            name: resource.tag("Name").and_then(common_name),
            values: values.filter(|identifier| identifier.class != ValueClass::Never).collect(),
        };
        Some((resource.address(), identifiers))
    });
    found.collect()
}

/// What a resource is about, in words that are the same in every environment: the service account that a role trusts,
/// a certificate's domain, a repository, a hosted zone's name, a database, a zone's letter and the subnet's tier.
pub fn natural_key(resource: &Resource) -> Option<String> {
    match resource.kind.as_str() {
        "aws_iam_role" => irsa_subject(&resource.attribute("assume_role_policy")?),
        "aws_eks_pod_identity_association" => {
            Some(format!("{}/{}", resource.attribute("namespace")?, resource.attribute("service_account")?))
        }
        "aws_acm_certificate" => resource.attribute("domain_name"),
        "aws_ecr_repository"
        | "aws_route53_zone"
        | "aws_sqs_queue"
        | "aws_sns_topic"
        | "aws_dynamodb_table"
        | "aws_kinesis_stream"
        | "aws_secretsmanager_secret"
        | "aws_ssm_parameter"
        | "aws_kms_alias" => resource.attribute("name"),
        "aws_db_instance" => resource.attribute("db_name").or_else(|| resource.attribute("identifier")),
        "aws_rds_cluster" => resource.attribute("database_name").or_else(|| resource.attribute("cluster_identifier")),
        "aws_subnet" => {
            let zone = resource.attribute("availability_zone")?;
            let tier = if resource.tag("kubernetes.io/role/elb").is_some() { "public" } else { "private" };
            Some(format!("{tier}/{}", zone.chars().last()?))
        }
        _ => None,
    }
}

/// Words that say which environment something belongs to.
const ENVIRONMENTS: &[&str] = &[
    "prod",
    "production",
    "prd",
    "live",
    "stage",
    "staging",
    "stg",
    "dev",
    "development",
    "test",
    "qa",
    "uat",
    "dr",
    "primary",
    "secondary",
    "recovery",
    "standby",
    "failover",
    "drill",
];

/// A name without the words that name an environment or a region: `shop-prod-us-east-1-orders` is `shop-orders`. A zone
/// keeps its letter. `None` when nothing is left.
pub fn common_name(name: &str) -> Option<String> {
    let words: Vec<String> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // Regions have three words, or four as in `us-gov-west-1`.
        let place = [4, 3].into_iter().find_map(|count| {
            let joined = words.get(at..at + count)?.join("-");
            let is_zone = grammar::is_zone(&joined);
            (is_zone || grammar::is_region(&joined)).then_some((count, is_zone))
        });
        match place {
            Some((count, is_zone)) => {
                at += count;
                let last = &words[at - 1];
                kept.extend(is_zone.then(|| &last[last.len() - 1..]));
            }
            None => {
                kept.extend((!ENVIRONMENTS.contains(&words[at].as_str())).then_some(words[at].as_str()));
                at += 1;
            }
        }
    }
    (!kept.is_empty()).then(|| kept.join("-"))
}

/// The one service account that a trust policy names: `namespace/serviceaccount`.
fn irsa_subject(policy: &str) -> Option<String> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    let mut subjects = std::collections::BTreeSet::new();
    let statements = policy.get("Statement")?;
    let one = std::slice::from_ref(statements);
    for statement in statements.as_array().map_or(one, Vec::as_slice) {
        for condition in statement.get("Condition").and_then(|c| c.as_object()).into_iter().flat_map(|c| c.values()) {
            for (key, value) in condition.as_object().into_iter().flatten() {
                if key.ends_with(":sub") {
                    let one = std::slice::from_ref(value);
                    subjects.extend(value.as_array().map_or(one, Vec::as_slice).iter().filter_map(|s| s.as_str()));
                }
            }
        }
    }
    let [subject] = subjects.into_iter().collect::<Vec<_>>()[..] else { return None };
    let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    (!namespace.contains('*') && !name.contains('*')).then(|| format!("{namespace}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_has_no_environment_and_no_region() {
        for (name, common) in [
            ("shop-prod-us-east-1-orders", Some("shop-orders")),
            ("shop_DR_eu-west-1_orders", Some("shop-orders")),
            ("prod/private/us-east-1a", Some("private-a")),
            ("gov-us-gov-west-1-web", Some("gov-web")),
            ("product", Some("product")),
            ("prod-us-east-1", None),
            ("", None),
        ] {
            assert_eq!(common_name(name).as_deref(), common, "{name}");
        }
    }
}
