//! Mistakes that the soundness run must notice: with the feature `defects` a variable switches one of them on. Without
//! the feature, which no release has, nothing here can be switched.

use std::sync::OnceLock;

/// Names the mistake.
pub const VARIABLE: &str = "AFFECTED_DEFECT";

/// Tells whether the mistake of this name is made.
#[must_use]
pub fn is(name: &str) -> bool {
    static WANTED: OnceLock<Option<String>> = OnceLock::new();
    let wanted = || std::env::var(VARIABLE).ok();
    cfg!(feature = "defects") && WANTED.get_or_init(wanted).as_deref() == Some(name)
}
