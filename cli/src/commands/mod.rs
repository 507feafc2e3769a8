//! The commands, one file each: arguments whose docs are the help, and a short `run`.

pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod ci;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod flaky;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod hooks;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod nightly;
pub(crate) mod release;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod tests;
pub(crate) mod watch;
pub(crate) mod why;
pub(crate) mod why_not;

use affected_core::pipeline::{self, Answer, Environment};

use crate::app::Context;
use crate::args::Selection;
use crate::diagnostic::CliError;
use crate::request;

/// Answers the selection and tells its warnings first.
fn answer(
    selection: &Selection,
    task: Option<String>,
    context: &mut Context,
) -> Result<Answer, CliError> {
    let request = request::resolve(selection, task, context)?;
    let answer = pipeline::answer(&request, &Environment::from_process())?;
    context.printer.warnings(&answer.list.warnings);
    Ok(answer)
}
