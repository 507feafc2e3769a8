//! Reading what planning needs: how targets ended before, which stand unpassed on a branch, which commits are green.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::params;

use super::{History, HistoryError, array, listed};
use crate::plan::order::{Past, PathPast, TargetPast};

impl History {
    /// Returns what earlier runs say of all targets, of these changed paths, and of what fails together.
    pub fn past(&self, changed: &[String]) -> Result<Past, HistoryError> {
        Ok(Past {
            targets: self.targets()?,
            paths: self.paths(changed)?,
            together: self.together()?,
        })
    }

    fn targets(&self) -> Result<BTreeMap<String, TargetPast>, HistoryError> {
        let mut ask = self
            .connection
            .prepare("SELECT target, ms, recent, runs FROM targets")?;
        let rows = ask.query_map([], |row| {
            let (target, ms, recent): (String, f64, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let took = (ms > 0.0 && ms.is_finite()).then(|| Duration::from_secs_f64(ms / 1e3));
            let failed = recent.chars().map(|letter| letter == 'F').collect();
            Ok((target, TargetPast { took, failed }))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn paths(&self, changed: &[String]) -> Result<Vec<PathPast>, HistoryError> {
        let mut ask = self.connection.prepare(
            "SELECT paths.path, paths.runs, target, times FROM json_each(?1) AS wanted
             JOIN paths ON paths.path = wanted.value LEFT JOIN broken_by ON broken_by.path = paths.path",
        )?;
        let mut found: BTreeMap<String, PathPast> = BTreeMap::new();
        let mut rows = ask.query([array(changed)])?;
        while let Some(row) = rows.next()? {
            let past = found.entry(row.get(0)?).or_default();
            past.times = row.get(1)?;
            if let (Some(target), Some(times)) = (row.get(2)?, row.get(3)?) {
                past.broke.insert(target, times);
            }
        }
        Ok(found.into_values().collect())
    }

    fn together(&self) -> Result<BTreeMap<String, BTreeMap<String, u32>>, HistoryError> {
        let mut ask = self
            .connection
            .prepare("SELECT target, other, times FROM together")?;
        let mut found: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
        let mut rows = ask.query([])?;
        while let Some(row) = rows.next()? {
            let others = found.entry(row.get(0)?).or_default();
            others.insert(row.get(1)?, row.get(2)?);
        }
        Ok(found)
    }

    /// Returns the targets that did not pass when they were last tried on this branch, and those that these held back; with
    /// the units that were tried, none for all of them.
    pub fn unpassed(&self, branch: &str) -> Result<BTreeMap<String, Vec<String>>, HistoryError> {
        let mut ask = self.connection.prepare(
            "SELECT target, units FROM standing WHERE branch = ?1 AND (outcome IN ('failed', 'timed-out')
               OR (held AND project IN
                 (SELECT project FROM standing WHERE branch = ?1 AND outcome IN ('failed', 'timed-out'))))",
        )?;
        let rows = ask.query_map([branch], |row| {
            let units: Option<String> = row.get(1)?;
            Ok((row.get(0)?, listed(units.as_deref())))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns the commits that are known green, the newest first.
    pub fn green(&self) -> Result<Vec<String>, HistoryError> {
        let mut ask = self
            .connection
            .prepare("SELECT commit_id FROM green ORDER BY run DESC LIMIT 1000")?;
        let rows = ask.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Returns in how many of the newest comparing runs everything was selected for want of a decision, and how many
    /// were looked at (B6).
    pub fn fallbacks(&self, newest: u32) -> Result<(u32, u32), HistoryError> {
        let counted = self.connection.query_row(
            "SELECT count(fallback), count(*) FROM
               (SELECT fallback FROM runs WHERE mode = 'affected' OR fallback IS NOT NULL ORDER BY id DESC LIMIT ?1)",
            params![newest],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(counted)
    }
}
