//! Which version of an item to create: what the target serves decides, among what the archive holds and what converts.
//!
//! The catalog comes from the target's discovery, with what the archive's definitions will add (see `custom`). A group
//! that failed discovery is unknown, not unserved; telling the two apart is the caller's.

use model::{ApiResource, Blocked, Catalog, GroupResource, GroupVersion, Gvk};

use crate::convert::{CannotConvert, DecisionTaken, Family};
use crate::convert::{family_of, no_successor};
use crate::custom::CrdFacts;
use crate::options::{CUSTOM_VERSION, Options, POD_SECURITY_POLICY};

/// An item, as far as its version is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub resource: &'a GroupResource,
    pub kind: &'a str,
    /// The versions in which the archive holds a body, the source's preferred one first.
    pub versions: &'a [String],
    /// The definition in the archive, for a custom resource.
    pub source_definition: Option<&'a CrdFacts>,
    /// The definition that will be in force on the target.
    pub target_definition: Option<&'a CrdFacts>,
}

/// What to create, and from which body.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// The body of this version goes out unconverted.
    AsIs { to: ApiResource },
    /// The body of `from` is converted with `convert`.
    Convert { from: Gvk, to: ApiResource },
    /// A custom resource gets another version and nothing else, as its server would do.
    Rename { from: Gvk, to: ApiResource, because: String, decision: Option<DecisionTaken> },
    /// A decision says to leave it out.
    Skip { decision: DecisionTaken, hint: String },
    /// There is no way without a person.
    Blocked(Blocked),
}

/// Chooses the version to create an item in.
pub fn choose(candidate: &Candidate<'_>, target: &Catalog, options: &Options) -> Choice {
    if let Some(to) = unconverted(candidate, target) {
        return Choice::AsIs { to };
    }
    if let Some((from, to)) = converted(candidate, target) {
        return Choice::Convert { from, to };
    }
    let gvks: Vec<Gvk> = candidate.versions.iter().map(|version| gvk(candidate, version)).collect();
    let Some(first) = gvks.first() else {
        let message = format!("the archive holds no version of {}", candidate.resource);
        return Choice::Blocked(Blocked::new("no-body", message, "take the backup again"));
    };
    if candidate.kind == "PodSecurityPolicy"
        && let Some((why, hint)) = no_successor(first)
    {
        let decision = DecisionTaken {
            code: POD_SECURITY_POLICY,
            value: options.value(POD_SECURITY_POLICY),
            chosen: options.is_chosen(POD_SECURITY_POLICY),
            pointer: String::new(),
            message: format!("{first} has no successor: {why}"),
        };
        return Choice::Skip { decision, hint: hint.into() };
    }
    if let Some((why, instead)) = gvks.iter().find_map(no_successor) {
        return Choice::Blocked(CannotConvert::NoSuccessor { from: first.to_string(), why, instead }.blocked());
    }
    if gvks.iter().any(|gvk| family_of(gvk).is_some()) {
        return Choice::Blocked(nothing_served(first, target));
    }
    custom(candidate, target, options)
}

/// The best of the archive's versions that the target serves: the target's storage version, then its preferred one,
/// then the archive's preferred one, then what the target ranks highest.
fn unconverted(candidate: &Candidate<'_>, target: &Catalog) -> Option<ApiResource> {
    let served = target.versions_of(candidate.resource);
    let held = |version: &str| candidate.versions.iter().any(|held| held == version);
    let storage = candidate.target_definition.and_then(|facts| facts.storage.as_deref());
    let by_storage = served.iter().find(|api| Some(api.version.as_str()) == storage && held(&api.version));
    let by_target = served.first().filter(|api| held(&api.version));
    let by_archive = candidate.versions.first().and_then(|first| served.iter().find(|api| api.version == *first));
    let by_rank = served.iter().find(|api| held(&api.version));
    by_storage.or(by_target).or(by_archive).or(by_rank).map(|api| (*api).clone())
}

/// The newest served form that a held body converts to, from the body that is nearest to it.
fn converted(candidate: &Candidate<'_>, target: &Catalog) -> Option<(Gvk, ApiResource)> {
    let held: Vec<Gvk> = candidate.versions.iter().map(|version| gvk(candidate, version)).collect();
    let (family, _) = held.iter().find_map(family_of)?;
    preference(family).into_iter().find_map(|to| {
        let api = target.find_kind(&family.forms[to].gvk())?;
        let mut from: Vec<usize> =
            held.iter().filter_map(|gvk| family.forms.iter().position(|form| form.is(gvk))).collect();
        from.retain(|from| *from != to && family.allows(&family.forms[*from], &family.forms[to]));
        from.sort_by_key(|from| from.abs_diff(to));
        Some((family.forms[*from.first()?].gvk(), api.clone()))
    })
}

/// The forms of a family, the one to create first. Newer is better, but an event is created in the core group, which
/// asks less of it.
fn preference(family: &Family) -> Vec<usize> {
    let mut order: Vec<usize> = (0..family.forms.len()).rev().collect();
    if family.forms.first().is_some_and(|form| form.kind == "Event" && form.group.is_empty()) {
        order.sort();
    }
    order
}

fn gvk(candidate: &Candidate<'_>, version: &str) -> Gvk {
    Gvk::new(&candidate.resource.group, version, candidate.kind)
}

fn nothing_served(from: &Gvk, target: &Catalog) -> Blocked {
    let reachable: Vec<String> = crate::convert::reachable(from).iter().map(Gvk::api_version).collect();
    let known = target.resources().any(|api| api.group == from.group);
    let message = format!("the target serves {} in no version that {from} converts to", from.kind);
    let hint = if reachable.is_empty() {
        "restore into a release that serves it".to_owned()
    } else if known {
        format!("enable one of {} on the target", reachable.join(", "))
    } else {
        format!("install what serves one of {} on the target", reachable.join(", "))
    };
    Blocked::new("no-served-version", message, hint)
}

fn custom(candidate: &Candidate<'_>, target: &Catalog, options: &Options) -> Choice {
    let served = target.versions_of(candidate.resource);
    let Some(preferred) = served.first() else {
        let message = format!("the target serves no {}", candidate.resource);
        let hint = "restore its CustomResourceDefinition first, or install what defines it";
        return Choice::Blocked(Blocked::new("no-served-resource", message, hint));
    };
    let storage = candidate.target_definition.and_then(|facts| facts.storage.as_deref());
    let to = served.iter().find(|api| Some(api.version.as_str()) == storage).unwrap_or(preferred);
    // `choose` has made sure that there is a version.
    let version = candidate.versions.first().map(String::as_str).unwrap_or_default();
    let from = gvk(candidate, version);
    if let Some((from, because)) = renames(candidate, &to.version) {
        return Choice::Rename { from, to: (*to).clone(), because, decision: None };
    }
    let why = why_not(candidate, &to.version);
    let decision = DecisionTaken {
        code: CUSTOM_VERSION,
        value: options.value(CUSTOM_VERSION),
        chosen: options.is_chosen(CUSTOM_VERSION),
        pointer: "/apiVersion".into(),
        message: format!("{from} is not served, {} is: {why}", GroupVersion::new(&to.group, &to.version)),
    };
    if decision.value == "rename" {
        let because = decision.message.clone();
        return Choice::Rename { from, to: (*to).clone(), because, decision: Some(decision) };
    }
    let hint = match candidate.source_definition.and_then(|facts| facts.webhook.as_deref()) {
        Some(webhook) => format!("restore with the operator that runs {webhook}, and upgrade it there"),
        None => format!("convert it with its operator's own tool, or choose {CUSTOM_VERSION}=rename"),
    };
    Choice::Skip { decision, hint }
}

/// A held version that a definition of strategy None has beside the wanted one: its server would rename it too.
fn renames(candidate: &Candidate<'_>, to: &str) -> Option<(Gvk, String)> {
    for (facts, whose) in [(candidate.target_definition, "target"), (candidate.source_definition, "archive")] {
        let Some(facts) = facts.filter(|facts| facts.converts_by_rename) else { continue };
        let lists = |version: &str| facts.versions.iter().any(|listed| listed == version);
        if let Some(version) = candidate.versions.iter().find(|version| lists(version) && lists(to)) {
            let because = format!("the definition of the {whose} converts {version} to {to} by name alone");
            return Some((gvk(candidate, version), because));
        }
    }
    None
}

fn why_not(candidate: &Candidate<'_>, to: &str) -> String {
    match candidate.source_definition {
        None => "the archive has no definition that says how they differ".into(),
        Some(facts) if !facts.versions.iter().any(|version| version == to) => {
            format!("the archive's definition never had {to}")
        }
        Some(facts) => match &facts.webhook {
            Some(webhook) => format!("the webhook {webhook} of the source converts between them"),
            None => "a webhook of the source converts between them".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::served_by;
    use model::KubernetesVersion;

    fn chosen(resource: &str, kind: &str, versions: &[&str], minor: u32) -> Choice {
        let versions: Vec<String> = versions.iter().map(|v| (*v).to_owned()).collect();
        let resource = GroupResource::parse(resource);
        let candidate = Candidate {
            resource: &resource,
            kind,
            versions: &versions,
            source_definition: None,
            target_definition: None,
        };
        choose(&candidate, &served_by(KubernetesVersion::new(1, minor)), &Options::default())
    }

    fn shown(choice: Choice) -> String {
        match choice {
            Choice::AsIs { to } => format!("as is {}", to.gvk()),
            Choice::Convert { from, to } => format!("{} -> {}", from.api_version(), to.gvk()),
            Choice::Rename { from, to, .. } => format!("{} => {}", from.api_version(), to.gvk()),
            Choice::Skip { decision, .. } => format!("skip {}", decision.code),
            Choice::Blocked(blocked) => format!("blocked {}", blocked.reason.code),
        }
    }

    #[test]
    fn the_target_decides() {
        let hpa = "horizontalpodautoscalers.autoscaling";
        for (resource, kind, versions, minor, expected) in [
            ("deployments.apps", "Deployment", &["v1"][..], 36, "as is apps/v1/Deployment"),
            ("deployments.extensions", "Deployment", &["v1beta1"], 36, "extensions/v1beta1 -> apps/v1/Deployment"),
            ("deployments.apps", "Deployment", &["v1beta1", "v1beta2"], 36, "apps/v1beta2 -> apps/v1/Deployment"),
            ("ingresses.extensions", "Ingress", &["v1beta1"], 36, "extensions/v1beta1 -> networking.k8s.io/v1/Ingress"),
            (hpa, "HorizontalPodAutoscaler", &["v1", "v2beta2"], 36, "as is autoscaling/v1/HorizontalPodAutoscaler"),
            (
                hpa,
                "HorizontalPodAutoscaler",
                &["v2beta2"],
                36,
                "autoscaling/v2beta2 -> autoscaling/v2/HorizontalPodAutoscaler",
            ),
            (
                hpa,
                "HorizontalPodAutoscaler",
                &["v2"],
                22,
                "autoscaling/v2 -> autoscaling/v2beta2/HorizontalPodAutoscaler",
            ),
            ("cronjobs.batch", "CronJob", &["v1", "v1beta1"], 20, "as is batch/v1beta1/CronJob"),
            ("cronjobs.batch", "CronJob", &["v1"], 20, "batch/v1 -> batch/v1beta1/CronJob"),
            ("events.events.k8s.io", "Event", &["v1beta1"], 36, "events.k8s.io/v1beta1 -> v1/Event"),
            ("podsecuritypolicies.policy", "PodSecurityPolicy", &["v1beta1"], 36, "skip pod-security-policy"),
            (
                "podsecuritypolicies.extensions",
                "PodSecurityPolicy",
                &["v1beta1"],
                24,
                "extensions/v1beta1 -> policy/v1beta1/PodSecurityPolicy",
            ),
            ("podpresets.settings.k8s.io", "PodPreset", &["v1alpha1"], 36, "blocked no-successor"),
            (
                "volumesnapshots.snapshot.storage.k8s.io",
                "VolumeSnapshot",
                &["v1beta1"],
                36,
                "blocked no-served-version",
            ),
            ("widgets.example.com", "Widget", &["v1"], 36, "blocked no-served-resource"),
        ] {
            assert_eq!(
                shown(chosen(resource, kind, versions, minor)),
                expected,
                "{resource} {versions:?} on 1.{minor}"
            );
        }
    }

    fn facts(versions: &[&str], storage: &str, by_rename: bool) -> CrdFacts {
        CrdFacts {
            versions: versions.iter().map(|v| (*v).to_owned()).collect(),
            storage: Some(storage.into()),
            converts_by_rename: by_rename,
            webhook: (!by_rename).then(|| "shop/convert".to_owned()),
            ..CrdFacts::default()
        }
    }

    #[test]
    fn a_custom_resource_without_a_common_version_is_a_decision() {
        let resource = GroupResource::parse("widgets.example.com");
        let mut target = Catalog::default();
        for version in ["v2", "v1"] {
            let mut api = served_by(KubernetesVersion::new(1, 36)).resources().next().unwrap().clone();
            api.group = "example.com".into();
            api.resource = "widgets".into();
            api.kind = "Widget".into();
            api.version = version.into();
            target.add(api);
        }
        let versions = ["v1alpha1".to_owned()];
        let with = |source: Option<&CrdFacts>, definition: Option<&CrdFacts>, choices: &[&str]| {
            let candidate = Candidate {
                resource: &resource,
                kind: "Widget",
                versions: &versions,
                source_definition: source,
                target_definition: definition,
            };
            shown(choose(&candidate, &target, &Options::parse(choices.iter().copied()).unwrap()))
        };
        let both = facts(&["v1", "v1alpha1"], "v1", true);
        let hooked = facts(&["v1", "v1alpha1"], "v1", false);
        assert_eq!(with(None, None, &[]), "skip custom-version");
        assert_eq!(with(None, None, &["custom-version=rename"]), "example.com/v1alpha1 => example.com/v2/Widget");
        assert_eq!(with(None, Some(&both), &[]), "example.com/v1alpha1 => example.com/v1/Widget");
        assert_eq!(with(Some(&hooked), Some(&facts(&["v2", "v1"], "v2", true)), &[]), "skip custom-version");
        assert_eq!(
            with(Some(&both), Some(&facts(&["v1"], "v1", true)), &[]),
            "example.com/v1alpha1 => example.com/v1/Widget"
        );
    }
}
