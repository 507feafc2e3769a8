//! Ctrl-C and its like: the first one stops a run in good order, the second one at once.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// SIGINT has this number on every system.
const SIGINT: i32 = 2;

/// How quickly a run must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// SIGTERM, the grace time, SIGKILL.
    Terminate,
    /// SIGKILL at once.
    Kill,
}

/// The tool is being stopped by the terminal, or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// Everything stops after this.
    Begin,
    /// Everything goes on.
    End,
}

/// A request to stop, shared by whoever makes it and whoever obeys; clones are the same request.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    urgency: Option<Urgency>,
    signal: Option<i32>,
    listeners: BTreeMap<u64, Listener>,
    next_id: u64,
    retired: Arc<AtomicBool>,
    /// Readable once the request is as urgent as that, for those who wait by `poll`.
    terminate: Latch,
    kill: Latch,
}

type Listener = (Box<dyn Fn(Urgency) + Send>, Box<dyn Fn(Suspension) + Send>);

/// A pipe without content: closing its writing end wakes all who poll the reading end.
#[derive(Debug, Default)]
struct Latch {
    reader: Option<Arc<PipeReader>>,
    writer: Option<PipeWriter>,
}

impl Latch {
    fn reader(&mut self) -> Option<Arc<PipeReader>> {
        if self.reader.is_none() {
            let (reader, writer) = io::pipe().ok()?;
            (self.reader, self.writer) = (Some(Arc::new(reader)), Some(writer));
        }
        self.reader.clone()
    }
}

impl Interrupt {
    /// Makes one that only [`Self::trigger`] and [`Self::deliver`] set off.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one that SIGINT, SIGTERM and SIGHUP set off, from now until the process ends; SIGTSTP suspends.
    #[cfg(unix)]
    pub fn install() -> io::Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
        // What the caller ignores, as `nohup` does, stays ignored.
        let wanted = [SIGHUP, SIGINT, SIGTERM, SIGTSTP]
            .into_iter()
            .filter(|signal| !is_ignored(*signal));
        let mut signals = signal_hook::iterator::Signals::new(wanted)?;
        let interrupt = Self::new();
        let retired = Arc::clone(&interrupt.lock().retired);
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            if !is_ignored(signal) {
                let retired = Arc::clone(&retired);
                signal_hook::flag::register_conditional_default(signal, retired)?;
            }
        }
        let delivered = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    if signal == SIGTSTP {
                        delivered.suspend(stop_this_process);
                    } else {
                        delivered.deliver(signal);
                    }
                }
            })?;
        Ok(interrupt)
    }

    /// Makes one that nothing sets off: without signals the system ends all processes of a console.
    #[cfg(not(unix))]
    pub fn install() -> io::Result<Self> {
        Ok(Self::new())
    }

    /// Acts as if SIGINT had come.
    pub fn trigger(&self) {
        self.deliver(SIGINT);
    }

    /// Acts as if this signal had come; all listeners are called before it returns.
    pub fn deliver(&self, signal: i32) {
        let mut inner = self.lock();
        let urgency = match inner.urgency {
            None => Urgency::Terminate,
            Some(_) => Urgency::Kill,
        };
        inner.urgency = Some(urgency);
        inner.signal.get_or_insert(signal);
        inner.terminate.writer = None;
        if urgency == Urgency::Kill {
            inner.kill.writer = None;
        }
        for (listener, _) in inner.listeners.values() {
            listener(urgency);
        }
    }

    /// E2. Tells everybody that all stops, has `stop` do so, and tells everybody when it returns.
    pub(super) fn suspend(&self, stop: impl FnOnce()) {
        self.tell(Suspension::Begin);
        stop();
        self.tell(Suspension::End);
    }

    fn tell(&self, suspension: Suspension) {
        for (_, listener) in self.lock().listeners.values() {
            listener(suspension);
        }
    }

    /// Returns something to poll that is readable as soon as there is more urgency than `known`; `None` where there
    /// is no more, or no file for it.
    pub(super) fn latch(&self, known: Option<Urgency>) -> Option<Arc<PipeReader>> {
        let mut inner = self.lock();
        let set = inner.urgency;
        let latch = match known {
            None => &mut inner.terminate,
            Some(Urgency::Terminate) => &mut inner.kill,
            Some(Urgency::Kill) => return None,
        };
        let reader = latch.reader();
        if set > known {
            latch.writer = None;
        }
        reader
    }

    /// Has signals end this process again, as if nobody listened: what is left to do may wait for a reader for ever.
    pub fn retire(&self) {
        self.lock().retired.store(true, Ordering::SeqCst);
    }

    /// Returns how quickly to stop, `None` while there is no reason to.
    #[must_use]
    pub fn urgency(&self) -> Option<Urgency> {
        self.lock().urgency
    }

    /// Returns the first signal that came, for the exit code `128 + signal`.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.lock().signal
    }

    /// Calls `listener` for every request from now on, and for the one already there, and `suspended` when the tool is
    /// suspended and when it goes on, until the subscription is dropped. Both must be quick and must not call back.
    #[must_use]
    pub fn subscribe(
        &self,
        listener: impl Fn(Urgency) + Send + 'static,
        suspended: impl Fn(Suspension) + Send + 'static,
    ) -> Subscription {
        let mut inner = self.lock();
        if let Some(urgency) = inner.urgency {
            listener(urgency);
        }
        let id = inner.next_id;
        inner.next_id += 1;
        inner
            .listeners
            .insert(id, (Box::new(listener), Box::new(suspended)));
        Subscription {
            interrupt: self.clone(),
            id,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        let mut out = formatter.debug_struct("Interrupt");
        out.field("urgency", &inner.urgency)
            .field("signal", &inner.signal)
            .finish_non_exhaustive()
    }
}

/// Stops like every other program that gets SIGTSTP; returns when it is woken.
#[cfg(unix)]
fn stop_this_process() {
    use rustix::process::{Signal, getpid, kill_process};
    // A process that cannot stop itself goes on.
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Tells whether a signal is ignored, where that can be seen: in `SigIgn` of `/proc/self/status`, proc(5).
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Keeps a listener of an [`Interrupt`] in place.
#[derive(Debug)]
pub struct Subscription {
    interrupt: Interrupt,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.interrupt.lock().listeners.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// E1.
    #[test]
    fn e1_the_second_request_is_more_urgent() {
        let interrupt = Interrupt::new();
        let (sender, heard) = mpsc::channel();
        let early = sender.clone();
        let subscription = interrupt.subscribe(move |urgency| early.send(urgency).unwrap(), |_| {});
        assert_eq!((interrupt.urgency(), interrupt.signal()), (None, None));
        interrupt.deliver(15);
        interrupt.clone().trigger();
        drop(subscription);
        interrupt.trigger();
        let _late = interrupt.subscribe(move |urgency| sender.send(urgency).unwrap(), |_| {});
        let all: Vec<Urgency> = heard.try_iter().collect();
        assert_eq!(all, [Urgency::Terminate, Urgency::Kill, Urgency::Kill]);
        assert_eq!(
            interrupt.signal(),
            Some(15),
            "the first one names the exit code"
        );
    }
}
