//! `cargo test`. Source: `cargo help test`.

use super::{Call, Runner, RunnerId, Selected};

/// `cargo test`.
pub struct CargoTest;

/// Options that choose targets themselves.
const TARGETS: &[&str] = &[
    "--lib",
    "--bins",
    "--bin",
    "--examples",
    "--example",
    "--tests",
    "--test",
    "--benches",
    "--bench",
    "--all-targets",
    "--doc",
];

impl Runner for CargoTest {
    fn id(&self) -> RunnerId {
        RunnerId("cargo-test")
    }

    fn recognises(&self, call: &Call) -> bool {
        let verb = call
            .arguments()
            .iter()
            .find(|word| !word.starts_with('+') && *word != "--locked" && *word != "--offline");
        let is_test = verb.is_some_and(|verb| verb == "test" || verb == "t");
        call.program() == "cargo" && is_test && !call.has("--no-run")
    }

    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        if TARGETS.iter().any(|option| call.has(option)) {
            return None;
        }
        let mut more = Vec::new();
        for part in parts {
            let Selected::Target(name) = part else {
                return None;
            };
            more.extend(["--test".to_owned(), name.clone()]);
        }
        let words = &call.words;
        let end = words.iter().position(|word| word == "--");
        let (before, after) = words.split_at(end.unwrap_or(words.len()));
        Some([before, &more, after].concat())
    }
}
