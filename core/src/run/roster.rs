//! The process groups that are alive: who is woken, suspended, or ended with the run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::clock::{Clock, nap};
use super::descendants::{self, Leftover};
use super::group::Group;
use super::interrupt::Suspension;
use super::watchdog::Watchdog;

/// From SIGTERM to SIGKILL for what a task left outside its group.
const GRACE: Duration = Duration::from_millis(300);
/// How long what was killed may take to go.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(3);

/// How many runs this process has begun.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Everything of a run that lives.
#[derive(Debug)]
pub(super) struct Roster {
    /// Held for reading while a task is started, for writing by whoever needs that nothing starts.
    gate: RwLock<()>,
    live: Mutex<BTreeMap<i32, usize>>,
    watchdog: Option<Watchdog>,
    clock: Clock,
    /// Tells the processes of this run from others where environments can be seen.
    mark: String,
}

impl Roster {
    /// Begins without a task.
    pub(super) fn new(watchdog: Option<Watchdog>, clock: Clock) -> Self {
        // Unique among runs that are alive, which is all that counts.
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let own = || format!("{}-r{number}", std::process::id());
        let mark = watchdog
            .as_ref()
            .map_or_else(own, |dog| dog.mark().to_owned());
        Self {
            gate: RwLock::default(),
            live: Mutex::default(),
            watchdog,
            clock,
            mark,
        }
    }

    /// The variable by which the processes of one action are known.
    pub(super) fn mark(&self, action: usize) -> (&'static str, OsString) {
        (descendants::MARK, format!("{}.{action}", self.mark).into())
    }

    /// Starts a task and enters its group; also returns the first fault of the watchdog.
    pub(super) fn start(
        &self,
        action: usize,
        spawn: impl FnOnce() -> io::Result<Child>,
    ) -> io::Result<(Child, Option<Group>, Option<String>)> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let child = spawn()?;
        let group = Group::of(&child);
        if let Some(group) = group {
            self.live().insert(group.id(), action);
        }
        let dog = self.watchdog.as_ref().zip(group);
        let fault = dog.and_then(|(dog, group)| dog.watch(group));
        Ok((child, group, fault))
    }

    /// Strikes out a group that has gone; returns the first fault of the watchdog.
    pub(super) fn release(&self, group: Group) -> Option<String> {
        self.live().remove(&group.id());
        self.watchdog.as_ref()?.release(group)
    }

    /// E2. Stops or wakes every group; while they are stopped no time passes and nothing is started.
    pub(super) fn suspend(&self, suspension: Suspension) {
        match suspension {
            Suspension::Begin => {
                let _closed = self.gate.write().unwrap_or_else(PoisonError::into_inner);
                self.clock.pause();
                self.groups().into_iter().for_each(Group::stop);
            }
            Suspension::End => {
                self.groups().into_iter().for_each(Group::wake);
                self.clock.resume();
            }
        }
    }

    /// E3. Ends what this action left outside of its group; tells whether there was something.
    pub(super) fn end_escaped(&self, action: usize) -> bool {
        let marks = [format!("{}.{action}", self.mark)];
        end(|| descendants::marked(|mark| marks.iter().any(|own| own == mark))) > 0
    }

    /// E3. Ends what any task left behind, once none runs; returns the actions that are known to have, and how many
    /// processes there were.
    pub(super) fn end_leftovers(&self, orphans: super::Orphans) -> (BTreeSet<usize>, usize) {
        let prefix = format!("{}.", self.mark);
        let dog = self.watchdog.as_ref().map(Watchdog::id);
        let mut actions = BTreeSet::new();
        let count = end(|| {
            let found = match orphans {
                super::Orphans::Adopt => descendants::children(dog),
                super::Orphans::Leave => descendants::marked(|mark| mark.starts_with(&prefix)),
            };
            let action = |left: &Leftover| {
                left.mark
                    .as_ref()?
                    .strip_prefix(&prefix)?
                    .parse::<usize>()
                    .ok()
            };
            actions.extend(found.iter().filter_map(action));
            found
        });
        (actions, count)
    }

    /// Collects adopted processes that have ended, so that they do not pile up.
    pub(super) fn reap(&self) {
        let _closed = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let dog = self.watchdog.as_ref().map(Watchdog::id);
        let live = self.live();
        descendants::reap(|process| dog == Some(process) || live.contains_key(&process));
    }

    /// Sends the watchdog away.
    pub(super) fn finish(self) {
        if let Some(watchdog) = self.watchdog {
            watchdog.finish();
        }
    }

    fn groups(&self) -> Vec<Group> {
        self.live()
            .keys()
            .filter_map(|id| Group::from_raw(*id))
            .collect()
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<i32, usize>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the processes that `find` finds, and those it finds then, until there are none; returns how many there were.
fn end(mut find: impl FnMut() -> Vec<Leftover>) -> usize {
    let mut seen = BTreeSet::new();
    let began = Instant::now();
    loop {
        let found = find();
        let waited = began.elapsed();
        if found.is_empty() || waited > GRACE + PATIENCE {
            return seen.len();
        }
        for left in &found {
            if waited > GRACE {
                left.kill();
            } else if seen.insert(left.process) {
                left.terminate();
            }
        }
        nap(LOOK);
    }
}
