//! `watch`.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use affected_core::pipeline::{Answer, Environment, PipelineError, Watching};
use affected_core::report::list::tool;
use affected_core::report::wire::v1;
use affected_core::report::wire::watch::Watched;
use clap::{Args, Subcommand};

use crate::app::Context;
use crate::args::Selection;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::request;
use crate::terminal::escape;

/// Answer again whenever a file is saved
///
/// `watch list`, the default, prints one JSON object a line (`affected schema watch`); `watch test` runs `affected test`
/// again whenever what is affected may have changed. Ends with Ctrl-C, or when nobody reads any more.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Watch {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What is affected, one JSON object a line.
    List {
        #[command(flatten)]
        selection: Box<Selection>,
    },
    /// Run the affected tests.
    Test(Box<super::test::Test>),
}

impl Watch {
    /// Watches until it is ended.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        match self.verb {
            None => list(&self.selection, context),
            Some(Verb::List { selection }) => list(&selection, context),
            Some(Verb::Test(test)) => tests(&test, context),
        }
    }
}

fn list(selection: &Selection, context: &mut Context) -> Result<Exit, CliError> {
    let mut watching = Watching::new(request::resolve(selection, None, context)?)?;
    let env = Environment::from_process();
    say(
        &Watched::Hello {
            schema: "affected.watch/1".to_owned(),
            tool: tool(),
        },
        context,
    )?;
    let mut last = None;
    let first = watching.answer(&env);
    say(&news(first, Vec::new(), &mut last), context)?;
    loop {
        if let Some(fault) = watching.fault() {
            let message = format!("files are looked at once a second: {fault}");
            say(&Watched::Warning { message }, context)?;
        }
        if context.printer.is_closed() {
            return Ok(Exit::OK);
        }
        let burst = watching.wait();
        let answer = watching.answer_to(&burst, &env);
        let paths = watching.shown(&burst);
        let news = news(answer, paths, &mut last);
        // Where the system cannot tell, nothing may have been saved at all.
        let is_idle = burst.paths.is_empty() && matches!(news, Watched::Unchanged { .. });
        if !is_idle {
            say(&news, context)?;
        }
    }
}

fn say(line: &Watched, context: &mut Context) -> Result<(), CliError> {
    context.printer.data(&json::line(line)?)
}

/// Compares an answer with the one before.
fn news(
    answer: Result<Answer, PipelineError>,
    paths: Vec<String>,
    last: &mut Option<v1::List>,
) -> Watched {
    match answer {
        Ok(answer) if last.as_ref() == Some(&answer.list) => Watched::Unchanged { paths },
        Ok(answer) => {
            *last = Some(answer.list.clone());
            let list = Box::new(answer.list);
            Watched::Listed { paths, list }
        }
        Err(error) => {
            *last = None;
            let message = error.to_string();
            Watched::Failed { paths, message }
        }
    }
}

/// Each run is a process of its own, just as if it had been typed.
fn tests(test: &super::test::Test, context: &mut Context) -> Result<Exit, CliError> {
    let program = std::env::current_exe().map_err(CliError::io("find this program"))?;
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(at) = words.iter().position(|word| word == "watch") {
        words.remove(at);
    }
    let mut watching = Watching::new(request::resolve(&test.selection, None, context)?)?;
    let env = Environment::from_process();
    let mut answer = watching.answer(&env);
    loop {
        match &answer {
            Ok(_) => {
                context.printer.note("running the affected tests\n");
                let mut run = Command::new(&program);
                let run = run.args(&words).stdin(Stdio::null()).status();
                run.map_err(CliError::io("start `affected test`"))?;
            }
            Err(error) => {
                let text = format!("error: {error}\n");
                context.printer.tell(&escape(&text));
            }
        }
        if let Some(fault) = watching.fault() {
            let text = format!("files are looked at once a second: {fault}");
            context.printer.warn(&text, None);
        }
        context.printer.note("waiting for a saved file\n");
        answer = next(&mut watching, answer, &env);
    }
}

/// Waits until the answer may be another one: files that git ignores are none of the answer.
fn next(
    watching: &mut Watching,
    before: Result<Answer, PipelineError>,
    env: &Environment,
) -> Result<Answer, PipelineError> {
    loop {
        let burst = watching.wait();
        let now = watching.answer_to(&burst, env);
        let changed = |list: &v1::List| {
            let paths = watching.shown(&burst);
            paths
                .iter()
                .any(|path| list.changes.iter().any(|change| change.path == *path))
        };
        match (&before, &now) {
            (Ok(before), Ok(now)) if before.list == now.list && !changed(&now.list) => {}
            _ => return now,
        }
    }
}
