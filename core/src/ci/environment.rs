//! The variables of this process, as a value.

use std::collections::BTreeMap;

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

    /// Tells whether a variable is `true`, however it is written.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }
}

/// Tells whether `text` names a revision at all: hosts write empty text or all zeros for "none".
#[must_use]
pub fn says_something(text: &str) -> bool {
    let text = text.trim();
    let zeros = text.len() >= 7 && text.bytes().all(|byte| byte == b'0');
    !(text.is_empty() || zeros)
}
