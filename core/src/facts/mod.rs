//! What a parser found in a file, remembered by content: the base tree costs only blobs that differ.
//!
//! A fact is a pure function of bytes and parser version, so it never goes stale.

use std::any::Any;
use std::sync::{Arc, Mutex};

use affected_graph::RepoPath;
use rustc_hash::FxHashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::tree::{BlobId, Tree};

/// Files above this size are not parsed: no manifest people write comes near it.
pub const MAX_PARSED_BYTES: usize = 32 << 20;

/// Says where a file is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("{path}{}: {message}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct Fault {
    /// The file.
    pub path: RepoPath,
    /// 1-based, where known.
    pub line: Option<u32>,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
}

/// What a parser says of broken bytes; the path is added by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// 1-based, where known.
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
}

impl Broken {
    /// Takes the words of a parser and the byte offset they point at.
    pub fn at(bytes: &[u8], offset: Option<usize>, message: impl ToString) -> Self {
        let line = offset.map(|offset| {
            let before = &bytes[..offset.min(bytes.len())];
            u32::try_from(memchr::memchr_iter(b'\n', before).count() + 1).unwrap_or(u32::MAX)
        });
        Self {
            line,
            message: message.to_string(),
        }
    }
}

/// A pure function from bytes to facts, with an identity under which its results may be stored.
pub struct Parser<T: 'static> {
    /// Unique, such as `cargo/manifest`.
    pub id: &'static str,
    /// Raised whenever `parse` answers differently.
    pub version: u32,
    /// The function. It must not panic on any bytes.
    pub parse: fn(&[u8]) -> Result<T, Broken>,
}

type Key = (&'static str, BlobId);
type Remembered = Arc<dyn Any + Send + Sync>;

/// Remembers facts for one process.
#[derive(Default)]
pub struct FactStore {
    known: Mutex<FxHashMap<Key, Remembered>>,
}

impl FactStore {
    /// Returns what `parser` finds in `path`, reading and parsing it only if its content is new.
    pub fn get<T>(
        &self,
        tree: &dyn Tree,
        path: &RepoPath,
        parser: &Parser<T>,
    ) -> Result<Arc<T>, Fault>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        type Stored<T> = Result<Arc<T>, Broken>;
        let broken = |Broken { line, message }| Fault {
            path: path.clone(),
            line,
            message,
        };
        let key = tree
            .files()
            .get(path)
            .and_then(|entry| entry.blob)
            .map(|blob| (parser.id, blob));
        if let Some(key) = &key {
            let known = self
                .known
                .lock()
                .ok()
                .and_then(|known| known.get(key).cloned());
            if let Some(stored) = known.and_then(|known| known.downcast::<Stored<T>>().ok()) {
                return Stored::clone(&stored).map_err(broken);
            }
        }
        let bytes = tree.read(path).map_err(|error| Fault {
            path: path.clone(),
            line: None,
            message: error_chain(&error),
        })?;
        let stored: Stored<T> = if bytes.len() > MAX_PARSED_BYTES {
            Err(Broken {
                line: None,
                message: format!("larger than {MAX_PARSED_BYTES} bytes"),
            })
        } else {
            (parser.parse)(&bytes).map(Arc::new)
        };
        if let (Some(key), Ok(mut known)) = (key, self.known.lock()) {
            known.insert(key, Arc::new(stored.clone()));
        }
        stored.map_err(broken)
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
