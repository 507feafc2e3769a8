//! JUnit XML, as CI hosts read it: a suite for each project, a case for each task.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{ReportFile, text};
use crate::plan::{Action, Plan};
use crate::report::run::{Ended, again, spent};
use crate::run::{Outcome, TaskResult};

/// `<testsuites>`.
pub struct JUnit;

impl ReportFile for JUnit {
    fn id(&self) -> &'static str {
        "junit"
    }

    fn write(&self, ended: Ended<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut suites: std::collections::BTreeMap<&str, TestSuite> =
            std::collections::BTreeMap::new();
        for result in ended.results {
            let action = &ended.plan.actions[result.action];
            let suite = suites
                .entry(&action.project)
                .or_insert_with(|| TestSuite::new(action.project.as_str()));
            suite.add_test_case(case(ended.plan, action, result));
        }
        let mut report = Report::new("affected");
        report.add_test_suites(suites.into_values());
        report.serialize(out).map_err(io::Error::other)
    }
}

fn case(plan: &Plan, action: &Action, result: &TaskResult) -> TestCase {
    let mut case = TestCase::new(action.target.as_str(), status(result));
    case.set_classname(action.project.as_str());
    case.set_time(spent(result));
    if result.outcome.is_failure() {
        case.set_system_out(text(&result.output));
        case.set_system_err(format!("again: {}", again(plan, action).join(" ")));
    }
    case
}

fn status(result: &TaskResult) -> TestCaseStatus {
    let cause = result.cause.as_deref().unwrap_or_default();
    if let Some(words) = &result.forgiven {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("{cause}, in quarantine: {words}"));
        status.set_type("quarantined");
        return status;
    }
    let mut status = match result.outcome {
        Outcome::Passed | Outcome::Cached | Outcome::Flaky => return TestCaseStatus::success(),
        Outcome::Failed if result.exit.is_some() => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
        Outcome::Failed | Outcome::TimedOut => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Skipped | Outcome::Canceled => TestCaseStatus::skipped(),
    };
    status.set_message(cause);
    status.set_type(result.outcome.as_str());
    status
}
