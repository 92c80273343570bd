//! The crates: what each is for, and which of our own each may depend on.
//!
//! A new crate gets a row here, or the check fails: that is when its place in the layers is decided.

/// How far a crate is from pure, which is also the order of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Ring {
    /// Values in, values out
    Pure,
    /// Whole runs on fakes
    Memory,
    /// Against real servers and programs
    Adapters,
    /// The program as people run it
    E2e,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Decides. No runtime, no client, no clock, no files.
    Pure,
    /// Says what is needed of the outside.
    Port,
    /// Implements a port.
    Adapter,
    /// Drives ports.
    Driver,
    /// Builds the whole from its parts.
    Root,
    /// Is no part of the product.
    Tool,
}

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) ring: Ring,
    /// Which of our own it may depend on; `None` leaves that to the invariants.
    pub(super) may: Option<&'static [&'static str]>,
}

const fn row(name: &'static str, role: Role, ring: Ring, may: Option<&'static [&'static str]>) -> Row {
    Row { name, role, ring, may }
}

/// In the order of the tests.
pub(super) const CRATES: &[Row] = &[
    row("model", Role::Pure, Ring::Pure, Some(&[])),
    row("archive", Role::Pure, Ring::Pure, Some(&["model"])),
    row("versions", Role::Pure, Ring::Pure, Some(&["model"])),
    row("infra", Role::Pure, Ring::Pure, Some(&["model"])),
    row("plan", Role::Pure, Ring::Pure, Some(&["model", "versions", "infra"])),
    row("scenario", Role::Pure, Ring::Pure, Some(&["model"])),
    row("report", Role::Pure, Ring::Pure, Some(&["model", "scenario"])),
    row("api", Role::Port, Ring::Pure, Some(&["model"])),
    row("xtask", Role::Tool, Ring::Pure, Some(&[])),
    row("ports", Role::Port, Ring::Memory, Some(&["model"])),
    row("store", Role::Adapter, Ring::Memory, Some(&["model", "ports"])),
    row("testkit", Role::Tool, Ring::Memory, None),
    row("engine", Role::Driver, Ring::Memory, None),
    row("controllers", Role::Driver, Ring::Memory, None),
    row("landfall", Role::Root, Ring::Memory, None),
    row("probe", Role::Adapter, Ring::Adapters, Some(&["model", "ports"])),
    row("aws", Role::Adapter, Ring::Adapters, Some(&["model", "ports"])),
    row("mover", Role::Adapter, Ring::Adapters, Some(&["model", "ports"])),
    row("terraform", Role::Adapter, Ring::Adapters, Some(&["model", "ports", "infra"])),
    row("sandbox", Role::Adapter, Ring::Adapters, Some(&["model", "ports"])),
    row("cluster", Role::Adapter, Ring::Adapters, Some(&["model", "ports"])),
];

/// Where a crate's tests belong, and the crate's place in its ring.
pub(crate) fn ring_of(name: &str) -> Option<(Ring, usize)> {
    CRATES.iter().position(|row| row.name == name).and_then(|at| CRATES.get(at).map(|row| (row.ring, at)))
}
