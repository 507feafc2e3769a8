//! Which CI host this is and which base it names. Only here and in `config` is the environment read.
//!
//! To add a host, add its file and the two lines below.

pub mod github;
pub mod gitlab;

use std::collections::BTreeMap;

/// Every known host; the first that recognises itself counts.
pub static ALL: &[&dyn Host] = &[&github::GitHub, &gitlab::GitLab];

/// The variables a run may look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Names and values that are UTF-8.
    pub variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the variables of this process; those that are not UTF-8 are left out.
    #[must_use]
    pub fn from_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    /// Returns a variable that says something: not empty and not an all-zero id (B1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| says_something(value))
    }
}

/// Tells whether `text` names a revision at all: hosts write empty text or all zeros for "none".
#[must_use]
pub fn says_something(text: &str) -> bool {
    let text = text.trim();
    let zeros = text.len() >= 7 && text.bytes().all(|byte| byte == b'0');
    !(text.is_empty() || zeros)
}

/// A base as a host names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBase {
    /// Revisions to try, best first: `origin/main`, `main`.
    pub candidates: Vec<String>,
    /// For people: `GITHUB_BASE_REF`.
    pub source: String,
}

/// One CI host.
pub trait Host: Sync {
    /// Its name.
    fn id(&self) -> &'static str;

    /// Tells whether this is where we run.
    fn detect(&self, env: &Environment) -> bool;

    /// Returns the base the host names, if any.
    fn base(&self, env: &Environment) -> Option<HostBase>;
}

/// Returns the base that the host we run on names.
#[must_use]
pub fn base(env: &Environment) -> Option<HostBase> {
    ALL.iter().find(|host| host.detect(env))?.base(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        let variables = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Environment { variables }
    }

    /// B1: empty strings and all-zero ids mean "not given".
    #[test]
    fn b1_empty_and_zero_ids_say_nothing() {
        let zeros = "0".repeat(40);
        let env = environment(&[("A", ""), ("B", &zeros), ("C", "  "), ("D", "main")]);
        assert_eq!(
            ["A", "B", "C", "D"].map(|name| env.get(name)),
            [None, None, None, Some("main")]
        );
    }

    #[test]
    fn hosts_name_their_base() {
        let pull = environment(&[("GITHUB_ACTIONS", "true"), ("GITHUB_BASE_REF", "main")]);
        assert_eq!(base(&pull).unwrap().candidates, ["origin/main", "main"]);
        let merge = environment(&[
            ("GITLAB_CI", "true"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "abc1234"),
            ("CI_COMMIT_BEFORE_SHA", "def"),
        ]);
        assert_eq!(base(&merge).unwrap().candidates, ["abc1234"]);
        assert_eq!(base(&environment(&[("CI", "true")])), None);
    }
}
