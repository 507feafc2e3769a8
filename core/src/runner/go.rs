//! `go test`. Source: `go help test`.

use super::{Call, Runner, RunnerId, Selected};

/// `go test`.
pub struct GoTest;

impl Runner for GoTest {
    fn id(&self) -> RunnerId {
        RunnerId("go-test")
    }

    fn recognises(&self, call: &Call) -> bool {
        let is_test = call.arguments().first().is_some_and(|verb| verb == "test");
        call.program() == "go" && is_test && !call.has("-c") && !call.has("-list")
    }

    /// Packages take the place of the pattern for all of them.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>> {
        let at = call.words.iter().position(|word| word == "./...")?;
        let packages = parts.iter().map(|part| match part {
            Selected::Package(name) => Some(name.clone()),
            _ => None,
        });
        let packages: Vec<String> = packages.collect::<Option<_>>()?;
        let mut words = call.words.clone();
        words.splice(at..=at, packages);
        Some(words)
    }
}
