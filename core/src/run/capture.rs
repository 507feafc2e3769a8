//! The output of one task: merged as it comes, bounded in memory; what is too long for that goes to a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::results::Ear;

/// Kept from the beginning, and the same again from the end.
const KEPT: usize = 256 * 1024;
/// The most that a file gets.
const LOG_CAP: u64 = 64 * 1024 * 1024;

/// The first and the last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Bounded {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    cut: u64,
    log: Log,
    ear: Option<Ear>,
}

/// Where a long stream is written.
#[derive(Debug, Default)]
enum Log {
    /// Nowhere, or nowhere any more.
    #[default]
    Nowhere,
    /// Here, once it is needed.
    At(PathBuf),
    /// The file, and how much it has.
    Open(PathBuf, File, u64),
}

impl Bounded {
    /// Keeps head and tail, and writes to `log` what is longer than both.
    pub(super) fn with_log(log: Option<PathBuf>) -> Self {
        Self {
            log: log.map_or(Log::Nowhere, Log::At),
            ..Self::default()
        }
    }

    /// Lets `ear` hear all that comes; what it returns is kept in its place.
    pub(super) fn heard_by(self, ear: Option<Ear>) -> Self {
        Self { ear, ..self }
    }

    /// Adds what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self.ear.as_ref().map(|ear| ear.hear(bytes)) {
            Some(shown) => self.keep(&shown),
            None => self.keep(bytes),
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT - self.head.len()));
        if self.tail.len() + rest.len() > KEPT || self.cut > 0 {
            self.write(bytes);
        }
        self.head.extend_from_slice(first);
        // Only the last KEPT bytes of a large write can survive.
        let (lost, rest) = rest.split_at(rest.len().saturating_sub(KEPT));
        let over = (self.tail.len() + rest.len()).saturating_sub(KEPT);
        self.tail.drain(..over);
        self.tail.extend(rest);
        self.cut += (lost.len() + over) as u64;
    }

    /// Writes to the file, what came before first. A file that cannot be written is left as it is.
    fn write(&mut self, bytes: &[u8]) {
        if let Log::At(path) = &self.log {
            let path = path.clone();
            let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let open = folder
                .and_then(|()| File::create(&path))
                .and_then(|mut file| {
                    file.write_all(&self.head)?;
                    let (front, back) = self.tail.as_slices();
                    file.write_all(front)?;
                    file.write_all(back)?;
                    Ok(file)
                });
            let before = (self.head.len() + self.tail.len()) as u64;
            self.log = open.map_or(Log::Nowhere, |file| Log::Open(path, file, before));
        }
        if let Log::Open(_, file, length) = &mut self.log {
            let room = usize::try_from(LOG_CAP.saturating_sub(*length)).unwrap_or(usize::MAX);
            let part = &bytes[..bytes.len().min(room)];
            *length = match file.write_all(part) {
                Ok(()) => *length + part.len() as u64,
                // A full disk changes no verdict.
                Err(_) => LOG_CAP,
            };
        }
    }

    /// Returns the file, if there was need of one.
    pub(super) fn log(&self) -> Option<PathBuf> {
        match &self.log {
            Log::Open(path, ..) => Some(path.clone()),
            Log::Nowhere | Log::At(_) => None,
        }
    }

    /// Returns what is kept, with a line where something was cut.
    pub(super) fn take(&mut self) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
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
            let folder = tempfile::tempdir().unwrap();
            let log = folder.path().join("log");
            let mut bounded = Bounded::with_log(Some(log.clone()));
            let total: usize = writes.iter().sum();
            let all: Vec<u8> = (0..total).map(|byte| (byte % 251) as u8).collect();
            let mut from = 0;
            for &length in writes {
                bounded.push(&all[from..from + length]);
                from += length;
            }
            assert_eq!(bounded.cut, cut, "{writes:?}");
            assert_eq!(bounded.log().is_some(), cut > 0, "{writes:?}");
            let out = bounded.take();
            if cut == 0 {
                assert_eq!(out, all, "{writes:?}");
                assert!(!log.exists());
            } else {
                assert!(
                    std::fs::read(&log).unwrap() == all,
                    "{writes:?}: all of it is in the file"
                );
                assert!(out.starts_with(&all[..KEPT]) && out.ends_with(&all[total - KEPT..]));
                let line = format!("\n[... {cut} bytes cut ...]\n");
                assert_eq!(&out[KEPT..out.len() - KEPT], line.as_bytes());
            }
        }
    }

    /// E4. A file that cannot be made, or is full, costs its content only.
    #[test]
    fn e4_a_log_that_cannot_be_written_is_no_matter() {
        let mut bounded = Bounded::with_log(Some("/dev/null/log".into()));
        bounded.push(&vec![b'x'; KEPT * 3]);
        assert_eq!((bounded.log(), bounded.cut), (None, KEPT as u64));
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut bounded = Bounded::with_log(Some(log.clone()));
        let chunk = vec![b'x'; 1024 * 1024];
        for _ in 0..66 {
            bounded.push(&chunk);
        }
        assert_eq!(std::fs::metadata(log).unwrap().len(), LOG_CAP);
    }
}
