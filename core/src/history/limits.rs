//! What is kept, and for how long.

use rusqlite::{Transaction, params};

use super::HistoryError;

/// Runs that are kept; older ones go, what was learnt from them stays.
const RUNS_KEPT: i64 = 1_000;
/// Tasks that are kept.
const TASKS_KEPT: i64 = 300_000;
/// Runs that one run deletes at most, so that no end of a run takes long.
const DELETED: i64 = 5;
/// Paths of which something is known.
const PATHS_KEPT: i64 = 50_000;

/// Deletes the oldest runs beyond the limits, by number and never by age: a clock set forward must not empty the file.
pub(super) fn prune(transaction: &Transaction<'_>) -> Result<(), HistoryError> {
    let tasks: i64 = transaction.query_row(
        "SELECT coalesce(max(id) - min(id), 0) FROM tasks",
        [],
        |row| row.get(0),
    )?;
    let many = tasks > TASKS_KEPT;
    transaction.execute(
        "DELETE FROM runs WHERE id IN (SELECT id FROM runs ORDER BY id LIMIT ?1)
           AND (?2 OR id <= (SELECT max(id) FROM runs) - ?3) AND id < (SELECT max(id) FROM runs)",
        params![DELETED, many, RUNS_KEPT],
    )?;
    transaction.execute(
        "DELETE FROM universes WHERE id < (SELECT min(universe) FROM runs) - 50
           AND id NOT IN (SELECT universe FROM runs WHERE universe IS NOT NULL)",
        [],
    )?;
    let paths: i64 = transaction.query_row("SELECT count(*) FROM paths", [], |row| row.get(0))?;
    if paths > PATHS_KEPT {
        transaction.execute("DELETE FROM paths WHERE runs = 1", [])?;
        transaction.execute(
            "DELETE FROM broken_by WHERE path NOT IN (SELECT path FROM paths)",
            [],
        )?;
    }
    Ok(())
}
