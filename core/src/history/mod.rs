//! What ran, how long it took and how it ended: a SQLite file that several processes write at once and users can query.
//!
//! `store` opens it, `schema` says what is in it, `record` writes and `learn` sums up, `known` reads what planning needs,
//! `tell` what people ask for, `audit` compares a full run with the day's selections. A history that cannot be used changes
//! no verdict (C7): errors are values, and the caller goes on with one warning.

mod audit;
mod known;
mod learn;
mod limits;
mod record;
mod schema;
mod store;
mod tell;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use miette::Diagnostic;
use rusqlite::{Connection, ErrorCode};
use thiserror::Error;

pub use audit::{Miss, Skipping};
pub use record::{Recorder, RunRecord, Scope, TaskRecord, TestRecord};
pub use store::{Opened, open, open_existing};
pub use tell::{Ran, Story, ToldRun};

/// An open history.
pub struct History {
    connection: Connection,
    path: PathBuf,
}

/// Says why the history cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum HistoryError {
    /// The file cannot be made or opened.
    #[error("the history `{}` cannot be written", path.display())]
    #[diagnostic(
        code(history::place),
        help("set `history = \"FILE\"` in affected.toml, or `history = false`")
    )]
    Place {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no folder for it.
    #[error("there is no folder for the history")]
    #[diagnostic(
        code(history::no_place),
        help("set `history = \"FILE\"` in affected.toml, or `history = false`")
    )]
    NoPlace,
    /// A newer release wrote it.
    #[error("the history was written by a newer release (its version is {version})")]
    #[diagnostic(
        code(history::newer),
        help("update the tool, or set another file with `history = \"FILE\"` in affected.toml")
    )]
    Newer {
        /// Its `user_version`.
        version: usize,
    },
    /// The database says no.
    #[error("the history cannot be used: {0}")]
    #[diagnostic(code(history::database))]
    Database(#[from] rusqlite::Error),
}

impl HistoryError {
    /// Tells whether the file itself is broken, so that waiting or space would not help.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => {
                let code = error.sqlite_error_code();
                let broken = [ErrorCode::NotADatabase, ErrorCode::DatabaseCorrupt];
                code.is_some_and(|code| broken.contains(&code)) || is_foreign(error)
            }
            Self::Place { .. } | Self::NoPlace | Self::Newer { .. } => false,
        }
    }
}

/// A file with other tables, or without those that its version promises.
fn is_foreign(error: &rusqlite::Error) -> bool {
    let text = error.to_string();
    text.contains("no such table")
        || text.contains("no such column")
        || text.contains("already exists")
}

/// Returns the time of the system's clock in ms since 1970, 0 if it stands before that. Shown to people and never
/// compared: clocks are set back (C11).
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Writes a list as a JSON array.
fn array<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&items).unwrap_or_else(|_| "[]".to_owned())
}

/// Reads a JSON array of texts; anything else is empty.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Reads a JSON array of texts where there is one.
fn listed(text: Option<&str>) -> Vec<String> {
    text.map(list).unwrap_or_default()
}
