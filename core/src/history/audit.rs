//! A full run compared with the selections before it (Q6): a target that fails now, passed before, and was left out in
//! between, was missed by one of the runs that left it out.

use rusqlite::params;

use super::{History, HistoryError, list};

/// A failing target or test that had been left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// `project:task`.
    pub target: String,
    /// Its failing tests, where the runner tells them.
    pub tests: Vec<String>,
    /// The runs that left it out since it last passed, oldest first.
    pub left_out_by: Vec<Skipping>,
}

/// A run that left a target out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipping {
    /// The run.
    pub run: i64,
    /// The branch.
    pub branch: Option<String>,
    /// The commit at HEAD.
    pub commit: Option<String>,
    /// The commit compared with.
    pub base: Option<String>,
    /// What had changed, at most 200 paths.
    pub changed: Vec<String>,
    /// The units it was restricted to; empty where it was not selected at all.
    pub units: Vec<String>,
}

impl History {
    /// Compares `run`, which ran everything, with the runs before it. A target that had failed already since its last
    /// pass was seen by then, and is none.
    pub fn misses(&self, run: i64) -> Result<Vec<Miss>, HistoryError> {
        let mut ask = self.connection.prepare(
            "SELECT target, id FROM tasks WHERE run = ?1 AND outcome IN ('failed', 'timed-out') ORDER BY target",
        )?;
        let rows = ask.query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let failing: Vec<(String, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut misses = Vec::new();
        for (target, task) in failing {
            let Some(passed) = self.last_pass(&target, run)? else {
                continue;
            };
            let left_out_by = self.left_out(&target, passed, run)?;
            if !left_out_by.is_empty() {
                misses.push(Miss {
                    tests: self.failing_tests(task)?,
                    target,
                    left_out_by,
                });
            }
        }
        Ok(misses)
    }

    /// The run of the last whole pass before `run`, unless the target has failed since.
    fn last_pass(&self, target: &str, run: i64) -> Result<Option<i64>, HistoryError> {
        let passed: Option<i64> = self.connection.query_row(
            "SELECT max(run) FROM tasks WHERE target = ?1 AND run < ?2 AND units IS NULL
               AND outcome IN ('passed', 'flaky', 'cached')",
            params![target, run],
            |row| row.get(0),
        )?;
        let Some(passed) = passed else {
            return Ok(None);
        };
        let failed_since: bool = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE target = ?1 AND run > ?2 AND run < ?3
               AND outcome IN ('failed', 'timed-out'))",
            params![target, passed, run],
            |row| row.get(0),
        )?;
        Ok((!failed_since).then_some(passed))
    }

    fn left_out(
        &self,
        target: &str,
        after: i64,
        before: i64,
    ) -> Result<Vec<Skipping>, HistoryError> {
        let mut ask = self.connection.prepare(
            "SELECT runs.id, branch, commit_id, base, changed, selected, tasks.units
             FROM runs LEFT JOIN tasks ON tasks.run = runs.id AND tasks.target = ?1
             WHERE runs.id > ?2 AND runs.id < ?3 AND scope = 'whole' AND command <> 'run'
               AND (selected IS NOT NULL OR tasks.units IS NOT NULL)
             ORDER BY runs.id",
        )?;
        let mut rows = ask.query(params![target, after, before])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let changed: String = row.get(4)?;
            let (selected, units): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
            let all = selected.is_none();
            let selected = selected.as_deref().map(list).unwrap_or_default();
            let was_selected = all || selected.iter().any(|chosen| chosen == target);
            if was_selected && units.is_none() {
                continue;
            }
            found.push(Skipping {
                run: row.get(0)?,
                branch: row.get(1)?,
                commit: row.get(2)?,
                base: row.get(3)?,
                changed: list(&changed),
                units: units.as_deref().map(list).unwrap_or_default(),
            });
        }
        Ok(found)
    }

    fn failing_tests(&self, task: i64) -> Result<Vec<String>, HistoryError> {
        let mut ask = self.connection.prepare(
            "SELECT test FROM results WHERE task = ?1 AND outcome = 'failed' ORDER BY test",
        )?;
        let rows = ask.query_map([task], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
