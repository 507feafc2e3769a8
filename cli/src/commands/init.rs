//! `init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};

use affected_core::config::FILE_NAME;
use clap::Args;

use crate::app::Context;
use crate::diagnostic::CliError;
use crate::exit::Exit;

/// Write a commented `affected.toml`; none is needed to start
#[derive(Debug, Args)]
pub(crate) struct Init {}

const TEXT: &str = r#"# Configuration of `affected`. Everything here is optional.
# `affected config show --sources` shows every value in force and where it comes from.
version = 1

# default-branch = "main"
# stages = ["smoke", "unit", "contract", "component", "integration", "e2e"]

# Later rules win; the name shows up in reasons.
# [[rule]]
# name = "ci scripts touch all"
# paths = ["ci/**"]
# affects = "all"            # all | none | ["project", …]

# [project.catalog]
# path = "services/catalog"
# calls = ["payments"]       # calls it at run time
# test.unit = "make test"
"#;

impl Init {
    /// Writes the file; one that is there stays as it is.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let path = context.directory.join(FILE_NAME);
        let name = path.display().to_string();
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = match file {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(CliError::AlreadyThere { path: name });
            }
            other => other.map_err(CliError::io(format!("create `{name}`")))?,
        };
        file.write_all(TEXT.as_bytes())
            .map_err(CliError::io(format!("write `{name}`")))?;
        context.printer.note("wrote affected.toml\n");
        Ok(Exit::OK)
    }
}
