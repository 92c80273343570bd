//! Services, claims, volumes and schedules: annotations that became fields, and fields that newer servers prune.

use model::{Gvk, KubernetesVersion};
use serde_json::{Value, json};

use super::{Body, since, spec_at};
use crate::convert::draft::{annotation, is_blank, is_unset, object_mut, text};
use crate::convert::{At, CannotConvert, Draft};
use crate::options::{CRON_TIME_ZONE, REMOVED_FIELDS};

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const UNREADY: &str = "service.alpha.kubernetes.io/tolerate-unready-endpoints";
const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const MODE: &str = "service.kubernetes.io/topology-mode";

/// The class and the mount options of a volume or a claim. The annotation wins where both exist, as it did.
pub(super) fn volume_annotations(body: &mut Body, is_volume: bool, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "the annotation became a field";
    if let Some(class) = annotation(body, CLASS).map(str::to_owned) {
        draft.remove_annotation(body, CLASS, because);
        if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
            draft.set(spec, &spec_at(), "storageClassName", class, because);
        }
    }
    if !is_volume {
        return Ok(());
    }
    if let Some(options) = annotation(body, MOUNT_OPTIONS).map(str::to_owned) {
        draft.remove_annotation(body, MOUNT_OPTIONS, because);
        if let Some(spec) = object_mut(body, &At::ROOT, "spec")?
            && is_unset(spec, "mountOptions")
        {
            let options: Vec<&str> = options.split(',').map(str::trim).filter(|option| !option.is_empty()).collect();
            draft.set(spec, &spec_at(), "mountOptions", options, because);
        }
    }
    Ok(())
}

pub(super) fn service(body: &mut Body, release: KubernetesVersion, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if draft.options.is(REMOVED_FIELDS, "keep") {
        return Ok(());
    }
    let because = "the annotation became a field";
    if let Some(ranges) = annotation(body, SOURCE_RANGES).map(str::to_owned) {
        draft.remove_annotation(body, SOURCE_RANGES, because);
        let ranges: Vec<&str> = ranges.split(',').map(str::trim).filter(|range| !range.is_empty()).collect();
        if let Some(spec) = object_mut(body, &At::ROOT, "spec")?
            && is_unset(spec, "loadBalancerSourceRanges")
            && !ranges.is_empty()
        {
            draft.set(spec, &spec_at(), "loadBalancerSourceRanges", ranges, because);
        }
    }
    if let Some(tolerates) = annotation(body, UNREADY).map(|value| value == "true") {
        draft.remove_annotation(body, UNREADY, because);
        if let Some(spec) = object_mut(body, &At::ROOT, "spec")?
            && tolerates
        {
            draft.set(spec, &spec_at(), "publishNotReadyAddresses", true, because);
        }
    }
    if since(release, 27)
        && let Some(hints) = annotation(body, HINTS).map(str::to_owned)
    {
        let because = "the annotation was renamed";
        draft.remove_annotation(body, HINTS, because);
        if annotation(body, MODE).is_none() {
            draft.set_annotation(body, MODE, hints, because)?;
        }
    }
    removed(body, release, draft)
}

fn removed(body: &mut Body, release: KubernetesVersion, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = spec_at();
    if since(release, 20)
        && let Some(family) = draft.remove(spec, &at, "ipFamily", "the field became a list in 1.20")
        && !family.is_null()
        && is_unset(spec, "ipFamilies")
    {
        let because = "the field ipFamily became a list in 1.20";
        draft.set(spec, &at, "ipFamilies", json!([family]), because);
        if is_blank(spec, "ipFamilyPolicy") {
            draft.set(spec, &at, "ipFamilyPolicy", "SingleStack", because);
        }
    }
    if !since(release, 22) || is_unset(spec, "topologyKeys") {
        return Ok(());
    }
    let keys: Vec<&str> =
        spec.get("topologyKeys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    // What the first key asks for is the nearest that the new fields can say.
    let local = keys == ["kubernetes.io/hostname"];
    let near =
        keys.first().is_some_and(|key| key.ends_with("/zone") || key.ends_with("/region") || key.ends_with("hostname"));
    let message = format!("the topology keys {} have no exact successor", keys.join(", "));
    draft.decide(REMOVED_FIELDS, &at.key("topologyKeys"), &*message);
    draft.remove(spec, &at, "topologyKeys", &message);
    if local {
        draft.set(spec, &at, "internalTrafficPolicy", "Local", &message);
    } else if near && since(release, 30) && is_blank(spec, "trafficDistribution") {
        draft.set(spec, &at, "trafficDistribution", "PreferClose", &message);
    }
    Ok(())
}

/// The time zone of a schedule, which newer servers take in its field alone.
pub(super) fn time_zone(
    body: &mut Body,
    gvk: &Gvk,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if gvk.kind != "CronJob" || !since(release, 25) || draft.options.is(CRON_TIME_ZONE, "keep") {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let Some(schedule) = text(spec, "schedule").map(str::trim_start) else { return Ok(()) };
    let Some(rest) = schedule.strip_prefix("CRON_TZ=").or_else(|| schedule.strip_prefix("TZ=")) else {
        return Ok(());
    };
    let Some((zone, schedule)) = rest.split_once(char::is_whitespace) else { return Ok(()) };
    let (zone, schedule) = (zone.to_owned(), schedule.trim().to_owned());
    let message = format!("the schedule names the time zone {zone}, which has a field");
    draft.decide(CRON_TIME_ZONE, &spec_at().key("schedule"), &*message);
    draft.set(spec, &spec_at(), "schedule", schedule, &message);
    if is_blank(spec, "timeZone") {
        draft.set(spec, &spec_at(), "timeZone", zone, &message);
    }
    Ok(())
}
