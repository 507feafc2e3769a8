//! JUnit XML, as CI hosts read it: a suite for each task, a case for each of its tests.
//!
//! A task whose tests are not known is one case. It is one beside its tests, too, where they do not tell of its failure: a
//! file that cannot be compiled, a process that died.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{ReportFile, text};
use crate::plan::{Action, Plan};
use crate::report::run::{Ended, again, spent};
use crate::run::{Outcome, TaskResult};
use crate::runner::{self, TestOutcome};

/// `<testsuites>`.
pub struct JUnit;

impl ReportFile for JUnit {
    fn id(&self) -> &'static str {
        "junit"
    }

    fn write(&self, ended: Ended<'_>, out: &mut dyn Write) -> io::Result<()> {
        let actions = &ended.plan.actions;
        let mut results: Vec<&TaskResult> = ended.results.iter().collect();
        results.sort_by_key(|result| &actions[result.action].target);
        let mut report = Report::new("affected");
        for result in results {
            report.add_test_suite(suite(ended.plan, &actions[result.action], result));
        }
        report.serialize(out).map_err(io::Error::other)
    }
}

fn suite(plan: &Plan, action: &Action, result: &TaskResult) -> TestSuite {
    let mut suite = TestSuite::new(action.target.as_str());
    suite.set_time(spent(result));
    let tests = result.tests.iter().flat_map(|tests| &tests.cases);
    suite.add_test_cases(tests.map(|test| case_of_test(action, result, test)));
    let told = result.tests.as_ref().is_some_and(|tests| {
        let has_ended = !result.outcome.is_failure() && result.unstarted.is_none();
        !tests.cases.is_empty() && (has_ended || tests.failed > 0)
    });
    let mut own = (!told).then(|| case_of_task(action, result));
    if result.outcome.is_failure() {
        let output = untabbed(&text(&result.output));
        let again = format!("again: {}", again(plan, action).join(" "));
        if let Some(own) = &mut own {
            own.set_system_out(output).set_system_err(again);
        } else {
            suite.set_system_out(output).set_system_err(again);
        }
    }
    suite.add_test_cases(own);
    suite
}

fn case_of_task(action: &Action, result: &TaskResult) -> TestCase {
    let mut case = TestCase::new(action.target.as_str(), status(result));
    case.set_classname(action.project.as_str());
    case.set_time(spent(result));
    case
}

/// Hosts tell tests apart by class and name, over all suites: so the project is part of the class.
fn case_of_test(action: &Action, result: &TaskResult, test: &runner::TestCase) -> TestCase {
    let mut status = match test.outcome {
        TestOutcome::Passed => TestCaseStatus::success(),
        TestOutcome::Skipped => TestCaseStatus::skipped(),
        TestOutcome::Failed => match &result.forgiven {
            Some(words) => quarantined(headline(&test.message), words),
            None => TestCaseStatus::non_success(NonSuccessKind::Failure),
        },
    };
    if test.outcome == TestOutcome::Failed && result.forgiven.is_none() {
        status.set_message(headline(&test.message));
        status.set_description(untabbed(&test.message));
    }
    let mut case = TestCase::new(test.name.as_str(), status);
    let class = [&action.project, &test.place].map(String::as_str);
    let class = class.join("/");
    case.set_classname(class.trim_end_matches('/'));
    if let Some(ms) = test.ms {
        case.set_time(Duration::from_millis(ms));
    }
    case
}

/// The first line that says something.
fn headline(message: &str) -> &str {
    let mut lines = message.lines().map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or_default()
}

/// The writer leaves tabs out, and words would run together.
fn untabbed(text: &str) -> String {
    text.replace('\t', "    ")
}

fn quarantined(cause: &str, words: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(format!("{cause}, in quarantine: {words}"));
    status.set_type("quarantined");
    status
}

fn status(result: &TaskResult) -> TestCaseStatus {
    let cause = result.cause.as_deref().unwrap_or_default();
    if let Some(words) = &result.forgiven {
        return quarantined(cause, words);
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
