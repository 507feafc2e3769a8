//! `list`.

use std::time::Duration;

use affected_core::pipeline::Stopwatch;
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
    /// Tell where the time went, on standard error.
    #[arg(long)]
    timings: bool,
}

impl List {
    /// Lists projects, reasons and tasks.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let answer = answer(&self.selection, None, context)?;
        let text = format::named(&self.output.format).list(&answer.list, context.printer.style)?;
        context.printer.data(&text)?;
        if self.timings {
            context.printer.tell(&timings(&answer.timings));
        }
        let found = self.exit_code && answer.list.summary.affected > 0;
        // The process ends here: giving back every name and path one by one would only take time.
        std::mem::forget(answer);
        Ok(if found { Exit::FAILED } else { Exit::OK })
    }
}

/// One line for each stage, in the order they are first entered; the sum is all but the start of the process.
fn timings(spent: &Stopwatch) -> String {
    let print = [("print", spent.since())];
    let stages: Vec<_> = spent.stages().chain(print).collect();
    let sum = stages.iter().map(|(_, spent)| *spent).sum();
    let line =
        |name: &str, spent: Duration| format!("{name:8}{:9.2} ms\n", spent.as_secs_f64() * 1e3);
    let mut text: String = stages
        .iter()
        .map(|(name, spent)| line(name, *spent))
        .collect();
    text.push_str(&line("sum", sum));
    text
}
