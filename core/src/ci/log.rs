//! What may be written into a host's log: commands of ours with escaped values, and text of others that cannot
//! be taken for a command (X3).

use std::borrow::Cow;
use std::collections::BTreeSet;

/// A part of the log that can be folded.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// Unique in a run.
    pub number: usize,
    /// What people see.
    pub title: &'a str,
    /// Seconds since 1970.
    pub seconds: u64,
    /// Whether it should be seen at once.
    pub failed: bool,
}

/// A failure that the host shows beside the log.
#[derive(Debug, Clone, Copy)]
pub struct Annotation<'a> {
    /// What failed.
    pub title: &'a str,
    /// Why.
    pub message: &'a str,
}

/// How a task ended, for hosts that list tests live.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Unique in a run.
    pub number: usize,
    /// `project:task`.
    pub target: &'a str,
    /// The project's name.
    pub project: &'a str,
    /// `passed`, `failed` …
    pub outcome: &'a str,
    /// Why it did not pass.
    pub cause: Option<&'a str>,
    /// Wall time.
    pub ms: u64,
}

impl Ended<'_> {
    /// Tells whether it is a failure.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.outcome, "failed" | "timed-out")
    }
}

/// The longest message in a command; hosts cut or drop longer ones.
const LONGEST: usize = 4_000;

/// Cuts a message at a character, saying so.
#[must_use]
pub fn shorten(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(LONGEST);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// Escapes characters by a table; the first entry that matches counts.
#[must_use]
pub(super) fn escape_by(text: &str, table: &[(char, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match table.iter().find(|(from, _)| *from == char) {
            Some((_, to)) => out.push_str(to),
            None => out.push(char),
        }
    }
    out
}

/// What a host takes for a command at the head of a line.
#[derive(Debug, Clone, Copy)]
pub struct LineMarks {
    /// The marks.
    pub marks: &'static [&'static str],
    /// Whether leading blanks hide one.
    pub blanks: Blanks,
    /// What is put before a mark so that it is none.
    pub shield: &'static str,
}

/// Whether a host looks for commands behind leading blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blanks {
    /// It does.
    Skipped,
    /// A blank makes it no command.
    Count,
}

/// Puts a backslash into each mark, wherever it stands and however it is written, so that it is none any more.
#[must_use]
pub(super) fn break_marks<'t>(text: &'t str, marks: &[&str]) -> Cow<'t, str> {
    rewrite(text, marks, |char, out| {
        out.push('\\');
        out.push(char);
    })
}

/// Escapes the second character of each mark of any host, so that a JSON document may stand in any log; its
/// value stays the same.
#[must_use]
pub fn quiet_json(text: &str) -> Cow<'_, str> {
    let marks: Vec<&str> = super::ALL
        .iter()
        .flat_map(|host| host.marks())
        .copied()
        .collect();
    rewrite(text, &marks, |char, out| {
        out.push_str(&format!("\\u{:04x}", u32::from(char)));
    })
}

/// Writes the second character of each mark, which is ASCII, in another way.
fn rewrite<'t>(text: &'t str, marks: &[&str], write: impl Fn(char, &mut String)) -> Cow<'t, str> {
    // Usual text has no such thing, and looking for a few bytes is quick; many marks begin alike.
    let stems: BTreeSet<&str> = marks.iter().map(|mark| stem(mark)).collect();
    let is_there = |stem: &&str| memchr::memmem::find(text.as_bytes(), stem.as_bytes()).is_some();
    if !stems.iter().any(is_there) {
        return Cow::Borrowed(text);
    }
    // ASCII case does not move a byte.
    let lower = text.to_ascii_lowercase();
    let found = marks.iter().flat_map(|mark| lower.match_indices(mark));
    let mut places: Vec<usize> = found.map(|(at, _)| at + 1).collect();
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    places.sort_unstable();
    places.dedup();
    let mut out = String::with_capacity(text.len() + places.len() * 6);
    let mut from = 0;
    for at in places {
        out.push_str(&text[from..at]);
        write(char::from(text.as_bytes()[at]), &mut out);
        from = at + 1;
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

/// What of a mark has no case; all of it where it begins with a letter, as such marks are read as written.
fn stem(mark: &str) -> &str {
    match mark.find(char::is_alphabetic) {
        Some(end) if end > 0 => &mark[..end],
        _ => mark,
    }
}

/// Puts the shield before each mark at the head of a line.
#[must_use]
pub(super) fn shield_lines<'t>(text: Cow<'t, str>, marks: &LineMarks) -> Cow<'t, str> {
    let is_command = |line: &str| {
        let line = match marks.blanks {
            Blanks::Skipped => line.trim_start(),
            Blanks::Count => line,
        };
        marks.marks.iter().any(|mark| line.starts_with(mark))
    };
    if !text.split('\n').any(is_command) {
        return text;
    }
    let shielded = text.split('\n').map(|line| {
        if is_command(line) {
            // Behind the blanks, so that what follows them is no longer the first.
            let blank = line.len() - line.trim_start().len();
            format!("{}{}{}", &line[..blank], marks.shield, &line[blank..])
        } else {
            line.to_owned()
        }
    });
    Cow::Owned(shielded.collect::<Vec<_>>().join("\n"))
}

/// Makes one line of a title.
#[must_use]
pub(super) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\u{1b}'], " ")
}

#[cfg(test)]
mod tests;
