//! `cargo nextest run`. Sources: "Running tests", "Exit codes" and "Listing tests" of the nextest book (binary ids, status lines).
//!
//! Its JUnit report has to be switched on in a file of the repository, so its status lines are read:
//! `        PASS [   0.004s] package::binary module::test`, in newer ones with `(1/2)` between.

use super::lines::{Lines, without_colour};
use super::{Call, Listener, Report, Runner, RunnerId, Selected, TestCase, TestOutcome, Tests};

/// `cargo nextest run`.
pub struct Nextest;

/// `NO_TESTS_RUN` of nextest's exit codes.
const NO_TESTS: i32 = 4;

impl Runner for Nextest {
    fn id(&self) -> RunnerId {
        RunnerId("cargo-nextest")
    }

    fn recognises(&self, call: &Call) -> bool {
        let mut words = call.arguments().iter();
        let mut words = words.by_ref().skip_while(|word| word.starts_with('+'));
        let verbs = (words.next(), words.next());
        let is_run = matches!(verbs, (Some(nextest), Some(run)) if nextest == "nextest" && (run == "run" || run == "r"));
        call.program() == "cargo" && is_run && !call.has("--no-run")
    }

    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        super::cargo::CargoTest.restrict(call, parts)
    }

    fn listen(&self, call: &Call, _report: &Report) -> Option<Box<dyn Listener>> {
        (!call.is_redirected).then(|| Box::new(Statuses::default()) as Box<dyn Listener>)
    }

    fn is_empty_run(&self, exit: Option<i32>) -> bool {
        exit == Some(NO_TESTS)
    }
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Statuses {
    lines: Lines,
    tests: Tests,
    is_summary: bool,
}

impl Listener for Statuses {
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        for line in self.lines.split(bytes) {
            self.read(&line);
        }
        bytes.to_vec()
    }

    fn finish(&mut self) -> (Vec<u8>, Option<Tests>) {
        let tests = std::mem::take(&mut self.tests);
        (Vec::new(), self.is_summary.then_some(tests))
    }
}

impl Statuses {
    fn read(&mut self, line: &[u8]) {
        let line = without_colour(&String::from_utf8_lossy(line));
        let line = line.trim();
        // Below the summary the failures are told once more.
        self.is_summary |= line.starts_with("Summary [");
        if !self.is_summary {
            self.tests.extend(ended(line));
        }
    }
}

fn ended(line: &str) -> Option<TestCase> {
    let (status, rest) = line.split_once(" [")?;
    let outcome = match status.trim() {
        "PASS" | "LEAK" => TestOutcome::Passed,
        "SKIP" => TestOutcome::Skipped,
        "FAIL" | "ABORT" | "TIMEOUT" | "XFAIL" | "LEAK-FAIL" => TestOutcome::Failed,
        status if status.starts_with("SIG") => TestOutcome::Failed,
        // The last try decides; the earlier ones are told as `RETRY`.
        status if status.starts_with("TRY ") && status.ends_with("PASS") => TestOutcome::Passed,
        _ => return None,
    };
    let (time, name) = rest.split_once("] ")?;
    let name = match name.strip_prefix('(') {
        Some(counted) => counted.split_once(") ")?.1,
        None => name,
    };
    let (place, name) = name.trim().split_once(' ')?;
    let seconds = time.trim().trim_start_matches('>').strip_suffix('s')?;
    let duration = std::time::Duration::try_from_secs_f64(seconds.trim().parse().ok()?).ok()?;
    Some(TestCase {
        place: place.to_owned(),
        name: name.trim().to_owned(),
        outcome,
        ms: u64::try_from(duration.as_millis()).ok(),
        message: String::new(),
    })
}
