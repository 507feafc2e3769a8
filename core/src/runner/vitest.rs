//! `vitest`. Sources: "Command Line Interface", "Test Filtering" and "Reporters" of the Vitest guide.

use super::jest::{cases, results};
use super::{BadReport, Call, OwnResults, Report, Runner, RunnerId, Selected, TestCase};

/// `vitest`.
pub struct Vitest;

/// Options whose value is the next word.
const VALUED: &[&str] = &[
    "-c",
    "--config",
    "-r",
    "--root",
    "--dir",
    "--reporter",
    "--outputFile",
    "--environment",
    "--pool",
    "--mode",
    "--project",
    "-t",
    "--testNamePattern",
    "--maxWorkers",
    "--minWorkers",
    "--exclude",
    "--testTimeout",
    "--hookTimeout",
    "--bail",
    "--retry",
    "--workspace",
    "--shard",
    "--configLoader",
];

impl Runner for Vitest {
    fn id(&self) -> RunnerId {
        RunnerId("vitest")
    }

    fn recognises(&self, call: &Call) -> bool {
        let Some(arguments) = call.of_script("vitest") else {
            return false;
        };
        let verb = Call::positional(arguments, VALUED).into_iter().next();
        let other = [
            "--changed",
            "--related",
            "--standalone",
            "--mergeReports",
            "--ui",
        ]
        .iter()
        .any(|option| call.has(option));
        !other
            && !matches!(
                verb,
                Some("bench" | "list" | "related" | "init" | "typecheck")
            )
    }

    /// Files are filters; one that settings leave out is none.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let arguments = call.of_script("vitest")?;
        let filters = Call::positional(arguments, VALUED);
        let plain = matches!(filters.as_slice(), [] | ["run" | "watch" | "dev"]);
        let mut words = call.words.clone();
        if !plain {
            return None;
        }
        words.extend(Selected::files(parts)?);
        if !call.has("--passWithNoTests") {
            words.push("--passWithNoTests".to_owned());
        }
        Some(words)
    }

    /// Reporters that are named take the place of those of the settings.
    fn report(&self, call: &Call, folder: &str) -> Report {
        let own = ["--reporter", "--outputFile", "--watch", "-w"];
        let watches = call
            .of_script("vitest")
            .map(|words| Call::positional(words, VALUED))
            .is_some_and(|words| matches!(words.first(), Some(&("watch" | "dev"))));
        if watches || own.iter().any(|option| call.has(option)) {
            return Report::default();
        }
        let more = [
            "--reporter=default".to_owned(),
            "--reporter=json".to_owned(),
            format!("--outputFile.json={folder}/results.json"),
        ];
        Report {
            words: Some([&call.words[..], &more].concat()),
            files: vec![results(folder)],
            ..Report::default()
        }
    }

    fn own_results(&self) -> OwnResults {
        OwnResults {
            files: &["vitest.config.", "vite.config.", "vitest.workspace."],
            // Also settings that come from elsewhere.
            words: &["reporters", "outputFile", "mergeConfig", "extends"],
        }
    }

    fn read(&self, bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
        cases(bytes)
    }
}
