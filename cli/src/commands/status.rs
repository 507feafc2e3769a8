//! No command: what is affected, and what to do next.

use super::answer;
use crate::app::Context;
use crate::args::Selection;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format;

/// Tells people what the selection affects.
pub(crate) fn run(selection: &Selection, context: &mut Context) -> Result<Exit, CliError> {
    let answer = answer(selection, None, context)?;
    let text = format::named("text").list(&answer.list, context.printer.style)?;
    context.printer.data(&text)?;
    if answer.list.summary.targets > 0 {
        context
            .printer
            .note("run them with `affected test`; `affected why <project>` explains one\n");
    }
    Ok(Exit::OK)
}
