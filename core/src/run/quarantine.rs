//! Failures that are forgiven for a time: told and recorded, but they fail no run and hold nothing back (Q3).

use globset::GlobMatcher;

use super::TaskResult;

/// What is forgiven, and by whom.
#[derive(Debug, Clone, Default)]
pub struct Quarantine {
    entries: Vec<(GlobMatcher, String)>,
}

impl Quarantine {
    /// Forgives targets that match these globs; each comes with the words that are told. A glob that is none matches nothing.
    #[must_use]
    pub fn new<'e>(entries: impl IntoIterator<Item = (&'e str, String)>) -> Self {
        let entry = |(glob, words): (&str, String)| {
            let glob = crate::glob::of_names(glob);
            Some((glob.ok()?.compile_matcher(), words))
        };
        Self {
            entries: entries.into_iter().filter_map(entry).collect(),
        }
    }

    /// Returns who mends a failure of `target`, and until when it is forgiven.
    #[must_use]
    pub fn forgives(&self, target: &str, result: &TaskResult) -> Option<String> {
        let mut entries = self.entries.iter();
        let found = entries.find(|(glob, _)| glob.is_match(target));
        found
            .filter(|_| result.outcome.is_failure())
            .map(|(_, words)| words.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Outcome, Unstarted};

    #[test]
    fn only_failures_that_are_named_are_forgiven() {
        let quarantine = Quarantine::new([("web:*", "until then".to_owned())]);
        let ended =
            |outcome| TaskResult::unstarted(0, outcome, Unstarted::CannotStart, String::new());
        let failed = ended(Outcome::Failed);
        assert!(quarantine.forgives("web:test", &failed).is_some());
        assert!(quarantine.forgives("api:test", &failed).is_none());
        assert!(
            quarantine
                .forgives("web:test", &ended(Outcome::Passed))
                .is_none()
        );
    }
}
