//! `node --test`. Sources: "Test runner" of the Node.js documentation, "Command-line API"; nodejs/node:
//! lib/internal/test_runner/reporter/{tap,spec}.js.
//!
//! It writes TAP where its output is no terminal, newer ones (23) what people read: both are read as they come, since an option for
//! a report would stop those that do not know it.

use super::lines::{ReadAlong, Reader, without_colour};
use super::{Call, Listener, Report, Runner, RunnerId, Selected, TestCase, TestOutcome, Tests};

/// `node --test`, also by `tsx`.
pub struct NodeTest;

/// Options whose value is the next word.
const VALUED: &[&str] = &[
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
    "--test-reporter",
    "--test-reporter-destination",
    "--test-concurrency",
    "--test-name-pattern",
    "--test-skip-pattern",
    "--test-timeout",
    "--test-shard",
    "--test-global-setup",
    "--tsconfig",
    "--stack-size",
    "--max-old-space-size",
];

impl Runner for NodeTest {
    fn id(&self) -> RunnerId {
        RunnerId("node-test")
    }

    fn recognises(&self, call: &Call) -> bool {
        matches!(call.program(), "node" | "tsx") && call.has("--test") && !call.has("--watch")
    }

    /// Files in the place of the default; those that a command names already would run besides.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        if !Call::positional(call.arguments(), VALUED).is_empty() {
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
    /// Tests and suites that began, the outermost first.
    open: Vec<Open>,
    /// The details of what ended last, in TAP.
    is_detail: bool,
    /// Whether that is the last of `cases`.
    is_told: bool,
    is_over: bool,
}

/// What began and may hold tests.
#[derive(Debug)]
struct Open {
    name: String,
    holds: usize,
    failed: usize,
}

/// The end of a test or suite.
struct Ended<'l> {
    level: usize,
    name: &'l str,
    outcome: TestOutcome,
    ms: Option<u64>,
}

impl Reader for Words {
    fn read(&mut self, line: &str) {
        let line = without_colour(line);
        let line = line.trim_end();
        let word = line.trim_start();
        let indent = line.len() - word.len();
        let count = word
            .strip_prefix("# tests ")
            .or(word.strip_prefix("ℹ tests "));
        if count.is_some_and(|count| count.parse::<usize>().is_ok()) && indent == 0 {
            self.is_over = true;
        }
        if self.is_over {
            return;
        }
        if self.is_detail {
            self.detail(word);
        } else if word == "---" {
            self.is_detail = true;
        } else if let Some(name) = word.strip_prefix("# Subtest: ") {
            self.begin(indent / 4, &unescaped(name));
        } else if let Some(ended) = of_tap(word) {
            let name = unescaped(ended.name);
            let level = indent / 4;
            self.end(&Ended {
                level,
                name: &name,
                ..ended
            });
        } else {
            self.spec(word, indent / 2);
        }
    }

    fn tests(&mut self) -> Option<Tests> {
        let mut tests = Tests::default();
        tests.extend(std::mem::take(&mut self.cases));
        self.is_over.then_some(tests)
    }
}

impl Words {
    /// `▶ suite`, `✔ test (1.2ms)`, `✖ test (1.2ms)`, `﹣ test # SKIP`.
    fn spec(&mut self, word: &str, level: usize) {
        let Some((sign, rest)) = word.split_once(' ') else {
            return;
        };
        let (name, told) = rest.split_once(" # ").unwrap_or((rest, ""));
        let (name, ms) = timed(name);
        let outcome = match sign {
            "✔" if told.starts_with("SKIP") => TestOutcome::Skipped,
            "✔" => TestOutcome::Passed,
            "✖" => TestOutcome::Failed,
            "﹣" => TestOutcome::Skipped,
            "▶" if ms.is_none() => return self.begin(level, name),
            // Older ones end a suite with the sign of its beginning.
            "▶" => return self.open.truncate(level),
            _ => return,
        };
        self.end(&Ended {
            level,
            name,
            outcome,
            ms,
        });
    }

    fn begin(&mut self, level: usize, name: &str) {
        self.open.truncate(level);
        self.open.push(Open {
            name: name.to_owned(),
            holds: 0,
            failed: 0,
        });
    }

    fn end(&mut self, ended: &Ended<'_>) {
        self.open.truncate(ended.level + 1);
        let own = (self.open.len() > ended.level && self.open[ended.level].name == ended.name)
            .then(|| self.open.pop())
            .flatten();
        self.open.truncate(ended.level);
        self.is_told = false;
        let failed = usize::from(ended.outcome == TestOutcome::Failed);
        if let Some(above) = self.open.last_mut() {
            above.holds += 1;
            above.failed += failed;
        }
        // What holds others counts only if it failed by itself.
        if own.is_some_and(|own| own.holds > 0 && (failed == 0 || own.failed > 0)) {
            return;
        }
        self.is_told = true;
        let mut names: Vec<&str> = self.open.iter().map(|open| open.name.as_str()).collect();
        names.push(ended.name);
        let name = names.join(" > ");
        // A file that ends before its tests stands for itself.
        let is_file = std::path::Path::new(&name).is_absolute();
        let (place, name) = if is_file {
            (name, super::jest::WHOLE.to_owned())
        } else {
            (String::new(), name)
        };
        self.cases.push(TestCase {
            place,
            name,
            outcome: ended.outcome,
            ms: ended.ms,
            message: String::new(),
        });
    }

    /// The lines between `---` and `...`.
    fn detail(&mut self, word: &str) {
        if word == "..." {
            self.is_detail = false;
            return;
        }
        let Some(case) = self.cases.last_mut().filter(|_| self.is_told) else {
            return;
        };
        if let Some(ms) = word.strip_prefix("duration_ms: ") {
            case.ms = case.ms.or_else(|| milliseconds(ms));
        } else if case.outcome == TestOutcome::Failed && case.message.len() < 4096 {
            case.message.push_str(word);
            case.message.push('\n');
        }
    }
}

/// `ok 1 - name # SKIP why`, `not ok 2 - name`.
fn of_tap(word: &str) -> Option<Ended<'_>> {
    let (failed, rest) = match word.strip_prefix("not ok ") {
        Some(rest) => (true, rest),
        None => (false, word.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(" - ")?;
    number.parse::<usize>().ok()?;
    let (name, told) = rest.split_once(" # ").unwrap_or((rest, ""));
    let outcome = match () {
        () if told.starts_with("SKIP") => TestOutcome::Skipped,
        // What is to do may fail.
        () if failed && !told.starts_with("TODO") => TestOutcome::Failed,
        () if failed => TestOutcome::Skipped,
        () => TestOutcome::Passed,
    };
    Some(Ended {
        level: 0,
        name,
        outcome,
        ms: None,
    })
}

fn unescaped(name: &str) -> String {
    name.replace("\\#", "#").replace("\\\\", "\\")
}

/// Takes `(1.2ms)` off.
fn timed(name: &str) -> (&str, Option<u64>) {
    let timed = name.strip_suffix("ms)").and_then(|name| {
        let (name, ms) = name.rsplit_once(" (")?;
        Some((name, milliseconds(ms)?))
    });
    timed.map_or((name, None), |(name, ms)| (name, Some(ms)))
}

fn milliseconds(text: &str) -> Option<u64> {
    let ms: f64 = text.parse().ok()?;
    (ms.is_finite() && ms >= 0.0).then_some(ms.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let mut words = ReadAlong::<Words>::default();
        assert_eq!(words.hear(text.as_bytes()), text.as_bytes());
        let tests = words.finish().1.unwrap_or_default();
        let one = |case: &TestCase| {
            let text = format!(
                "{} {} {} {}",
                case.place,
                case.name,
                case.outcome.as_str(),
                case.message
            );
            text.trim().to_owned()
        };
        tests.cases.iter().map(one).collect()
    }

    const SPEC: &str = "\
✔ one (1.1ms)
﹣ two (0.1ms) # SKIP
▶ cart
  ✔ adds (4.4ms)
  ✖ bad (1.2ms)
    AssertionError: 1 !== 2

✖ cart (6.1ms)
▶ parent
  ✔ child (0.1ms)
✔ parent (0.4ms)
ℹ tests 7

✖ failing tests:

✖ bad (1.2ms)
";

    const TAP: &str = "\
TAP version 13
# Subtest: one
ok 1 - one
  ---
  duration_ms: 0.9
  ...
# Subtest: two
ok 2 - two # SKIP
# Subtest: cart
    # Subtest: adds
    ok 1 - adds
    # Subtest: bad
    not ok 2 - bad
      ---
      duration_ms: 1.9
      error: 'no'
      ...
    1..2
not ok 4 - cart
  ---
  type: 'suite'
  ...
# Subtest: parent
    # Subtest: child
    ok 1 - child
    1..1
ok 5 - parent
# Subtest: /r/b.test.js
not ok 6 - /r/b.test.js
1..6
# tests 9
# pass 5
";

    #[test]
    fn both_kinds_of_output_are_read() {
        let expected = [
            "one passed",
            "two skipped",
            "cart > adds passed",
            "cart > bad failed",
            "parent > child passed",
        ];
        assert_eq!(told(SPEC), expected);
        let mut with_more = expected.map(ToOwned::to_owned).to_vec();
        with_more[3].push_str(" error: 'no'");
        with_more.push("/r/b.test.js (file) failed".to_owned());
        assert_eq!(told(TAP), with_more);
        assert_eq!(told("ok 1 - one\n"), [""; 0]);
    }
}
