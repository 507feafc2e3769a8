//! `--report NAME=FILE`, or a file alone for JSON: reports that are written once a run has ended.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use affected_core::report::file::{ALL, ReportFile};
use affected_core::report::run::Ended;

use crate::diagnostic::CliError;

/// The files that were asked for, opened before anything runs: a wrong path is told at once, and no old report stays.
pub(crate) struct Reports(Vec<(&'static dyn ReportFile, File)>);

impl Reports {
    /// Opens the files of `--report junit=a.xml,json=b.json`.
    pub(crate) fn open(wanted: &[String]) -> Result<Self, CliError> {
        let pairs = wanted
            .iter()
            .flat_map(|text| text.split(','))
            .filter(|pair| !pair.is_empty());
        pairs.map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Writes all of them; a reader that went away is no error.
    pub(crate) fn write(self, ended: Ended<'_>) -> Result<(), CliError> {
        for (form, file) in self.0 {
            let mut out = BufWriter::new(file);
            let written = form.write(ended, &mut out).and_then(|()| out.flush());
            match written {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    return Err(CliError::io("write a report")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn open(pair: &str) -> Result<(&'static dyn ReportFile, File), CliError> {
    let wrong = || {
        let names: Vec<_> = ALL
            .iter()
            .map(|form| format!("`{}=FILE`", form.id()))
            .collect();
        CliError::Value {
            flag: "--report",
            value: pair.to_owned(),
            help: format!("write {}", names.join(" or ")),
        }
    };
    let (name, path) = pair.split_once('=').unwrap_or(("json", pair));
    if path.is_empty() {
        return Err(wrong());
    }
    let form = ALL
        .iter()
        .find(|form| form.id() == name)
        .ok_or_else(wrong)?;
    if let Some(folder) = Path::new(path).parent() {
        // Where it cannot be made, the file cannot either.
        let _ = std::fs::create_dir_all(folder);
    }
    let file = File::create(path).map_err(CliError::io("open the file of `--report`"))?;
    Ok((*form, file))
}
