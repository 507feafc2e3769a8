//! pytest. Sources: `pytest --help` of 8.4, and of pytest-cov, pytest-xdist, pytest-timeout and pytest-django; "Exit codes"
//! of its documentation.

use super::{
    BadReport, Call, OwnResults, Report, ReportFiles, Runner, RunnerId, Selected, TestCase, junit,
};

/// pytest.
pub struct Pytest;

/// Options whose value is the next word, unless it stands behind an equals sign.
const VALUED: &[&str] = &[
    "-k",
    "-m",
    "-p",
    "-c",
    "-o",
    "-n",
    "-W",
    "-r",
    "--asyncio-mode",
    "--basetemp",
    "--capture",
    "--color",
    "--confcutdir",
    "--config-file",
    "--cov-config",
    "--cov-fail-under",
    "--cov-report",
    "--dc",
    "--deselect",
    "--dist",
    "--ds",
    "--durations",
    "--durations-min",
    "--ignore",
    "--ignore-glob",
    "--import-mode",
    "--junit-xml",
    "--junitxml",
    "--log-cli-level",
    "--log-file",
    "--log-level",
    "--maxfail",
    "--maxprocesses",
    "--numprocesses",
    "--override-ini",
    "--reruns",
    "--reruns-delay",
    "--rootdir",
    "--show-capture",
    "--tb",
    "--timeout",
    "--tx",
    "--verbosity",
];

/// Options that take a value only behind an equals sign; single letters may stand together.
const FLAGS: &[&str] = &[
    "--cache-clear",
    "--create-db",
    "--disable-warnings",
    "--exitfirst",
    "--failed-first",
    "--ff",
    "--forked",
    "--full-trace",
    "--last-failed",
    "--lf",
    "--new-first",
    "--nf",
    "--no-cov",
    "--no-header",
    "--no-migrations",
    "--no-summary",
    "--quiet",
    "--reuse-db",
    "--runslow",
    "--showlocals",
    "--strict",
    "--strict-config",
    "--strict-markers",
    "--verbose",
];

/// Options with which nothing is run.
const IDLE: &[&str] = &[
    "--co",
    "--collect-only",
    "--fixtures",
    "--help",
    "-h",
    "--markers",
    "--version",
    "-V",
];

/// What pytest is given, apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The program, and what it needs to start.
    pub program: Vec<String>,
    /// Options with their values, in their order.
    pub options: Vec<String>,
    /// Files and folders.
    pub paths: Vec<String>,
    /// Files and folders to leave out.
    pub ignored: Vec<String>,
}

impl Arguments {
    /// Takes a command apart; `None` for one that is not pytest's, or in which an option cannot be told from a path.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let (program, rest) = call.words.split_at(start(call)?);
        let mut found = Self {
            program: program.to_vec(),
            ..Self::default()
        };
        let mut words = rest.iter().peekable();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                found.paths.push(word.clone());
                continue;
            }
            found.options.push(word.clone());
            let (name, value) = word
                .split_once('=')
                .map_or((&word[..], None), |(a, b)| (a, Some(b)));
            let mut value = value.map(ToOwned::to_owned);
            if value.is_none() && VALUED.contains(&name) {
                value = words.next().cloned();
                found.options.extend(value.clone());
            } else if value.is_none() && !is_flag(name) {
                words
                    .peek()
                    .is_none_or(|next| next.starts_with('-'))
                    .then_some(())?;
            }
            if name == "--ignore" {
                found.ignored.extend(value);
            }
        }
        Some(found)
    }
}

fn is_flag(name: &str) -> bool {
    // `-qs`, `-rA`, `-n4`: what is behind a single letter is its value or are more of its kind.
    FLAGS.contains(&name) || !name.starts_with("--")
}

/// The number of words before the arguments.
fn start(call: &Call) -> Option<usize> {
    let program = call.program();
    let is_python = program.starts_with("python") || program == "py";
    let words: Vec<&str> = call.words.iter().map(String::as_str).collect();
    match words[..] {
        _ if matches!(program, "pytest" | "py.test") => Some(1),
        [_, "-m", "pytest", ..] if is_python => Some(3),
        _ => None,
    }
}

impl Runner for Pytest {
    fn id(&self) -> RunnerId {
        RunnerId("pytest")
    }

    fn recognises(&self, call: &Call) -> bool {
        start(call).is_some() && !IDLE.iter().any(|option| call.has(option))
    }

    /// Files and tests take the place of the paths.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let arguments = Arguments::of(call)?;
        // One that is restricted to some tests of a file already would run more of it.
        if arguments.paths.iter().any(|path| path.contains("::")) {
            return None;
        }
        let mut words = [arguments.program, arguments.options].concat();
        for part in parts {
            match part {
                Selected::File(name) | Selected::Test(name) if name.starts_with('-') => {
                    words.push(format!("./{name}"));
                }
                // In a path it would begin the parameters of a test.
                Selected::File(name) if name.contains('[') => return None,
                Selected::File(name) | Selected::Test(name) => words.push(name.clone()),
                _ => return None,
            }
        }
        Some(words)
    }

    /// The older family of reports names the file of each test.
    fn report(&self, call: &Call, folder: &str) -> Report {
        let has_own = ["--junitxml", "--junit-xml"]
            .iter()
            .any(|own| call.has(own));
        let is_off = call.words.iter().any(|word| word.contains("no:junitxml"));
        let of_variable = call.env.iter().any(|(name, _)| name == "PYTEST_ADDOPTS");
        if has_own || is_off || of_variable || Arguments::of(call).is_none() {
            return Report::default();
        }
        let Some(start) = start(call) else {
            return Report::default();
        };
        let mut words = call.words.clone();
        let file = format!("--junitxml={folder}/pytest.xml");
        let more = ["-o".to_owned(), "junit_family=xunit1".to_owned(), file];
        words.splice(start..start, more);
        Report {
            words: Some(words),
            files: vec![ReportFiles {
                folder: folder.to_owned(),
                prefix: "pytest".to_owned(),
                suffix: ".xml".to_owned(),
            }],
            ..Report::default()
        }
    }

    fn own_results(&self) -> OwnResults {
        OwnResults {
            files: &[
                "pytest.ini",
                ".pytest.ini",
                "pytest.toml",
                "pyproject.toml",
                "tox.ini",
                "setup.cfg",
            ],
            words: &["junitxml", "junit-xml"],
        }
    }

    /// A test's place is its file and class as in its node id.
    fn read(&self, bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
        junit::read_with(bytes, |at| {
            let module = at.file.strip_suffix(".py").unwrap_or(&at.file);
            let module = module.replace(['/', '\\'], ".");
            let class = at.class.strip_prefix(&module);
            match class {
                _ if at.file.is_empty() => at.class.clone(),
                Some(class) => format!("{}{}", at.file, class.replace('.', "::")),
                None => at.file.clone(),
            }
        })
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
    fn files_take_the_place_of_paths() {
        let files = ["a/test_x.py", "test_y.py"].map(|name| Selected::File(name.to_owned()));
        let check = |line: &str, expected: &str| check_restricted(line, &files, expected);
        check("pytest", "pytest a/test_x.py test_y.py");
        check(
            "python3 -m pytest -q tests",
            "python3 -m pytest -q a/test_x.py test_y.py",
        );
        check(
            "uv run pytest --ignore=tests/e2e",
            "uv run pytest --ignore=tests/e2e a/test_x.py test_y.py",
        );
        check(
            "poetry run pytest -k fast -m unit tests",
            "poetry run pytest -k fast -m unit a/test_x.py test_y.py",
        );
        check(
            "pytest --cov=src -rA -x tests",
            "pytest --cov=src -rA -x a/test_x.py test_y.py",
        );
        check("pytest --unknown tests", "-");
        check(
            "pytest --unknown=1 tests",
            "pytest --unknown=1 a/test_x.py test_y.py",
        );
        check("pytest tests/test_a.py::test_one", "-");
        check("pytest --collect-only", "-");
        check("tox -e py", "-");
        check("python3 -m pytest_plugin", "-");
    }

    fn asked(line: &str) -> Option<String> {
        let command = affected_graph::Command::Shell(line.to_owned());
        let (runner, call) = super::super::recognise(&command, None)?;
        Some(runner.report(&call, "/r").words?.join(" "))
    }

    #[test]
    fn a_report_is_asked_for_unless_there_is_one() {
        let ours = "-o junit_family=xunit1 --junitxml=/r/pytest.xml";
        let expected = format!("python3 -m pytest {ours} -q tests");
        assert_eq!(asked("python3 -m pytest -q tests"), Some(expected));
        for own in [
            "pytest --junitxml=own.xml",
            "pytest --junit-xml own.xml",
            "pytest -p no:junitxml",
            "PYTEST_ADDOPTS=-q pytest",
        ] {
            assert_eq!(asked(own), None, "{own}");
        }
    }

    #[test]
    fn places_are_parts_of_node_ids() {
        let xml = r#"<testsuites><testsuite name="pytest"><testcase classname="tests.test_a.TestB" name="test_c" file="tests/test_a.py" time="0.5"/>
            <testcase classname="tests.test_a" name="test_d[1]" file="tests/test_a.py"><failure message="assert 1 == 2">x</failure></testcase>
            <testcase classname="" name="tests.test_e"><error message="collection failure">y</error></testcase></testsuite></testsuites>"#;
        let cases = Pytest.read(xml.as_bytes()).expect("a report");
        let told: Vec<_> = cases
            .iter()
            .map(|case| (&case.place[..], &case.name[..], case.outcome.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("tests/test_a.py::TestB", "test_c", "passed"),
                ("tests/test_a.py", "test_d[1]", "failed"),
                ("", "tests.test_e", "failed"),
            ]
        );
    }

    #[test]
    fn single_tests_are_named_by_their_node() {
        let node = [Selected::Test("a.py::test_x".to_owned())];
        check_restricted("pytest", &node, "pytest a.py::test_x");
        check_restricted("pytest", &[Selected::Package("x".to_owned())], "-");
        check_restricted("pytest", &[Selected::File("a[b].py".to_owned())], "-");
    }
}
