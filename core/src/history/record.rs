//! Writing: one short transaction when a run begins, one for tasks that ended, one at the end. What a call
//! acknowledged survives a kill of the process.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};

use super::learn::{Ending, learn, learn_test};
use super::{History, HistoryError, array, limits::prune, listed, millis, now, store};

/// Runs with more changed paths teach nothing about single paths.
const PATHS_LEARNT: usize = 200;
/// Targets that begin to fail in one run and are still thought to have one cause.
const TOGETHER: usize = 40;

/// Whether a run was about all that a change affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Yes: what was not selected, was skipped on purpose.
    Whole,
    /// No: filters, stages or shards left something out.
    Part,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Part => "part",
        }
    }
}

/// What a run is about, known when it begins.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// `test`, `run`, `nightly`.
    pub command: String,
    /// `affected` or `all`.
    pub mode: String,
    /// Whether it is about all that is affected.
    pub scope: Scope,
    /// The branch, where there is one.
    pub branch: Option<String>,
    /// The commit at HEAD.
    pub commit: Option<String>,
    /// A digest of all files, as commit and differences.
    pub state: Option<String>,
    /// Whether the files are those of the commit.
    pub clean: bool,
    /// The commit compared with.
    pub base: Option<String>,
    /// Who named it.
    pub base_source: Option<String>,
    /// Reason code, where everything was selected for want of a decision (B6).
    pub fallback: Option<String>,
    /// Every test target there is, sorted.
    pub universe: Vec<String>,
    /// The targets selected, sorted.
    pub selected: Vec<String>,
    /// The changed paths.
    pub changed: Vec<String>,
}

/// How one task ended.
#[derive(Debug, Clone, Default)]
pub struct TaskRecord {
    /// `project:task`.
    pub target: String,
    /// The project.
    pub project: String,
    /// The stage of a test task.
    pub stage: Option<String>,
    /// `passed flaky cached failed timed-out skipped canceled`.
    pub outcome: String,
    /// Whether it was not started because something before it failed.
    pub held: bool,
    /// The exit code.
    pub exit: Option<i32>,
    /// Why it did not pass.
    pub cause: Option<String>,
    /// Wall time.
    pub duration: Duration,
    /// How often it was tried.
    pub attempts: u32,
    /// The action's digest.
    pub digest: Option<String>,
    /// What it was restricted to; empty for all.
    pub units: Vec<String>,
    /// Reason codes.
    pub reasons: Vec<String>,
    /// Its tests, where the runner tells them.
    pub tests: Vec<TestRecord>,
}

/// How one test of a task ended.
#[derive(Debug, Clone)]
pub struct TestRecord {
    /// As the runner names it.
    pub name: String,
    /// `passed flaky failed skipped`.
    pub outcome: String,
    /// Wall time.
    pub duration: Option<Duration>,
}

/// Writes one run.
pub struct Recorder {
    history: History,
    run: i64,
    about: RunRecord,
    began_to_fail: BTreeSet<String>,
}

impl History {
    /// Begins a run.
    pub fn begin(mut self, about: RunRecord) -> Result<Recorder, HistoryError> {
        let transaction = immediate(&mut self)?;
        let universe = array(&about.universe);
        transaction.execute(
            "INSERT INTO universes (targets) VALUES (?1) ON CONFLICT DO NOTHING",
            [&universe],
        )?;
        let all = about.selected == about.universe;
        let named = about.changed.get(..PATHS_LEARNT).unwrap_or(&about.changed);
        transaction.execute(
            "INSERT INTO runs (began, command, mode, scope, branch, commit_id, state, clean, base, base_source, fallback,
               universe, selected, changed, changes, tool)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, (SELECT id FROM universes WHERE targets = ?12), ?13,
               ?14, ?15, ?16)",
            params![
                now(),
                about.command,
                about.mode,
                about.scope.as_str(),
                about.branch,
                about.commit,
                about.state,
                about.clean,
                about.base,
                about.base_source,
                about.fallback,
                universe,
                (!all).then(|| array(&about.selected)),
                array(named),
                i64::try_from(about.changed.len()).unwrap_or(i64::MAX),
                env!("CARGO_PKG_VERSION"),
            ],
        )?;
        let run = transaction.last_insert_rowid();
        count_paths(&transaction, run, &about)?;
        transaction.commit()?;
        Ok(Recorder {
            history: self,
            run,
            about,
            began_to_fail: BTreeSet::new(),
        })
    }
}

impl Recorder {
    /// Returns the run's number.
    #[must_use]
    pub fn run(&self) -> i64 {
        self.run
    }

    /// Returns the history, for questions in between.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Records how a task ended.
    pub fn task(&mut self, task: &TaskRecord) -> Result<(), HistoryError> {
        self.tasks(std::slice::from_ref(task))
    }

    /// Records how some tasks ended: all of them, or none after an error.
    pub fn tasks(&mut self, tasks: &[TaskRecord]) -> Result<(), HistoryError> {
        let (run, about) = (self.run, &self.about);
        let transaction = immediate(&mut self.history)?;
        let mut broken = Vec::new();
        for task in tasks {
            if ended(&transaction, (run, about), task)? {
                broken.push(task.target.clone());
            }
        }
        transaction.commit()?;
        self.began_to_fail.extend(broken);
        Ok(())
    }

    /// Ends the run; tells whether its commit is known green now.
    pub fn finish(mut self) -> Result<bool, HistoryError> {
        let run = self.run;
        let transaction = immediate(&mut self.history)?;
        transaction.execute(
            "UPDATE runs SET ended = ?2 WHERE id = ?1",
            params![run, now()],
        )?;
        if self.began_to_fail.len() <= TOGETHER {
            pair(&transaction, &self.began_to_fail)?;
        }
        let green = note_green(&transaction, run, &self.about)?;
        prune(&transaction)?;
        transaction.commit()?;
        Ok(green)
    }

    /// Gives up after an error; a damaged file is set aside, which is said.
    #[must_use]
    pub fn give_up(self, error: &HistoryError) -> String {
        let path = self.history.path.clone();
        // The file must be closed before it is moved.
        drop(self);
        let moved = error.is_damage().then(|| store::set_aside(&path)).flatten();
        moved.unwrap_or_else(|| format!("this run is not recorded in the history: {error}"))
    }
}

fn immediate(history: &mut History) -> Result<Transaction<'_>, HistoryError> {
    // Those that read first and write later would be refused where another wrote in between.
    let connection = &mut history.connection;
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// Writes how a task ended; tells whether it began to fail.
fn ended(
    transaction: &Transaction<'_>,
    (run, about): (i64, &RunRecord),
    task: &TaskRecord,
) -> Result<bool, HistoryError> {
    let id = insert(transaction, run, task)?;
    let inputs = inputs(about, task);
    let mut broke = false;
    if let Some(ending) = Ending::of(&task.outcome) {
        broke = learn(transaction, task, ending, inputs.as_deref())?;
        for test in &task.tests {
            learn_test(transaction, id, task, test, inputs.as_deref())?;
        }
    }
    if let Some(branch) = &about.branch {
        stand(transaction, branch, id, task)?;
    }
    if broke {
        blame_paths(transaction, about, &task.target)?;
    }
    Ok(broke)
}

/// What the same outcome must follow from: the action's digest, or else all files and the units.
fn inputs(about: &RunRecord, task: &TaskRecord) -> Option<String> {
    let state = about.state.as_ref();
    let of_state = || state.map(|state| format!("{state} {}", task.units.join(" ")));
    task.digest.clone().or_else(of_state)
}

fn insert(transaction: &Transaction<'_>, run: i64, task: &TaskRecord) -> Result<i64, HistoryError> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO tasks (run, target, project, stage, outcome, exit, cause, ms, attempts, digest, units, reasons)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    Ok(statement.insert(params![
        run,
        task.target,
        task.project,
        task.stage,
        task.outcome,
        task.exit,
        task.cause,
        millis(task.duration),
        task.attempts,
        task.digest,
        (!task.units.is_empty()).then(|| array(&task.units)),
        task.reasons.join(" "),
    ])?)
}

/// Notes how a target stands on its branch. What was not tried leaves that as it was, unless a failure held it back;
/// a pass clears only the units that it tried.
fn stand(
    transaction: &Transaction<'_>,
    branch: &str,
    id: i64,
    task: &TaskRecord,
) -> Result<(), HistoryError> {
    let passed = ["passed", "flaky", "cached"].contains(&task.outcome.as_str());
    let failed = Ending::of(&task.outcome) == Some(Ending::Fail);
    if !passed && !failed && !task.held {
        return Ok(());
    }
    let mut units = task.units.clone();
    if let Some(owed) = owed(transaction, branch, &task.target)? {
        let is_whole = owed.is_empty() || units.is_empty();
        let tried_all =
            units.is_empty() || (!owed.is_empty() && owed.iter().all(|unit| units.contains(unit)));
        if passed && !tried_all {
            return Ok(());
        }
        units = if is_whole {
            Vec::new()
        } else {
            [units, owed].concat()
        };
        units.sort();
        units.dedup();
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO standing VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET project = excluded.project, outcome = excluded.outcome, held = excluded.held,
           task = excluded.task, units = excluded.units",
    )?;
    put.execute(params![
        branch,
        task.target,
        task.project,
        task.outcome,
        task.held,
        id,
        (!units.is_empty()).then(|| array(&units)),
    ])?;
    Ok(())
}

/// Returns the units that a target still has to pass on a branch, none for all of them; `None` if it stands passed.
fn owed(
    transaction: &Transaction<'_>,
    branch: &str,
    target: &str,
) -> Result<Option<Vec<String>>, HistoryError> {
    let mut ask = transaction.prepare_cached(
        "SELECT units FROM standing WHERE branch = ?1 AND target = ?2
         AND outcome NOT IN ('passed', 'flaky', 'cached')",
    )?;
    let units = ask
        .query_row(params![branch, target], |row| row.get(0))
        .optional()?;
    let units: Option<Option<String>> = units;
    Ok(units.map(|units| listed(units.as_deref())))
}

/// Counts that these paths had changed, once for each state of the files.
fn count_paths(
    transaction: &Transaction<'_>,
    run: i64,
    about: &RunRecord,
) -> Result<(), HistoryError> {
    let again: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM runs WHERE state = ?1 AND id <> ?2)",
        params![about.state, run],
        |row| row.get(0),
    )?;
    if again || about.changed.len() > PATHS_LEARNT {
        return Ok(());
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO paths VALUES (?1, 1) ON CONFLICT DO UPDATE SET runs = runs + 1",
    )?;
    for path in &about.changed {
        put.execute([path])?;
    }
    Ok(())
}

fn blame_paths(
    transaction: &Transaction<'_>,
    about: &RunRecord,
    target: &str,
) -> Result<(), HistoryError> {
    if about.changed.len() > PATHS_LEARNT {
        return Ok(());
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO broken_by VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET times = times + 1",
    )?;
    for path in &about.changed {
        put.execute([path.as_str(), target])?;
    }
    Ok(())
}

fn pair(transaction: &Transaction<'_>, targets: &BTreeSet<String>) -> Result<(), HistoryError> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO together VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET times = times + 1",
    )?;
    for target in targets {
        for other in targets.iter().filter(|other| *other != target) {
            put.execute([target, other])?;
        }
    }
    Ok(())
}

/// B3: a commit is green if everything passed there, or if all that is affected since another green one did. Flaky is
/// not green (Q3), and what was left out by a filter proves nothing.
fn note_green(
    transaction: &Transaction<'_>,
    run: i64,
    about: &RunRecord,
) -> Result<bool, HistoryError> {
    let (Some(commit), true) = (&about.commit, about.clean) else {
        return Ok(false);
    };
    if about.scope == Scope::Part || about.command == "run" {
        return Ok(false);
    }
    let (passed, all): (i64, i64) = transaction.query_row(
        "SELECT count(*) FILTER (WHERE outcome IN ('passed', 'cached')), count(*) FROM tasks WHERE run = ?1",
        [run],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let complete = usize::try_from(passed).is_ok_and(|passed| passed >= about.selected.len());
    let from_green: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM green WHERE commit_id = ?1)",
        [about.base.as_deref().unwrap_or_default()],
        |row| row.get(0),
    )?;
    if passed != all || !complete || (about.mode != "all" && !from_green) {
        return Ok(false);
    }
    let branch = about.branch.as_deref().unwrap_or_default();
    transaction.execute(
        "INSERT INTO green VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET run = excluded.run",
        params![branch, commit, run],
    )?;
    Ok(true)
}
