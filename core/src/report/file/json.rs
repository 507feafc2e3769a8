//! `affected.run/1`, as `--format json` prints it.

use std::io::{self, Write};

use super::ReportFile;
use crate::report::run::Ended;

/// The document on one line.
pub struct Json;

impl ReportFile for Json {
    fn id(&self) -> &'static str {
        "json"
    }

    fn write(&self, ended: Ended<'_>, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, ended.document)?;
        out.write_all(b"\n")
    }
}
