//! One document on one line, for machines.

use std::borrow::Cow;

use affected_core::ci::quiet_json;
use affected_core::report::wire::v1;
use serde::Serialize;

use super::Format;
use crate::diagnostic::CliError;
use crate::terminal::Style;

/// JSON.
pub(crate) struct Json;

impl Format for Json {
    fn id(&self) -> &'static str {
        "json"
    }

    fn list(&self, list: &v1::List, _style: Style) -> Result<String, CliError> {
        line(list)
    }
}

/// Writes a document as one line.
pub(crate) fn line(document: &impl Serialize) -> Result<String, CliError> {
    let text = serde_json::to_string(document)?;
    // X3: the document may be printed into the log of a CI host.
    let mut text = match quiet_json(&text) {
        Cow::Owned(quiet) => quiet,
        Cow::Borrowed(_) => text,
    };
    text.push('\n');
    Ok(text)
}
