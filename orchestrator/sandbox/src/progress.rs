//! News for whoever waits: what is being looked for, built, started.
//!
//! A callback, not a printer; the receiver decides whether it becomes a bar, a line or nothing.

use std::path::PathBuf;

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A component was found and will be used.
    Using {
        component: &'static str,
        version: String,
        path: PathBuf,
    },
    /// A found program will not be used, and why.
    PassedOver {
        component: &'static str,
        path: PathBuf,
        why: String,
    },
    /// Another process is building the same component; this one waits for it.
    WaitingForBuild {
        component: &'static str,
    },
    BuildStarted {
        component: &'static str,
        version: &'static str,
    },
    /// The build goes on: packages compiled so far, and what the toolchain said last.
    Building {
        component: &'static str,
        packages: usize,
        line: String,
    },
    Built {
        component: &'static str,
        seconds: u64,
    },
    /// Another process is starting or stopping the same sandbox.
    WaitingForSandbox {
        name: String,
        holder: String,
    },
    /// Something was left by a sandbox that did not end properly, and has been removed.
    CleanedUp {
        name: String,
        processes: usize,
    },
    Starting {
        process: String,
    },
    /// A port was taken between choosing it and using it; others are tried.
    PortsTaken {
        attempt: u32,
    },
    WaitingFor {
        what: String,
    },
    Ready {
        name: String,
        server: String,
    },
    Stopping {
        name: String,
    },
}

/// Receives news. Called from async code: it must not block for long.
pub trait Progress: Send + Sync {
    fn report(&self, event: Event);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Event) {}
}

impl<F: Fn(Event) + Send + Sync> Progress for F {
    fn report(&self, event: Event) {
        self(event);
    }
}
