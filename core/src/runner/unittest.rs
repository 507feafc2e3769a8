//! unittest, as `python -m unittest` runs it. Source: "Command-Line Interface" and "Test Discovery" of its documentation.

use super::lines::{ReadAlong, Reader};
use super::{Call, Listener, Report, Runner, RunnerId, Selected, TestCase, TestOutcome, Tests};

/// unittest.
pub struct Unittest;

/// What discovery is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The program, `-m` and `unittest`.
    pub program: Vec<String>,
    /// Options that mean the same without discovery.
    pub options: Vec<String>,
    /// The folder to look into; empty for the one where it starts.
    pub start: String,
}

impl Discovery {
    /// Takes a command apart; `None` for one that does not look for tests, or not from the folder where it starts.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let (program, rest) = call.words.split_at(3);
        let mut found = Self {
            program: program.to_vec(),
            ..Self::default()
        };
        let mut words = rest.iter().map(String::as_str).peekable();
        words.next_if_eq(&"discover");
        let mut top = None;
        while let Some(word) = words.next() {
            match word {
                "-v" | "--verbose" | "-q" | "--quiet" | "-f" | "--failfast" | "-b" | "--buffer"
                | "--locals" => {
                    found.options.push(word.to_owned());
                }
                "-s" | "--start-directory" => found.start = words.next()?.to_owned(),
                "-t" | "--top-level-directory" => top = Some(words.next()?),
                _ => return None,
            }
        }
        if matches!(&found.start[..], "." | "./") {
            found.start.clear();
        }
        // Modules have their names from the top.
        let here = |folder: &str| matches!(folder, "" | "." | "./");
        here(top.unwrap_or(&found.start)).then_some(found)
    }
}

fn is_unittest(call: &Call) -> bool {
    let program = call.program();
    let is_python = program.starts_with("python") || program == "py";
    is_python
        && call
            .words
            .get(1..3)
            .is_some_and(|words| words == ["-m", "unittest"])
}

/// The module in a file: `tests/test_a.py` is `tests.test_a`.
fn module(file: &str) -> Option<String> {
    let name = file.strip_suffix(".py")?.trim_start_matches("./");
    (!name.contains('.') && !name.starts_with('/')).then(|| name.replace('/', "."))
}

impl Runner for Unittest {
    fn id(&self) -> RunnerId {
        RunnerId("unittest")
    }

    fn recognises(&self, call: &Call) -> bool {
        is_unittest(call) && !call.has("-h") && !call.has("--help")
    }

    /// Modules take the place of discovery.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let discovery = Discovery::of(call)?;
        let modules = parts.iter().map(|part| match part {
            Selected::File(name) => module(name),
            Selected::Test(name) => Some(name.clone()),
            _ => None,
        });
        let modules: Vec<String> = modules.collect::<Option<_>>()?;
        Some([discovery.program, discovery.options, modules].concat())
    }

    /// Only then it names the tests that pass.
    fn report(&self, call: &Call, _folder: &str) -> Report {
        let told = ["-v", "--verbose", "-q", "--quiet"];
        if call.is_redirected || told.iter().any(|option| call.has(option)) {
            return Report::default();
        }
        let mut words = call.words.clone();
        let discovers = words.get(3).is_some_and(|word| word == "discover");
        words.insert(if discovers { 4 } else { 3 }, "-v".to_owned());
        Report {
            words: Some(words),
            ..Report::default()
        }
    }

    fn listen(&self, call: &Call, _report: &Report) -> Option<Box<dyn Listener>> {
        (!call.is_redirected).then(|| Box::new(ReadAlong::<Words>::default()) as Box<dyn Listener>)
    }

    fn is_empty_run(&self, exit: Option<i32>) -> bool {
        exit == Some(5)
    }
}

/// What was heard so far. Source: `TextTestResult` of CPython, Lib/unittest/runner.py.
#[derive(Debug, Default)]
struct Words {
    cases: Vec<TestCase>,
    /// The test that began and has not ended: what it prints may stand between.
    open: Option<(String, String)>,
    /// The test whose error is being told.
    failed: Option<usize>,
    /// A line of signs came: the next one names an error.
    is_heading: bool,
    /// How many it says there were.
    ran: Option<usize>,
}

impl Reader for Words {
    fn read(&mut self, line: &str) {
        let line = line.trim_end();
        if self.is_heading {
            self.is_heading = false;
            if let Some((_, test)) = line.split_once(": ") {
                self.failed = named(test).map(|test| self.failure(test));
            }
        } else if line.starts_with("=====") {
            self.is_heading = true;
            self.failed = None;
        } else if let Some(ran) = line.strip_prefix("Ran ") {
            self.failed = None;
            self.ran = ran.split(' ').next().and_then(|count| count.parse().ok());
        } else if let Some(at) = self.failed {
            let message = &mut self.cases[at].message;
            if message.len() < 4096 && !line.starts_with("-----") {
                message.push_str(line);
                message.push('\n');
            }
        } else {
            self.tell(line);
        }
    }

    fn tests(&mut self) -> Option<Tests> {
        let mut tests = Tests::default();
        let cases = std::mem::take(&mut self.cases);
        let is_told = self.ran.is_some_and(|ran| ran == 0 || !cases.is_empty());
        tests.extend(cases);
        is_told.then_some(tests)
    }
}

impl Words {
    /// A line of the list: `test_a (tests.test_x.A.test_a) ... ok`, with its outcome further down where the test prints.
    fn tell(&mut self, line: &str) {
        let (test, told) = match line.split_once(" ... ") {
            Some((test, told)) => (test, told.trim()),
            None => (line.strip_suffix(" ...").unwrap_or(line), ""),
        };
        if let Some(test) = named(test) {
            self.open = Some(test);
        }
        let told = if told.is_empty() { line.trim() } else { told };
        if let (Some((place, name)), Some(outcome)) = (&self.open, outcome(told)) {
            self.cases.push(TestCase {
                place: place.clone(),
                name: name.clone(),
                outcome,
                ms: None,
                message: String::new(),
            });
            self.open = None;
        }
    }

    /// The case of a test that failed, which may be one of its parts or stand for its class.
    fn failure(&mut self, (place, name): (String, String)) -> usize {
        let same = |case: &TestCase| case.place == place && case.name == name;
        if let Some(at) = self.cases.iter().position(same) {
            self.cases[at].outcome = TestOutcome::Failed;
            return at;
        }
        self.cases.push(TestCase {
            place,
            name,
            outcome: TestOutcome::Failed,
            ms: None,
            message: String::new(),
        });
        self.cases.len() - 1
    }
}

/// Class and name of `test_a (tests.test_x.A.test_a) (i=1)`; older ones leave the name out of the parentheses.
fn named(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.trim().split_once(" (")?;
    let (id, _) = rest.split_once(')')?;
    let is_name = |text: &str| {
        let plain =
            |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '<' | '>');
        !text.is_empty() && text.chars().all(plain)
    };
    let place = id
        .strip_suffix(name)
        .map_or(id, |place| place.trim_end_matches('.'));
    (is_name(name) && is_name(id)).then(|| (place.to_owned(), name.to_owned()))
}

fn outcome(told: &str) -> Option<TestOutcome> {
    match told {
        "ok" | "expected failure" => Some(TestOutcome::Passed),
        "FAIL" | "ERROR" | "unexpected success" => Some(TestOutcome::Failed),
        _ if told.starts_with("skipped") => Some(TestOutcome::Skipped),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_restricted;
    use super::*;

    #[test]
    fn modules_take_the_place_of_discovery() {
        let files = ["tests/test_a.py", "test_b.py"].map(|name| Selected::File(name.to_owned()));
        let check = |line: &str, expected: &str| check_restricted(line, &files, expected);
        let both = "python3 -m unittest tests.test_a test_b";
        check("python3 -m unittest discover", both);
        check("python3 -m unittest", both);
        check("python3 -m unittest discover -s tests -t .", both);
        check(
            "python3 -m unittest discover -v -s .",
            "python3 -m unittest -v tests.test_a test_b",
        );
        check("python3 -m unittest discover -s tests", "-");
        check("python3 -m unittest discover -p check*.py", "-");
        check("python3 -m unittest tests.test_c", "-");
        check_restricted(
            "python3 -m unittest",
            &[Selected::File("a.b/test_c.py".to_owned())],
            "-",
        );
    }

    #[test]
    fn every_test_is_told() {
        let text = "\
test_bad (tests.test_a.A.test_bad) ... noise
FAIL
test_doc (tests.test_a.A.test_doc)
Says something. ... ok
test_skip (tests.test_a.A) ... skipped 'later'
test_sub (tests.test_a.A.test_sub) ...\u{20}
  test_sub (tests.test_a.A.test_sub) (i=1) ... FAIL
ERROR
tests.test_b (unittest.loader._FailedTest.tests.test_b) ... ERROR

======================================================================
ERROR: setUpClass (tests.test_a.B)
----------------------------------------------------------------------
ZeroDivisionError: division by zero

======================================================================
FAIL: test_bad (tests.test_a.A.test_bad)
----------------------------------------------------------------------
AssertionError: 1 != 2

----------------------------------------------------------------------
Ran 5 tests in 0.001s

FAILED (failures=2, errors=2, skipped=1)
";
        let mut words = ReadAlong::<Words>::default();
        assert_eq!(words.hear(text.as_bytes()), text.as_bytes());
        let tests = words.finish().1.expect("tests");
        let told: Vec<String> = tests
            .cases
            .iter()
            .map(|case| {
                let text = format!(
                    "{}/{} {} {}",
                    case.place,
                    case.name,
                    case.outcome.as_str(),
                    case.message
                );
                text.trim().to_owned()
            })
            .collect();
        assert_eq!(
            told,
            [
                "tests.test_a.A/test_bad failed AssertionError: 1 != 2",
                "tests.test_a.A/test_doc passed",
                "tests.test_a.A/test_skip skipped",
                "tests.test_a.A/test_sub failed",
                "unittest.loader._FailedTest/tests.test_b failed",
                "tests.test_a.B/setUpClass failed ZeroDivisionError: division by zero",
            ]
        );
        // Without a count it is no output of unittest.
        let mut words = ReadAlong::<Words>::default();
        words.hear(b"test_a (x.A.test_a) ... ok\n");
        assert_eq!(words.finish().1, None);
    }
}
