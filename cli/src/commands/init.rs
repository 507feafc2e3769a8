//! `init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use affected_core::ci;
use affected_core::config::FILE_NAME;
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::app::Context;
use crate::diagnostic::CliError;
use crate::exit::Exit;

/// Write a commented `affected.toml`, which is never needed, or a short pipeline for a CI host
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write a pipeline for this host instead: plan, test in several jobs, verdict.
    #[arg(long, value_name = "HOST", value_parser = hosts())]
    ci: Option<String>,
}

fn hosts() -> PossibleValuesParser {
    PossibleValuesParser::new(ci::ALL.iter().map(|host| host.id()))
}

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
        let workflow = self.ci.as_deref().and_then(ci::named);
        let (name, text) = match workflow.map(ci::Host::workflow) {
            Some(workflow) => (workflow.path, workflow.text),
            None => (FILE_NAME, TEXT),
        };
        let path = context.directory.join(name);
        create(&path, text)?;
        context.printer.note(&format!("wrote {name}\n"));
        Ok(Exit::OK)
    }
}

fn create(path: &Path, text: &str) -> Result<(), CliError> {
    let name = path.display().to_string();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(CliError::io(format!("create the folder of `{name}`")))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(CliError::AlreadyThere { path: name });
        }
        other => other.map_err(CliError::io(format!("create `{name}`")))?,
    };
    file.write_all(text.as_bytes())
        .map_err(CliError::io(format!("write `{name}`")))
}
