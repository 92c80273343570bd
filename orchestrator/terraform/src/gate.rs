//! What may be applied: a pure decision over a plan.
//!
//! Deleting or replacing something that holds data is refused unless its address was allowed. So are plans that
//! failed, that are too old, or that ask for something this code does not understand.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ports::infrastructure::{StackAction, StackRefusal};

use crate::address::covers;
use crate::plan::{Plan, ResourceChange};

/// What a plan is measured against.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Addresses that may go although they hold data; see [`covers`].
    pub allow: BTreeSet<String>,
    /// Kinds of resources that hold data, beside the known ones.
    pub stateful: BTreeSet<String>,
    /// Now, and how old a plan may be.
    pub age: Option<(Timestamp, SignedDuration)>,
}

/// Codes of refusals that another plan takes away.
pub(crate) const AGE: [&str; 2] = ["plan-expired", "plan-undated"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing would change.
    Nothing,
    Apply,
    Refused(Vec<StackRefusal>),
}

pub fn decide(plan: &Plan, policy: &Policy) -> Decision {
    let refusals = refusals(plan, policy);
    match (refusals.is_empty(), plan.applyable) {
        (false, _) => Decision::Refused(refusals),
        (true, true) => Decision::Apply,
        (true, false) => Decision::Nothing,
    }
}

fn refusals(plan: &Plan, policy: &Policy) -> Vec<StackRefusal> {
    let mut refusals = Vec::new();
    if plan.errored {
        refusals.push(refusal("", "plan-errored", "planning failed, so the plan is only a part".into()));
    }
    if let Some((now, limit)) = policy.age {
        match plan.made_at {
            Some(made) if now.duration_since(made) <= limit => {}
            Some(made) => {
                let message = format!("the plan was made at {made} and has expired");
                refusals.push(refusal("", "plan-expired", message));
            }
            None => refusals.push(refusal("", "plan-undated", "the plan does not say when it was made".into())),
        }
    }
    refusals.extend(plan.changes.iter().filter_map(|change| refuse(change, policy)));
    refusals
}

fn refuse(change: &ResourceChange, policy: &Policy) -> Option<StackRefusal> {
    let address = change.address.as_str();
    if !change.is_understood() {
        let actions = change.actions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Some(refusal(address, "unknown-action", format!("{address} would get an unknown action ({actions})")));
    }
    let goes = change.managed && change.actions.contains("delete");
    if !goes || !is_stateful(&change.kind, policy) || policy.allow.iter().any(|rule| covers(rule, address)) {
        return None;
    }
    let (code, verb) = match change.action() {
        StackAction::Replace => ("stateful-replace", "replaced"),
        _ => ("stateful-delete", "deleted"),
    };
    let why = change.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    Some(refusal(
        address,
        code,
        format!("{address} would be {verb}{why} and holds data; allow it by its address if that is meant"),
    ))
}

fn refusal(address: &str, code: &str, message: String) -> StackRefusal {
    StackRefusal { address: address.into(), code: code.into(), message }
}

fn is_stateful(kind: &str, policy: &Policy) -> bool {
    policy.stateful.contains(kind) || STATEFUL.contains(&kind) || STATEFUL_FAMILIES.iter().any(|f| kind.starts_with(f))
}

/// Kinds whose loss loses data, keys or an identity that others depend on.
const STATEFUL: [&str; 58] = [
    "aws_backup_vault",
    "aws_cloudtrail",
    "aws_cloudwatch_log_group",
    "aws_codecommit_repository",
    "aws_cognito_user_pool",
    "aws_db_cluster_snapshot",
    "aws_db_instance",
    "aws_db_snapshot",
    "aws_directory_service_directory",
    "aws_dynamodb_global_table",
    "aws_dynamodb_table",
    "aws_ebs_snapshot",
    "aws_ebs_snapshot_copy",
    "aws_ebs_volume",
    "aws_ecr_repository",
    "aws_efs_file_system",
    "aws_eks_cluster",
    "aws_elasticache_cluster",
    "aws_elasticache_replication_group",
    "aws_elasticache_serverless_cache",
    "aws_elasticsearch_domain",
    "aws_glacier_vault",
    "aws_keyspaces_table",
    "aws_kinesis_stream",
    "aws_kms_external_key",
    "aws_kms_key",
    "aws_kms_replica_key",
    "aws_lightsail_database",
    "aws_mq_broker",
    "aws_msk_cluster",
    "aws_opensearch_domain",
    "aws_rds_cluster",
    "aws_rds_cluster_instance",
    "aws_rds_global_cluster",
    "aws_redshift_cluster",
    "aws_route53_zone",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "aws_sqs_queue",
    "aws_ssm_parameter",
    "azurerm_cosmosdb_account",
    "azurerm_key_vault",
    "azurerm_kubernetes_cluster",
    "azurerm_managed_disk",
    "azurerm_mssql_database",
    "azurerm_mysql_flexible_server",
    "azurerm_postgresql_flexible_server",
    "azurerm_storage_account",
    "azurerm_storage_container",
    "google_compute_disk",
    "google_container_cluster",
    "google_filestore_instance",
    "google_kms_crypto_key",
    "google_spanner_database",
    "google_sql_database_instance",
    "google_storage_bucket",
    "kubernetes_namespace",
    "kubernetes_persistent_volume_claim",
];

const STATEFUL_FAMILIES: [&str; 6] =
    ["aws_docdb_", "aws_fsx_", "aws_memorydb_", "aws_neptune_", "aws_qldb_", "aws_timestream"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{change, plan};
    use serde_json::json;

    fn codes(decision: &Decision) -> Vec<(&str, &str)> {
        match decision {
            Decision::Refused(all) => all.iter().map(|r| (r.address.as_str(), r.code.as_str())).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn data_goes_only_by_address() {
        let plan = plan(json!([
            change("module.db[\"a.b\"].aws_db_instance.x[0]", "aws_db_instance", &["delete", "create"]),
            change("aws_s3_bucket.logs", "aws_s3_bucket", &["delete"]),
            change("aws_fsx_lustre_file_system.x", "aws_fsx_lustre_file_system", &["create", "delete"]),
            change("aws_subnet.x", "aws_subnet", &["delete"]),
            change("aws_s3_bucket.kept", "aws_s3_bucket", &["update"]),
        ]));
        let mut policy = Policy::default();
        assert_eq!(
            codes(&decide(&plan, &policy)),
            [
                ("module.db[\"a.b\"].aws_db_instance.x[0]", "stateful-replace"),
                ("aws_s3_bucket.logs", "stateful-delete"),
                ("aws_fsx_lustre_file_system.x", "stateful-replace"),
            ]
        );
        policy.allow = ["module.db", "aws_s3_bucket.log", "aws_fsx_lustre_file_system.x"].map(String::from).into();
        assert_eq!(codes(&decide(&plan, &policy)), [("aws_s3_bucket.logs", "stateful-delete")]);
        policy.allow.insert("*".into());
        assert_eq!(decide(&plan, &policy), Decision::Apply);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let plan = plan(json!([change("a.x", "a", &["transmogrify"])]));
        assert_eq!(codes(&decide(&plan, &Policy::default())), [("a.x", "unknown-action")]);
    }

    #[test]
    fn an_old_or_failed_plan_is_refused() {
        let mut old = plan(json!([]));
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let policy = Policy { age: Some((now, SignedDuration::from_hours(1))), ..Default::default() };
        assert_eq!(codes(&decide(&old, &policy)), [("", "plan-undated")]);
        old.made_at = Some("2026-01-01T10:59:00Z".parse().unwrap());
        assert_eq!(codes(&decide(&old, &policy)), [("", "plan-expired")]);
        old.made_at = Some("2026-01-01T11:01:00Z".parse().unwrap());
        assert_eq!(decide(&old, &policy), Decision::Apply);
        old.errored = true;
        assert_eq!(codes(&decide(&old, &policy)), [("", "plan-errored")]);
        let nothing = Plan::default();
        assert_eq!(decide(&nothing, &Policy::default()), Decision::Nothing);
    }

    #[test]
    fn the_list_is_sorted_so_that_it_can_be_read() {
        assert!(STATEFUL.is_sorted());
    }
}
