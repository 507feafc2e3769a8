//! Waits for saved files. It watches the folders that it is told, each by itself: what git ignores (installed packages,
//! build folders) is never watched, however large. Where the system cannot watch, the waiting ends every second.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

/// A burst is over when nothing was saved for so long.
const QUIET: Duration = Duration::from_millis(10);
/// A burst that goes on is answered so often.
const LONGEST: Duration = Duration::from_millis(50);
/// How often files are looked at where the system cannot tell.
const POLL: Duration = Duration::from_secs(1);
/// Paths of one burst that are told.
const TOLD: usize = 100;

/// What was saved in one burst.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Burst {
    /// Up to 100 of the paths, sorted; empty where the system cannot tell.
    pub paths: Vec<PathBuf>,
    /// Folders that are new, or were moved.
    pub folders: BTreeSet<PathBuf>,
    /// Whether files or folders came or went.
    pub is_structural: bool,
}

/// Watched folders.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    events: Receiver<notify::Result<Event>>,
    folders: BTreeSet<PathBuf>,
    /// Why the system cannot watch.
    fault: Option<String>,
}

impl Watch {
    /// Watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let (sender, events) = mpsc::channel();
        // Nobody listens any more only when the watch itself is gone.
        let made = notify::recommended_watcher(move |event| drop(sender.send(event)));
        let (watcher, fault) = match made {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            watcher,
            events,
            folders: BTreeSet::new(),
            fault,
        }
    }

    /// Watches exactly these folders from now on; tells whether some are new.
    pub fn follow(&mut self, folders: BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        for gone in self.folders.difference(&folders) {
            // One that was deleted is not watched any more anyway.
            drop(watcher.unwatch(gone));
        }
        let mut is_new = false;
        for folder in folders.difference(&self.folders) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => is_new = true,
                // It has just gone.
                Err(_) if !folder.is_dir() => {}
                Err(error) => {
                    self.fault = Some(error.to_string());
                    self.watcher = None;
                    return false;
                }
            }
        }
        self.folders = folders;
        is_new
    }

    /// Watches one more folder.
    pub fn add(&mut self, folder: &Path) {
        let mut all = self.folders.clone();
        if all.insert(folder.to_path_buf()) {
            self.follow(all);
        }
    }

    /// Says why the system cannot watch, the first time that it is asked.
    pub fn fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// Waits until files were saved and nothing more came for a moment.
    pub fn wait(&self) -> Burst {
        if self.watcher.is_none() {
            std::thread::sleep(POLL);
            return Burst {
                is_structural: true,
                ..Burst::default()
            };
        }
        let mut burst = Burst::default();
        let mut paths = BTreeSet::new();
        let mut until: Option<Instant> = None;
        loop {
            let left =
                until.map(|until| until.saturating_duration_since(Instant::now()).min(QUIET));
            let event = match left {
                None => self
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(left) if left.is_zero() => break,
                Some(left) => self.events.recv_timeout(left),
            };
            match event {
                Ok(event) => {
                    if note(event, &mut burst, &mut paths) {
                        until.get_or_insert_with(|| Instant::now() + LONGEST);
                    }
                }
                Err(_) => break,
            }
        }
        burst.paths = paths.into_iter().take(TOLD).collect();
        burst
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes an event; tells whether it can change an answer.
fn note(event: notify::Result<Event>, burst: &mut Burst, paths: &mut BTreeSet<PathBuf>) -> bool {
    let Ok(event) = event else {
        // Events were lost: anything may have changed.
        burst.is_structural = true;
        return true;
    };
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    // Git's own locks come and go around every one of its writes.
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|end| end == "lock");
    if !event.paths.is_empty() && event.paths.iter().all(is_lock) && in_git(&event.paths) {
        return false;
    }
    let moved = matches!(event.kind, EventKind::Modify(ModifyKind::Name(_)));
    let came = matches!(event.kind, EventKind::Create(_));
    burst.is_structural |=
        moved || came || event.need_rescan() || matches!(event.kind, EventKind::Remove(_));
    for path in event.paths {
        if (moved || came) && path.is_dir() {
            burst.folders.insert(path.clone());
        }
        paths.insert(path);
    }
    true
}

fn in_git(paths: &[PathBuf]) -> bool {
    let is_git = |path: &PathBuf| path.components().any(|part| part.as_os_str() == ".git");
    paths.iter().all(is_git)
}
