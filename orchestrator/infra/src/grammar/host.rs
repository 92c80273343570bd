//! Hosts that belong to AWS, and whether their name can be carried to another region.
//!
//! Does not resolve anything.

use std::ops::Range;

use super::is_region;

/// What kind of AWS host a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// A service's own endpoint or a registry: changing region and account gives the other region's.
    Regional,
    /// One resource's endpoint: its name holds something that exists only there.
    Resource,
}

/// Ends of host names that only AWS hands out.
const SUFFIXES: &[&str] = &[".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws", ".amazonaws.eu"];

/// Services whose endpoint is `<service>.<region>.amazonaws.com` and whose paths name no hidden id.
const REGIONAL: &[&str] = &[
    "api.ecr",
    "appmesh",
    "autoscaling",
    "bedrock-runtime",
    "cloudformation",
    "dynamodb",
    "ec2",
    "ec2messages",
    "ecr",
    "ecs",
    "eks",
    "eks-auth",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "email",
    "email-smtp",
    "events",
    "firehose",
    "fsx",
    "glue",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "pricing",
    "rds",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
    "streams.dynamodb",
    "tagging",
    "xray",
];

/// The run of host characters around `at`.
pub fn host_around(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let is_host = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'.' || *b == b'_';
    let before = bytes[..at].iter().rev().take(253).take_while(|b| is_host(b)).count();
    let after = bytes[at..].iter().take(253).take_while(|b| is_host(b)).count();
    let (mut start, mut end) = (at - before, at + after);
    while end > start && bytes[end - 1] == b'.' {
        end -= 1;
    }
    while start < end && bytes[start] == b'.' {
        start += 1;
    }
    start..end
}

/// What an AWS host is; `None` when it is nobody's or somebody else's.
pub fn host_kind(host: &str) -> Option<HostKind> {
    let suffix = SUFFIXES.iter().filter(|suffix| host.ends_with(*suffix)).max_by_key(|suffix| suffix.len())?;
    let own = &host[..host.len() - suffix.len()];
    // From the last label backwards: `end` is where a label ends.
    let mut end = own.len();
    loop {
        let start = own[..end].rfind('.').map_or(0, |dot| dot + 1);
        if is_region(&own[start..end]) {
            let service = own[..start].strip_suffix('.').unwrap_or_default();
            let known = REGIONAL.contains(&service.strip_suffix("-fips").unwrap_or(service)) || is_registry(service);
            let is_last = end == own.len();
            return Some(if is_last && known { HostKind::Regional } else { HostKind::Resource });
        }
        if start == 0 {
            return Some(HostKind::Resource);
        }
        end = start - 1;
    }
}

/// `<account>.dkr.ecr`, `<account>.dkr.ecr-fips`, `<account>.dkr-ecr`.
fn is_registry(service: &str) -> bool {
    let Some((account, rest)) = service.split_once('.') else { return false };
    matches!(rest, "dkr.ecr" | "dkr.ecr-fips" | "dkr-ecr" | "dkr-ecr-fips") && super::is_account(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_services_are_regional_and_those_of_resources_are_not() {
        let regional = [
            "sqs.us-east-1.amazonaws.com",
            "sts-fips.us-east-1.amazonaws.com",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com",
            "111122223333.dkr-ecr.us-east-1.on.aws",
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn",
        ];
        let resource = [
            "orders.c1x2y3.us-east-1.rds.amazonaws.com",
            "fs-0a1b2c3d.efs.us-east-1.amazonaws.com",
            "oidc.eks.us-east-1.amazonaws.com",
            "abc.gr7.us-east-1.eks.amazonaws.com",
            "assets.s3.us-east-1.amazonaws.com",
            "web-123.elb.us-east-1.amazonaws.com",
            "s3.amazonaws.com",
        ];
        for host in regional {
            assert_eq!(host_kind(host), Some(HostKind::Regional), "{host}");
        }
        for host in resource {
            assert_eq!(host_kind(host), Some(HostKind::Resource), "{host}");
        }
        assert_eq!(host_kind("example.com"), None);
        assert_eq!(host_kind("amazonaws.com.evil.org"), None);
    }

    #[test]
    fn a_host_is_found_around_any_of_its_bytes() {
        let text = "jdbc:postgresql://orders.c1.us-east-1.rds.amazonaws.com:5432/shop";
        assert_eq!(&text[host_around(text, 30)], "orders.c1.us-east-1.rds.amazonaws.com");
        let text = "see db.amazonaws.com.";
        assert_eq!(&text[host_around(text, 5)], "db.amazonaws.com");
    }
}
