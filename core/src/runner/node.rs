//! `node --test`. Source: "Test runner" of the Node.js documentation, "Command-line API".

use super::{Call, Runner, RunnerId, Selected};

/// `node --test`, also by `tsx`.
pub struct NodeTest;

/// Options whose value is the next word.
const VALUED: &[&str] = &[
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
    "--test-reporter",
    "--test-reporter-destination",
    "--test-concurrency",
    "--test-name-pattern",
    "--test-skip-pattern",
    "--test-timeout",
    "--test-shard",
    "--test-global-setup",
    "--tsconfig",
    "--stack-size",
    "--max-old-space-size",
];

impl Runner for NodeTest {
    fn id(&self) -> RunnerId {
        RunnerId("node-test")
    }

    fn recognises(&self, call: &Call) -> bool {
        matches!(call.program(), "node" | "tsx") && call.has("--test") && !call.has("--watch")
    }

    /// Files in the place of the default; those that a command names already would run besides.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        if !Call::positional(call.arguments(), VALUED).is_empty() {
            return None;
        }
        let mut words = call.words.clone();
        words.extend(Selected::files(parts)?);
        Some(words)
    }
}
