//! What one run asks and tells: results by the place of an action in the plan.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::record::{Blob, Output, Record};
use super::{ALL, Entry, Mask, Place, Settings, idle, outputs};
use crate::ci::Trust;
use crate::digest::Digest;
use crate::plan::digest::ActionDigest;

/// Results wait until so many bytes of them are there.
const MOST_PENDING: usize = 32 << 20;
/// Looking at the work tree again takes at most one part in so many of the time of a run.
const SHARE: u32 = 20;
/// Results wait at least so long, so that many are stored at once.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What is asked about one action.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `project:task`.
    pub target: String,
    /// Its digest; `None` where its result may not be kept.
    pub digest: Option<ActionDigest>,
    /// Globs of what it writes, from the repository root.
    pub outputs: Vec<String>,
    /// Lists of files that explain parts of its digest.
    pub lists: Vec<(Digest, Arc<Vec<u8>>)>,
}

/// A result that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// What it printed, with secrets masked.
    pub log: Vec<u8>,
    /// How long it took then.
    pub duration: Duration,
}

/// Computes the digests anew, from what is on disk now.
pub type Again = dyn Fn() -> Result<Vec<Option<Digest>>, String> + Send + Sync;

/// The caches of one run.
pub struct Session {
    places: Vec<Watched>,
    asked: Vec<Asked>,
    again: Box<Again>,
    root: PathBuf,
    trust: Trust,
    secret: Option<Digest>,
    mask: Mask,
    pending: Mutex<Pending>,
    told: Mutex<Vec<String>>,
    told_damage: AtomicBool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Session({} places, {} actions)",
            self.places.len(),
            self.asked.len()
        )
    }
}

/// A place, and how often it failed in a row.
struct Watched {
    place: Box<dyn Place>,
    faults: AtomicU32,
}

/// Results that are not stored yet.
struct Pending {
    passed: Vec<(usize, Entry)>,
    /// Found far away, to be kept near.
    found: Vec<Entry>,
    bytes: usize,
    next: Instant,
    changed: Vec<String>,
}

impl Session {
    /// Opens every place that the settings name.
    #[must_use]
    pub fn open(
        settings: &Settings,
        root: PathBuf,
        variables: &[(OsString, OsString)],
        asked: Vec<Asked>,
        again: Box<Again>,
    ) -> Self {
        let (mut places, mut told) = (Vec::new(), Vec::new());
        for kind in ALL {
            match kind.open(settings) {
                Some(Ok(place)) => places.push(Watched {
                    place,
                    faults: AtomicU32::new(0),
                }),
                Some(Err(fault)) => {
                    told.push(format!("the {} cache is not used: {fault}", kind.id()));
                }
                None => {}
            }
        }
        Self {
            places,
            asked,
            again,
            root,
            trust: settings.trust,
            secret: settings.secret,
            mask: Mask::of(variables),
            pending: Mutex::new(Pending {
                passed: Vec::new(),
                found: Vec::new(),
                bytes: 0,
                next: Instant::now() + SHORTEST_WAIT,
                changed: Vec::new(),
            }),
            told: Mutex::new(told),
            told_damage: AtomicBool::new(false),
        }
    }

    /// Returns an action's digest, where its result may be kept.
    #[must_use]
    pub fn digest(&self, action: usize) -> Option<Digest> {
        Some(self.asked.get(action)?.digest.as_ref()?.digest)
    }

    /// Takes what the user should know since the last call.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.told))
    }

    /// Finds the result of an action, and puts its outputs back. Whatever is not whole is a miss.
    #[must_use]
    pub fn recall(&self, action: usize) -> Option<Recalled> {
        let asked = self.asked.get(action)?;
        let digest = asked.digest.as_ref()?;
        for (at, watched) in self.places.iter().enumerate() {
            for level in self.trust.reads() {
                let address = digest.at_level(level);
                let Some((record, sealed, blobs)) = self.find(watched, &address, level) else {
                    continue;
                };
                let log = match record.facts.log {
                    Some(_) => blobs[0].1.to_vec(),
                    None => record.log,
                };
                let files = blobs.iter().skip(usize::from(record.facts.log.is_some()));
                let files = record.facts.outputs.iter().zip(files);
                let files: Vec<_> = files
                    .map(|(output, (_, bytes))| (output.clone(), bytes.to_vec()))
                    .collect();
                if let Err(why) = outputs::restore(&self.root, &asked.outputs, &files) {
                    self.tell(format!(
                        "the outputs of `{}` are not put back: {why}",
                        asked.target
                    ));
                    continue;
                }
                if at > 0 {
                    lock(&self.pending).found.push(Entry {
                        at: address,
                        target: self.target(asked),
                        record: sealed,
                        blobs,
                        lists: asked.lists.clone(),
                    });
                }
                let duration = Duration::from_millis(record.facts.ms);
                return Some(Recalled { log, duration });
            }
        }
        None
    }

    /// Tells whether the result of an action is known, and touches nothing.
    #[must_use]
    pub fn knows(&self, action: usize) -> bool {
        let asked = self.asked.get(action);
        let Some(digest) = asked.and_then(|asked| asked.digest.as_ref()) else {
            return false;
        };
        let levels = self.trust.reads().iter();
        let mut addresses = levels.map(|level| (digest.at_level(level), level));
        addresses.any(|(at, level)| {
            let mut places = self.places.iter();
            places.any(|watched| self.find(watched, &at, level).is_some())
        })
    }

    fn find(&self, watched: &Watched, at: &Digest, level: &str) -> Option<Found> {
        let sealed = self.ask(watched, |place| place.record(at))??;
        let secret = self.secret.as_ref();
        let record = Record::open(&sealed, at, secret).filter(|record| record.facts.level == level);
        let Some(record) = record else {
            self.damaged(watched, at);
            return None;
        };
        let mut blobs = Vec::new();
        for blob in record.blobs() {
            let bytes = self.ask(watched, |place| place.blob(blob))?;
            match bytes.filter(|bytes| blob.is(bytes)) {
                Some(bytes) => blobs.push((blob.clone(), Arc::new(bytes))),
                None => {
                    self.damaged(watched, at);
                    return None;
                }
            }
        }
        Some((record, sealed, blobs))
    }

    /// C1: removed, with one warning however many there are.
    fn damaged(&self, watched: &Watched, at: &Digest) {
        watched.place.remove(at);
        if !self.told_damage.swap(true, Ordering::Relaxed) {
            let name = watched.place.name();
            self.tell(format!(
                "{name} holds damaged or foreign results; they do not count"
            ));
        }
    }

    /// Calls a place, unless it was given up; the fault that uses up the patience is told.
    fn ask<T>(
        &self,
        watched: &Watched,
        call: impl FnOnce(&dyn Place) -> Result<T, super::Fault>,
    ) -> Option<T> {
        let patience = watched.place.patience();
        if watched.faults.load(Ordering::Relaxed) >= patience {
            return None;
        }
        match call(watched.place.as_ref()) {
            Ok(found) => {
                watched.faults.store(0, Ordering::Relaxed);
                Some(found)
            }
            Err(fault) => {
                let before = watched.faults.fetch_add(1, Ordering::Relaxed);
                if before + 1 == patience {
                    let name = watched.place.name();
                    self.tell(format!("{name} is not used any more: {fault}"));
                }
                None
            }
        }
    }

    /// Takes the result of an action that really passed at the first try. It is stored once its inputs were looked at
    /// again.
    pub fn keep(&self, action: usize, log: &[u8], duration: Duration) {
        let asked = self.asked.get(action);
        let Some((asked, digest)) = asked.and_then(|asked| Some((asked, asked.digest.as_ref()?)))
        else {
            return;
        };
        if self.places.is_empty() || idle::ran_nothing(log) {
            return;
        }
        match self.entry(asked, digest, log, duration) {
            Ok(entry) => self.queue(action, entry),
            Err(why) => self.tell(format!(
                "the result of `{}` is not kept: {why}",
                asked.target
            )),
        }
    }

    /// Seals a result with everything that belongs to it.
    fn entry(
        &self,
        asked: &Asked,
        digest: &ActionDigest,
        log: &[u8],
        duration: Duration,
    ) -> Result<Entry, String> {
        let log = self.mask.hide(log);
        let mut blobs = Vec::new();
        let mut files = Vec::new();
        for file in outputs::gather(&self.root, &asked.outputs)? {
            if self.mask.finds(&file.bytes) {
                return Err(format!("`{}` holds a secret", file.path));
            }
            let blob = Blob::of(&file.bytes);
            blobs.push((blob.clone(), Arc::new(file.bytes)));
            files.push(Output {
                path: file.path,
                executable: file.executable,
                blob,
            });
        }
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let level = self.trust.writes();
        let at = digest.at_level(level);
        let record = Record::new(level, &asked.target, ms, &log, files, &digest.parts);
        if let Some(blob) = &record.facts.log {
            blobs.insert(0, (blob.clone(), Arc::new(log.to_vec())));
        }
        let sealed = record.seal(&at, self.secret.as_ref());
        Ok(Entry {
            at,
            target: self.target(asked),
            record: sealed.ok_or("it is too long")?,
            blobs,
            lists: asked.lists.clone(),
        })
    }

    /// Lets a result wait for others; stores all of them once that is worth looking at the work tree.
    fn queue(&self, action: usize, entry: Entry) {
        let is_due = {
            let mut pending = lock(&self.pending);
            let blobs = entry.blobs.iter().map(|(_, bytes)| bytes.len());
            pending.bytes += entry.record.len() + blobs.sum::<usize>();
            pending.passed.push((action, entry));
            let is_due = pending.bytes > MOST_PENDING || Instant::now() >= pending.next;
            if is_due {
                // Others leave it to this one until it is done.
                pending.next = Instant::now() + Duration::from_secs(3600);
            }
            is_due
        };
        if is_due {
            self.store();
        }
    }

    /// Names a task of this checkout.
    fn target(&self, asked: &Asked) -> Digest {
        target(&self.root, &asked.target)
    }

    /// Stores everything that waits.
    pub fn store(&self) {
        let began = Instant::now();
        let (passed, found) = {
            let mut pending = lock(&self.pending);
            pending.bytes = 0;
            (
                std::mem::take(&mut pending.passed),
                std::mem::take(&mut pending.found),
            )
        };
        let whole = self.unchanged(passed);
        for (at, watched) in self.places.iter().enumerate() {
            if !whole.is_empty() {
                self.ask(watched, |place| place.store(&whole));
            }
            if at == 0 && !found.is_empty() {
                self.ask(watched, |place| place.store(&found));
            }
        }
        let wait = (began.elapsed() * SHARE).max(SHORTEST_WAIT);
        lock(&self.pending).next = Instant::now() + wait;
    }

    /// C4: whoever's inputs are others now than before it ran, its result is not kept.
    fn unchanged(&self, passed: Vec<(usize, Entry)>) -> Vec<Entry> {
        if passed.is_empty() {
            return Vec::new();
        }
        let now = match (self.again)() {
            Ok(now) => now,
            Err(why) => {
                self.tell(format!(
                    "results are not kept: the work tree cannot be looked at again: {why}"
                ));
                return Vec::new();
            }
        };
        let mut kept = Vec::new();
        for (action, entry) in passed {
            if self.digest(action).is_some()
                && now.get(action).copied().flatten() == self.digest(action)
            {
                kept.push(entry);
            } else {
                let target = self.asked[action].target.clone();
                lock(&self.pending).changed.push(target);
            }
        }
        kept
    }

    /// Stores the rest at the end of a run, and tells whose inputs changed while they ran.
    pub fn finish(&self) {
        self.store();
        let mut changed = std::mem::take(&mut lock(&self.pending).changed);
        changed.sort();
        changed.dedup();
        if let Some(first) = changed.first() {
            let more = match changed.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.tell(format!(
                "`{first}`{more} passed, but files changed meanwhile; the result is not kept (files that tasks write belong into .gitignore, lockfiles that they write into git)"
            ));
        }
    }

    fn tell(&self, text: String) {
        lock(&self.told).push(text);
    }
}

type Found = (Record, Vec<u8>, Vec<(Blob, Arc<Vec<u8>>)>);

/// Names a task of the checkout at `root`.
#[must_use]
pub fn target(root: &std::path::Path, target: &str) -> Digest {
    Digest::of_fields([root.as_os_str().as_encoded_bytes(), target.as_bytes()])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
