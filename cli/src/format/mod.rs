//! Forms of a list. To add one: its file, and the two lines below.

pub(crate) mod json;
pub(crate) mod names;
pub(crate) mod short;
pub(crate) mod text; // <- a module here

use affected_core::report::wire::v1;
use clap::builder::PossibleValuesParser;

use crate::diagnostic::CliError;
use crate::terminal::Style;

/// One form of a list.
pub(crate) trait Format: Sync {
    /// What is typed behind `--format`.
    fn id(&self) -> &'static str;

    /// Draws the list, ending with a newline unless empty.
    fn list(&self, list: &v1::List, style: Style) -> Result<String, CliError>;
}

/// Every form.
pub(crate) static ALL: &[&dyn Format] = &[
    &text::Text,
    &json::Json,
    &names::Names,
    &short::Short, // <- and a member here
];

/// Accepts the name of a form.
pub(crate) fn parser() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.iter().map(|format| format.id()))
}

/// Finds a form by its name; clap has checked it.
pub(crate) fn named(id: &str) -> &'static dyn Format {
    ALL.iter()
        .find(|format| format.id() == id)
        .copied()
        .unwrap_or(&text::Text)
}
