//! `completions`.

use clap::Args;

use crate::app::Context;
use crate::diagnostic::CliError;
use crate::exit::Exit;

/// Print the completions of a shell
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell.
    shell: clap_complete::Shell,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::command(), "affected", &mut script);
        context.printer.data(&String::from_utf8_lossy(&script))?;
        Ok(Exit::OK)
    }
}
