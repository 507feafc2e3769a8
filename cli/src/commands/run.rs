//! `run`, and the one way in which every command starts tasks.

use std::path::PathBuf;
use std::time::Instant;

use affected_core::cache::Session;
use affected_core::pipeline::Answer;
use affected_core::plan::Plan;
use affected_core::report::tests as ended;
use affected_core::report::wire::v1;
use affected_core::run::{self, Interrupt, Outcome, RunEvent, TaskResult, Unstarted};
use clap::Args;

use super::{answer, ci};
use crate::app::Context;
use crate::args::{NoTasks, Output, Running, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::{self, json};
use crate::request;
use crate::terminal::style::{green, red, yellow};
use crate::terminal::{HostLog, Printer, Verbosity, command_line, escape, escape_bytes};

/// Failed tests of one task that are named.
const NAMED: usize = 20;

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
    let answer = answer(selection, task, context)?;
    work(&answer, Part::default(), running, output, context)
}

/// Which part of a plan a run is, and where its report goes besides.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The part of a plan for several jobs.
    pub(super) shard: Option<v1::PlanShard>,
    /// A file for the report.
    pub(super) report: Option<PathBuf>,
}

/// Runs what was answered.
pub(super) fn work(
    answer: &Answer,
    part: Part,
    running: &Running,
    output: &Output,
    context: &mut Context,
) -> Result<Exit, CliError> {
    let json = output.format == "json";
    if running.dry_run {
        let text = if json {
            json::line(&answer.list)?
        } else {
            planned(answer, context.printer.verbosity)
        };
        context.printer.data(&text)?;
        return Ok(Exit::OK);
    }
    if answer.plan.actions.is_empty() && !json {
        context
            .printer
            .note("nothing to run: no affected project has such a task\n");
    }
    if answer.plan.actions.is_empty() && running.no_tasks == NoTasks::Fail {
        return Ok(Exit::NO_TASKS);
    }
    let root = answer.work_tree.clone().ok_or(CliError::NoWorkTree)?;
    let mut options = request::run_options(running, root)?;
    let store = answer.store.as_ref();
    options.reports = store.map(|store| store.join("reports"));
    options.cache = request::cache(running, answer, &options);
    let interrupt = Interrupt::install().map_err(CliError::io("listen for signals"))?;
    let mut host = HostLog::here();
    let began = Instant::now();
    let results = run::execute(
        &answer.plan,
        &options,
        &interrupt,
        &mut |event: &RunEvent| {
            tell(&mut context.printer, &answer.plan, event, host.as_mut());
        },
    );
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut document = document(answer, &results, ms);
    document.shard = part.shard;
    if let Some(cache) = &options.cache {
        finish_cache(cache, &mut context.printer, &mut document);
    }
    if let Some(path) = &part.report {
        ci::write(path, &json::line(&document)?)?;
    }
    if let Some(host) = &host {
        host.finish(&mut context.printer, &document);
    }
    if json {
        context.printer.data(&json::line(&document)?)?;
    } else {
        let new = document.warnings.iter().skip(answer.list.warnings.len());
        for warning in new {
            context
                .printer
                .warn(&warning.message, warning.help.as_deref());
        }
        summary(&mut context.printer, &answer.plan, &results, &document)?;
    }
    Ok(exit(&interrupt, &document))
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

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Passed => green("pass"),
        Outcome::Flaky => yellow("flak"),
        Outcome::Cached => green("same"),
        Outcome::Failed => red("FAIL"),
        Outcome::TimedOut => red("TIME"),
        Outcome::Skipped => yellow("skip"),
        Outcome::Canceled => yellow("stop"),
    }
}

fn tell(printer: &mut Printer, plan: &Plan, event: &RunEvent, host: Option<&mut HostLog>) {
    match event {
        RunEvent::Warning(text) => printer.warn(text, None),
        RunEvent::Started { .. } => {}
        RunEvent::Finished(result) => {
            let seconds = result.duration.as_secs_f64();
            let target = escape(&plan.actions[result.action].target).into_owned();
            let cause = result
                .cause
                .as_deref()
                .map(|cause| format!("  {}", escape(cause)));
            let cause = cause.unwrap_or_default();
            printer.note(&format!(
                "{} {seconds:>7.2}s  {target}{cause}\n",
                word(result.outcome)
            ));
            if let Some(host) = host {
                host.ended(printer, plan, result);
            } else if printer.verbosity == Verbosity::Verbose {
                printer.tell(&escape_bytes(&result.output));
            }
        }
    }
}

/// Repeats failures with their output and how to run them again, then counts.
fn summary(
    printer: &mut Printer,
    plan: &Plan,
    results: &[TaskResult],
    document: &v1::Run,
) -> Result<(), CliError> {
    let mut text = String::new();
    for result in results {
        if !matches!(result.outcome, Outcome::Failed | Outcome::TimedOut) {
            continue;
        }
        let action = &plan.actions[result.action];
        let cause = result.cause.as_deref().unwrap_or("failed");
        text.push_str(&format!(
            "\n--- {}: {}\n",
            escape(&action.target),
            escape(cause)
        ));
        text.push_str(&escape_bytes(&result.output));
        text.push_str(&failures(result));
        let again = crate::terminal::word(&action.project).into_owned();
        text.push_str(&format!(
            "--- again: affected test --all --filter {}\n",
            escape(&again)
        ));
    }
    let counts = &document.summary;
    text.push_str(&format!(
        "{} passed{}, {} failed, {} skipped, {} canceled in {:.1}s\n",
        counts.passed,
        known(counts),
        counts.failed,
        counts.skipped,
        counts.canceled,
        std::time::Duration::from_millis(counts.ms).as_secs_f64(),
    ));
    printer.data(&text)
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
    let saved = std::time::Duration::from_millis(counts.saved_ms).as_secs_f64();
    format!(" ({} known before, {saved:.1}s saved)", counts.cached)
}

fn took(result: &TaskResult) -> u64 {
    u64::try_from(result.duration.as_millis()).unwrap_or(u64::MAX)
}

fn document(answer: &Answer, results: &[TaskResult], ms: u64) -> v1::Run {
    let count = |wanted: &[Outcome]| {
        results
            .iter()
            .filter(|result| wanted.contains(&result.outcome))
            .count()
    };
    let task = |result: &TaskResult| {
        let action = &answer.plan.actions[result.action];
        v1::RanTask {
            target: action.target.clone(),
            project: action.project.clone(),
            stage: action.stage.as_ref().map(|stage| stage.0.clone()),
            outcome: result.outcome.as_str().to_owned(),
            exit: result.exit,
            ms: if result.outcome == Outcome::Cached {
                0
            } else {
                took(result)
            },
            saved_ms: (result.outcome == Outcome::Cached).then(|| took(result)),
            digest: None,
            cause: result.cause.clone(),
            tests: result.tests.as_ref().map(ended::ran),
            reasons: action.reasons.clone(),
        }
    };
    let mut warnings = answer.list.warnings.clone();
    warnings.extend(ended::warnings(&answer.plan, results));
    v1::Run {
        schema: "affected.run/1".to_owned(),
        tool: answer.list.tool.clone(),
        base: answer.list.base.clone(),
        head: answer.list.head.clone(),
        mode: answer.list.mode.clone(),
        shard: None,
        tasks: results.iter().map(task).collect(),
        warnings,
        summary: v1::RunSummary {
            passed: count(&[Outcome::Passed, Outcome::Flaky, Outcome::Cached]),
            cached: count(&[Outcome::Cached]),
            saved_ms: results
                .iter()
                .filter(|result| result.outcome == Outcome::Cached)
                .map(took)
                .sum(),
            failed: count(&[Outcome::Failed, Outcome::TimedOut]),
            skipped: count(&[Outcome::Skipped]),
            canceled: count(&[Outcome::Canceled]),
            deferred: results
                .iter()
                .filter(|result| result.unstarted == Some(Unstarted::Deferred))
                .count(),
            ms,
        },
    }
}
