//! Reads what a test program prints: how many tests passed, and which said that they could not run.

use std::collections::BTreeSet;

/// What one test program did.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skips: Vec<Skip>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Skip {
    pub(crate) test: String,
    pub(crate) reason: String,
}

/// Reads the output of a program run with `--show-output`; `None` when it ended before it could count.
///
/// A test that printed `SKIP name: reason` and then ended well did not pass, it did not run.
pub(crate) fn read(output: &str) -> Option<Tally> {
    let mut tally = Tally::default();
    let mut skips = BTreeSet::new();
    let mut skipped_tests = BTreeSet::new();
    let mut section = None;
    let mut counted = false;
    let mut in_failures = false;
    for line in output.lines() {
        if line == "failures:" {
            in_failures = true;
        } else if line == "successes:" {
            in_failures = false;
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            section = Some(name.to_owned());
        } else if let Some(ignored) = ignored(line) {
            skips.insert(ignored);
        } else if let Some(result) = line.strip_prefix("test result: ") {
            tally.passed += count(result, "passed")?;
            tally.failed += count(result, "failed")?;
            (counted, section) = (true, None);
        } else if let Some(skip) = skip(line) {
            // One that failed is counted as that.
            if !in_failures {
                // Outside of a section it is a child's line, and stands for the test it names.
                skipped_tests.insert(section.clone().unwrap_or_else(|| skip.test.clone()));
                skips.insert(skip);
            }
        }
    }
    tally.passed = tally.passed.saturating_sub(skipped_tests.len());
    tally.skips = skips.into_iter().collect();
    counted.then_some(tally)
}

/// `SKIP name: reason`.
fn skip(line: &str) -> Option<Skip> {
    let (test, reason) = line.strip_prefix("SKIP ")?.split_once(": ")?;
    Some(Skip { test: test.to_owned(), reason: reason.to_owned() })
}

/// `test name ... ignored, reason`.
fn ignored(line: &str) -> Option<Skip> {
    let (test, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = rest.strip_prefix(", ").unwrap_or("no reason given");
    Some(Skip { test: test.to_owned(), reason: format!("ignored: {reason}") })
}

fn count(result: &str, what: &str) -> Option<usize> {
    result.split([';', '.']).find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test a::b ... ok
test a::c ... ok
test a::d ... ignored, writes until it is killed
test a::e ... ok

successes:

---- a::b stdout ----
SKIP b: versitygw is missing: install Go

---- a::c stdout ----
something it said


successes:
    a::b
    a::c

test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn a_skipped_test_has_not_passed() {
        let tally = read(OUTPUT).expect("a count");
        assert_eq!((tally.passed, tally.failed), (2, 0));
        let skips: Vec<(&str, &str)> =
            tally.skips.iter().map(|skip| (skip.test.as_str(), skip.reason.as_str())).collect();
        assert_eq!(skips, [("a::d", "ignored: writes until it is killed"), ("b", "versitygw is missing: install Go"),]);
    }

    #[test]
    fn a_test_that_skips_twice_is_one_test() {
        let text = OUTPUT.replace("SKIP b:", "SKIP first: no root\nSKIP b:");
        let tally = read(&text).expect("a count");
        assert_eq!((tally.passed, tally.skips.len()), (2, 3));
    }

    #[test]
    fn a_skip_that_ci_refuses_is_a_failure_only() {
        let text = "
running 1 test
test b ... FAILED

failures:

---- b stdout ----
SKIP b: versitygw is missing

thread 'b' panicked: b must run with CI=true

failures:
    b

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        assert_eq!(read(text), Some(Tally { passed: 0, failed: 1, skips: Vec::new() }));
    }

    #[test]
    fn a_program_that_died_has_no_count() {
        assert_eq!(read("running 2 tests\ntest a ... ok\n"), None);
        assert_eq!(read(""), None);
    }
}
