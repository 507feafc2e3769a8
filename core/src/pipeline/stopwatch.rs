//! Where the time of an answer went, stage by stage.

use std::time::{Duration, Instant};

/// Stages in the order they are told in.
const STAGES: [&str; 7] = [
    "open", "index", "facts", "graph", "diff", "select", "narrow",
];

/// Time spent since the last lap is put to one stage; a stage may have many laps.
#[derive(Debug, Clone)]
pub struct Stopwatch {
    last: Instant,
    spent: [Duration; STAGES.len()],
}

/// A part of the work that leads to an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lap {
    /// Finding the repository, resolving base and head.
    Open,
    /// Reading the index and comparing the work tree with it.
    Index,
    /// Reading what earlier runs kept.
    Facts,
    /// Scanning manifests, and building and joining graphs.
    Graph,
    /// Comparing the trees, and what manifests and lockfiles say in both.
    Diff,
    /// Following the changes, planning, writing the document.
    Select,
    /// Following the changes inside projects.
    Narrow,
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self {
            last: Instant::now(),
            spent: [Duration::ZERO; STAGES.len()],
        }
    }

    pub(super) fn lap(&mut self, lap: Lap) {
        let now = Instant::now();
        self.spent[lap as usize] += now - self.last;
        self.last = now;
    }

    /// Lists the stages and the time each took.
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, Duration)> + '_ {
        STAGES.into_iter().zip(self.spent)
    }

    /// Tells the time since the last stage ended.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.last.elapsed()
    }
}
