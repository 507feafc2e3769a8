//! Runs that passed without a single test (C3): a filter that matches nothing, a runner that found no files.

/// What runners say when they ran nothing, in lower case.
const NOTHING: &[&str] = &[
    "no tests ran",
    "no tests found",
    "no test files found",
    "no tests to run",
    "no tests were executed",
    "no tests were found",
    "no test is available",
    "no test matches the given testcase filter",
    "there are no tests to run",
    "collected 0 items",
    "ran 0 tests in",
    "0 passing",
    "0 examples, 0 failures",
    "running 0 tests",
    "tests run: 0,",
    "# tests 0",
    "0 tests, 0 assertions",
];

/// What they say when they ran something, in lower case.
const SOMETHING: &[&str] = &[
    "1 test",
    "2 test",
    "3 test",
    "4 test",
    "5 test",
    "6 test",
    "7 test",
    "8 test",
    "9 test",
    "0 tests in ",
];

/// Tells whether a log shows that no test was executed. A runner that names both (one package without tests beside
/// one with) ran something.
#[must_use]
pub(super) fn ran_nothing(log: &[u8]) -> bool {
    let text = String::from_utf8_lossy(log).to_lowercase();
    let all_go = text.lines().all(|line| {
        line.starts_with('?') || line.contains("no test files") || line.trim().is_empty()
    });
    if all_go && text.contains("[no test files]") {
        return true;
    }
    let nothing = text
        .lines()
        .filter(|line| NOTHING.iter().any(|words| line.contains(words)));
    let silent = nothing.count();
    silent > 0 && !text.lines().any(ran_something)
}

fn ran_something(line: &str) -> bool {
    if NOTHING.iter().any(|words| line.contains(words)) && !line.contains("running 10") {
        return false;
    }
    let counted = [
        "passed",
        "passing",
        "ok\t",
        "ok ",
        "tests run: ",
        "examples,",
        "# pass ",
    ];
    let has_count = line.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let is_result = counted.iter().any(|word| line.contains(word))
        || SOMETHING.iter().any(|word| line.contains(word));
    has_count && is_result && !line.contains("test result: ok. 0 passed")
}

#[cfg(test)]
mod tests {
    use super::ran_nothing;

    /// C3: a green run of nothing proves nothing.
    #[test]
    fn c3_runs_without_tests_are_known() {
        let nothing = [
            "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; finished in 0.00s\n",
            "?   \texample.com/x\t[no test files]\n",
            "ok  \texample.com/x\t0.002s [no tests to run]\n",
            "No tests found, exiting with code 0\n",
            "Ran 0 tests in 0.000s\n\nOK\n",
            "  0 passing (1ms)\n",
            "# tests 0\n# pass 0\n",
            "[INFO] Tests run: 0, Failures: 0, Errors: 0, Skipped: 0\n",
        ];
        for log in nothing {
            assert!(ran_nothing(log.as_bytes()), "{log}");
        }
        let something = [
            "",
            "fine\n",
            "running 0 tests\ntest result: ok. 0 passed; 0 failed\nrunning 2 tests\ntest result: ok. 2 passed; 0 failed\n",
            "?   \tx\t[no test files]\nok  \ty\t0.002s\n",
            "12 passing (1s)\n",
            "===== 10 passed in 0.01s =====\n",
            "Ran 20 tests in 0.100s\n\nOK\n",
        ];
        for log in something {
            assert!(!ran_nothing(log.as_bytes()), "{log}");
        }
    }
}
