//! `config show`.

use affected_core::pipeline::{self, Environment};
use clap::{Args, Subcommand};

use crate::app::Context;
use crate::args::Selection;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::request;
use crate::terminal::escape;

/// Show the configuration in force
#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show every value in force, inferred commands included.
    Show {
        /// Also where each value comes from.
        #[arg(long)]
        sources: bool,
    },
}

impl Config {
    /// Shows keys, values and origins.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let Verb::Show { sources } = self.verb;
        let request = request::resolve(&Selection::default(), None, context)?;
        let mut text = String::new();
        for setting in pipeline::config_sources(&request, &Environment::from_process())? {
            let mut line = format!("{} = {}", setting.key, setting.value);
            if sources {
                line = format!("{line}  # {}", setting.origin);
            }
            text.push_str(&format!("{}\n", escape(&line)));
        }
        context.printer.data(&text)?;
        Ok(Exit::OK)
    }
}
