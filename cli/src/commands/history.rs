//! `history`.

use affected_core::pipeline::past;
use affected_core::pipeline::{Environment, PipelineError};
use affected_core::report::past as report;
use affected_core::report::wire::v1;
use clap::Args;

use crate::app::Context;
use crate::args::{Output, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::request;
use crate::terminal::escape;

/// Tell the newest runs, or how a target or test ended before
#[derive(Debug, Args)]
pub(crate) struct History {
    /// A project, a target (`web:test`), a test, or a target and a test.
    name: Vec<String>,
    #[command(flatten)]
    output: Output,
}

impl History {
    /// Prints what was recorded.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let name = (!self.name.is_empty()).then(|| self.name.join(" "));
        let Some(opened) = opened(context)? else {
            context.printer.note("no run was recorded here yet\n");
            return Ok(Exit::OK);
        };
        let document =
            report::history(&opened.history, name.as_deref()).map_err(PipelineError::from)?;
        let text = if self.output.format == "json" {
            json::line(&document)?
        } else {
            drawn(&document)
        };
        context.printer.data(&text)?;
        if name.is_some() && document.stories.is_empty() {
            context.printer.note("nothing of this name ever ran here\n");
        }
        Ok(Exit::OK)
    }
}

/// Opens what was recorded; `None` if there is nothing.
pub(super) fn opened(
    context: &mut Context,
) -> Result<Option<affected_core::history::Opened>, CliError> {
    let request = request::resolve(&Selection::default(), None, context)?;
    let opened = past::open(&request, &Environment::from_process())?;
    let warning = opened.as_ref().and_then(|opened| opened.warning.clone());
    context.printer.warnings_of(warning);
    Ok(opened)
}

fn drawn(document: &v1::History) -> String {
    let mut text: String = document.runs.iter().map(run).collect();
    for known in &document.stories {
        text.push_str(&story(known));
        text.extend(known.results.iter().map(result));
    }
    if document.fallbacks > 0 {
        text.push_str(&format!(
            "{} of the last {} comparing runs selected everything for want of a decision\n",
            document.fallbacks, document.looked_at
        ));
    }
    text
}

fn run(run: &v1::PastRun) -> String {
    let end = if run.ended { "" } else { ", not ended" };
    let why = run
        .fallback
        .as_deref()
        .map(|code| format!(", all for {code}"));
    let line = format!(
        "#{} {} {} {} on {}: {} passed, {} failed, {} others{}{end}",
        run.run,
        run.began,
        run.command,
        run.mode,
        place(run.branch.as_deref(), run.commit.as_deref()),
        run.passed,
        run.failed,
        run.others,
        why.unwrap_or_default()
    );
    format!("{}\n", escape(&line))
}

fn place(branch: Option<&str>, commit: Option<&str>) -> String {
    let commit = commit.map(|commit| &commit[..commit.len().min(12)]);
    let parts: Vec<&str> = branch.into_iter().chain(commit).collect();
    if parts.is_empty() {
        "no commit".to_owned()
    } else {
        parts.join(" ")
    }
}

/// One line about a target or test.
pub(super) fn story(story: &v1::Story) -> String {
    let name = match &story.test {
        Some(test) => format!("{} {test}", story.target),
        None => story.target.clone(),
    };
    let line = format!(
        "{name}: {} runs, {} failed, {} flaky ({}.{} %), {} ms, last {} ({}), first seen {}",
        story.runs,
        story.failures,
        story.flakes,
        story.flake_permille / 10,
        story.flake_permille % 10,
        story.ms,
        story.outcome,
        story.recent,
        story.first_seen
    );
    format!("{}\n", escape(&line))
}

fn result(result: &v1::PastResult) -> String {
    let ms = result.ms.map(|ms| format!(" {ms} ms")).unwrap_or_default();
    let cause = result.cause.as_deref().map(|cause| format!(", {cause}"));
    let line = format!(
        "  #{} {} {}{ms} on {}{}",
        result.run,
        result.began,
        result.outcome,
        place(result.branch.as_deref(), result.commit.as_deref()),
        cause.unwrap_or_default()
    );
    format!("{}\n", escape(&line))
}
