//! `schema`.

use clap::Args;

use crate::app::Context;
use crate::diagnostic::CliError;
use crate::exit::Exit;

/// Print the JSON Schema of a document, or list the names
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// The document: `list`, `run`, `why`, `graph`.
    name: Option<String>,
}

impl Schema {
    /// Prints one schema, or all names.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let schemas = crate::schemas();
        let Some(wanted) = self.name else {
            let names: String = schemas
                .iter()
                .map(|(name, _)| format!("{name}\n"))
                .collect();
            context.printer.data(&names)?;
            return Ok(Exit::OK);
        };
        let file = format!("affected.{wanted}.1.json");
        let Some((_, text)) = schemas.iter().find(|(name, _)| *name == file) else {
            let help = "ask `affected schema` for the names".to_owned();
            return Err(CliError::Value {
                flag: "schema",
                value: wanted,
                help,
            });
        };
        context.printer.data(text)?;
        Ok(Exit::OK)
    }
}
