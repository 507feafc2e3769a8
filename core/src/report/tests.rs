//! The single tests of a run.

use super::wire::v1;
use crate::plan::Plan;
use crate::run::{Outcome, TaskResult};
use crate::runner::{TestCase, Tests};

/// Failures that are told of one task.
const FAILURES: usize = 1000;

/// Tells how the tests of one task ended.
#[must_use]
pub fn ran(tests: &Tests) -> v1::RanTests {
    let failure = |case: &TestCase| v1::RanTest {
        place: case.place.clone(),
        name: case.name.clone(),
        ms: case.ms,
        message: case.message.clone(),
    };
    v1::RanTests {
        passed: tests.passed,
        failed: tests.failed,
        skipped: tests.skipped,
        failures: tests.failures().take(FAILURES).map(failure).collect(),
    }
}

/// Finds passes that prove nothing, or say something else than their tests.
#[must_use]
pub fn warnings(plan: &Plan, results: &[TaskResult]) -> Vec<v1::Warning> {
    let passed = results
        .iter()
        .filter(|result| result.outcome == Outcome::Passed);
    let warning = |result: &TaskResult| {
        let target = &plan.actions[result.action].target;
        let tests = result.tests.as_ref()?;
        let (code, message, help) = match () {
            () if tests.failed > 0 => (
                "failures-ignored",
                format!(
                    "`{target}` ended well although {} of its tests failed",
                    tests.failed
                ),
                "its command passes on no failure",
            ),
            () if tests.is_empty() => (
                "no-tests",
                format!("`{target}` ran no test{}", left_out(tests)),
                "a pass without a test proves nothing",
            ),
            () => return None,
        };
        Some(v1::Warning {
            code: code.to_owned(),
            message,
            help: Some(help.to_owned()),
        })
    };
    passed.filter_map(warning).collect()
}

fn left_out(tests: &Tests) -> String {
    match tests.skipped {
        0 => String::new(),
        count => format!(", {count} left out"),
    }
}
