//! `nightly`.

use clap::Args;

use super::run::{self, Work};
use crate::app::Context;
use crate::args::{Output, Running, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;

/// Run every test, over the same path as `test --all`
#[derive(Debug, Args)]
pub(crate) struct Nightly {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    output: Output,
}

impl Nightly {
    /// Selects everything and runs it, also what is known: a result of before would hide what nobody declared.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let selection = Selection {
            all: true,
            ..self.selection
        };
        context.printer.note("nightly: every project is selected\n");
        let running = Running {
            no_cache: true,
            ..self.running
        };
        run::start(&selection, Work::Nightly, &running, &self.output, context)
    }
}
