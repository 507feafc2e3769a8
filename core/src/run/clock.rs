//! Time as a run counts it: what passes while the tool is suspended is no time (E2).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts from its beginning; clones are the same clock.
#[derive(Debug, Clone)]
pub(super) struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    pauses: Mutex<Pauses>,
}

#[derive(Debug, Default)]
struct Pauses {
    /// Of those that are over.
    total: Duration,
    since: Option<Instant>,
}

impl Clock {
    /// Starts to count.
    pub(super) fn start() -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            pauses: Mutex::default(),
        }))
    }

    /// Returns what has passed, pauses taken out.
    pub(super) fn now(&self) -> Duration {
        let pauses = self.pauses();
        let until = pauses.since.unwrap_or_else(Instant::now);
        until
            .saturating_duration_since(self.0.began)
            .saturating_sub(pauses.total)
    }

    /// Stands still from now on.
    pub(super) fn pause(&self) {
        self.pauses().since.get_or_insert_with(Instant::now);
    }

    /// Goes on.
    pub(super) fn resume(&self) {
        let mut pauses = self.pauses();
        if let Some(since) = pauses.since.take() {
            pauses.total += since.elapsed();
        }
    }

    /// Tells whether it stands still.
    pub(super) fn is_paused(&self) -> bool {
        self.pauses().since.is_some()
    }

    fn pauses(&self) -> MutexGuard<'_, Pauses> {
        self.0.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits so long, or less if a signal comes. `std::thread::sleep` goes on after each signal, and what the kernel then says
/// is left includes the slack of its timers: among many signals that grows and never ends.
#[cfg(unix)]
pub(super) fn nap(time: Duration) {
    let limit = rustix::event::Timespec::try_from(time).ok();
    // Whoever calls looks at the world again anyway.
    let _ = rustix::event::poll(&mut [], limit.as_ref());
}

#[cfg(not(unix))]
pub(super) fn nap(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E2.
    #[test]
    fn e2_a_paused_clock_stands_still() {
        let clock = Clock::start();
        clock.pause();
        let before = clock.now();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(5) {
            std::thread::yield_now();
        }
        clock.pause();
        assert_eq!(clock.now(), before);
        clock.resume();
        clock.resume();
        assert!(clock.now() < start.elapsed() + before);
    }
}
