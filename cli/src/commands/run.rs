//! `run`, and the one way in which every command starts tasks.

use std::time::{Duration, Instant};

use affected_core::cache::Session;
use affected_core::pipeline::Answer;
use affected_core::report::run::{Ended, again, document};
use affected_core::report::wire::v1;
use affected_core::run::{self, Interrupt, Sinks, TaskResult};
use clap::Args;

use super::answer;
use crate::app::Context;
use crate::args::{NoTasks, Output, Running, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::{self, json};
use crate::request;
use crate::sinks::{Events, Reports};
use crate::terminal::{
    HostLog, Printer, Progress, Verbosity, command_line, escape, escape_bytes, word,
};

/// Failed tests of one task that are named.
const NAMED: usize = 20;

/// What is run, and which part of a plan for several jobs that is.
pub(super) type Asked = (Answer, Option<v1::PlanShard>);

/// Run a task of the affected projects, dependencies first
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The task: `build`, `lint` …
    task: String,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    output: Output,
}

impl Run {
    /// Runs the named task.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        start(
            &self.selection,
            Some(self.task),
            &self.running,
            &self.output,
            context,
        )
    }
}

/// Selects, plans and runs; with `--dry-run` only tells what would run.
pub(super) fn start(
    selection: &Selection,
    task: Option<String>,
    running: &Running,
    output: &Output,
    context: &mut Context,
) -> Result<Exit, CliError> {
    let select = |context: &mut Context| Ok((answer(selection, task, context)?, None));
    work(select, running, output, context)
}

/// Runs what `select` answers.
pub(super) fn work(
    select: impl FnOnce(&mut Context) -> Result<Asked, CliError>,
    running: &Running,
    output: &Output,
    context: &mut Context,
) -> Result<Exit, CliError> {
    let json = output.format == "json";
    if json && running.events.as_deref() == Some("-") {
        return Err(CliError::Conflict {
            first: "--format json",
            second: "--events -",
        });
    }
    if running.dry_run {
        return dry_run(&select(context)?.0, json, context);
    }
    let interrupt = Interrupt::install().map_err(CliError::io("listen for signals"))?;
    let tool = affected_core::report::list::tool();
    let events = running.events.as_deref();
    let mut events = events.map(|file| Events::open(file, tool)).transpose()?;
    let asked = select(context);
    let ran = asked
        .and_then(|asked| start_all(&asked, (running, json), (&mut events, &interrupt), context));
    // From here on a signal ends the process as if nobody listened: a reader that does not read holds nobody.
    interrupt.retire();
    let (exit, error, summary) = match &ran {
        Ok((exit, summary)) => (*exit, None, summary.clone()),
        Err(error) => (error.exit(), Some(error.to_string()), None),
    };
    if let Some(events) = events {
        events.finish(exit, error, summary, &interrupt);
    }
    ran.map(|(exit, _)| exit)
}

fn dry_run(answer: &Answer, json: bool, context: &mut Context) -> Result<Exit, CliError> {
    let text = if json {
        json::line(&answer.list)?
    } else {
        planned(answer, context.printer.verbosity)
    };
    context.printer.data(&text)?;
    Ok(Exit::OK)
}

fn start_all(
    (answer, shard): &Asked,
    (running, json): (&Running, bool),
    (events, interrupt): (&mut Option<Events>, &Interrupt),
    context: &mut Context,
) -> Result<(Exit, Option<v1::RunSummary>), CliError> {
    let empty = answer.plan.actions.is_empty();
    if empty && !json {
        context
            .printer
            .note("nothing to run: no affected project has such a task\n");
    }
    if empty && running.no_tasks == NoTasks::Fail {
        return Ok((Exit::NO_TASKS, None));
    }
    let root = answer.work_tree.clone().ok_or(CliError::NoWorkTree)?;
    let mut options = request::run_options(running, root, answer.store.as_deref())?;
    options.cache = request::cache(running, answer, &options);
    let reports = Reports::open(&running.report)?;
    let mut host = HostLog::here();
    let began = Instant::now();
    let mut sinks = Sinks::default();
    sinks.0.push(Box::new(Progress::new(
        &mut context.printer,
        host.as_mut(),
        answer.plan.actions.len(),
    )));
    if let Some(events) = events {
        events.plan(&answer.plan, options.jobs);
        sinks.0.push(Box::new(events));
    }
    let results = run::execute(&answer.plan, &options, interrupt, &mut sinks);
    drop(sinks);
    let mut document = document(
        &answer.list,
        &answer.plan,
        &results,
        answer.all_tasks,
        began.elapsed(),
    );
    document.shard.clone_from(shard);
    if let Some(cache) = &options.cache {
        finish_cache(cache, &mut context.printer, &mut document);
    }
    let ended = Ended {
        plan: &answer.plan,
        results: &results,
        document: &document,
    };
    reports.write(ended)?;
    if let Some(host) = &host {
        host.finish(&mut context.printer, &document);
    }
    let piped = running.events.as_deref() == Some("-");
    tell(ended, (json, piped), &mut context.printer)?;
    Ok((exit(interrupt, &document), Some(document.summary)))
}

/// Tells the end of a run, as JSON or in words; in words to stderr where stdout has the events.
fn tell(
    ended: Ended<'_>,
    (json, piped): (bool, bool),
    printer: &mut Printer,
) -> Result<(), CliError> {
    if json {
        return printer.data(&json::line(ended.document)?);
    }
    for warning in affected_core::report::tests::warnings(ended.plan, ended.results) {
        printer.warn(&warning.message, warning.help.as_deref());
    }
    if piped {
        printer.note(&summary(ended));
        return Ok(());
    }
    printer.data(&summary(ended))
}

/// Stores what is left, and tells what became of each digest.
fn finish_cache(cache: &Session, printer: &mut Printer, document: &mut v1::Run) {
    cache.finish();
    for (at, task) in document.tasks.iter_mut().enumerate() {
        task.digest = cache.digest(at).map(|digest| digest.to_string());
    }
    for message in cache.warnings() {
        printer.warn(&message, None);
        document.warnings.push(v1::Warning {
            code: "cache".to_owned(),
            message,
            help: None,
        });
    }
}

fn exit(interrupt: &Interrupt, document: &v1::Run) -> Exit {
    match interrupt.signal() {
        Some(signal) => Exit::from_signal(signal),
        None if document.summary.failed > 0 => Exit::FAILED,
        None if document.summary.deferred > 0 => Exit::BUDGET_ENDED,
        None => Exit::OK,
    }
}

fn planned(answer: &Answer, verbosity: Verbosity) -> String {
    let line = |action: &affected_core::plan::Action| {
        let command = command_line(&action.command);
        let text = format!("{}  ({})  {command}", action.target, action.cwd);
        let widened = action.widened.as_ref();
        let widened = widened.filter(|_| verbosity == Verbosity::Verbose);
        let because = widened.map(|because| format!("    all of it: {}\n", escape(because)));
        let unproved = action.unproved.iter();
        let unproved = unproved.filter(|_| verbosity == Verbosity::Verbose);
        let unproved: String = unproved
            .map(|(unit, because)| format!("    {}: {}\n", escape(unit), escape(because)))
            .collect();
        let because = because.unwrap_or_default();
        format!("{}\n{because}{unproved}", escape(&text))
    };
    let tasks: String = answer.plan.actions.iter().map(line).collect();
    format!("{}{tasks}", format::text::header(&answer.list))
}

/// Repeats failures with their output and how to run them again, then counts.
fn summary(ended: Ended<'_>) -> String {
    let mut text = String::new();
    for (action, result) in ended.failures() {
        let cause = result.cause.as_deref().unwrap_or("failed");
        text.push_str(&format!(
            "\n--- {}: {}\n",
            escape(&action.target),
            escape(cause)
        ));
        text.push_str(&escape_bytes(&result.output));
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if let Some(log) = &result.log {
            text.push_str(&format!(
                "--- more output: {}\n",
                escape(&log.to_string_lossy())
            ));
        }
        text.push_str(&failures(result));
        let words = again(action);
        let line: Vec<_> = words.iter().map(|text| word(text)).collect();
        text.push_str(&format!("--- again: {}\n", escape(&line.join(" "))));
    }
    let counts = &ended.document.summary;
    let seconds = |ms| Duration::from_millis(ms).as_secs_f64();
    text.push_str(&format!(
        "{} passed{}, {} failed, {} skipped, {} canceled in {:.1}s\n",
        counts.passed,
        known(counts),
        counts.failed,
        counts.skipped,
        counts.canceled,
        seconds(counts.ms),
    ));
    if counts.deferred > 0 {
        text.push_str(&format!(
            "{} of the skipped did not fit into the budget\n",
            counts.deferred
        ));
    }
    if ended.document.critical_path.len() > 1 {
        let path = ended.document.critical_path.join(" > ");
        text.push_str(&format!(
            "critical path {:.1}s: {}\n",
            seconds(counts.critical_ms),
            escape(&path)
        ));
    }
    if counts.spared > 0 {
        text.push_str(&format!("{} other tasks were not run\n", counts.spared));
    }
    text
}

/// Names what failed, so that nobody has to look for it in the output.
fn failures(result: &TaskResult) -> String {
    let Some(tests) = result.tests.as_ref().filter(|tests| tests.failed > 0) else {
        return String::new();
    };
    let all = tests.passed + tests.failed;
    let mut text = format!("--- {} of {all} tests failed\n", tests.failed);
    for case in tests.failures().take(NAMED) {
        let name = format!("    {} {}", case.place, case.name);
        text.push_str(&format!("{}\n", escape(&name)));
    }
    if tests.failed > NAMED {
        text.push_str(&format!("    and {} more\n", tests.failed - NAMED));
    }
    text
}

/// What the cache spared.
fn known(counts: &v1::RunSummary) -> String {
    if counts.cached == 0 {
        return String::new();
    }
    let saved = Duration::from_millis(counts.saved_ms).as_secs_f64();
    format!(" ({} known before, {saved:.1}s saved)", counts.cached)
}
