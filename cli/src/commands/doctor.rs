//! `doctor`.

use std::collections::BTreeSet;

use affected_graph::Command;
use clap::Args;

use super::answer;
use crate::app::Context;
use crate::args::Selection;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::text;
use crate::terminal::escape;

/// Check the repository, the base and the programs that tasks need
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

impl Doctor {
    /// Tells what is found; exits with 1 where something is amiss.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let answer = answer(&Selection::default(), None, context)?;
        let mut report = text::header(&answer.list);
        report.push_str(&format!("{} projects\n", answer.graph.len()));
        let programs: BTreeSet<&str> = answer
            .graph
            .projects()
            .flat_map(|(_, project)| &project.tasks)
            .filter_map(|task| match &task.command {
                Command::Argv(argv) => argv.first().map(String::as_str),
                Command::Shell(_) => None,
            })
            .filter(|program| !program.contains('/'))
            .collect();
        let mut fine = answer.list.warnings.is_empty();
        for program in programs {
            let found = installed(program);
            fine &= found;
            let word = if found { "ok     " } else { "missing" };
            report.push_str(&format!("{word} {}\n", escape(program)));
        }
        context.printer.data(&report)?;
        Ok(if fine { Exit::OK } else { Exit::FAILED })
    }
}

/// Looks for a program on PATH; nothing is started.
fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        ["", ".exe", ".cmd"]
            .iter()
            .any(|end| folder.join(format!("{program}{end}")).is_file())
    })
}
