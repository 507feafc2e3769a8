//! One name of an affected project a line, for scripts.

use affected_core::report::wire::v1;

use super::Format;
use crate::diagnostic::CliError;
use crate::terminal::{Style, escape_line};

/// Names.
pub(crate) struct Names;

impl Format for Names {
    fn id(&self) -> &'static str {
        "names"
    }

    fn list(&self, list: &v1::List, _style: Style) -> Result<String, CliError> {
        let mut names: Vec<_> = list
            .projects
            .iter()
            .filter(|project| project.affected)
            .map(|project| &project.name)
            .collect();
        names.sort();
        Ok(names
            .into_iter()
            .map(|name| format!("{}\n", escape_line(name)))
            .collect())
    }
}
