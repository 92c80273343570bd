//! Free TCP ports on loopback.
//!
//! A port can be taken again between choosing it and using it; whoever uses one must be ready to try another.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Where free ports come from.
pub trait PortSource: Send + Sync {
    /// That many different ports which were free a moment ago.
    fn choose(&self, count: usize) -> io::Result<Vec<u16>>;
}

/// Asks the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct FreePorts;

impl PortSource for FreePorts {
    fn choose(&self, count: usize) -> io::Result<Vec<u16>> {
        // All listeners are held until the last one is bound, so that no port is handed out twice.
        let listeners: Vec<TcpListener> =
            (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<_>>()?;
        let ports: BTreeSet<u16> =
            listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<io::Result<_>>()?;
        Ok(ports.into_iter().collect())
    }
}

/// True when nobody listens on that port of loopback.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_ports_differ_and_can_be_bound() {
        let ports = FreePorts.choose(5).unwrap();
        assert_eq!(ports.len(), 5);
        for port in ports {
            assert!(is_free(port), "{port}");
        }
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}
