//! What people ask for: the last runs, the story of a target or test, and what is flaky.

use rusqlite::{Row, params};

use super::{History, HistoryError, list};

/// One run, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRun {
    /// Its number; numbers grow.
    pub run: i64,
    /// When it began, in UTC.
    pub began: String,
    /// Whether it came to its end.
    pub ended: bool,
    /// `test`, `run`, `nightly`.
    pub command: String,
    /// `affected`, `all`.
    pub mode: String,
    /// The branch.
    pub branch: Option<String>,
    /// The commit at HEAD.
    pub commit: Option<String>,
    /// The commit compared with.
    pub base: Option<String>,
    /// Why everything was selected.
    pub fallback: Option<String>,
    /// Tasks that passed, cached and flaky ones included.
    pub passed: u32,
    /// Tasks that failed or timed out.
    pub failed: u32,
    /// Other tasks.
    pub others: u32,
}

/// How a target, or one of its tests, ended in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The run.
    pub run: i64,
    /// When the run began, in UTC.
    pub began: String,
    /// The branch.
    pub branch: Option<String>,
    /// The commit at HEAD.
    pub commit: Option<String>,
    /// `project:task`.
    pub target: String,
    /// How it ended.
    pub outcome: String,
    /// The exit code.
    pub exit: Option<i32>,
    /// Wall time.
    pub ms: Option<i64>,
    /// How often it was tried.
    pub attempts: u32,
    /// The action's digest.
    pub digest: Option<String>,
    /// Why it did not pass.
    pub cause: Option<String>,
}

/// What is known of a target or a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// `project:task`.
    pub target: String,
    /// The test, where this is about one.
    pub test: Option<String>,
    /// When it was first seen, in UTC.
    pub first_seen: String,
    /// How often it really ran.
    pub runs: u32,
    /// How often it failed.
    pub failures: u32,
    /// How often it passed after a retry, or contradicted itself.
    pub flakes: u32,
    /// Average wall time of a pass.
    pub ms: u32,
    /// Its last outcomes, newest last: `P` passed, `L` flaky, `F` failed.
    pub recent: String,
    /// Its last outcome.
    pub outcome: String,
}

const TIME: &str = "strftime('%Y-%m-%dT%H:%M:%SZ', began / 1000, 'unixepoch')";
const STORY: &str =
    "strftime('%Y-%m-%dT%H:%M:%SZ', first_seen / 1000, 'unixepoch'), runs, failures, flakes,
    CAST(ms AS INTEGER), recent, outcome";

impl History {
    /// Returns the newest runs, newest first.
    pub fn runs(&self, newest: u32) -> Result<Vec<ToldRun>, HistoryError> {
        let mut ask = self.connection.prepare(&format!(
            "SELECT runs.id, {TIME}, ended IS NOT NULL, command, mode, branch, commit_id, base, fallback,
               count(*) FILTER (WHERE outcome IN ('passed', 'cached', 'flaky')),
               count(*) FILTER (WHERE outcome IN ('failed', 'timed-out')), count(outcome)
             FROM (SELECT * FROM runs ORDER BY id DESC LIMIT ?1) AS runs LEFT JOIN tasks ON tasks.run = runs.id
             GROUP BY runs.id ORDER BY runs.id DESC"
        ))?;
        let rows = ask.query_map([newest], |row| {
            let (passed, failed, all): (u32, u32, u32) = (row.get(9)?, row.get(10)?, row.get(11)?);
            Ok(ToldRun {
                run: row.get(0)?,
                began: row.get(1)?,
                ended: row.get(2)?,
                command: row.get(3)?,
                mode: row.get(4)?,
                branch: row.get(5)?,
                commit: row.get(6)?,
                base: row.get(7)?,
                fallback: row.get(8)?,
                passed,
                failed,
                others: all.saturating_sub(passed + failed),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns what is known of every target and test of this name: a target, a test, or `target test`.
    pub fn stories(&self, name: &str) -> Result<Vec<Story>, HistoryError> {
        let mut found = self.ask_stories(
            &format!("SELECT target, NULL, {STORY} FROM targets WHERE target = ?1 OR project = ?1 ORDER BY target"),
            name,
        )?;
        found.extend(self.ask_stories(
            &format!(
                "SELECT target, test, {STORY} FROM tests WHERE test = ?1 OR target || ' ' || test = ?1 ORDER BY target, test"
            ),
            name,
        )?);
        Ok(found)
    }

    /// Returns everything flaky, the shakiest first.
    pub fn flaky(&self) -> Result<Vec<Story>, HistoryError> {
        let order = "WHERE flakes > ?1 ORDER BY 1.0 * flakes / runs DESC, flakes DESC, target";
        let mut found = self.ask_stories(
            &format!("SELECT target, NULL, {STORY} FROM targets {order}"),
            0,
        )?;
        found.extend(self.ask_stories(
            &format!("SELECT target, test, {STORY} FROM tests {order}, test"),
            0,
        )?);
        Ok(found)
    }

    fn ask_stories(
        &self,
        question: &str,
        value: impl rusqlite::ToSql,
    ) -> Result<Vec<Story>, HistoryError> {
        let mut ask = self.connection.prepare(question)?;
        let rows = ask.query_map([value], story)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns how a target ended in its newest runs, newest first.
    pub fn runs_of(&self, target: &str, newest: u32) -> Result<Vec<Ran>, HistoryError> {
        self.ask_runs(
            &format!(
                "SELECT runs.id, {TIME}, branch, commit_id, target, outcome, exit, ms, attempts, digest, cause
                 FROM tasks JOIN runs ON runs.id = tasks.run WHERE target = ?1 AND ?2 = ''
                 ORDER BY tasks.id DESC LIMIT ?3"
            ),
            (target, "", newest),
        )
    }

    /// Returns the runs in which a test did not pass, or passed for the first time after that, newest first.
    pub fn runs_of_test(
        &self,
        target: &str,
        test: &str,
        newest: u32,
    ) -> Result<Vec<Ran>, HistoryError> {
        self.ask_runs(
            &format!(
                "SELECT runs.id, {TIME}, branch, commit_id, target, results.outcome, NULL, results.ms, 1, digest, NULL
                 FROM results JOIN tasks ON tasks.id = results.task JOIN runs ON runs.id = tasks.run
                 WHERE target = ?1 AND test = ?2 ORDER BY tasks.id DESC LIMIT ?3"
            ),
            (target, test, newest),
        )
    }

    fn ask_runs(
        &self,
        question: &str,
        (target, test, newest): (&str, &str, u32),
    ) -> Result<Vec<Ran>, HistoryError> {
        let mut ask = self.connection.prepare(question)?;
        let rows = ask.query_map(params![target, test, newest], |row| {
            Ok(Ran {
                run: row.get(0)?,
                began: row.get(1)?,
                branch: row.get(2)?,
                commit: row.get(3)?,
                target: row.get(4)?,
                outcome: row.get(5)?,
                exit: row.get(6)?,
                ms: row.get(7)?,
                attempts: row.get(8)?,
                digest: row.get(9)?,
                cause: row.get(10)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns the changed paths of a run, at most 200.
    pub fn changed_in(&self, run: i64) -> Result<Vec<String>, HistoryError> {
        let text: String =
            self.connection
                .query_row("SELECT changed FROM runs WHERE id = ?1", [run], |row| {
                    row.get(0)
                })?;
        Ok(list(&text))
    }
}

fn story(row: &Row<'_>) -> rusqlite::Result<Story> {
    Ok(Story {
        target: row.get(0)?,
        test: row.get(1)?,
        first_seen: row.get(2)?,
        runs: row.get(3)?,
        failures: row.get(4)?,
        flakes: row.get(5)?,
        ms: row.get(6)?,
        recent: row.get(7)?,
        outcome: row.get(8)?,
    })
}
