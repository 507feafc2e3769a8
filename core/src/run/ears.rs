//! What a supervisor hears of its task: output, the end of the leader, requests to stop.

use std::io::{self, PipeReader};
use std::process::Child;
use std::time::Duration;

use super::capture::Bounded;
use super::interrupt::{Interrupt, Urgency};

/// What was heard at once.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Heard {
    /// The leader has ended; its status is not collected.
    pub(super) leader_ended: bool,
    /// All writers are gone.
    pub(super) output_closed: bool,
    /// Somebody wants the run to end.
    pub(super) urgency: Option<Urgency>,
}

pub(super) use system::Ears;

/// One thread listens to everything by `poll`.
#[cfg(unix)]
mod system {
    use std::io::Read as _;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    use super::{Bounded, Child, Duration, Heard, Interrupt, PipeReader, Urgency, io};

    /// Between two looks where nobody tells when the leader ends.
    const LOOK: Duration = Duration::from_millis(5);

    /// Listens to one task.
    #[derive(Debug)]
    pub(in super::super) struct Ears {
        /// `None` once all writers are gone.
        pipe: Option<PipeReader>,
        leader: Pid,
        /// Readable once the leader has ended.
        ended: Option<OwnedFd>,
        leader_ended: bool,
        interrupt: Interrupt,
        chunk: Vec<u8>,
    }

    impl Ears {
        /// Begins to listen to a child that writes to `pipe`.
        pub(in super::super) fn new(
            pipe: PipeReader,
            child: &Child,
            interrupt: &Interrupt,
        ) -> Self {
            let leader = Pid::from_child(child);
            Self {
                pipe: Some(pipe),
                leader,
                ended: watch(leader),
                leader_ended: false,
                interrupt: interrupt.clone(),
                chunk: vec![0; 64 * 1024],
            }
        }

        /// Waits for something new, at most this long; output goes to `kept`. `known` is the urgency already obeyed.
        pub(in super::super) fn listen(
            &mut self,
            patience: Option<Duration>,
            known: Option<Urgency>,
            kept: &mut Bounded,
        ) -> Heard {
            let blind = self.ended.is_none() && !self.leader_ended;
            let patience = if blind {
                Some(patience.map_or(LOOK, |patience| patience.min(LOOK)))
            } else {
                patience
            };
            let latch = self.interrupt.latch(known);
            let (output, ended) = self.wait(patience, latch.as_ref().map(|latch| latch.as_fd()));
            if output {
                self.read(kept);
            }
            if ended || blind {
                self.leader_ended = self.has_ended();
            }
            Heard {
                leader_ended: self.leader_ended,
                output_closed: self.pipe.is_none(),
                urgency: self.interrupt.urgency(),
            }
        }

        fn wait(&self, patience: Option<Duration>, latch: Option<BorrowedFd<'_>>) -> (bool, bool) {
            let mut ends = Vec::with_capacity(3);
            let watched = [
                self.pipe.as_ref().map(AsFd::as_fd),
                self.ended
                    .as_ref()
                    .filter(|_| !self.leader_ended)
                    .map(AsFd::as_fd),
                latch,
            ];
            for end in watched.into_iter().flatten() {
                ends.push(PollFd::from_borrowed_fd(end, PollFlags::IN));
            }
            let limit = patience.and_then(|patience| Timespec::try_from(patience).ok());
            if poll(&mut ends, limit.as_ref()).is_err() {
                return (false, false);
            }
            let mut woken = ends.iter().map(|end| !end.revents().is_empty());
            let mut next = |is_watched: bool| is_watched && woken.next().unwrap_or(false);
            let output = next(watched[0].is_some());
            (output, next(watched[1].is_some()))
        }

        fn read(&mut self, kept: &mut Bounded) {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut self.chunk) {
                Ok(0) => self.pipe = None,
                Ok(count) => kept.push(&self.chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }

        fn has_ended(&self) -> bool {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            !matches!(waitid(WaitId::Pid(self.leader), options), Ok(None))
        }

        /// Tells by which signal the leader is stopped, if it is.
        pub(in super::super) fn stopped_by(&self) -> Option<i32> {
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            waitid(WaitId::Pid(self.leader), options)
                .ok()??
                .stopping_signal()
        }
    }

    #[cfg(target_os = "linux")]
    fn watch(leader: Pid) -> Option<OwnedFd> {
        rustix::process::pidfd_open(leader, rustix::process::PidfdFlags::empty()).ok()
    }

    /// A thread waits; the pipe that it closes wakes the supervisor.
    #[cfg(not(target_os = "linux"))]
    fn watch(leader: Pid) -> Option<OwnedFd> {
        let (reader, writer) = io::pipe().ok()?;
        let wait = move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(leader), options) {}
            drop(writer);
        };
        std::thread::Builder::new()
            .name("leader".to_owned())
            .spawn(wait)
            .ok()?;
        Some(reader.into())
    }
}

/// A thread reads, and the supervisor looks at the leader and the interrupt from time to time.
#[cfg(not(unix))]
mod system {
    use std::io::Read as _;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
    use std::thread;

    use super::{Bounded, Child, Duration, Heard, Interrupt, PipeReader, Urgency};

    const LOOK: Duration = Duration::from_millis(5);

    /// Listens to one task.
    #[derive(Debug)]
    pub(in super::super) struct Ears {
        chunks: Receiver<Vec<u8>>,
        closed: bool,
        interrupt: Interrupt,
    }

    impl Ears {
        /// Begins to listen to a child that writes to `pipe`.
        pub(in super::super) fn new(
            mut pipe: PipeReader,
            _child: &Child,
            interrupt: &Interrupt,
        ) -> Self {
            let (sender, chunks) = sync_channel(4);
            thread::spawn(move || {
                let mut chunk = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                    if sender.send(chunk[..count].to_vec()).is_err() {
                        return;
                    }
                }
            });
            Self {
                chunks,
                closed: false,
                interrupt: interrupt.clone(),
            }
        }

        /// Waits for something new, at most this long; output goes to `kept`. The end of the leader is not heard here.
        pub(in super::super) fn listen(
            &mut self,
            patience: Option<Duration>,
            _known: Option<Urgency>,
            kept: &mut Bounded,
        ) -> Heard {
            match self
                .chunks
                .recv_timeout(patience.map_or(LOOK, |patience| patience.min(LOOK)))
            {
                Ok(chunk) => kept.push(&chunk),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.closed = true,
            }
            Heard {
                leader_ended: false,
                output_closed: self.closed,
                urgency: self.interrupt.urgency(),
            }
        }

        /// Nothing is stopped here.
        pub(in super::super) fn stopped_by(&self) -> Option<i32> {
            None
        }
    }
}
