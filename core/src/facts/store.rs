//! Where facts outlive the process: one file that every process appends to, and may be deleted at any moment.
//!
//! A record is `magic, length, key, payload, check`, all of it written by one call in append mode, so that processes
//! do not mix. What a kill cut off in the middle has no valid check, and is skipped up to the next magic (C5).

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::digest::Digest;

const MAGIC: &[u8; 4] = b"aFct";
const HEAD: usize = 4 + 4 + KEY;
const CHECK: usize = 8;
/// Bytes of a key: as many as make a clash of two unthinkable.
const KEY: usize = 16;
/// A file that grew beyond this begins anew.
const MOST_BYTES: u64 = 64 << 20;

/// A key: the start of a digest.
pub(super) type Key = [u8; KEY];

/// The facts of one file, in memory, and those to be added.
pub(super) struct Store {
    /// `None` where nothing outlives the process.
    path: Option<PathBuf>,
    bytes: Vec<u8>,
    places: FxHashMap<Key, (usize, usize)>,
    fresh: Vec<u8>,
    fresh_places: FxHashMap<Key, (usize, usize)>,
    /// How much of `fresh` is on disk.
    saved: usize,
}

/// Makes a key of fields.
pub(super) fn key<'f>(fields: impl IntoIterator<Item = &'f [u8]>) -> Key {
    let digest = Digest::of_fields(fields);
    let mut key = [0; KEY];
    key.copy_from_slice(&digest.as_bytes()[..KEY]);
    key
}

impl Store {
    /// Reads a store; one that is missing or cannot be read is empty.
    pub(super) fn open(path: Option<&Path>) -> Self {
        let mut bytes = Vec::new();
        if let Some(Ok(mut file)) = path.map(File::open) {
            let _ = file.read_to_end(&mut bytes);
        }
        let places = places(&bytes);
        Self {
            path: path.map(Path::to_path_buf),
            bytes,
            places,
            fresh: Vec::new(),
            fresh_places: FxHashMap::default(),
            saved: 0,
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&[u8]> {
        if let Some((start, end)) = self.places.get(key) {
            return self.bytes.get(*start..*end);
        }
        let (start, end) = *self.fresh_places.get(key)?;
        self.fresh.get(start..end)
    }

    pub(super) fn add(&mut self, key: Key, payload: &[u8]) {
        let Ok(length) = u32::try_from(payload.len()) else {
            return;
        };
        if self.get(&key).is_some() {
            return;
        }
        let start = self.fresh.len() + HEAD;
        self.fresh_places
            .insert(key, (start, start + payload.len()));
        self.fresh.extend_from_slice(MAGIC);
        self.fresh.extend_from_slice(&length.to_le_bytes());
        self.fresh.extend_from_slice(&key);
        self.fresh.extend_from_slice(payload);
        self.fresh.extend_from_slice(&check(&key, payload));
    }

    /// Appends what is new. A disk that is full or read-only only costs time next time (C7).
    pub(super) fn save(&mut self) {
        let Some(path) = self.path.clone() else {
            return;
        };
        let unsaved = self.fresh.get(self.saved..).unwrap_or_default();
        if !unsaved.is_empty() {
            let _ = append(&path, unsaved);
        }
        self.saved = self.fresh.len();
    }
}

fn append(path: &Path, records: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > MOST_BYTES {
        return replace(path, records);
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(records)
}

/// Writes a whole file beside its place and moves it there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn check(key: &Key, payload: &[u8]) -> [u8; CHECK] {
    let digest = Digest::of_fields([&key[..], payload]);
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest.as_bytes()[..CHECK]);
    check
}

fn places(bytes: &[u8]) -> FxHashMap<Key, (usize, usize)> {
    let mut found = FxHashMap::default();
    let mut at = 0;
    while let Some(skip) = bytes
        .get(at..)
        .and_then(|rest| memchr::memmem::find(rest, MAGIC))
    {
        at += skip;
        match record(bytes, at) {
            Some((key, start, end)) => {
                found.insert(key, (start, end));
                at = end + CHECK;
            }
            None => at += 1,
        }
    }
    found
}

fn record(bytes: &[u8], at: usize) -> Option<(Key, usize, usize)> {
    let head = bytes.get(at..at + HEAD)?;
    let length = u32::from_le_bytes(head[4..8].try_into().ok()?);
    let key: Key = head[8..].try_into().ok()?;
    let start = at + HEAD;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let payload = bytes.get(start..end)?;
    let sum = bytes.get(end..end + CHECK)?;
    (check(&key, payload) == sum).then_some((key, start, end))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn stored(path: &Path, words: &[&str]) {
        let mut store = Store::open(Some(path));
        for word in words {
            store.add(key([word.as_bytes()]), word.as_bytes());
        }
        store.save();
    }

    fn has(store: &Store, word: &str) -> bool {
        store.get(&key([word.as_bytes()])) == Some(word.as_bytes())
    }

    /// C5: whatever a kill cut off, the rest is there; nothing wrong is ever read.
    #[test]
    fn cut_and_damaged_files_give_what_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x/facts");
        stored(&path, &["one", "two"]);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            stored(&path, &["three"]);
            let store = Store::open(Some(&path));
            assert!(has(&store, "three"), "cut at {cut}");
            assert!(store.places.len() <= 3);
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[cut] ^= 1 << bit;
                std::fs::write(&path, damaged).unwrap();
                let store = Store::open(Some(&path));
                let known = store.places.keys().all(|key| {
                    let value = store.get(key).unwrap();
                    *key == super::key([value])
                });
                assert!(known, "byte {cut}, bit {bit}");
            }
        }
    }

    /// C6: many writers at once lose nothing.
    #[test]
    fn writers_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facts");
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for round in 0..20 {
                        let long = "x".repeat(5_000);
                        stored(path, &[&format!("{writer} {round} {long}")]);
                    }
                });
            }
        });
        assert_eq!(Store::open(Some(&path)).places.len(), 160);
    }

    /// C7: a place that cannot be written to is no error.
    #[test]
    fn a_place_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        stored(&folder.path().join("file/facts"), &["one"]);
    }
}
