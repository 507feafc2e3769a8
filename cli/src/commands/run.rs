//! `run`, and the one way in which every command starts tasks.

use std::time::{Duration, Instant};

use affected_core::cache::Session;
use affected_core::history::{Miss, Skipping};
use affected_core::pipeline::past::PastUse;
use affected_core::pipeline::recording::Afterwards;
use affected_core::pipeline::{self, Answer, Environment};
use affected_core::report::past as report;
use affected_core::report::run::{Ended, again, document};
use affected_core::report::wire::v1;
use affected_core::run::{self, Interrupt, Outcome, Sinks, TaskResult};
use clap::Args;

use crate::app::Context;
use crate::args::{Flaky, NoTasks, Output, Running, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::{self, json};
use crate::request;
use crate::sinks::{Events, Recorded, Reports};
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
            Work::Named(self.task),
            &self.running,
            &self.output,
            context,
        )
    }
}

/// What is run.
pub(super) enum Work {
    /// The tests.
    Tests,
    /// The tests, all of them, compared with what the day left out.
    Nightly,
    /// A task of this name.
    Named(String),
}

impl Work {
    /// The word that was typed.
    pub(super) fn command(&self) -> &'static str {
        match self {
            Self::Tests => "test",
            Self::Nightly => "nightly",
            Self::Named(_) => "run",
        }
    }
}

/// Answers the selection with the help of earlier runs, and tells what they add.
pub(super) fn planned_answer(
    selection: &Selection,
    work: &Work,
    running: &Running,
    context: &mut Context,
) -> Result<Answer, CliError> {
    let task = match work {
        Work::Named(task) => Some(task.clone()),
        Work::Tests | Work::Nightly => None,
    };
    let mut request = request::resolve(selection, task, context)?;
    request.past = if running.last_failed {
        PastUse::OnlyFailed
    } else {
        PastUse::Plan
    };
    let answer = pipeline::answer(&request, &Environment::from_process())?;
    context.printer.warnings(&answer.list.warnings);
    let again = answer.recalled.again();
    if !again.is_empty() && !running.last_failed {
        let names: Vec<_> = again.keys().take(3).map(|name| escape(name)).collect();
        let more = match again.len().saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "again, since they did not pass last time: {}{more}\n",
            names.join(", ")
        );
        context.printer.note(&text);
    }
    Ok(answer)
}

/// Tells what the run says about earlier ones.
fn look_back(printer: &mut Printer, after: &Afterwards) {
    for warning in &after.warnings {
        printer.warn(warning, None);
    }
    for miss in &after.misses {
        printer.warn(
            &missed(miss),
            Some("`affected why-not` at that commit shows what it thought of it"),
        );
    }
    let (fell_back, looked_at) = after.fallbacks;
    if looked_at >= 10 && fell_back * 2 > looked_at {
        let text = format!(
            "{fell_back} of the last {looked_at} runs selected everything for want of a decision"
        );
        printer.warn(&text, Some("`affected history` names the reasons"));
    }
}

/// Names what failed now and had been left out, and the changes that may have broken it (Q6).
fn missed(miss: &Miss) -> String {
    let by = |run: &Skipping| {
        let commit = run.commit.as_deref().unwrap_or("no commit");
        let commit = &commit[..commit.len().min(12)];
        let more = match run.changed.len() {
            0..=3 => "",
            _ => " ...",
        };
        let changed = run.changed.iter().take(3).cloned().collect::<Vec<_>>();
        format!("run {} of {commit} ({}{more})", run.run, changed.join(" "))
    };
    let by: Vec<String> = miss.left_out_by.iter().take(5).map(by).collect();
    let tests = match miss.tests.is_empty() {
        true => String::new(),
        false => format!(" in {}", miss.tests.join(", ")),
    };
    let target = &miss.target;
    format!(
        "missed: {target} fails{tests}, and was left out by {}",
        by.join("; ")
    )
}

/// Selects, plans and runs; with `--dry-run` only tells what would run.
pub(super) fn start(
    selection: &Selection,
    task: Work,
    running: &Running,
    output: &Output,
    context: &mut Context,
) -> Result<Exit, CliError> {
    let select =
        |context: &mut Context| Ok((planned_answer(selection, &task, running, context)?, None));
    work(select, task.command(), running, output, context)
}

/// Runs what `select` answers, and records it as a run of `command`.
pub(super) fn work(
    select: impl FnOnce(&mut Context) -> Result<Asked, CliError>,
    command: &str,
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
    let ran = asked.and_then(|asked| {
        let how = (command, running, json);
        start_all(asked, how, (&mut events, &interrupt), context)
    });
    // From here on a signal ends the process as if nobody listened: a reader that does not read holds nobody.
    interrupt.retire();
    let (exit, error, summary) = match &ran {
        Ok((exit, summary)) => (*exit, None, summary.clone()),
        Err(error) => (error.exit(), Some(error.to_string()), None),
    };
    if let Some(events) = events {
        // A full disk changes no verdict.
        if let Some(fault) = events.finish(exit, error, summary, &interrupt) {
            let text = format!("not all events are written: {fault}");
            context.printer.warn(&text, None);
        }
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
    (mut answer, shard): Asked,
    (command, running, json): (&str, &Running, bool),
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
    let mut options = request::run_options(running, root, &answer)?;
    options.cache = request::cache(running, &answer, &options);
    let reports = Reports::open(&running.report)?;
    let (mut recorded, warning) = Recorded::begin(&mut answer, command, options.cache.clone());
    context.printer.warnings_of(warning);
    let mut host = HostLog::here();
    let began = Instant::now();
    let mut sinks = Sinks::default();
    // What is told was recorded before, so that a kill loses nothing that anybody saw.
    sinks.0.push(Box::new(&mut recorded));
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
    document.shard = shard;
    let after = recorded.finish();
    document.missed = report::missed(&after.misses);
    if let Some(cache) = &options.cache {
        finish_cache(cache, &mut context.printer, &mut document);
    }
    let ended = Ended {
        plan: &answer.plan,
        results: &results,
        document: &document,
    };
    let written = reports.write(ended);
    if let Some(host) = &host {
        host.finish(&mut context.printer, &document);
    }
    let piped = running.events.as_deref() == Some("-");
    tell(ended, (json, piped), &mut context.printer)?;
    look_back(&mut context.printer, &after);
    let exit = exit(interrupt, &document, running.flaky);
    unless_failed(written, exit, &mut context.printer)?;
    Ok((exit, Some(document.summary)))
}

/// E5: a report that cannot be written hides neither the summary nor a failure.
fn unless_failed(
    written: Result<(), CliError>,
    exit: Exit,
    printer: &mut Printer,
) -> Result<(), CliError> {
    match written {
        Err(error) if exit != Exit::OK => {
            printer.warn(&error.to_string(), None);
            Ok(())
        }
        written => written,
    }
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

fn exit(interrupt: &Interrupt, document: &v1::Run, flaky: Flaky) -> Exit {
    match interrupt.signal() {
        Some(signal) => Exit::from_signal(signal),
        None if document.summary.failed > 0 => Exit::FAILED,
        None if document.summary.flaky > 0 && flaky == Flaky::Fail => Exit::FAILED,
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
    let worth_telling =
        |result: &&TaskResult| result.outcome.is_failure() || result.outcome == Outcome::Flaky;
    for result in ended.results.iter().filter(worth_telling) {
        let action = &ended.plan.actions[result.action];
        let cause = result.cause.as_deref().unwrap_or("failed");
        let quarantine = result.forgiven.as_ref();
        let quarantine = quarantine.map(|words| format!(" (in quarantine: {words})"));
        let cause = format!("{cause}{}", quarantine.unwrap_or_default());
        text.push_str(&format!(
            "\n--- {}: {}\n",
            escape(&action.target),
            escape(&cause)
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
        let words = again(ended.plan, action);
        let line: Vec<_> = words.iter().map(|text| word(text)).collect();
        text.push_str(&format!("--- again: {}\n", escape(&line.join(" "))));
    }
    text.push_str(&counts(ended));
    text
}

/// The numbers at the end.
fn counts(ended: Ended<'_>) -> String {
    let mut text = String::new();
    let counts = &ended.document.summary;
    let seconds = |ms| Duration::from_millis(ms).as_secs_f64();
    text.push_str(&format!(
        "{} passed{}, {}{}{} failed, {} skipped, {} canceled in {:.1}s\n",
        counts.passed,
        known(counts),
        some(counts.flaky, "flaky"),
        some(counts.quarantined, "in quarantine"),
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
        let saved = match counts.spared_ms {
            0 => String::new(),
            ms => format!(", {:.1}s saved", seconds(ms)),
        };
        text.push_str(&format!(
            "{} other tasks were not run{saved}\n",
            counts.spared
        ));
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

/// A number that is told unless it is none.
fn some(count: usize, what: &str) -> String {
    match count {
        0 => String::new(),
        some => format!("{some} {what}, "),
    }
}

/// What the cache spared.
fn known(counts: &v1::RunSummary) -> String {
    if counts.cached == 0 {
        return String::new();
    }
    let saved = Duration::from_millis(counts.saved_ms).as_secs_f64();
    format!(" ({} known before, {saved:.1}s saved)", counts.cached)
}
