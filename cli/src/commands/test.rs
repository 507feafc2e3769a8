//! `test`.

use clap::Args;

use super::run;
use crate::app::Context;
use crate::args::{Output, Running, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;

/// Run the affected tests, lowest stage of the pyramid first
#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(flatten)]
    pub(crate) output: Output,
}

impl Test {
    /// Runs test tasks.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        run::start(&self.selection, None, &self.running, &self.output, context)
    }
}
