//! How single tests ended.

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed, or could not be started.
    Failed,
    /// Its runner left it out, by what the test itself says.
    Skipped,
}

impl TestOutcome {
    /// Returns the word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One test of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// The file, class, package or target that holds it; empty where its runner does not say.
    pub place: String,
    /// Its name there.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took, in milliseconds, where its runner says so.
    pub ms: Option<u64>,
    /// Why it failed, shortened; empty unless it did.
    pub message: String,
}

/// Tests beyond this many are counted, but not kept.
const KEPT: usize = 200_000;
/// Longer messages are cut.
const MESSAGE: usize = 4096;

/// The tests of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tests {
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were left out.
    pub skipped: usize,
    /// Every test, in the order in which they ended.
    pub cases: Vec<TestCase>,
}

impl Tests {
    /// Adds one.
    pub fn push(&mut self, mut case: TestCase) {
        match case.outcome {
            TestOutcome::Passed => self.passed += 1,
            TestOutcome::Failed => self.failed += 1,
            TestOutcome::Skipped => self.skipped += 1,
        }
        if self.cases.len() < KEPT {
            let end = (0..=case.message.len().min(MESSAGE)).rev();
            let end = end
                .into_iter()
                .find(|at| case.message.is_char_boundary(*at));
            case.message.truncate(end.unwrap_or_default());
            self.cases.push(case);
        }
    }

    /// Tells whether no test was run: all were left out, or there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }

    /// Returns those that failed.
    pub fn failures(&self) -> impl Iterator<Item = &TestCase> {
        let cases = self.cases.iter();
        cases.filter(|case| case.outcome == TestOutcome::Failed)
    }
}

impl Extend<TestCase> for Tests {
    fn extend<I: IntoIterator<Item = TestCase>>(&mut self, cases: I) {
        for case in cases {
            self.push(case);
        }
    }
}
