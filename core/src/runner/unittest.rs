//! unittest, as `python -m unittest` runs it. Source: "Command-Line Interface" and "Test Discovery" of its documentation.

use super::{Call, Runner, RunnerId, Selected};

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

    fn is_empty_run(&self, exit: Option<i32>) -> bool {
        exit == Some(5)
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
}
