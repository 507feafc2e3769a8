//! `list`.

use clap::Args;

use super::answer;
use crate::app::Context;
use crate::args::{Output, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format;

/// List what is affected
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    output: Output,
    /// Exit with 1 if anything is affected.
    #[arg(long)]
    exit_code: bool,
}

impl List {
    /// Lists projects, reasons and tasks.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let answer = answer(&self.selection, None, context)?;
        let text = format::named(&self.output.format).list(&answer.list, context.printer.style)?;
        context.printer.data(&text)?;
        let found = self.exit_code && answer.list.summary.affected > 0;
        // The process ends here: giving back every name and path one by one would only take time.
        std::mem::forget(answer);
        Ok(if found { Exit::FAILED } else { Exit::OK })
    }
}
