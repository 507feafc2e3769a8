//! `flaky`.

use affected_core::pipeline::PipelineError;
use affected_core::report::past as report;
use clap::Args;

use super::history;
use crate::app::Context;
use crate::args::Output;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;

/// Tell what passes and fails on the same inputs, the shakiest first
#[derive(Debug, Args)]
pub(crate) struct Flaky {
    #[command(flatten)]
    output: Output,
}

impl Flaky {
    /// Prints the flaky targets and tests.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let opened = history::opened(context)?;
        let history = opened.as_ref().map(|opened| &opened.history);
        let document = report::flaky(history).map_err(PipelineError::from)?;
        let text = if self.output.format == "json" {
            json::line(&document)?
        } else {
            document.flaky.iter().map(history::story).collect()
        };
        context.printer.data(&text)?;
        if document.flaky.is_empty() {
            context.printer.note("nothing is known to be flaky\n");
        }
        Ok(Exit::OK)
    }
}
