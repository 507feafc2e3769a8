//! Any other file: the user writes how the version stands there, `VERSION = "{version}"`.

use super::{Spot, spot};

/// Finds the version by a pattern with one `{version}`. Without a pattern the whole file, trimmed, is the version.
#[must_use]
pub fn find(text: &str, pattern: Option<&str>) -> Option<Spot> {
    let Some(pattern) = pattern else {
        let word = text.trim();
        let start = text.find(word)?;
        return spot(text, start..start + word.len());
    };
    let (before, after) = pattern.split_once("{version}")?;
    for (at, _) in text.match_indices(before) {
        let rest = &text[at + before.len()..];
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let end = rest.find(|c: char| !is_plain(c)).unwrap_or(rest.len());
        let start = at + before.len();
        if rest.starts_with(|c: char| c.is_ascii_digit()) && rest[end..].starts_with(after) {
            return spot(text, start..start + end);
        }
    }
    None
}
