//! `tests`.

use affected_core::pipeline::{self, Environment};
use affected_core::report::wire::v1;
use clap::Args;

use crate::app::Context;
use crate::args::{Output, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::request;
use crate::terminal::{Style, escape_line};

/// List all tests with their ids, and which the change selects
///
/// For editors: `--format json` gives services, stages, tasks, and test files or packages where they are known.
/// `affected test --id ID` runs one of them; `--format names` prints the ids of what is selected.
#[derive(Debug, Args)]
pub(crate) struct Tests {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    output: Output,
}

impl Tests {
    /// Lists the tests.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let request = request::resolve(&self.selection, None, context)?;
        let tests = pipeline::tests(&request, &Environment::from_process())?;
        let text = match self.output.format.as_str() {
            "json" => json::line(&tests)?,
            "text" => drawn(&tests, context.printer.style),
            _ => ids(&tests),
        };
        context.printer.warnings(&tests.warnings);
        context.printer.data(&text)?;
        Ok(Exit::OK)
    }
}

fn drawn(tests: &v1::Tests, style: Style) -> String {
    let mark = |selected| match selected {
        true => style.glyph("●", "*"),
        false => style.glyph("○", "."),
    };
    let mut text = String::new();
    let mut line = |depth: usize, words: &str| {
        text.push_str(&format!("{}{}\n", "  ".repeat(depth), escape_line(words)));
    };
    for service in &tests.services {
        line(0, &service.name);
        for stage in &service.stages {
            for task in &stage.tasks {
                let words = format!("{} {}  {}", mark(task.selected), task.id, task.origin);
                line(1, &words);
                for part in &task.parts {
                    line(2, &format!("{} {}", mark(part.selected), part.name));
                }
            }
        }
    }
    let counts = &tests.summary;
    text.push_str(&format!(
        "{} of {} test tasks selected, {} parts known\n",
        counts.selected, counts.tasks, counts.parts
    ));
    text
}

/// The ids of what is selected: parts where some are left out, or else the task.
fn ids(tests: &v1::Tests) -> String {
    let stages = tests.services.iter().flat_map(|service| &service.stages);
    let tasks = stages.flat_map(|stage| &stage.tasks);
    let mut found: Vec<&str> = Vec::new();
    for task in tasks.filter(|task| task.selected) {
        let some = task.parts.iter().any(|part| !part.selected);
        match some {
            true => {
                let parts = task.parts.iter().filter(|part| part.selected);
                found.extend(parts.map(|part| part.id.as_str()));
            }
            false => found.push(&task.id),
        }
    }
    let lines = found.iter().map(|id| format!("{}\n", escape_line(id)));
    lines.collect()
}
