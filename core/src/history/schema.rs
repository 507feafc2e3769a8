//! The tables, as users may query them, and how an older file becomes a newer one.
//!
//! `user_version` counts the steps that a file has seen. A step is never changed once released: a new one is added
//! at the end. Order in time is the order of ids, never of clocks, which may be set back (C11).

use rusqlite::{Connection, TransactionBehavior};

use super::HistoryError;

/// Every step, oldest first.
const STEPS: &[&str] = &[FIRST, SECOND];

/// Runs, tasks, and what is known of each target and test.
const FIRST: &str = "
CREATE TABLE universes (
  id INTEGER PRIMARY KEY,
  targets TEXT NOT NULL UNIQUE             -- JSON array: every test target there was
);
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  began INTEGER NOT NULL,                  -- ms since 1970
  ended INTEGER,                           -- NULL while it runs, and after a kill
  command TEXT NOT NULL,                   -- test, run, nightly
  mode TEXT NOT NULL,                      -- affected, all
  scope TEXT NOT NULL,                     -- whole; part: filters, stages or shards left targets out
  branch TEXT,
  commit_id TEXT,                          -- the commit at HEAD
  state TEXT,                              -- digest of the commit's tree and what differed from it
  clean INTEGER NOT NULL,                  -- 1: nothing differed
  base TEXT,                               -- the commit compared with
  base_source TEXT,
  fallback TEXT,                           -- reason code, where all was selected for want of a decision
  universe INTEGER REFERENCES universes,
  selected TEXT,                           -- JSON array of targets; NULL: all of the universe
  changed TEXT NOT NULL,                   -- JSON array of changed paths, at most 200
  changes INTEGER NOT NULL,                -- how many there were
  tool TEXT NOT NULL
);
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  target TEXT NOT NULL,
  project TEXT NOT NULL,
  stage TEXT,
  outcome TEXT NOT NULL,                   -- passed flaky cached failed timed-out skipped canceled
  exit INTEGER,
  cause TEXT,
  ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  digest TEXT,                             -- of the action
  units TEXT,                              -- JSON array it was restricted to; NULL: not restricted
  reasons TEXT NOT NULL                    -- reason codes, separated by spaces
);
CREATE INDEX tasks_of_run ON tasks (run);
CREATE INDEX tasks_of_target ON tasks (target, id);
CREATE TABLE targets (
  target TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  stage TEXT,
  first_seen INTEGER NOT NULL,             -- ms since 1970
  runs INTEGER NOT NULL,                   -- how often it really ran
  failures INTEGER NOT NULL,
  flakes INTEGER NOT NULL,                 -- passes after a retry, and other outcomes of the same inputs
  ms REAL NOT NULL,                        -- moving average of passes
  recent TEXT NOT NULL,                    -- last 16 outcomes, newest last: P pass, L flaky, F failed
  inputs TEXT,                             -- digest or state of the last run
  outcome TEXT NOT NULL                    -- its outcome
) WITHOUT ROWID;
CREATE TABLE standing (
  branch TEXT NOT NULL,
  target TEXT NOT NULL,
  project TEXT NOT NULL,
  outcome TEXT NOT NULL,
  held INTEGER NOT NULL,                   -- 1: not started because something before it failed
  task INTEGER NOT NULL,
  units TEXT,                              -- JSON array of what is to be tried again; NULL: all of it
  PRIMARY KEY (branch, target)
) WITHOUT ROWID;
CREATE TABLE tests (
  target TEXT NOT NULL,
  test TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  runs INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  flakes INTEGER NOT NULL,
  ms REAL NOT NULL,
  recent TEXT NOT NULL,
  inputs TEXT,
  outcome TEXT NOT NULL,
  PRIMARY KEY (target, test)
) WITHOUT ROWID;
CREATE TABLE results (
  task INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  test TEXT NOT NULL,
  outcome TEXT NOT NULL,
  ms INTEGER,
  PRIMARY KEY (task, test)                 -- only what did not pass, and what passed after it had not
) WITHOUT ROWID;
";

/// What the order of tests learns from, and commits known green.
const SECOND: &str = "
CREATE TABLE paths (
  path TEXT PRIMARY KEY,
  runs INTEGER NOT NULL                    -- runs in which it had changed
) WITHOUT ROWID;
CREATE TABLE broken_by (
  path TEXT NOT NULL,
  target TEXT NOT NULL,
  times INTEGER NOT NULL,                  -- runs in which the target began to fail while the path had changed
  PRIMARY KEY (path, target)
) WITHOUT ROWID;
CREATE TABLE together (
  target TEXT NOT NULL,
  other TEXT NOT NULL,
  times INTEGER NOT NULL,                  -- runs in which both began to fail
  PRIMARY KEY (target, other)
) WITHOUT ROWID;
CREATE TABLE green (
  branch TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (branch, commit_id)
) WITHOUT ROWID;
CREATE VIEW skipped AS
  SELECT runs.id AS run, each.value AS target
  FROM runs JOIN universes ON universes.id = runs.universe, json_each(universes.targets) AS each
  WHERE runs.scope = 'whole' AND runs.selected IS NOT NULL
    AND each.value NOT IN (SELECT value FROM json_each(runs.selected));
";

/// Brings a file up to date; one that a newer release wrote is left alone.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), HistoryError> {
    if version(connection)? == STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker.
    let seen = version(&transaction)?;
    let Some(missing) = STEPS.get(seen..) else {
        return Err(HistoryError::Newer { version: seen });
    };
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(
        None,
        "user_version",
        i64::try_from(STEPS.len()).unwrap_or(0),
    )?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes a file as the first release wrote it, with a run in it.
    pub(in crate::history) fn yesterday(path: &std::path::Path) {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch(FIRST).unwrap();
        connection
            .execute_batch(
                "INSERT INTO runs VALUES (7, 1, 2, 'test', 'affected', 'whole', 'main', 'c', 's', 1, 'b', 'flag',
                   NULL, NULL, '[\"a:test\"]', '[\"a/x\"]', 1, '0.1.0');
                 INSERT INTO tasks VALUES (9, 7, 'a:test', 'a', 'unit', 'failed', 1, 'exit code 1', 5, 1, NULL, NULL, '');
                 INSERT INTO targets VALUES ('a:test', 'a', 'unit', 1, 1, 1, 0, 0.0, 'F', NULL, 'failed');
                 INSERT INTO standing VALUES ('main', 'a:test', 'a', 'failed', 0, 9, NULL);
                 PRAGMA user_version = 1;",
            )
            .unwrap();
    }

    #[test]
    fn a_file_of_a_newer_release_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection).unwrap_err();
        assert!(matches!(error, HistoryError::Newer { version: 99 }));
        assert_eq!(version(&connection).unwrap(), 99);
    }
}
