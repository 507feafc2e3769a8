//! What is known of each target and each test, and how one more ending changes it.

use rusqlite::{OptionalExtension, Transaction, params};

use super::record::{TaskRecord, TestRecord};
use super::{HistoryError, millis, now};

/// Outcomes remembered in one word.
const RECENT: usize = 16;
/// How much the newest time counts in the average.
const WEIGHT: f64 = 0.3;

/// What an ended task or test says about its target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Pass,
    Flaky,
    Fail,
}

impl Ending {
    pub(super) fn of(outcome: &str) -> Option<Self> {
        match outcome {
            "passed" => Some(Self::Pass),
            "flaky" => Some(Self::Flaky),
            "failed" | "timed-out" => Some(Self::Fail),
            _ => None,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Pass => 'P',
            Self::Flaky => 'L',
            Self::Fail => 'F',
        }
    }
}

/// What is known of a target or test, to be changed by one more ending.
struct Record {
    runs: i64,
    failures: i64,
    flakes: i64,
    ms: f64,
    recent: String,
    inputs: Option<String>,
}

impl Record {
    fn fresh() -> Self {
        Self {
            runs: 0,
            failures: 0,
            flakes: 0,
            ms: 0.0,
            recent: String::new(),
            inputs: None,
        }
    }

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            runs: row.get(0)?,
            failures: row.get(1)?,
            flakes: row.get(2)?,
            ms: row.get(3)?,
            recent: row.get(4)?,
            inputs: row.get(5)?,
        })
    }

    fn failed_last(&self) -> bool {
        self.recent.ends_with('F')
    }

    /// Q3: the same inputs with another outcome are flaky, whoever looked.
    fn add(&mut self, ending: Ending, ms: i64, inputs: Option<&str>) {
        let contradicts = self.runs > 0
            && inputs.is_some()
            && self.inputs.as_deref() == inputs
            && self.failed_last() != (ending == Ending::Fail);
        self.flakes += i64::from(contradicts || ending == Ending::Flaky);
        self.failures += i64::from(ending == Ending::Fail);
        // How long a failure took says little: it may have stopped at its first line.
        if ending != Ending::Fail || self.ms == 0.0 {
            let ms = ms as f64;
            let known = self.runs > self.failures && self.ms > 0.0;
            self.ms = if known {
                self.ms + WEIGHT * (ms - self.ms)
            } else {
                ms
            };
        }
        self.runs += 1;
        self.recent.push(ending.letter());
        if self.recent.len() > RECENT {
            self.recent.remove(0);
        }
        self.inputs = inputs.map(ToOwned::to_owned);
    }
}

/// Adds an ending to what is known of its target; tells whether it began to fail.
pub(super) fn learn(
    transaction: &Transaction<'_>,
    task: &TaskRecord,
    ending: Ending,
    inputs: Option<&str>,
) -> Result<bool, HistoryError> {
    let mut ask = transaction.prepare_cached(
        "SELECT runs, failures, flakes, ms, recent, inputs FROM targets WHERE target = ?1",
    )?;
    let known = ask.query_row([&task.target], Record::read).optional()?;
    let mut record = known.unwrap_or_else(Record::fresh);
    let broke = ending == Ending::Fail && !record.failed_last();
    record.add(ending, millis(task.duration), inputs);
    let mut put = transaction.prepare_cached(
        "INSERT INTO targets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT DO UPDATE SET project = excluded.project, stage = excluded.stage, runs = excluded.runs,
           failures = excluded.failures, flakes = excluded.flakes, ms = excluded.ms, recent = excluded.recent,
           inputs = excluded.inputs, outcome = excluded.outcome",
    )?;
    put.execute(params![
        task.target,
        task.project,
        task.stage,
        now(),
        record.runs,
        record.failures,
        record.flakes,
        record.ms,
        record.recent,
        record.inputs,
        task.outcome,
    ])?;
    Ok(broke)
}

pub(super) fn learn_test(
    transaction: &Transaction<'_>,
    id: i64,
    task: &TaskRecord,
    test: &TestRecord,
    inputs: Option<&str>,
) -> Result<(), HistoryError> {
    let ending = Ending::of(&test.outcome);
    let mut ask = transaction.prepare_cached(
        "SELECT runs, failures, flakes, ms, recent, inputs FROM tests WHERE target = ?1 AND test = ?2",
    )?;
    let known = ask
        .query_row([&task.target, &test.name], Record::read)
        .optional()?;
    let changed = known
        .as_ref()
        .is_none_or(|known| known.failed_last() || ending != Some(Ending::Pass));
    let mut record = known.unwrap_or_else(Record::fresh);
    if let Some(ending) = ending {
        record.add(ending, test.duration.map_or(0, millis), inputs);
    }
    let mut put = transaction.prepare_cached(
        "INSERT INTO tests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT DO UPDATE SET runs = excluded.runs, failures = excluded.failures, flakes = excluded.flakes,
           ms = excluded.ms, recent = excluded.recent, inputs = excluded.inputs, outcome = excluded.outcome",
    )?;
    put.execute(params![
        task.target,
        test.name,
        now(),
        record.runs,
        record.failures,
        record.flakes,
        record.ms,
        record.recent,
        record.inputs,
        test.outcome,
    ])?;
    if changed {
        let mut put = transaction.prepare_cached(
            "INSERT INTO results VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET outcome = excluded.outcome",
        )?;
        put.execute(params![
            id,
            test.name,
            test.outcome,
            test.duration.map(millis)
        ])?;
    }
    Ok(())
}
