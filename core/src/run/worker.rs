//! One action, start to result: what is started, how long it may take, and its end in words.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use affected_graph::{Command, RepoPath};

use super::batch::{Batches, Ended};
use super::build::{self, Builds};
use super::capture::Bounded;
use super::clock::{Clock, nap};
use super::environment::{NoProgram, find_program, variables};
use super::jobserver;
use super::process::{self, Ending, Launch, Limits, Scene, Verdict};
use super::results::Asked;
use super::roster::Roster;
use super::{Interrupt, MissingTool, Outcome, Overrun, RunOptions, TaskResult, Unstarted};
use crate::plan::batch::{self, Batch};
use crate::plan::{Action, Plan};
use crate::runner::Tests;

/// How often a start is tried while the system is short of processes or files.
const TRIES: u32 = 20;
/// Between two tries.
const RETRY: Duration = Duration::from_millis(100);

/// What all workers of a run share.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// How the plan is run.
    pub(super) options: &'a RunOptions,
    /// [`RunOptions::root`], absolute.
    pub(super) root: PathBuf,
    /// Stops the run.
    pub(super) interrupt: &'a Interrupt,
    /// Knows who lives.
    pub(super) roster: Arc<Roster>,
    /// Counts time.
    pub(super) clock: Clock,
    /// Where what tasks start finds more places to work; see [`super::jobserver`].
    pub(super) makeflags: Option<OsString>,
    /// What is run.
    pub(super) plan: &'a Plan,
    /// What one command does of it.
    pub(super) batches: Batches,
    /// Who builds.
    pub(super) builds: Builds,
}

/// Runs one action, or takes its part of a batch; returns its result and what the user should know.
pub(super) fn run(
    action: &Action,
    index: usize,
    context: &Context<'_>,
) -> (TaskResult, Vec<String>) {
    let mut warnings = Vec::new();
    let of_batch = context.batches.take(index, |batch| {
        let Some(batch) = unknown(batch, index, context) else {
            return Ended::new();
        };
        let (ended, told) = run_batch(&batch, context);
        warnings = told;
        ended
    });
    match of_batch {
        Some(result) => (result, warnings),
        None => {
            let (result, more) = run_single(action, index, context);
            warnings.extend(more);
            (result, warnings)
        }
    }
}

/// Leaves out the members of a batch whose results are known: they are taken from the cache when their turn comes.
fn unknown(batch: &Batch, asking: usize, context: &Context<'_>) -> Option<Batch> {
    let Some(cache) = &context.options.cache else {
        return Some(batch.clone());
    };
    let is_unknown = |at: &usize| *at == asking || !cache.knows(*at);
    let rest: Vec<usize> = batch.members.iter().copied().filter(is_unknown).collect();
    if rest.len() == batch.members.len() {
        return Some(batch.clone());
    }
    batch::rejoin(context.plan, &rest)
}

/// Runs a batch, and tells how each member ended as far as that is sure.
fn run_batch(batch: &Batch, context: &Context<'_>) -> (Ended, Vec<String>) {
    let members = || {
        batch
            .members
            .iter()
            .map(|&at| (at, &context.plan.actions[at]))
    };
    let reports = context.options.reports.as_deref();
    let asked: Vec<Option<Asked>> = members()
        .map(|(_, action)| Asked::of(action, &context.root.join(native(&action.cwd)), reports))
        .collect();
    let Some((first, like)) = members().next() else {
        return (Ended::new(), Vec::new());
    };
    let count = u32::try_from(batch.members.len()).unwrap_or(u32::MAX);
    let timeout = context.options.default_timeout;
    let joined = Action {
        command: batch.command.clone(),
        // Each would have had this time for itself.
        timeout: timeout.map(|time| time.saturating_mul(count)),
        ..like.clone()
    };
    let cwd = context.root.join(native(&joined.cwd));
    let (whole, warnings) = run_single(&joined, first, context);
    let of_member = |((index, _), asked): ((usize, &Action), &Option<Asked>)| {
        let tests = asked.as_ref().and_then(|asked| asked.read(&cwd).1);
        let has_failed = tests.as_ref().is_some_and(|tests| tests.failed > 0);
        let is_sure = match whole.outcome {
            Outcome::Failed => has_failed && whole.unstarted.is_none(),
            Outcome::TimedOut => false,
            _ => true,
        };
        let times = tests.iter().flat_map(|tests| &tests.cases);
        let ms: Option<u64> = times.map(|case| case.ms).sum();
        let own = ms.map(Duration::from_millis);
        is_sure.then(|| {
            let result = TaskResult {
                action: index,
                tests,
                duration: own.unwrap_or(whole.duration / count),
                ..whole.clone()
            };
            (index, result)
        })
    };
    (
        members().zip(&asked).filter_map(of_member).collect(),
        warnings,
    )
}

/// Runs one action, its build first where that must be alone.
fn run_single(action: &Action, index: usize, context: &Context<'_>) -> (TaskResult, Vec<String>) {
    let Some((build, test)) = build::halves(action) else {
        return run_command(action, index, context);
    };
    let (built, mut warnings) = context.builds.alone(&action.needs.build_locks, || {
        run_command(&build, index, context)
    });
    if !built.outcome.is_success() {
        return (built, warnings);
    }
    let timeout = test.timeout.or(context.options.default_timeout);
    let rest = Action {
        timeout: timeout.map(|time| time.saturating_sub(built.duration)),
        ..test
    };
    let (mut result, more) = run_command(&rest, index, context);
    result.duration += built.duration;
    warnings.extend(more);
    (result, warnings)
}

fn run_command(action: &Action, index: usize, context: &Context<'_>) -> (TaskResult, Vec<String>) {
    let started = context.clock.now();
    let own = action.timeout.or(context.options.default_timeout);
    let left = left(context, started).filter(|left| own.is_none_or(|own| *left < own));
    let limits = Limits {
        timeout: left.or(own),
        grace: context.options.grace,
    };
    let cwd = context.root.join(native(&action.cwd));
    let asked = Asked::of(action, &cwd, context.options.reports.as_deref());
    let ending = launch(action, index, asked.as_ref(), context).and_then(|launch| {
        run_patiently(&launch, limits, context)
            .map_err(|error| NoStart::Failed(cannot_start(&launch, &error)))
    });
    let (mut result, warnings) = match ending {
        Ok(ending) => {
            let named = ending
                .warnings
                .iter()
                .map(|text| format!("`{}` {text}", action.target));
            let warnings = named.chain(ending.watchdog_fault.clone()).collect();
            let mut result = judge(index, ending, limits, context);
            if let Some(asked) = &asked {
                take_tests(&mut result, asked, &cwd);
            }
            (result, warnings)
        }
        Err(NoStart::Interrupted) => {
            let cause = "interrupted before it started".to_owned();
            (
                TaskResult::unstarted(index, Outcome::Canceled, Unstarted::Interrupted, cause),
                Vec::new(),
            )
        }
        Err(NoStart::MissingTool(cause)) => {
            let outcome = match context.options.missing_tool {
                MissingTool::Fail => Outcome::Failed,
                MissingTool::Skip => Outcome::Skipped,
            };
            (
                TaskResult::unstarted(index, outcome, Unstarted::CannotStart, cause),
                Vec::new(),
            )
        }
        Err(NoStart::Failed(cause)) => (
            TaskResult::unstarted(index, Outcome::Failed, Unstarted::CannotStart, cause),
            Vec::new(),
        ),
    };
    result.duration = context.clock.now().saturating_sub(started);
    if left.is_some() && result.outcome == Outcome::TimedOut {
        let cause = "left: the budget ended before it did".to_owned();
        let duration = result.duration;
        result = TaskResult::unstarted(index, Outcome::Skipped, Unstarted::Deferred, cause);
        result.duration = duration;
    }
    (result, warnings)
}

/// What is left of a budget that ends what runs.
fn left(context: &Context<'_>, now: Duration) -> Option<Duration> {
    let ends = context.options.overrun == Overrun::Stop;
    let budget = context.options.budget.filter(|_| ends)?;
    Some(budget.saturating_sub(now))
}

/// Adds how single tests ended. Where there was none to run, that is no failure: whoever reads the result is told.
fn take_tests(result: &mut TaskResult, asked: &Asked, cwd: &Path) {
    let (shown, tests) = asked.read(cwd);
    result.output.extend(shown);
    result.tests = tests;
    if result.outcome == Outcome::Failed && asked.is_empty_run(result.exit) {
        result.outcome = Outcome::Passed;
        result.cause = None;
        result.tests = Some(Tests::default());
    }
}

/// Why an action was not started.
enum NoStart {
    Interrupted,
    MissingTool(String),
    Failed(String),
}

fn launch(
    action: &Action,
    index: usize,
    asked: Option<&Asked>,
    context: &Context<'_>,
) -> Result<Launch, NoStart> {
    if context.interrupt.urgency().is_some() {
        return Err(NoStart::Interrupted);
    }
    let cwd = context.root.join(native(&action.cwd));
    if !cwd.is_dir() {
        return Err(NoStart::Failed(format!(
            "folder `{}` does not exist",
            action.cwd
        )));
    }
    let reporting = asked.and_then(Asked::command);
    let command = reporting.as_ref().unwrap_or(&action.command);
    let (name, arguments) =
        argv(command).ok_or_else(|| NoStart::Failed("the command is empty".to_owned()))?;
    let own = asked.map_or_else(|| action.env.clone(), |asked| asked.variables(&action.env));
    let mut environment = variables(&context.options.environment, &own);
    // One that was inherited leads nowhere, or there would be no need of ours.
    let words = context
        .makeflags
        .as_ref()
        .filter(|_| !own.contains_key(jobserver::VARIABLE));
    if let Some(words) = words {
        environment.insert(jobserver::VARIABLE.into(), words.clone());
    }
    let program = program(&name, &cwd, &environment)?;
    Ok(Launch {
        action: index,
        program,
        name,
        arguments,
        cwd,
        environment,
        ear: asked.and_then(|asked| asked.ear.clone()),
    })
}

fn argv(command: &Command) -> Option<(String, Vec<String>)> {
    match command {
        Command::Argv(argv) => {
            let (name, arguments) = argv.split_first()?;
            Some((name.clone(), arguments.to_vec()))
        }
        Command::Shell(line) => {
            let (shell, flag) = if cfg!(unix) {
                ("sh", "-c")
            } else {
                ("cmd", "/C")
            };
            Some((shell.to_owned(), vec![flag.to_owned(), line.clone()]))
        }
    }
}

fn program(
    name: &str,
    cwd: &Path,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<PathBuf, NoStart> {
    find_program(name, cwd, environment).map_err(|fault| match fault {
        // A path into the repository is no tool that somebody could install.
        NoProgram::Missing if name.contains('/') => {
            NoStart::Failed(format!("`{name}` does not exist"))
        }
        NoProgram::Missing => {
            NoStart::MissingTool(format!("`{name}` is not installed or not on PATH"))
        }
        NoProgram::NotExecutable => {
            NoStart::Failed(format!("`{name}` cannot be executed: permission denied"))
        }
    })
}

#[cfg(unix)]
fn native(path: &RepoPath) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(path.as_bytes()).into()
}

#[cfg(not(unix))]
fn native(path: &RepoPath) -> PathBuf {
    path.to_string().into()
}

/// E7. Where processes or open files run short, others are about to end: waits and tries again.
fn run_patiently(launch: &Launch, limits: Limits, context: &Context<'_>) -> io::Result<Ending> {
    let mut tries = 0;
    loop {
        let log = context.options.logs.as_ref();
        let log = log.map(|folder| folder.join(format!("{}.log", launch.action)));
        let scene = Scene {
            interrupt: context.interrupt,
            roster: &context.roster,
            clock: &context.clock,
        };
        match process::run(
            launch,
            limits,
            Bounded::with_log(log).heard_by(launch.ear.clone()),
            scene,
        ) {
            Err(error) if is_passing(&error) && tries < TRIES => {
                if context.interrupt.urgency().is_some() {
                    return Err(error);
                }
                tries += 1;
                nap(RETRY);
            }
            other => return other,
        }
    }
}

/// Tells whether the same start may succeed a moment later.
#[cfg(unix)]
fn is_passing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let passing = [
        Errno::AGAIN,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::TXTBSY,
    ];
    Errno::from_io_error(error).is_some_and(|errno| passing.contains(&errno))
}

#[cfg(not(unix))]
fn is_passing(_error: &io::Error) -> bool {
    false
}

fn cannot_start(launch: &Launch, error: &io::Error) -> String {
    let name = &launch.name;
    match error.kind() {
        // The file was there a moment ago.
        io::ErrorKind::NotFound => {
            format!("`{name}` cannot be executed: its interpreter is missing")
        }
        io::ErrorKind::PermissionDenied => {
            format!("`{name}` cannot be executed: permission denied")
        }
        _ => format!("`{name}` cannot be started: {error}"),
    }
}

fn judge(action: usize, mut ending: Ending, limits: Limits, context: &Context<'_>) -> TaskResult {
    let exit = ending.status.and_then(|status| status.code());
    let (outcome, cause) = match (ending.verdict, ending.status) {
        (Verdict::TimedOut, _) => {
            let time = limits.timeout.unwrap_or_default();
            (Outcome::TimedOut, Some(format!("timed out after {time:?}")))
        }
        (Verdict::Canceled, _) => {
            let signal = context.interrupt.signal().map_or(String::new(), |signal| {
                format!(" by {}", signal_name(signal))
            });
            (Outcome::Canceled, Some(format!("interrupted{signal}")))
        }
        (Verdict::WantedTerminal(signal), _) => {
            let name = signal_name(signal);
            let cause =
                format!("stopped by {name}: it wants the terminal, which a task does not get");
            (Outcome::Failed, Some(cause))
        }
        (Verdict::Ended, Some(status)) if status.success() => (Outcome::Passed, None),
        (Verdict::Ended, Some(status)) => (Outcome::Failed, Some(describe(status))),
        (Verdict::Ended, None) => (
            Outcome::Failed,
            Some("its exit status could not be read".to_owned()),
        ),
    };
    TaskResult {
        action,
        outcome,
        exit,
        cause,
        unstarted: None,
        started: Duration::ZERO,
        duration: Duration::ZERO,
        forgiven: None,
        attempts: 1,
        tests: None,
        log: ending.output.log(),
        output: ending.output.take(),
    }
}

/// E6. An end in words.
fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        // Nothing of ours sent it, so most often the kernel did.
        let hint = if signal == 9 {
            ", perhaps for lack of memory"
        } else {
            ""
        };
        return format!("killed by {} ({signal}){hint}", signal_name(signal));
    }
    status
        .code()
        .map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

fn signal_name(signal: i32) -> String {
    let name = signal_hook::low_level::signal_name(signal);
    name.map_or_else(|| format!("signal {signal}"), str::to_owned)
}
