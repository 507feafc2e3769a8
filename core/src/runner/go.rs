//! `go test`. Sources: `go help test`, `go doc test2json` (the events), and how `go test` prints without `-json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lines::Lines;
use super::{Call, Listener, Report, Runner, RunnerId, Selected, TestCase, TestOutcome, Tests};

/// `go test`.
pub struct GoTest;

/// The name under which the failure of a package without a failed test is told.
const PACKAGE: &str = "(package)";
/// All packages of a module.
const ALL: &str = "./...";
/// Kept of what one test prints.
const KEPT: usize = 64 * 1024;

impl Runner for GoTest {
    fn id(&self) -> RunnerId {
        RunnerId("go-test")
    }

    fn recognises(&self, call: &Call) -> bool {
        let is_test = call.arguments().first().is_some_and(|verb| verb == "test");
        call.program() == "go" && is_test && !call.has("-c") && !call.has("-list")
    }

    /// Packages take the place of the pattern for all of them.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let at = call.words.iter().position(|word| word == ALL)?;
        let packages = parts.iter().map(|part| match part {
            Selected::Package(name) => Some(name.clone()),
            _ => None,
        });
        let packages: Vec<String> = packages.collect::<Option<_>>()?;
        let mut words = call.words.clone();
        words.splice(at..=at, packages);
        Some(words)
    }

    fn all_packages(&self) -> &'static str {
        ALL
    }

    fn report(&self, call: &Call, _folder: &str) -> Report {
        if call.is_redirected || call.has("-json") {
            return Report::default();
        }
        let mut words = call.words.clone();
        // `-C` has to be the first flag.
        let at = match words.get(2).map(String::as_str) {
            Some("-C") => 4,
            Some(word) if word.starts_with("-C=") => 3,
            _ => 2,
        };
        words.insert(at.min(words.len()), "-json".to_owned());
        Report {
            words: Some(words),
            is_machine_output: true,
            ..Report::default()
        }
    }

    fn listen(&self, call: &Call, report: &Report) -> Option<Box<dyn Listener>> {
        let tells_all = call.has("-v") || call.has("-test.v");
        let events = Events {
            tells_all: tells_all && !call.has("-v=false"),
            ..Events::default()
        };
        report
            .is_machine_output
            .then(|| Box::new(events) as Box<dyn Listener>)
    }
}

/// One line of `go test -json`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Event {
    action: String,
    package: String,
    test: String,
    elapsed: Option<f64>,
    output: String,
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Events {
    lines: Lines,
    tests: Tests,
    /// Whether the user asked to see everything.
    tells_all: bool,
    packages: BTreeMap<String, Package>,
    /// Whether a package was told to have ended.
    is_told: bool,
}

/// A package whose tests run.
#[derive(Debug, Default)]
struct Package {
    /// What each unfinished test printed.
    open: BTreeMap<String, String>,
    /// What people see once it failed.
    told: String,
    has_failed_test: bool,
}

impl Listener for Events {
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut shown = Vec::new();
        for line in self.lines.split(bytes) {
            self.take(&line, &mut shown);
        }
        shown
    }

    fn finish(&mut self) -> (Vec<u8>, Option<Tests>) {
        let mut shown = Vec::new();
        if let Some(line) = self.lines.rest() {
            self.take(&line, &mut shown);
        }
        // Packages that were killed in the middle.
        for (name, package) in std::mem::take(&mut self.packages) {
            shown.extend_from_slice(package.told.as_bytes());
            for (test, text) in package.open {
                if !self.tells_all {
                    shown.extend_from_slice(text.as_bytes());
                }
                self.tests.push(TestCase {
                    place: name.clone(),
                    name: test,
                    outcome: TestOutcome::Failed,
                    ms: None,
                    message: "it did not end".to_owned(),
                });
            }
        }
        let tests = std::mem::take(&mut self.tests);
        (shown, self.is_told.then_some(tests))
    }
}

impl Events {
    fn take(&mut self, line: &[u8], shown: &mut Vec<u8>) {
        let event: Option<Event> = line
            .starts_with(b"{")
            .then(|| serde_json::from_slice(line).ok())
            .flatten();
        let Some(event) = event.filter(|event| !event.action.is_empty()) else {
            // What the go tool says itself, and what older ones print of a build.
            shown.extend_from_slice(line);
            return;
        };
        let Event { package, test, .. } = &event;
        match event.action.as_str() {
            "build-output" => shown.extend_from_slice(event.output.as_bytes()),
            "output" => self.print(&event, shown),
            "start" => drop(self.packages.entry(package.clone()).or_default()),
            "run" => {
                let package = self.packages.entry(package.clone()).or_default();
                package.open.insert(test.clone(), String::new());
            }
            "pass" | "fail" | "skip" if test.is_empty() => self.end_package(&event, shown),
            "pass" | "fail" | "skip" => self.end_test(&event),
            _ => {}
        }
    }

    fn print(&mut self, event: &Event, shown: &mut Vec<u8>) {
        let text = &event.output;
        if self.tells_all {
            shown.extend_from_slice(text.as_bytes());
        }
        let package = self.packages.entry(event.package.clone()).or_default();
        if let Some(own) = package.open.get_mut(&event.test) {
            let is_frame = text.starts_with("=== ");
            if !is_frame && own.len() < KEPT {
                own.push_str(text);
            }
        } else if event.test.is_empty() && package.told.len() < KEPT {
            // The lines around a package's tests; `PASS` is told of single packages only.
            let quiet = text == "PASS\n" || text == "testing: warning: no tests to run\n";
            if !quiet {
                package.told.push_str(text);
            }
        }
    }

    fn end_test(&mut self, event: &Event) {
        let package = self.packages.entry(event.package.clone()).or_default();
        let text = package.open.remove(&event.test).unwrap_or_default();
        let outcome = outcome(&event.action);
        package.has_failed_test |= outcome == TestOutcome::Failed;
        // The output of a failed test stands above its package's last lines.
        let mut message = String::new();
        if outcome == TestOutcome::Failed {
            package.told.push_str(&text);
            message = text;
        }
        self.tests.push(TestCase {
            place: event.package.clone(),
            name: event.test.clone(),
            outcome,
            ms: event.elapsed.map(milliseconds),
            message,
        });
    }

    fn end_package(&mut self, event: &Event, shown: &mut Vec<u8>) {
        self.is_told = true;
        let package = self.packages.remove(&event.package).unwrap_or_default();
        let failed = event.action == "fail";
        let mut told = package.told;
        let explained = package.has_failed_test || !package.open.is_empty();
        // A test that panicked, or ended the process, never ended itself.
        for (test, text) in package.open.into_iter().filter(|_| failed) {
            told.insert_str(0, &text);
            self.tests.push(TestCase {
                place: event.package.clone(),
                name: test,
                outcome: TestOutcome::Failed,
                ms: None,
                message: text,
            });
        }
        if failed && !explained {
            self.tests.push(TestCase {
                place: event.package.clone(),
                name: PACKAGE.to_owned(),
                outcome: TestOutcome::Failed,
                ms: event.elapsed.map(milliseconds),
                message: told.clone(),
            });
        }
        if self.tells_all {
            return;
        }
        let seen = |line: &&str| failed || is_verdict(line);
        let lines = told.split_inclusive('\n').filter(seen);
        lines.for_each(|line| shown.extend_from_slice(line.as_bytes()));
    }
}

/// What is seen of a package that passed.
fn is_verdict(line: &str) -> bool {
    line.starts_with("ok  \t") || line.starts_with("?   \t") || line.starts_with('\t')
}

fn outcome(action: &str) -> TestOutcome {
    match action {
        "fail" => TestOutcome::Failed,
        "skip" => TestOutcome::Skipped,
        _ => TestOutcome::Passed,
    }
}

fn milliseconds(seconds: f64) -> u64 {
    let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
