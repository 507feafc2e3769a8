//! The output of one task: merged as it comes, bounded in memory, read without ever blocking the child.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::results::Ear;

/// Kept from the beginning, and the same again from the end.
const KEPT: usize = 256 * 1024;

/// The first and the last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Bounded {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    cut: u64,
}

impl Bounded {
    fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        self.head.extend_from_slice(first);
        // Only the last KEPT bytes of a large write can survive.
        let (lost, rest) = rest.split_at(rest.len().saturating_sub(KEPT));
        let over = (self.tail.len() + rest.len()).saturating_sub(KEPT);
        self.tail.drain(..over);
        self.tail.extend(rest);
        self.cut += (lost.len() + over) as u64;
    }

    /// Returns what is kept, with a line where something was cut.
    fn take(&mut self) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.head);
        if self.cut > 0 {
            if out.last() != Some(&b'\n') {
                out.push(b'\n');
            }
            out.extend_from_slice(format!("[... {} bytes cut ...]\n", self.cut).as_bytes());
        }
        out.extend(std::mem::take(&mut self.tail));
        out
    }
}

/// A thread that reads one pipe until it is closed or no longer wanted.
#[derive(Debug)]
pub(super) struct Capture {
    kept: Arc<Mutex<Bounded>>,
    reader: thread::JoinHandle<()>,
    /// Dropping it tells the reader to stop, even where somebody else holds the pipe open.
    stop: PipeWriter,
}

impl Capture {
    /// Starts to read; returns the end to write to. `closed` is called once, when all writers are gone.
    ///
    /// What `ear` returns is kept in the place of what it hears.
    pub(super) fn start(
        ear: Option<Ear>,
        closed: impl FnOnce() + Send + 'static,
    ) -> io::Result<(Self, PipeWriter)> {
        let (pipe, writer) = io::pipe()?;
        let (stopped, stop) = io::pipe()?;
        let kept = Arc::new(Mutex::new(Bounded::default()));
        let shared = Arc::clone(&kept);
        let reader = thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || {
                pump(pipe, &stopped, ear.as_ref(), &shared);
                closed();
            })?;
        Ok((Self { kept, reader, stop }, writer))
    }

    /// Stops to read and returns what was kept; what was written before is still read.
    pub(super) fn finish(self) -> Vec<u8> {
        drop(self.stop);
        // Elsewhere a blocked read cannot be woken: the thread is left behind, its bytes are here.
        if cfg!(unix) && self.reader.join().is_err() {
            return b"[... output lost ...]\n".to_vec();
        }
        lock(&self.kept).take()
    }
}

fn lock(kept: &Mutex<Bounded>) -> MutexGuard<'_, Bounded> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pump(mut pipe: PipeReader, stopped: &PipeReader, ear: Option<&Ear>, kept: &Mutex<Bounded>) {
    let mut chunk = vec![0; 32 * 1024];
    // After the stop what lies in the pipe is still taken, but not what keeps coming.
    let mut last_reads = 64;
    while last_reads > 0 {
        match wait(&pipe, stopped) {
            Wake::Readable => {}
            Wake::Stopping => last_reads -= 1,
            Wake::Stopped => return,
        }
        match pipe.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => match ear.map(|ear| ear.hear(&chunk[..count])) {
                Some(shown) => lock(kept).push(&shown),
                None => lock(kept).push(&chunk[..count]),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// What a reader was woken for.
enum Wake {
    /// There is something to read, or the end.
    Readable,
    /// The same, and nobody wants more than that.
    Stopping,
    /// There is nothing to read and nobody waits for it.
    Stopped,
}

#[cfg(unix)]
fn wait(pipe: &PipeReader, stopped: &PipeReader) -> Wake {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut ends = [
        PollFd::new(pipe, PollFlags::IN),
        PollFd::new(stopped, PollFlags::IN),
    ];
    loop {
        match poll(&mut ends, None) {
            Err(rustix::io::Errno::INTR) => {}
            // Reading blocks then, as it would without `poll`.
            Err(_) => return Wake::Readable,
            Ok(_) => break,
        }
    }
    match (ends[0].revents().is_empty(), ends[1].revents().is_empty()) {
        (true, _) => Wake::Stopped,
        (false, true) => Wake::Readable,
        (false, false) => Wake::Stopping,
    }
}

#[cfg(not(unix))]
fn wait(_pipe: &PipeReader, _stopped: &PipeReader) -> Wake {
    Wake::Readable
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;

    /// E4.
    #[test]
    fn e4_keeps_head_and_tail_and_counts_what_it_cut() {
        let cases: [(&[usize], u64); 6] = [
            (&[0], 0),
            (&[KEPT, KEPT], 0),
            (&[KEPT * 2], 0),
            (&[KEPT * 2, 1], 1),
            (&[KEPT * 5 + 7], (KEPT * 3 + 7) as u64),
            (&[3, KEPT, KEPT - 2, KEPT * 2, 5], (KEPT * 2 + 6) as u64),
        ];
        for (writes, cut) in cases {
            let mut bounded = Bounded::default();
            let total: usize = writes.iter().sum();
            let all: Vec<u8> = (0..total).map(|byte| (byte % 251) as u8).collect();
            let mut from = 0;
            for &length in writes {
                bounded.push(&all[from..from + length]);
                from += length;
            }
            assert_eq!(bounded.cut, cut, "{writes:?}");
            let out = bounded.take();
            if cut == 0 {
                assert_eq!(out, all, "{writes:?}");
            } else {
                assert!(out.starts_with(&all[..KEPT]) && out.ends_with(&all[total - KEPT..]));
                let line = format!("\n[... {cut} bytes cut ...]\n");
                assert_eq!(&out[KEPT..out.len() - KEPT], line.as_bytes());
            }
        }
    }

    /// E3. A writer that never goes away does not hold the reader; what it wrote is there.
    #[cfg(unix)]
    #[test]
    fn e3_stops_while_the_pipe_is_held_open() {
        let (closed, wait) = mpsc::channel();
        let (capture, mut writer) = Capture::start(None, move || closed.send(()).unwrap()).unwrap();
        writer.write_all(b"before").unwrap();
        assert_eq!(capture.finish(), b"before");
        wait.recv().unwrap();
        drop(writer);
    }
}
