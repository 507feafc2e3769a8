//! Whole lines of an output that comes cut anywhere.

use super::{Listener, Tests};

/// Longer lines are cut.
const LINE: usize = 4 * 1024 * 1024;

/// Collects bytes until a line is whole.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Takes bytes; returns the lines that they complete, each with its end.
    pub(super) fn split(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.0.len()).min(part.len());
            self.0.extend_from_slice(&part[..room]);
            if part.ends_with(b"\n") {
                whole.push(std::mem::take(&mut self.0));
            }
        }
        whole
    }

    /// Returns what came after the last end of a line.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.0);
        (!rest.is_empty()).then_some(rest)
    }
}

/// Understands what a runner writes for people.
pub(super) trait Reader: Default + Send {
    /// Takes the next line, with its end.
    fn read(&mut self, line: &str);

    /// Returns the tests; `None` where it was no whole output of this runner.
    fn tests(&mut self) -> Option<Tests>;
}

/// Lets people see all of an output, and reads along.
#[derive(Debug, Default)]
pub(super) struct ReadAlong<R> {
    lines: Lines,
    reader: R,
}

impl<R: Reader> Listener for ReadAlong<R> {
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        for line in self.lines.split(bytes) {
            self.reader.read(&String::from_utf8_lossy(&line));
        }
        bytes.to_vec()
    }

    fn finish(&mut self) -> (Vec<u8>, Option<Tests>) {
        if let Some(line) = self.lines.rest() {
            self.reader.read(&String::from_utf8_lossy(&line));
        }
        (Vec::new(), self.reader.tests())
    }
}

/// Takes colours and other sequences for terminals out of a line. Source: ECMA-48, 5.4.
pub(super) fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        if letter != '\u{1b}' {
            plain.push(letter);
        } else if rest.next() == Some('[') {
            // The last letter of a sequence.
            let _ = rest.find(|letter| ('@'..='~').contains(letter));
        }
    }
    plain
}
