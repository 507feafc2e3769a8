//! `path: word: message`, one line each, for problem matchers.

use affected_core::report::wire::v1;

use super::Format;
use crate::diagnostic::CliError;
use crate::terminal::{Style, escape_line};

/// Short.
pub(crate) struct Short;

impl Format for Short {
    fn id(&self) -> &'static str {
        "short"
    }

    fn list(&self, list: &v1::List, _style: Style) -> Result<String, CliError> {
        let mut text = String::new();
        for project in list
            .projects
            .iter()
            .filter(|project| project.reach != "none")
        {
            for reason in &project.reasons {
                let place = reason.file.as_deref().unwrap_or(&project.path);
                let line = format!(
                    "{place}: {}: {}: {}",
                    project.reach, project.name, reason.code
                );
                text.push_str(&escape_line(&line));
                text.push('\n');
            }
        }
        Ok(text)
    }
}
