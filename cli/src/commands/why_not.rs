//! `why-not`.

use affected_core::pipeline;
use affected_core::report::wire::v1;
use clap::Args;

use super::answer;
use crate::app::Context;
use crate::args::{Output, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::terminal::escape;

/// How many names are shown to people; `--format json` has all.
const SHOWN: usize = 12;

/// Prove that a project is not affected: all that it depends on, next to what changed
#[derive(Debug, Args)]
pub(crate) struct WhyNot {
    /// The project, by name or path.
    project: String,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    output: Output,
}

impl WhyNot {
    /// Tells the proof, or that there is none.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let answer = answer(&self.selection, None, context)?;
        let proof = pipeline::why_not(&answer, &self.project)?;
        let text = match self.output.format.as_str() {
            "json" => json::line(&proof)?,
            _ => text(&proof),
        };
        context.printer.data(&text)?;
        Ok(Exit::OK)
    }
}

fn text(proof: &v1::WhyNot) -> String {
    let name = &proof.project;
    let mut lines = Vec::new();
    if proof.affected {
        lines.push(format!(
            "`{name}` is affected; `affected why {name}` shows the chain"
        ));
    } else if proof.runtime_only {
        lines.push(format!(
            "`{name}` is reached at run time only: its integration and e2e tests run, nothing else"
        ));
    } else {
        lines.push(format!("`{name}` is not affected"));
    }
    lines.push(format!(
        "  it depends on {}: {}",
        proof.depends_on.len(),
        some(&proof.depends_on)
    ));
    lines.push(format!(
        "  changed are {}: {}",
        proof.changed.len(),
        some(&proof.changed)
    ));
    let paths: Vec<String> = proof
        .changes
        .iter()
        .map(|change| format!("{} ({})", change.path, change.disposition))
        .collect();
    lines.push(format!(
        "  changed paths are {}: {}",
        paths.len(),
        some(&paths)
    ));
    lines
        .into_iter()
        .map(|line| format!("{}\n", escape(&line)))
        .collect()
}

fn some(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() {
        0 => "nothing".to_owned(),
        count if count > SHOWN => format!("{shown} and {} more", count - SHOWN),
        _ => shown,
    }
}
