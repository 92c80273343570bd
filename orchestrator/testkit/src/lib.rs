//! Fakes with real semantics, conformance suites, fault injection
