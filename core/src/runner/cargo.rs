//! `cargo test`. Sources: `cargo help test`; the formatters of rust-lang/rust: library/test/src/formatters.
//!
//! Stable toolchains write words only, so the words are read: a test's line says how it ended, the last line of each binary
//! counts. In a batch, cargo is asked for its messages as well: only they say which package a binary is of.

use std::collections::BTreeMap;

use super::lines::{Lines, without_colour};
use super::{Call, Listener, Report, Runner, RunnerId, Selected, TestCase, TestOutcome, Tests};

/// `cargo test`.
pub struct CargoTest;

/// Options that choose targets themselves.
const TARGETS: &[&str] = &[
    "--lib",
    "--bins",
    "--bin",
    "--examples",
    "--example",
    "--tests",
    "--test",
    "--benches",
    "--bench",
    "--all-targets",
    "--doc",
];

impl Runner for CargoTest {
    fn id(&self) -> RunnerId {
        RunnerId("cargo-test")
    }

    fn recognises(&self, call: &Call) -> bool {
        let mut words = call.arguments().iter();
        let verb = words.find(|word| !word.starts_with('+') && !word.starts_with("--"));
        let is_test = verb.is_some_and(|verb| verb == "test" || verb == "t");
        call.program() == "cargo" && is_test && !call.has("--no-run")
    }

    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        if TARGETS.iter().any(|option| call.has(option)) {
            return None;
        }
        let mut more = Vec::new();
        for part in parts {
            let Selected::Target(name) = part else {
                return None;
            };
            more.extend(["--test".to_owned(), name.clone()]);
        }
        Some(with_options(&call.words, &more))
    }

    fn listen(&self, call: &Call, _report: &Report) -> Option<Box<dyn Listener>> {
        (!call.is_redirected).then(|| Box::new(Words::default()) as Box<dyn Listener>)
    }
}

/// Puts options before what goes to the tests themselves.
pub(super) fn with_options(words: &[String], more: &[String]) -> Vec<String> {
    let end = words.iter().position(|word| word == "--");
    let (before, after) = words.split_at(end.unwrap_or(words.len()));
    [before, more, after].concat()
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Words {
    lines: Lines,
    tests: Tests,
    /// The binary that runs.
    place: String,
    /// Its tests by name, as places in `tests`.
    known: BTreeMap<String, usize>,
    /// Its counts so far.
    before: (usize, usize, usize),
    part: Part,
    /// Binaries that began, and those that counted their tests.
    begun: usize,
    counted: usize,
}

/// What the next lines are.
#[derive(Debug, Default)]
enum Part {
    #[default]
    Tests,
    /// The output of this failed test.
    Output(usize),
    /// Names of failed tests, or outputs.
    Failures,
}

impl Listener for Words {
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        for line in self.lines.split(bytes) {
            self.read(&line);
        }
        bytes.to_vec()
    }

    fn finish(&mut self) -> (Vec<u8>, Option<Tests>) {
        if let Some(line) = self.lines.rest() {
            self.read(&line);
        }
        let tests = std::mem::take(&mut self.tests);
        // A binary without a harness has no words for its tests.
        let is_told = self.counted > 0 && (self.counted >= self.begun || !tests.is_empty());
        (Vec::new(), is_told.then_some(tests))
    }
}

impl Words {
    fn read(&mut self, line: &[u8]) {
        let line = without_colour(&String::from_utf8_lossy(line));
        let line = line.trim_end();
        let word = line.trim_start();
        if let Some(binary) = word.strip_prefix("Running ") {
            let binary = binary.strip_prefix("unittests ").unwrap_or(binary);
            self.begin(binary.split(" (").next().unwrap_or(binary));
        } else if let Some(name) = word.strip_prefix("Doc-tests ") {
            self.begin(&format!("doc-tests {name}"));
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.count(counts);
        } else if line == "failures:" {
            self.part = Part::Failures;
        } else if let (Part::Tests, Some((name, outcome))) = (&self.part, ended(line)) {
            self.push(&name, outcome, "");
        } else {
            self.tell(line);
        }
    }

    /// Lines after `failures:`: what a failed test printed, or its name.
    fn tell(&mut self, line: &str) {
        let heading = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" ----"));
        match (&self.part, heading) {
            (Part::Tests, _) => {}
            (_, Some(heading)) => {
                let name = heading.strip_suffix(" stdout").unwrap_or(heading);
                self.push(name, TestOutcome::Failed, "");
                self.part = Part::Output(self.known[name]);
            }
            (Part::Output(at), None) => {
                if let Some(case) = self.tests.cases.get_mut(*at)
                    && case.message.len() < 4096
                {
                    case.message.push_str(line);
                    case.message.push('\n');
                }
            }
            (Part::Failures, None) => {
                let name = line
                    .strip_prefix("    ")
                    .filter(|name| !name.starts_with(' '));
                if let Some(name) = name {
                    self.push(name, TestOutcome::Failed, "");
                }
            }
        }
    }

    fn begin(&mut self, place: &str) {
        place.clone_into(&mut self.place);
        self.begun += 1;
        self.known.clear();
        self.part = Part::Tests;
        self.before = (self.tests.passed, self.tests.failed, self.tests.skipped);
    }

    fn push(&mut self, name: &str, outcome: TestOutcome, message: &str) {
        let place = self.tests.cases.len();
        if self.known.contains_key(name) {
            return;
        }
        self.known.insert(name.to_owned(), place);
        self.tests.push(TestCase {
            place: self.place.clone(),
            name: name.to_owned(),
            outcome,
            ms: None,
            message: message.to_owned(),
        });
    }

    /// The counts of a binary are right also where lines were not: in quiet runs, and between what tests print.
    fn count(&mut self, counts: &str) {
        let number = |what: &str| {
            let mut parts = counts.split(['.', ';']);
            let part = parts.find_map(|part| part.trim().strip_suffix(what));
            part.and_then(|number| number.trim().parse::<usize>().ok())
        };
        let (passed, failed, skipped) = self.before;
        let counted = [number("passed"), number("failed"), number("ignored")];
        if let [Some(now_passed), Some(now_failed), Some(now_skipped)] = counted {
            self.tests.passed = passed + now_passed;
            self.tests.failed = failed + now_failed;
            self.tests.skipped = skipped + now_skipped;
        }
        self.counted += 1;
        self.before = (self.tests.passed, self.tests.failed, self.tests.skipped);
        self.known.clear();
        self.part = Part::Tests;
    }
}

/// Reads `test NAME ... ok`.
fn ended(line: &str) -> Option<(String, TestOutcome)> {
    let (name, end) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match end.split([' ', ',']).next()? {
        "ok" => TestOutcome::Passed,
        "FAILED" => TestOutcome::Failed,
        "ignored" => TestOutcome::Skipped,
        _ => return None,
    };
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    Some((name.to_owned(), outcome))
}
