//! `vitest`. Sources: "Command Line Interface" and "Test Filtering" of the Vitest guide.

use super::{Call, Runner, RunnerId, Selected};

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
}
