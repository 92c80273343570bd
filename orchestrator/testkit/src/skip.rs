//! Tests that cannot run here say so by name, and cannot do so quietly where everything must run.

/// Why a test cannot run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The machine lacks something nobody can install: root, cgroups, a second node.
    MachineCannot,
    /// A program cannot be had from the package registries.
    NotInRegistry,
    /// Something was not set up: a server was not started, a variable not given. Not accepted with `CI=true`.
    NotSetUp,
}

/// Prints `SKIP <test>: <reason>`. Returns, so that the test can; with `CI=true` it panics for what could be set up.
///
/// # Panics
/// With `CI=true` unless the machine or the registries are the reason.
#[expect(clippy::print_stderr, reason = "the line is for whoever reads the test's output")]
pub fn skip(test: &str, why: Why, reason: &str) {
    assert!(allowed(why, ci()), "{test} must run with CI=true but was skipped: {reason}");
    eprintln!("SKIP {test}: {reason}");
}

/// An environment variable that a harness sets for tests.
#[expect(clippy::disallowed_methods, reason = "settings of tests, not of the product")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn ci() -> bool {
    variable("CI").is_some_and(|value| value == "true")
}

fn allowed(why: Why, ci: bool) -> bool {
    !ci || matches!(why, Why::MachineCannot | Why::NotInRegistry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_can_install_may_be_skipped_in_ci() {
        assert!(allowed(Why::NotSetUp, false));
        assert!(!allowed(Why::NotSetUp, true));
        assert!(allowed(Why::MachineCannot, true) && allowed(Why::NotInRegistry, true));
    }
}
