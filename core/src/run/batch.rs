//! Runs what is planned as a batch: whoever is started first runs it for all, the others take their part of it.
//!
//! A batch that ends well is a pass of each member. One that does not is a failure of those whose own results name a failed
//! test; every other member runs again by itself, since nothing else says whose fault it is. Members whose results are
//! in the cache are no part of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::plan::Plan;
use crate::plan::batch::{self, Batch};

use super::TaskResult;

/// How the members of a batch ended; nothing for those that have to run by themselves.
pub(super) type Ended = BTreeMap<usize, TaskResult>;

/// The batches of a run.
#[derive(Debug, Default)]
pub(super) struct Batches {
    of: BTreeMap<usize, Arc<Slot>>,
}

/// One batch.
#[derive(Debug)]
pub(super) struct Slot {
    /// What is run.
    pub(super) batch: Batch,
    /// Held while it runs; `None` before.
    ended: Mutex<Option<Ended>>,
}

impl Batches {
    /// Finds the batches of a plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut of = BTreeMap::new();
        for batch in batch::batches(plan) {
            let members = batch.members.clone();
            let slot = Arc::new(Slot {
                batch,
                ended: Mutex::new(None),
            });
            of.extend(members.into_iter().map(|at| (at, Arc::clone(&slot))));
        }
        Self { of }
    }

    /// Returns how an action ended in its batch, which `run` does if nobody has; `None` where it has to run by itself.
    pub(super) fn take(
        &self,
        action: usize,
        run: impl FnOnce(&Batch) -> Ended,
    ) -> Option<TaskResult> {
        let slot = self.of.get(&action)?;
        let mut ended = lock(&slot.ended);
        ended
            .get_or_insert_with(|| run(&slot.batch))
            .remove(&action)
    }
}

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked in the middle has left nothing: then the batch is run again.
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
