//! The history as a listener: it records each end before anybody else hears of it.

use affected_core::pipeline::Answer;
use affected_core::pipeline::past::{Afterwards, Recording};
use affected_core::plan::Plan;
use affected_core::run::{RunEvent, Sink};

/// The record of a run, and what went wrong with it.
pub(crate) struct Recorded {
    recording: Recording,
    warnings: Vec<String>,
}

impl Recorded {
    /// Begins to record a run of `command`; what stands in the way is returned as a warning.
    pub(crate) fn begin(answer: &mut Answer, command: &str) -> (Self, Option<String>) {
        let (recording, warning) = Recording::begin(answer, command);
        let warnings = Vec::new();
        let recorded = Self {
            recording,
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
        if let RunEvent::Finished(result) = event {
            self.warnings.extend(self.recording.ended(plan, result));
        }
    }
}
