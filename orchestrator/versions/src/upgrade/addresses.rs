//! Addresses and networks that strict validation rejects on create: leading zeros, IPv4 inside IPv6, host bits.
//!
//! Older servers read them with lenient parsers, so what they meant is known, and it is written in canonical form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::KubernetesVersion;
use serde_json::Value;

use super::{Body, since, spec_at};
use crate::convert::draft::{each_object, object_mut};
use crate::convert::{At, CannotConvert, Draft};
use crate::options::ADDRESSES;

const BECAUSE: &str = "newer servers take addresses in canonical form alone";

fn wanted(release: KubernetesVersion, draft: &Draft<'_>) -> bool {
    since(release, 33) && draft.options.is(ADDRESSES, "canonical")
}

/// Reads an address as the lenient parsers did: octets may have leading zeros and are decimal all the same.
fn lenient(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4));
    }
    let octets: Vec<&str> = text.split('.').collect();
    let [a, b, c, d] = octets.as_slice() else { return None };
    let octet = |text: &&str| {
        let digits = !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<u32>().ok().and_then(|value| u8::try_from(value).ok()) } else { None }
    };
    Some(IpAddr::V4(Ipv4Addr::new(octet(a)?, octet(b)?, octet(c)?, octet(d)?)))
}

fn canonical_address(text: &str) -> Option<String> {
    lenient(text).map(|address| address.to_string()).filter(|canonical| canonical != text)
}

fn canonical_network(text: &str) -> Option<String> {
    let (address, length) = text.split_once('/')?;
    let mapped = address.parse::<Ipv6Addr>().ok().and_then(|address| address.to_ipv4_mapped()).is_some();
    let digits = !length.is_empty() && length.len() <= 3 && length.bytes().all(|byte| byte.is_ascii_digit());
    let mut length: u32 = if digits { length.parse().ok()? } else { return None };
    if mapped {
        length = length.checked_sub(96)?;
    }
    let canonical = match lenient(address)? {
        IpAddr::V4(address) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from(u32::from(address) & mask))
        }
        IpAddr::V6(address) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from(u128::from(address) & mask))
        }
        _ => return None,
    };
    (canonical != text).then_some(canonical)
}

fn field(map: &mut Body, at: &At<'_>, key: &str, read: fn(&str) -> Option<String>, draft: &mut Draft<'_>) {
    if let Some(canonical) = map.get(key).and_then(Value::as_str).and_then(read) {
        draft.set(map, at, key, canonical, BECAUSE);
    }
}

fn list(map: &mut Body, at: &At<'_>, key: &str, read: fn(&str) -> Option<String>, draft: &mut Draft<'_>) {
    let Some(Value::Array(values)) = map.get(key) else { return };
    if values.iter().any(|value| value.as_str().and_then(read).is_some()) {
        let canonical = |value: &Value| value.as_str().and_then(read).map_or_else(|| value.clone(), Value::from);
        let values: Vec<Value> = values.iter().map(canonical).collect();
        draft.set(map, at, key, values, BECAUSE);
    }
}

pub(super) fn service(body: &mut Body, release: KubernetesVersion, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if !wanted(release, draft) {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = spec_at();
    field(spec, &at, "clusterIP", canonical_address, draft);
    list(spec, &at, "clusterIPs", canonical_address, draft);
    list(spec, &at, "externalIPs", canonical_address, draft);
    field(spec, &at, "loadBalancerIP", canonical_address, draft);
    list(spec, &at, "loadBalancerSourceRanges", canonical_network, draft);
    Ok(())
}

pub(super) fn endpoints(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if !wanted(release, draft) {
        return Ok(());
    }
    each_object(body, &At::ROOT, "subsets", |subset, at| {
        for key in ["addresses", "notReadyAddresses"] {
            each_object(subset, at, key, |address, at| {
                field(address, at, "ip", canonical_address, draft);
                Ok(())
            })?;
        }
        Ok(())
    })
}

pub(super) fn endpoint_slice(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if !wanted(release, draft) || body.get("addressType").and_then(Value::as_str) == Some("FQDN") {
        return Ok(());
    }
    each_object(body, &At::ROOT, "endpoints", |endpoint, at| {
        list(endpoint, at, "addresses", canonical_address, draft);
        Ok(())
    })
}

pub(super) fn network_policy(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if !wanted(release, draft) {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        each_object(spec, &spec_at(), direction, |rule, at| {
            each_object(rule, at, peers, |peer, at| {
                if let Some(block) = object_mut(peer, at, "ipBlock")? {
                    let at = at.key("ipBlock");
                    field(block, &at, "cidr", canonical_network, draft);
                    list(block, &at, "except", canonical_network, draft);
                }
                Ok(())
            })
        })?;
    }
    Ok(())
}

pub(super) fn pod(
    spec: &mut Body,
    at: &At<'_>,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if !wanted(release, draft) {
        return Ok(());
    }
    each_object(spec, at, "hostAliases", |alias, at| {
        field(alias, at, "ip", canonical_address, draft);
        Ok(())
    })?;
    if let Some(dns) = object_mut(spec, at, "dnsConfig")? {
        list(dns, &at.key("dnsConfig"), "nameservers", canonical_address, draft);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenient_text_becomes_canonical() {
        for (text, canonical) in [
            ("010.0.000.1", Some("10.0.0.1")),
            ("::ffff:10.0.0.1", Some("10.0.0.1")),
            ("2001:DB8:0::1", Some("2001:db8::1")),
            ("10.0.0.1", None),
            ("None", None),
            ("256.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(canonical_address(text).as_deref(), canonical, "{text}");
        }
        for (text, canonical) in [
            ("10.0.0.7/8", Some("10.0.0.0/8")),
            ("10.0.0.0/8", None),
            ("010.1.0.0/16", Some("10.1.0.0/16")),
            ("::ffff:10.0.0.1/104", Some("10.0.0.0/8")),
            ("2001:db8::1/32", Some("2001:db8::/32")),
            ("0.0.0.0/0", None),
            ("1.2.3.4/0", Some("0.0.0.0/0")),
            ("10.0.0.0/33", None),
            ("10.0.0.0", None),
        ] {
            assert_eq!(canonical_network(text).as_deref(), canonical, "{text}");
        }
    }
}
