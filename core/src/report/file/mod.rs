//! Reports of a run as files, one file each: to add one, write it and add its two lines here.

use std::io::{self, Write};

use super::run::Ended;

pub mod json;
pub mod junit;
pub mod markdown;
pub mod trace;

/// A form of report.
pub trait ReportFile: Sync {
    /// Its name in `--report NAME=FILE`.
    fn id(&self) -> &'static str;

    /// Writes the report of a run that has ended.
    fn write(&self, ended: Ended<'_>, out: &mut dyn Write) -> io::Result<()>;
}

/// Every form, by name.
pub static ALL: &[&dyn ReportFile] = &[
    &json::Json,
    &junit::JUnit,
    &markdown::Markdown,
    &trace::Trace,
];

/// Shows bytes of a task in text formats that forbid control characters: those are replaced.
fn text(output: &[u8]) -> String {
    let shown = |char: char| {
        if char.is_control() && !matches!(char, '\n' | '\t') {
            '\u{fffd}'
        } else {
            char
        }
    };
    String::from_utf8_lossy(output)
        .replace("\r\n", "\n")
        .chars()
        .map(shown)
        .collect()
}

#[cfg(test)]
mod tests;
