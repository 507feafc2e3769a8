//! `jest`. Source: "Jest CLI Options".

use super::{Call, Runner, RunnerId, Selected};

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
}
