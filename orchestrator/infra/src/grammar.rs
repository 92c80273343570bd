//! How AWS writes its identifiers: ARNs, resource ids, hosts, regions, zones, accounts.
//!
//! Finds and takes them apart in text, without allocating; it does not know whose they are.

pub mod host;

pub use host::{HostKind, host_around, host_kind};

/// The parts of an ARN; `region` and `account` are empty where the service has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

/// Prefixes of resource ids, with the lengths that the hexadecimal part may have.
pub const RESOURCE_IDS: &[(&str, &[usize])] = &[
    ("vpc-", &[8, 17]),
    ("subnet-", &[8, 17]),
    ("sg-", &[8, 17]),
    ("sgr-", &[8, 17]),
    ("eni-", &[8, 17]),
    ("igw-", &[8, 17]),
    ("nat-", &[8, 17]),
    ("rtb-", &[8, 17]),
    ("vpce-", &[8, 17]),
    ("vpce-svc-", &[8, 17]),
    ("eipalloc-", &[8, 17]),
    ("eipassoc-", &[8, 17]),
    ("acl-", &[8, 17]),
    ("lt-", &[8, 17]),
    ("ami-", &[8, 17]),
    ("i-", &[8, 17]),
    ("vol-", &[8, 17]),
    ("snap-", &[8, 17]),
    ("pl-", &[8, 17]),
    ("tgw-", &[8, 17]),
    ("pcx-", &[8, 17]),
    ("cr-", &[8, 17]),
    ("fs-", &[8, 17]),
    ("fsap-", &[8, 17]),
    ("fsmt-", &[8, 17]),
    ("fsvol-", &[8, 17]),
    ("fc-", &[8, 17]),
    ("mrk-", &[32]),
];

/// Leading parts of region names; a name that starts otherwise is not a region.
const REGION_STARTS: &[&str] = &[
    "us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-", "cn-", "us-gov-", "us-iso-", "us-isob-", "us-isof-",
    "eu-isoe-", "eusc-",
];

const REGION_PLACES: &[&str] =
    &["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

/// `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`.
pub fn is_region(text: &str) -> bool {
    let Some((head, digit)) = text.rsplit_once('-') else { return false };
    let Some((start, place)) = head.rsplit_once('-') else { return false };
    matches!(digit.len(), 1 | 2)
        && digit.bytes().all(|b| b.is_ascii_digit())
        && REGION_PLACES.contains(&place)
        && (REGION_STARTS.iter().any(|known| known.strip_suffix('-') == Some(start)) || start.starts_with("eusc-"))
}

/// `use1` for `us-east-1`, as zone ids and ElastiCache's hosts write it.
pub fn region_code(region: &str) -> Option<String> {
    if !is_region(region) {
        return None;
    }
    let (head, digit) = region.rsplit_once('-')?;
    let (start, place) = head.rsplit_once('-')?;
    let short = match place {
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        other => other.get(..1)?,
    };
    Some(format!("{}{short}{digit}", start.replace('-', "")))
}

/// `us-east-1a`, or the local zone `us-west-2-lax-1a`.
pub fn is_zone(text: &str) -> bool {
    let Some(rest) = text.strip_suffix(|c: char| c.is_ascii_lowercase()) else { return false };
    is_region(rest) || {
        let mut parts = rest.rsplitn(3, '-');
        let (number, city, region) = (parts.next(), parts.next(), parts.next());
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
            && city.is_some_and(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_lowercase()))
            && region.is_some_and(is_region)
    }
}

/// `use1-az1`, `euw2-az3`.
pub fn is_zone_id(text: &str) -> bool {
    text.split_once("-az").is_some_and(|(region, number)| {
        (4..=6).contains(&region.len())
            && region.ends_with(|c: char| c.is_ascii_digit())
            && region.starts_with(|c: char| c.is_ascii_lowercase())
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && !number.is_empty()
            && number.len() <= 2
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A number, a size, an address range: text that must never be replaced because it happens to be equal.
pub fn is_quantity(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    (!digits.is_empty() && text.len() - digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
        || is_cidr(text)
}

/// `10.0.0.0/16`, `fd00::/8`.
pub fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        address.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 128)
    })
}

/// A UUID, as KMS key ids are.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A hosted zone's id: `Z` and capitals and digits.
pub fn is_hosted_zone(text: &str) -> bool {
    (9..=33).contains(&text.len())
        && text.starts_with('Z')
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && text.bytes().any(|b| b.is_ascii_digit())
}

/// Whether the whole text is one resource id.
pub fn is_resource_id(text: &str) -> bool {
    // The digits hold no dash, so that the last dash ends the prefix.
    let Some((prefix, digits)) = text.rfind('-').map(|dash| text.split_at(dash + 1)) else { return false };
    RESOURCE_IDS.iter().any(|(known, lengths)| *known == prefix && lengths.contains(&digits.len()))
        && digits.bytes().all(is_digit)
}

/// Where the resource id ends that starts at `start` with `prefix`; `None` when it is only part of a longer word.
pub fn resource_id_at(text: &str, start: usize, prefix: &str) -> Option<usize> {
    let (_, lengths) = RESOURCE_IDS.iter().find(|(known, _)| *known == prefix)?;
    text.get(start..)?.starts_with(prefix).then(|| resource_id_end(text, start, prefix, lengths))?
}

/// The same for a row of [`RESOURCE_IDS`] whose prefix stands at `start`.
pub(crate) fn resource_id_end(text: &str, start: usize, prefix: &str, lengths: &[usize]) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes[..start].last().is_some_and(|b| is_word(*b)) {
        return None;
    }
    let from = start + prefix.len();
    let digits = bytes[from..].iter().take(40).take_while(|b| is_digit(**b)).count();
    let end = from + digits;
    (lengths.contains(&digits) && !bytes.get(end).is_some_and(|b| is_word(*b))).then_some(end)
}

/// A hexadecimal digit as ids are written, in small letters.
pub fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Takes apart a whole ARN.
pub fn parse_arn(text: &str) -> Option<Arn<'_>> {
    let mut parts = text.splitn(6, ':');
    if parts.next()? != "arn" {
        return None;
    }
    let (partition, service, region, account, resource) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let known = partition == "aws" || partition.starts_with("aws-");
    (known && !service.is_empty() && !resource.is_empty()).then_some(Arn {
        partition,
        service,
        region,
        account,
        resource,
    })
}

/// The ARN that starts at `start`, and where it ends.
pub fn arn_at(text: &str, start: usize) -> Option<(Arn<'_>, usize)> {
    let rest = text.get(start..)?;
    let length = rest.bytes().take(2048).take_while(|b| is_arn_byte(*b)).count();
    let arn = rest[..length].trim_end_matches(['.', ',', ':', ';']);
    Some((parse_arn(arn)?, start + arn.len()))
}

/// The ARN that covers `at`, with where it starts and ends.
pub fn arn_around(text: &str, at: usize) -> Option<(Arn<'_>, std::ops::Range<usize>)> {
    let from = text.floor_char_boundary(at.saturating_sub(512));
    let start = from + text.get(from..at)?.rfind("arn:")?;
    let (arn, end) = arn_at(text, start)?;
    (end > at).then_some((arn, start..end))
}

/// Letters, digits, `_` and `-`: what an identifier continues with. Other scripts and typographic quotes end it.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_arn_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":/_.-+=@*?#$".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_zones_are_told_apart() {
        for region in ["us-east-1", "eu-central-2", "ap-southeast-3", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"] {
            assert!(is_region(region), "{region}");
            assert!(is_zone(&format!("{region}a")), "{region}a");
            assert!(!is_zone(region), "{region}");
        }
        assert!(is_zone("us-west-2-lax-1a"));
        for (region, code) in [("us-east-1", "use1"), ("ap-northeast-2", "apne2"), ("eu-central-1", "euc1")] {
            assert_eq!(region_code(region).as_deref(), Some(code));
        }
        for other in ["us-east", "east-1", "foo-east-1", "us-up-1", "us-east-1a", "us-east-", ""] {
            assert!(!is_region(other), "{other}");
        }
        assert!(is_zone_id("use1-az1") && is_zone_id("apne2-az3") && !is_zone_id("use1-az") && !is_zone_id("a-az1"));
    }

    #[test]
    fn a_resource_id_is_a_whole_word_of_the_right_length() {
        assert!(is_resource_id("vpc-0123456789abcdef0") && is_resource_id("sg-0a1b2c3d"));
        for other in ["vpc-0123", "vpc-0123456789abcdef01", "my-vpc-0123456789abcdef0", "vpc-0123456789abcdefg"] {
            assert!(!is_resource_id(other), "{other}");
        }
        assert_eq!(resource_id_at("subnet-0a1b2c3d,subnet-4e5f6a7b", 16, "subnet-"), Some(31));
    }

    #[test]
    fn an_arn_ends_where_its_text_does() {
        let text = r#"{"role": "arn:aws:iam::111122223333:role/app", "x": 1}"#;
        let (arn, range) = arn_around(text, 25).unwrap();
        assert_eq!((arn.service, arn.region, arn.account, arn.resource), ("iam", "", "111122223333", "role/app"));
        assert_eq!(&text[range], "arn:aws:iam::111122223333:role/app");
        assert_eq!(parse_arn("arn:acme:iam::1:role/x"), None);
    }

    #[test]
    fn quantities_are_recognised() {
        for text in ["5432", "10Gi", "1.5", "80%", "10.0.0.0/16", "500m", "fd00::/8"] {
            assert!(is_quantity(text), "{text}");
        }
        for text in ["orders", "db-1", "10.0.0.0/x", "a1", ""] {
            assert!(!is_quantity(text), "{text}");
        }
    }
}
