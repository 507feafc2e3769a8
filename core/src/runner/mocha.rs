//! `mocha`. Sources: "Command-Line Usage" and "Reporters" of the Mocha documentation; mochajs/mocha: lib/reporters/spec.js.
//!
//! It has one reporter, so what the usual one writes for people is read, and believed where its counts agree.

use super::lines::{ReadAlong, Reader, without_colour};
use super::{Call, Listener, Report, Runner, RunnerId, Selected, TestCase, TestOutcome, Tests};

/// `mocha`.
pub struct Mocha;

/// Options whose value is the next word.
const VALUED: &[&str] = &[
    "-r",
    "--require",
    "--import",
    "-R",
    "--reporter",
    "-O",
    "--reporter-option",
    "--reporter-options",
    "-t",
    "--timeout",
    "-s",
    "--slow",
    "-u",
    "--ui",
    "--file",
    "-j",
    "--jobs",
    "--retries",
    "--config",
    "--package",
    "--extension",
    "--ignore",
    "--exclude",
    "-n",
    "--node-option",
    "-g",
    "--grep",
    "--loader",
];

impl Runner for Mocha {
    fn id(&self) -> RunnerId {
        RunnerId("mocha")
    }

    fn recognises(&self, call: &Call) -> bool {
        call.of_script("mocha").is_some() && !call.has("--dry-run")
    }

    /// Files in the place of the default; those that a command names already would run besides.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let specs = Call::positional(call.of_script("mocha")?, VALUED);
        if !specs.is_empty() || call.has("--watch") || call.has("-w") {
            return None;
        }
        let mut words = call.words.clone();
        words.extend(Selected::files(parts)?);
        Some(words)
    }

    fn listen(&self, call: &Call, _report: &Report) -> Option<Box<dyn Listener>> {
        (!call.is_redirected).then(|| Box::new(ReadAlong::<Words>::default()) as Box<dyn Listener>)
    }
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Words {
    cases: Vec<TestCase>,
    /// Failed tests, as places in `cases`, by their number.
    failed: Vec<usize>,
    /// Titles of suites that hold the next test, with their indents.
    suites: Vec<(usize, String)>,
    /// Passed, pending and failed, as it counts them.
    counts: Option<[usize; 3]>,
    /// The failed test that is being told.
    told: Option<usize>,
}

impl Reader for Words {
    fn read(&mut self, line: &str) {
        let line = without_colour(line);
        let line = line.trim_end();
        let word = line.trim_start();
        let indent = line.len() - word.len();
        if let Some((at, count)) = counted(word).filter(|_| indent == 2) {
            self.counts.get_or_insert_default()[at] = count;
        } else if self.counts.is_some() {
            self.explain(word, indent);
        } else if let Some((outcome, name, ms)) = ended(word).filter(|_| indent >= 2) {
            self.suites.retain(|(at, _)| *at < indent);
            if outcome == TestOutcome::Failed {
                self.failed.push(self.cases.len());
            }
            let titles: Vec<&str> = self
                .suites
                .iter()
                .map(|(_, title)| title.as_str())
                .collect();
            self.cases.push(TestCase {
                place: String::new(),
                name: [&titles[..], &[name]].concat().join(" > "),
                outcome,
                ms,
                message: String::new(),
            });
        } else if indent >= 2 && indent.is_multiple_of(2) && !word.is_empty() {
            self.suites.retain(|(at, _)| *at < indent);
            self.suites.push((indent, word.to_owned()));
        }
    }

    fn tests(&mut self) -> Option<Tests> {
        let mut tests = Tests::default();
        tests.extend(std::mem::take(&mut self.cases));
        let heard = [tests.passed, tests.skipped, tests.failed];
        (self.counts == Some(heard)).then_some(tests)
    }
}

impl Words {
    /// Below the counts: `  1) cart`, the rest of its name, and why it failed.
    fn explain(&mut self, word: &str, indent: usize) {
        let number = word
            .split_once(") ")
            .and_then(|(number, _)| number.parse::<usize>().ok());
        if let Some(number) = number.filter(|_| indent == 2) {
            self.told = number
                .checked_sub(1)
                .and_then(|at| self.failed.get(at))
                .copied();
        } else if let Some(at) = self.told
            && self.cases[at].message.len() < 4096
        {
            self.cases[at].message.push_str(word);
            self.cases[at].message.push('\n');
        }
    }
}

/// `3 passing (5ms)`, `1 pending`, `1 failing`.
fn counted(word: &str) -> Option<(usize, usize)> {
    let (count, rest) = word.split_once(' ')?;
    let kind = rest.split(' ').next()?;
    let at = ["passing", "pending", "failing"]
        .iter()
        .position(|name| *name == kind)?;
    Some((at, count.parse().ok()?))
}

/// `✔ adds (12ms)`, `1) bad`, `- later`.
fn ended(word: &str) -> Option<(TestOutcome, &str, Option<u64>)> {
    let (sign, rest) = word.split_once(' ')?;
    let outcome = match sign {
        "✔" | "✓" | "√" => TestOutcome::Passed,
        "-" => TestOutcome::Skipped,
        _ if sign
            .strip_suffix(')')
            .is_some_and(|number| number.parse::<usize>().is_ok()) =>
        {
            TestOutcome::Failed
        }
        _ => return None,
    };
    let timed = rest.strip_suffix("ms)").and_then(|rest| {
        let (name, ms) = rest.rsplit_once(" (")?;
        Some((name, ms.parse().ok()?))
    });
    let (name, ms) = timed.map_or((rest, None), |(name, ms)| (name, Some(ms)));
    Some((outcome, name, ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_is_read() {
        let text = "\n\n  cart\n    ✔ adds (12ms)\n    1) bad\n    - later\n    inner\n      ✔ deep\n\n  ✔ alone\n\n  3 passing (5ms)\n  1 pending\n  1 failing\n\n  1) cart\n       bad:\n     AssertionError: want 1\n\n";
        let mut words = ReadAlong::<Words>::default();
        assert_eq!(words.hear(text.as_bytes()), text.as_bytes());
        let tests = words.finish().1.expect("tests");
        let told: Vec<String> = tests
            .cases
            .iter()
            .map(|case| {
                format!(
                    "{} {} {}",
                    case.name,
                    case.outcome.as_str(),
                    case.message.replace('\n', "|")
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "cart > adds passed ",
                "cart > bad failed bad:|AssertionError: want 1||",
                "cart > later skipped ",
                "cart > inner > deep passed ",
                "alone passed ",
            ]
        );
        // A line of a test that looks like one makes the counts differ: then nothing is believed.
        let mut words = ReadAlong::<Words>::default();
        words.hear(b"  - x\n  \xe2\x9c\x94 a\n\n  1 passing (5ms)\n");
        assert_eq!(words.finish().1, None);
    }
}
