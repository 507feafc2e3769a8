//! `mocha`. Source: "Command-Line Usage" of the Mocha documentation.

use super::{Call, Runner, RunnerId, Selected};

/// `mocha`.
pub struct Mocha;

/// Options whose value is the next word.
const VALUED: &[&str] = &[
    "-r",
    "--require",
    "--import",
    "-R",
    "--reporter",
    "-O",
    "--reporter-option",
    "--reporter-options",
    "-t",
    "--timeout",
    "-s",
    "--slow",
    "-u",
    "--ui",
    "--file",
    "-j",
    "--jobs",
    "--retries",
    "--config",
    "--package",
    "--extension",
    "--ignore",
    "--exclude",
    "-n",
    "--node-option",
    "-g",
    "--grep",
    "--loader",
];

impl Runner for Mocha {
    fn id(&self) -> RunnerId {
        RunnerId("mocha")
    }

    fn recognises(&self, call: &Call) -> bool {
        call.of_script("mocha").is_some() && !call.has("--dry-run")
    }

    /// Files in the place of the default; those that a command names already would run besides.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let specs = Call::positional(call.of_script("mocha")?, VALUED);
        if !specs.is_empty() || call.has("--watch") || call.has("-w") {
            return None;
        }
        let mut words = call.words.clone();
        words.extend(Selected::files(parts)?);
        Some(words)
    }
}
