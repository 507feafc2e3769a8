//! What a parser found in a file, remembered by content: the base tree costs only blobs that differ.
//!
//! A fact is a pure function of bytes and parser version, so it never goes stale.

pub(crate) mod store;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};

use affected_graph::RepoPath;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tree::Tree;
use store::Store;

/// Files above this size are not parsed: no manifest people write comes near it.
pub const MAX_PARSED_BYTES: usize = 32 << 20;

/// Says where a file is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A parser whose answers can be compared without knowing their type.
pub trait AnyParser: Sync {
    /// The parser's id.
    fn id(&self) -> &'static str;

    /// Tells whether it finds the same in both.
    fn finds_the_same(&self, before: &[u8], after: &[u8]) -> bool;
}

impl<T: Serialize + Sync> AnyParser for Parser<T> {
    fn id(&self) -> &'static str {
        self.id
    }

    fn finds_the_same(&self, before: &[u8], after: &[u8]) -> bool {
        let found = |bytes: &[u8]| bitcode::serialize(&(self.parse)(bytes).ok()?).ok();
        // What cannot be read says nothing that could be the same.
        found(before).is_some_and(|before| found(after) == Some(before))
    }
}

/// Remembers facts for one process, and on disk for the next ones.
#[derive(Default)]
pub struct FactStore {
    /// The file, read when the first fact is asked for.
    path: Option<PathBuf>,
    stored: OnceLock<RwLock<Store>>,
}

/// What built this program: facts and graphs of another build are not believed, so that no parser can be changed and
/// its stored answers be forgotten.
pub const BUILD: &str = env!("AFFECTED_SOURCES");

impl FactStore {
    /// Keeps facts in a file, too.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self {
            path: Some(path),
            ..Self::default()
        }
    }

    /// Writes what was found since. A place that cannot be written to only costs time.
    pub fn save(&self) {
        if let Some(Ok(mut store)) = self.stored.get().map(RwLock::write) {
            store.save();
        }
    }

    fn store(&self) -> &RwLock<Store> {
        let open = || RwLock::new(Store::open(self.path.as_deref()));
        self.stored.get_or_init(open)
    }

    fn load<T: DeserializeOwned>(&self, key: &store::Key) -> Option<Result<T, Broken>> {
        let store = self.store().read().ok()?;
        bitcode::deserialize(store.get(key)?).ok()
    }

    fn keep<T: Serialize>(&self, key: store::Key, found: &Result<T, Broken>) {
        if let (Ok(bytes), Ok(mut store)) = (bitcode::serialize(found), self.store().write()) {
            store.add(key, &bytes);
        }
    }

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
        let broken = |Broken { line, message }| Fault {
            path: path.clone(),
            line,
            message,
        };
        let blob = tree.files().get(path).and_then(|entry| entry.blob);
        let key = blob.map(|blob| {
            let version = parser.version.to_le_bytes();
            store::key([
                BUILD.as_bytes(),
                parser.id.as_bytes(),
                &version,
                blob.as_bytes(),
            ])
        });
        if let Some(found) = key.and_then(|key| self.load::<T>(&key)) {
            return found.map(Arc::new).map_err(broken);
        }
        let bytes = tree.read(path).map_err(|error| Fault {
            path: path.clone(),
            line: None,
            message: error_chain(&error),
        })?;
        let found = if bytes.len() > MAX_PARSED_BYTES {
            Err(Broken {
                line: None,
                message: format!("larger than {MAX_PARSED_BYTES} bytes"),
            })
        } else {
            (parser.parse)(&bytes)
        };
        if let Some(key) = key {
            self.keep(key, &found);
        }
        found.map(Arc::new).map_err(broken)
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
