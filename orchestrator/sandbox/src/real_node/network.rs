//! The link between host and node, and the addresses of a node, its pods and its services.
//!
//! Each node takes one of sixteen blocks of 198.18.0.0/15, the range that is set aside for testing networks. The block
//! is unreachable unless the link is there: without that, requests to pod addresses would leave by the default route,
//! and a stranger's answer would look like the pod's.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::Traces;
use crate::error::SandboxError;

const BLOCKS: u8 = 16;

/// The addresses of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    block: u8,
    /// The host's end of the link.
    pub(crate) host: Ipv4Addr,
    pub(crate) node: Ipv4Addr,
}

impl Network {
    fn of(block: u8) -> Self {
        let (second, third) = Self::start(block);
        Self { block, host: Ipv4Addr::new(198, second, third, 1), node: Ipv4Addr::new(198, second, third, 2) }
    }

    /// The second and third byte of the block's first address.
    fn start(block: u8) -> (u8, u8) {
        (18 + block / 8, (block % 8) * 32)
    }

    /// The whole block.
    pub(crate) fn range(self) -> String {
        let (second, third) = Self::start(self.block);
        format!("198.{second}.{third}.0/19")
    }

    pub(crate) fn pods(self) -> String {
        let (second, third) = Self::start(self.block);
        format!("198.{second}.{}.0/24", third + 1)
    }

    pub(crate) fn services(self) -> String {
        let (second, third) = Self::start(self.block);
        format!("198.{second}.{}.0/20", third + 16)
    }

    /// The address of the service `kubernetes`, the first of the range.
    pub(crate) fn apiserver_service(self) -> Ipv4Addr {
        let (second, third) = Self::start(self.block);
        Ipv4Addr::new(198, second, third + 16, 1)
    }

    /// Takes a free block, and sets up the host's end of the link.
    pub(crate) async fn create(traces: &Traces, ip: &Path) -> Result<Self, SandboxError> {
        let metric = traces.metric.to_string();
        for network in (0..BLOCKS).map(Self::of) {
            if !takers(network, ip).await?.is_empty() {
                continue;
            }
            run(ip, &["route", "add", "unreachable", &network.range(), "metric", &metric]).await?;
            // Two may have looked at once; both see both now, and the one with the smaller number stays.
            if takers(network, ip).await?.iter().any(|other| *other < u64::from(traces.metric)) {
                run(ip, &["route", "del", "unreachable", &network.range(), "metric", &metric]).await?;
                continue;
            }
            network.link(traces, ip).await?;
            return Ok(network);
        }
        Err(SandboxError::Unsupported { missing: vec!["a free block of addresses in 198.18.0.0/15".to_owned()] })
    }

    async fn link(self, traces: &Traces, ip: &Path) -> Result<(), SandboxError> {
        let address = format!("{}/30", self.host);
        run(ip, &["link", "add", &traces.link, "type", "veth", "peer", "name", &traces.peer]).await?;
        run(ip, &["address", "add", &address, "dev", &traces.link]).await?;
        run(ip, &["link", "set", &traces.link, "up"]).await
    }

    /// Gives the other end to the namespace of that process, and sends pods' and services' traffic there.
    pub(crate) async fn hand_over(self, traces: &Traces, pid: i32, ip: &Path) -> Result<(), SandboxError> {
        run(ip, &["link", "set", &traces.peer, "netns", &pid.to_string(), "name", "eth0"]).await?;
        let node = self.node.to_string();
        for range in [self.pods(), self.services()] {
            run(ip, &["route", "add", &range, "via", &node, "dev", &traces.link]).await?;
        }
        Ok(())
    }
}

/// Removes the link, with it the routes through it, and the route that stands in for it.
pub(super) async fn remove(traces: &Traces, ip: &Path) -> Result<(), SandboxError> {
    for link in [&traces.link, &traces.peer] {
        if run(ip, &["link", "show", "dev", link]).await.is_ok() {
            // The namespace may take it along at the same moment.
            let removed = run(ip, &["link", "delete", "dev", link]).await;
            if run(ip, &["link", "show", "dev", link]).await.is_ok() {
                removed?;
            }
        }
    }
    let metric = u64::from(traces.metric);
    for route in routes(ip).await? {
        if route["metric"].as_u64() == Some(metric)
            && let Some(range) = route["dst"].as_str()
        {
            run(ip, &["route", "del", "unreachable", range, "metric", &metric.to_string()]).await?;
        }
    }
    Ok(())
}

/// The metrics of all routes into a block; 0 for a route that has none.
async fn takers(network: Network, ip: &Path) -> Result<Vec<u64>, SandboxError> {
    let (second, third) = Network::start(network.block);
    let first = u32::from(Ipv4Addr::new(198, second, third, 0));
    let routes = routes(ip).await?;
    let overlaps = |route: &&Value| {
        route["dst"].as_str().and_then(parse_range).is_some_and(|(address, length)| {
            // The default route covers everything and takes nothing.
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(19))).unwrap_or(0);
            length > 0 && (address ^ first) & mask == 0
        })
    };
    Ok(routes.iter().filter(overlaps).map(|route| route["metric"].as_u64().unwrap_or(0)).collect())
}

fn parse_range(text: &str) -> Option<(u32, u8)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    Some((u32::from(address.parse::<Ipv4Addr>().ok()?), length.parse().ok().filter(|length| *length <= 32)?))
}

async fn routes(ip: &Path) -> Result<Vec<Value>, SandboxError> {
    let output = output(ip, &["-json", "-4", "route", "show", "table", "main"]).await?;
    // No route at all is no output at all.
    Ok(serde_json::from_slice(&output).unwrap_or_default())
}

async fn run(ip: &Path, arguments: &[&str]) -> Result<(), SandboxError> {
    output(ip, arguments).await.map(drop)
}

async fn output(ip: &Path, arguments: &[&str]) -> Result<Vec<u8>, SandboxError> {
    let failed = |why: String| SandboxError::Network { command: format!("ip {}", arguments.join(" ")), why };
    let output = Command::new(ip)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_stay_in_the_range_for_tests() {
        let ranges: Vec<(u32, u8)> =
            (0..BLOCKS).map(|block| parse_range(&Network::of(block).range()).unwrap()).collect();
        assert_eq!(ranges[0].0, u32::from(Ipv4Addr::new(198, 18, 0, 0)));
        assert_eq!(ranges[15].0, u32::from(Ipv4Addr::new(198, 19, 224, 0)));
        for pair in ranges.windows(2) {
            assert_eq!(pair[0].0 + 8192, pair[1].0);
        }
        let network = Network::of(9);
        assert_eq!((network.pods().as_str(), network.services().as_str()), ("198.19.33.0/24", "198.19.48.0/20"));
        assert_eq!(network.apiserver_service(), Ipv4Addr::new(198, 19, 48, 1));
    }
}
