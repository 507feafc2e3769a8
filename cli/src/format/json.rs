//! One document on one line, for machines.

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
    let mut text = serde_json::to_string(document)?;
    text.push('\n');
    Ok(text)
}
