//! `verify.references`: nothing in the target points at the source's infrastructure any more.

use infra::LeakScanner;
use model::{ApiResource, Finding, ItemId, Severity};
use scenario::steps::Verification;
use scenario::steps::verify_references::{Params, Require};
use scenario::{Failure, FailureKind};

use super::backup::remembered;
use super::checks::{Checks, unknown};
use super::restoring::{into_cluster, namespaces_of, source_of};
use super::verify_ready::{admits, globs};
use crate::drill::live::Live;
use crate::drill::step::{StepContext, contract_of, read_contract};

/// Kinds that say what happened, not what is wanted; and copies that their owners write.
const LEFT_OUT: [&str; 6] = [
    "events",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "controllerrevisions.apps",
];
const RESTORED: &str = "velero.io/restore-name";

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Verification, Failure> {
    let scanner = scanner(context, params).await?;
    let live = Live::connect(context, &params.cluster).await?;
    let mut patterns = params.namespaces.clone();
    if patterns.is_empty() {
        patterns = into_cluster(context, &params.cluster).map(|restore| namespaces_of(&restore)).unwrap_or_default();
    }
    let namespaces = globs(&patterns)?;
    let wanted = |resource: &&ApiResource| {
        resource.has_verb("list") && !LEFT_OUT.contains(&resource.group_resource().to_string().as_str())
    };
    let mut checks = Checks::default();
    for resource in live.catalog.preferred_resources().into_iter().filter(wanted) {
        context.say(format!("searching {}", resource.group_resource()));
        // Of what has no namespace, only what came from a backup is the platform's own.
        let selector = (!resource.namespaced).then_some(RESTORED);
        let objects = match live.list(resource, None, selector).await {
            Ok(objects) => objects,
            Err(error) if error.is_not_found() => continue,
            Err(error) => {
                // Not searched is not clean.
                checks.unseen(
                    "not-searched",
                    format!("{} could not be listed: {}", resource.group_resource(), model::chain(&error)),
                );
                continue;
            }
        };
        for object in &objects {
            if resource.namespaced && !admits(&namespaces, object.namespace().unwrap_or_default()) {
                continue;
            }
            let id = ItemId {
                resource: resource.group_resource(),
                namespace: object.namespace().map(str::to_owned),
                name: object.name().to_owned(),
            };
            let mut object = object.clone();
            object.remove("/metadata/managedFields");
            let mut findings = scanner.scan(&object, Some(&id));
            findings.retain(|finding| !params.except.iter().any(|except| is_excepted(except, finding)));
            checks.found(findings, |finding| match params.require {
                Require::NoErrors => finding.severity == Severity::Error,
                Require::None => finding.severity >= Severity::Warning,
            });
        }
    }
    checks.end("nothing points at the source", "objects point at the source")
}

async fn scanner(context: &StepContext, params: &Params) -> Result<LeakScanner, Failure> {
    let restore = into_cluster(context, &params.cluster);
    let said =
        params.source.as_ref().or_else(|| restore.as_ref().and_then(source_of)).map(|contract| contract.0.clone());
    let source = match (said, &restore) {
        (Some(source), _) => source,
        (None, Some(restore)) => {
            let location = context.location(&restore.location).await?;
            let found = remembered(location.store.as_ref(), &restore.backup).await?;
            found.ok_or_else(|| unknown(format!("backup {} remembers no infrastructure", restore.backup)))?
        }
        (None, None) => return Err(unknown("nothing says what the source's infrastructure was").hint("give `source`")),
    };
    let source = read_contract(&source, "the source's")?;
    let target = restore.as_ref().and_then(|restore| restore.target.as_ref()).or_else(|| contract_of(&params.cluster));
    let target = target.map(|contract| read_contract(&contract.0, "the target's")).transpose()?;
    let scanner = LeakScanner::new(&source, target.as_ref());
    scanner.map_err(|error| failed_to_build(&error))
}

fn failed_to_build(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(FailureKind::Invalid, format!("the source's values cannot be searched for: {}", model::chain(error)))
}

/// A find is meant to be when its pointer fits, or its identifier is named.
fn is_excepted(except: &str, finding: &Finding) -> bool {
    if !except.starts_with('/') {
        return finding.reason.message.split(" is ").next() == Some(except);
    }
    let Some(pointer) = &finding.pointer else { return false };
    let (mut wanted, mut found) = (except.split('/'), pointer.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == "*" || wanted == found => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Reason;

    #[test]
    fn exceptions_are_pointers_or_identifiers() {
        let finding = Finding {
            severity: Severity::Error,
            item: None,
            pointer: Some("/spec/template/spec/containers/0/image".to_owned()),
            reason: Reason::new("known", "subnet-0a11 is a subnet of the source"),
        };
        assert!(is_excepted("/spec/template/spec/containers/*/image", &finding));
        assert!(!is_excepted("/spec/template/spec/containers/*", &finding));
        assert!(is_excepted("subnet-0a11", &finding));
        assert!(!is_excepted("subnet-0a1", &finding));
    }
}
