//! `jest`. Sources: "Jest CLI Options"; the types of `jest-test-result` for what `--json` writes.

use serde::Deserialize;

use super::{
    BadReport, Call, Report, ReportFiles, Runner, RunnerId, Selected, TestCase, TestOutcome,
};

/// `jest`.
pub struct Jest;

/// Options whose value is the next word.
const VALUED: &[&str] = &[
    "-c",
    "--config",
    "-w",
    "--maxWorkers",
    "--env",
    "--testEnvironment",
    "-t",
    "--testNamePattern",
    "--coverageDirectory",
    "--coverageProvider",
    "--rootDir",
    "--testTimeout",
    "--outputFile",
    "--maxConcurrency",
    "--workerIdleMemoryLimit",
    "--seed",
    "--reporters",
    "--coverageReporters",
    "--setupFilesAfterEnv",
    "--setupFiles",
    "--globalSetup",
    "--bail",
];

/// Options that say which tests run.
const CHOOSING: &[&str] = &[
    "-o",
    "--onlyChanged",
    "--changedSince",
    "--changedFilesWithAncestor",
    "--lastCommit",
    "-f",
    "--onlyFailures",
    "--findRelatedTests",
    "--projects",
    "--selectProjects",
    "--ignoreProjects",
    "--testPathPattern",
    "--testPathPatterns",
    "--listTests",
    "--showConfig",
    "--filter",
    "--runTestsByPath",
    "--testMatch",
    "--testRegex",
    "--roots",
    "--shard",
];

impl Runner for Jest {
    fn id(&self) -> RunnerId {
        RunnerId("jest")
    }

    fn recognises(&self, call: &Call) -> bool {
        call.of_script("jest").is_some()
    }

    /// Files as they are, not as patterns; one that settings leave out is none.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let arguments = call.of_script("jest")?;
        let patterns = Call::positional(arguments, VALUED);
        let chooses = CHOOSING.iter().any(|option| call.has(option));
        if !patterns.is_empty() || chooses {
            return None;
        }
        let mut words = call.words.clone();
        if !call.has("--passWithNoTests") {
            words.push("--passWithNoTests".to_owned());
        }
        words.push("--runTestsByPath".to_owned());
        words.extend(Selected::files(parts)?);
        Some(words)
    }

    /// What people see stays: with a file, only a line that names it is added.
    fn report(&self, call: &Call, folder: &str) -> Report {
        let own = ["--json", "--outputFile", "--watch", "--watchAll"];
        if own.iter().any(|option| call.has(option)) {
            return Report::default();
        }
        let file = format!("--outputFile={folder}/results.json");
        Report {
            words: Some([&call.words[..], &["--json".to_owned(), file]].concat()),
            files: vec![results(folder)],
            ..Report::default()
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
        cases(bytes)
    }
}

/// The file that is asked for.
pub(super) fn results(folder: &str) -> ReportFiles {
    ReportFiles {
        folder: folder.to_owned(),
        prefix: "results".to_owned(),
        suffix: ".json".to_owned(),
    }
}

/// What is read of a result; vitest writes the same.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Results {
    test_results: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    assertion_results: Vec<One>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    #[serde(default)]
    ancestor_titles: Vec<String>,
    title: String,
    status: String,
    #[serde(default)]
    duration: Option<f64>,
    #[serde(default)]
    failure_messages: Option<Vec<String>>,
}

/// The name of a file that failed as a whole: it cannot be compiled, or throws.
pub(super) const WHOLE: &str = "(file)";

/// Reads the tests of all files.
pub(super) fn cases(bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
    let results: Results =
        serde_json::from_slice(bytes).map_err(|error| BadReport(error.to_string()))?;
    let mut found = Vec::new();
    for file in results.test_results {
        let before = found.len();
        for one in file.assertion_results {
            let titles = one.ancestor_titles.iter().chain([&one.title]);
            let titles = titles.filter(|title| !title.is_empty());
            let outcome = match one.status.as_str() {
                "passed" => TestOutcome::Passed,
                "failed" => TestOutcome::Failed,
                _ => TestOutcome::Skipped,
            };
            let ms = one.duration.filter(|ms| ms.is_finite() && *ms >= 0.0);
            let messages = one.failure_messages.unwrap_or_default();
            found.push(TestCase {
                place: file.name.clone(),
                name: titles.map(String::as_str).collect::<Vec<_>>().join(" > "),
                outcome,
                ms: ms.map(|ms| ms.round() as u64),
                message: super::lines::without_colour(&messages.join("\n")),
            });
        }
        let has_failed = found[before..]
            .iter()
            .any(|case| case.outcome == TestOutcome::Failed);
        if file.status == "failed" && !has_failed {
            found.push(TestCase {
                place: file.name,
                name: WHOLE.to_owned(),
                outcome: TestOutcome::Failed,
                ms: None,
                message: super::lines::without_colour(&file.message),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_broken_files_are_told() {
        let json = r#"{"success":false,"testResults":[
            {"name":"/r/a.test.js","status":"failed","message":"","assertionResults":[
                {"ancestorTitles":["cart"],"title":"adds","status":"passed","duration":1.6},
                {"ancestorTitles":[],"title":"bad","status":"failed","failureMessages":["want 1"]},
                {"ancestorTitles":[""],"title":"later","status":"todo","duration":null}]},
            {"name":"/r/b.test.js","status":"failed","message":"cannot find module","assertionResults":[]}]}"#;
        let told: Vec<_> = cases(json.as_bytes())
            .expect("results")
            .into_iter()
            .map(|case| {
                let outcome = case.outcome.as_str();
                format!(
                    "{} {} {outcome} {:?} {}",
                    case.place, case.name, case.ms, case.message
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "/r/a.test.js cart > adds passed Some(2) ",
                "/r/a.test.js bad failed None want 1",
                "/r/a.test.js later skipped None ",
                "/r/b.test.js (file) failed None cannot find module",
            ]
        );
        assert!(cases(b"{").is_err() && cases(b"[]").is_err());
    }
}
