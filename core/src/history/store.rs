//! The file: opened by many processes at once, set aside where it is damaged, never in the way of a run.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{History, HistoryError, schema};

/// How long a transaction of another process is waited for; each takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was opened, and what the user should know of it.
pub struct Opened {
    /// The history.
    pub history: History,
    /// Said once: the file was damaged and set aside.
    pub warning: Option<String>,
}

/// Opens the first of `places` that can be written; a damaged file is set aside and a new one begun.
pub fn open(places: &[PathBuf]) -> Result<Opened, HistoryError> {
    let mut first = None;
    for place in places {
        match open_at(place) {
            Ok(opened) => return Ok(opened),
            // Another file would not make a newer one readable.
            Err(error @ HistoryError::Newer { .. }) => return Err(error),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(HistoryError::NoPlace))
}

/// Opens the first file of `places` that is there and can be read; `None` if there is none.
pub fn open_existing(places: &[PathBuf]) -> Result<Option<Opened>, HistoryError> {
    let mut first = None;
    for place in places.iter().filter(|place| place.is_file()) {
        let opened = match open_at(place) {
            Err(error @ HistoryError::Newer { .. }) => return Err(error),
            Err(_) => to_read(place),
            opened => opened,
        };
        match opened {
            Ok(opened) => return Ok(Some(opened)),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    first.map_or(Ok(None), Err)
}

fn to_read(path: &Path) -> Result<Opened, HistoryError> {
    Ok(Opened {
        history: History {
            connection: read_only(path)?,
            path: path.to_path_buf(),
        },
        warning: None,
    })
}

fn open_at(path: &Path) -> Result<Opened, HistoryError> {
    create(path).map_err(|source| HistoryError::Place {
        path: path.to_path_buf(),
        source,
    })?;
    match connect(path) {
        Ok(connection) => Ok(Opened {
            history: History {
                connection,
                path: path.to_path_buf(),
            },
            warning: None,
        }),
        Err(error) if error.is_damage() => set_aside_and_connect(path),
        Err(error) => Err(error),
    }
}

/// X6: the file is private to the user from its first moment, and no link.
fn create(path: &Path) -> std::io::Result<()> {
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.is_file() {
            return Err(std::io::Error::other("it is not a plain file"));
        }
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    private().append(true).create(true).open(path).map(drop)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn connect(path: &Path) -> Result<Connection, HistoryError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    settings(&connection)?;
    schema::migrate(&mut connection)?;
    // A file that cannot be written to says so now, not in the middle of a run.
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
    Ok(connection)
}

fn settings(connection: &Connection) -> Result<(), HistoryError> {
    connection.busy_timeout(PATIENCE)?;
    let journal = |connection: &Connection| {
        connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))
    };
    // Two that switch the mode at the same moment are told "busy" at once, whatever the patience.
    let mut tries = 0;
    while let Err(error) = journal(connection) {
        tries += 1;
        if tries > 200 || error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // What is committed survives a kill of the process; only a loss of power may take the last moments (C5).
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

fn read_only(path: &Path) -> Result<Connection, HistoryError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // SQLite looks at a file when it is first asked.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Moves a damaged file out of the way. Of several processes that see the damage one does it.
fn set_aside_and_connect(path: &Path) -> Result<Opened, HistoryError> {
    let failed = |source| HistoryError::Place {
        path: path.to_path_buf(),
        source,
    };
    let _lock = Lock::take(path).map_err(failed)?;
    let (connection, warning) = match connect(path) {
        Ok(connection) => (connection, None),
        Err(error) if error.is_damage() => {
            let aside = aside(path);
            std::fs::rename(path, &aside).map_err(failed)?;
            for end in ["-wal", "-shm"] {
                let _ = std::fs::rename(with_end(path, end), with_end(&aside, end));
            }
            create(path).map_err(failed)?;
            let warning = format!(
                "the history was damaged ({error}): it was moved to {} and begins anew",
                aside.display()
            );
            (connect(path)?, Some(warning))
        }
        Err(error) => return Err(error),
    };
    Ok(Opened {
        history: History {
            connection,
            path: path.to_path_buf(),
        },
        warning,
    })
}

/// Sets a file aside whose damage showed only after it was opened; says what became of it.
pub(super) fn set_aside(path: &Path) -> Option<String> {
    set_aside_and_connect(path).ok()?.warning
}

/// One name for a damaged file, so that damage cannot fill the disk.
fn aside(path: &Path) -> PathBuf {
    with_end(path, ".damaged")
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// A lock that the system gives back when its holder dies (C6).
struct Lock(#[allow(dead_code, reason = "held, not read")] File);

impl Lock {
    fn take(path: &Path) -> std::io::Result<Self> {
        let file = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(with_end(path, ".lock"))?;
        file.lock()?;
        Ok(Self(file))
    }
}
