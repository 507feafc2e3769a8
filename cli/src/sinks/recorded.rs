//! The history as a listener: it records each end before anybody else hears of it.

use std::sync::Arc;

use affected_core::cache::Session;
use affected_core::pipeline::Answer;
use affected_core::pipeline::recording::{Afterwards, Recording};
use affected_core::plan::Plan;
use affected_core::run::{RunEvent, Sink};

/// The record of a run, and what went wrong with it.
pub(crate) struct Recorded {
    recording: Recording,
    cache: Option<Arc<Session>>,
    warnings: Vec<String>,
}

impl Recorded {
    /// Begins to record a run of `command`; what stands in the way is returned as a warning.
    /// The digests of its actions come from `cache`.
    pub(crate) fn begin(
        answer: &mut Answer,
        command: &str,
        cache: Option<Arc<Session>>,
    ) -> (Self, Option<String>) {
        let (recording, warning) = Recording::begin(answer, command);
        let warnings = Vec::new();
        let recorded = Self {
            recording,
            cache,
            warnings,
        };
        (recorded, warning)
    }

    /// Ends the record and looks back.
    pub(crate) fn finish(self) -> Afterwards {
        let mut after = self.recording.finish();
        after.warnings.splice(0..0, self.warnings);
        after
    }
}

impl Sink for &mut Recorded {
    fn tell(&mut self, plan: &Plan, event: &RunEvent) {
        self.tell_all(plan, std::slice::from_ref(event));
    }

    /// All in one transaction.
    fn tell_all(&mut self, plan: &Plan, events: &[RunEvent]) {
        let cache = self.cache.as_ref();
        let ended = events.iter().filter_map(|event| match event {
            RunEvent::Finished(result) => {
                let digest = cache.and_then(|cache| cache.digest(result.action));
                Some((result, digest))
            }
            RunEvent::Started { .. } | RunEvent::Warning(_) => None,
        });
        let told = self.recording.ended(plan, ended);
        self.warnings.extend(told);
    }
}
