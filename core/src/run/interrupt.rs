//! Ctrl-C and its like: the first one stops a run in good order, the second one at once.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
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

/// A request to stop, shared by whoever makes it and whoever obeys; clones are the same request.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    urgency: Option<Urgency>,
    signal: Option<i32>,
    listeners: BTreeMap<u64, Box<dyn Fn(Urgency) + Send>>,
    next_id: u64,
}

impl Interrupt {
    /// Makes one that only [`Self::trigger`] and [`Self::deliver`] set off.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one that SIGINT and SIGTERM set off, from now until the process ends.
    #[cfg(unix)]
    pub fn install() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let interrupt = Self::new();
        let delivered = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    delivered.deliver(signal);
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
        for listener in inner.listeners.values() {
            listener(urgency);
        }
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

    /// Calls `listener` for every request from now on, and for the one already there, until the
    /// subscription is dropped. The listener must be quick and must not call back.
    #[must_use]
    pub fn subscribe(&self, listener: impl Fn(Urgency) + Send + 'static) -> Subscription {
        let mut inner = self.lock();
        if let Some(urgency) = inner.urgency {
            listener(urgency);
        }
        let id = inner.next_id;
        inner.next_id += 1;
        inner.listeners.insert(id, Box::new(listener));
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
        let subscription = interrupt.subscribe(move |urgency| early.send(urgency).unwrap());
        assert_eq!((interrupt.urgency(), interrupt.signal()), (None, None));
        interrupt.deliver(15);
        interrupt.clone().trigger();
        drop(subscription);
        interrupt.trigger();
        let _late = interrupt.subscribe(move |urgency| sender.send(urgency).unwrap());
        let all: Vec<Urgency> = heard.try_iter().collect();
        assert_eq!(all, [Urgency::Terminate, Urgency::Kill, Urgency::Kill]);
        assert_eq!(
            interrupt.signal(),
            Some(15),
            "the first one names the exit code"
        );
    }
}
