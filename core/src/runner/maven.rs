//! Maven with Surefire and Failsafe. Sources: `mvn --help`; "Running a Single Test" and the parameters of `surefire:test` and
//! `failsafe:integration-test` in their documentation.
//!
//! Both write `target/surefire-reports/TEST-*.xml` and `target/failsafe-reports/TEST-*.xml` anyway, so nothing is added.

use super::{BadReport, TestCase, junit};
use super::{Call, Report, ReportFiles, Runner, RunnerId, Selected};

/// `mvn … test` and later phases.
pub struct Maven;

/// Phases that run tests, with those that run integration tests behind the mark.
const PHASES: [&str; 7] = [
    "test",
    "surefire:test",
    "package",
    "verify",
    "install",
    "integration-test",
    "failsafe:integration-test",
];
const WITH_INTEGRATION: usize = 3;

impl Maven {
    fn phase(call: &Call) -> Option<usize> {
        let words = call.arguments().iter().rev();
        let mut phases = words.filter_map(|word| PHASES.iter().position(|phase| phase == word));
        phases.next()
    }
}

impl Runner for Maven {
    fn id(&self) -> RunnerId {
        RunnerId("maven")
    }

    fn recognises(&self, call: &Call) -> bool {
        let skips = ["-DskipTests", "-Dmaven.test.skip"];
        let skipped = skips.iter().any(|skip| call.has(skip));
        matches!(call.program(), "mvn" | "mvnw" | "mvnd") && Self::phase(call).is_some() && !skipped
    }

    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        if call.has("-Dtest") || call.has("-Dit.test") {
            return None;
        }
        let mut classes = Vec::new();
        let mut methods = Vec::new();
        for part in parts {
            match part {
                Selected::Class(name) => classes.push(name.clone()),
                // `Class#method`, which the same parameter takes.
                Selected::Test(name) if name.contains('#') => methods.push(name.clone()),
                _ => return None,
            }
        }
        let names = [classes, methods].concat().join(",");
        let mut words = call.words.clone();
        words.push(format!("-Dtest={names}"));
        if Self::phase(call)? >= WITH_INTEGRATION {
            words.push(format!("-Dit.test={names}"));
        }
        // Modules that are built on the way have none of them. The first is for Surefire before 3.
        words.push("-DfailIfNoTests=false".to_owned());
        words.push("-Dsurefire.failIfNoSpecifiedTests=false".to_owned());
        if Self::phase(call)? >= WITH_INTEGRATION {
            words.push("-Dit.failIfNoSpecifiedTests=false".to_owned());
        }
        Some(words)
    }

    /// Without this, what several modules use is built, and tested, once for each of them.
    fn join(&self, calls: &[&Call]) -> Option<Vec<String>> {
        let first = calls.first()?;
        let at = first.words.iter().position(|word| word == "-pl")? + 1;
        let mut modules = Vec::new();
        for call in calls {
            let module = call.words.get(at)?;
            let others = |words: &[String]| [&words[..at], &words[at + 1..]].concat();
            let is_plain = !module.contains([',', ':', '!']);
            if !is_plain || others(&call.words) != others(&first.words) {
                return None;
            }
            modules.push(module.clone());
        }
        let ends = ["-fae", "-ff", "-fn", "-Dtest", "-Dit.test"];
        if ends.iter().any(|end| first.has(end)) {
            return None;
        }
        let mut words = first.words.clone();
        words[at] = modules.join(",");
        words.insert(1, "-fae".to_owned());
        Some(words)
    }

    fn report(&self, call: &Call, _folder: &str) -> Report {
        let folders = ["surefire-reports", "failsafe-reports"];
        let modules = modules(call);
        let files = modules.iter().flat_map(|module| {
            folders.map(|folder| ReportFiles {
                folder: format!("{module}/target/{folder}"),
                prefix: "TEST-".to_owned(),
                suffix: ".xml".to_owned(),
            })
        });
        Report {
            files: files.collect(),
            is_complete: true,
            ..Report::default()
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
        junit::read(bytes)
    }
}

/// The folders whose tests are meant, from the folder where the command starts.
fn modules(call: &Call) -> Vec<String> {
    let words = call.arguments();
    let named = words.iter().enumerate().find_map(|(at, word)| {
        let value = word
            .strip_prefix("--projects=")
            .or_else(|| word.strip_prefix("-pl="));
        let next = || words.get(at + 1).map(String::as_str);
        value.or_else(|| matches!(word.as_str(), "-pl" | "--projects").then(next)?)
    });
    let folders = named.unwrap_or(".").split(',');
    // `:artifact` is no folder; its reports are not found, and only the exit code counts.
    let folders = folders.filter(|module| !module.starts_with([':', '!', '-']));
    folders.map(ToOwned::to_owned).collect()
}
