//! Strings in TOML, with their bytes.

use toml_edit::{Document, Item, TableLike};

use super::{Spot, spot};

/// Deeper nesting is nothing that people write, and costs the parser gigabytes.
const DEEPEST: i64 = 256;

/// Parses a document; what is broken has no versions.
pub(super) fn parse(text: &str) -> Option<Document<String>> {
    let mut depth = 0_i64;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth > DEEPEST {
            return None;
        }
    }
    Document::parse(text.to_owned()).ok()
}

/// Goes down by keys.
pub(super) fn at<'d>(document: &'d Document<String>, keys: &[&str]) -> Option<&'d Item> {
    let mut item = document.as_item();
    for key in keys {
        item = item.get(key)?;
    }
    Some(item)
}

/// Returns the string of an item, without its quotes; strings with escapes are nothing that a version needs.
pub(super) fn string(text: &str, item: &Item) -> Option<Spot> {
    let value = item.as_str()?;
    let span = item.span()?;
    let written = text.get(span.clone())?;
    let inner = written.find(value)?;
    let start = span.start + inner;
    spot(text, start..start + value.len())
}

/// Returns the string at a key of a table.
pub(super) fn string_at(text: &str, table: &dyn TableLike, key: &str) -> Option<Spot> {
    string(text, table.get(key)?)
}
