//! `why`.

use affected_core::cache::Settings;
use affected_core::pipeline::{self, Environment, results};
use affected_core::report::wire::v1;
use clap::Args;

use super::answer;
use crate::app::Context;
use crate::args::{Output, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::terminal::escape;

/// Explain why a project is affected, or how it depends on another
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The project, by name or path.
    project: String,
    /// Tell what the cache knows of this target (`web:test`), and which inputs differ from its last result.
    #[arg(long, conflicts_with = "other")]
    cache: bool,
    /// Another project: shows the shortest chain of dependencies down to it.
    other: Option<String>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    output: Output,
}

impl Why {
    /// Tells the reasons, or the chain.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        if self.cache {
            return self.explain_cache(context);
        }
        let answer = answer(&self.selection, None, context)?;
        let why = pipeline::why(&answer, &self.project, self.other.as_deref())?;
        let text = match self.output.format.as_str() {
            "json" => json::line(&why)?,
            _ => text(&why, self.other.as_deref()),
        };
        context.printer.data(&text)?;
        Ok(Exit::OK)
    }
}

impl Why {
    fn explain_cache(self, context: &mut Context) -> Result<Exit, CliError> {
        let (settings, variables) = (
            Settings::of(&Environment::from_process()),
            std::env::vars_os().collect::<Vec<_>>(),
        );
        let mut answer = answer(&self.selection, None, context)?;
        let mut actions = answer.plan.actions.iter();
        if !actions.any(|action| action.target == self.project) {
            // It would not run now, but it can be asked about all the same.
            let everything = Selection {
                all: true,
                ..Selection::default()
            };
            answer = super::answer(&everything, None, context)?;
        }
        let told = results::explain(&answer, &self.project, &settings, &variables)?;
        super::cache::explained(&told, &self.output, context)
    }
}

fn text(why: &v1::Why, other: Option<&str>) -> String {
    let mut lines = Vec::new();
    match other {
        Some(other) if why.chain.is_empty() => {
            lines.push(format!("`{}` does not depend on `{other}`", why.project));
        }
        Some(_) => {
            for edge in &why.chain {
                let line = edge.line.map(|line| format!(":{line}")).unwrap_or_default();
                let place = format!("{}{line} {}", edge.file, edge.detail);
                lines.push(format!(
                    "{} -> {} ({}) {place}",
                    edge.from, edge.to, edge.kind
                ));
            }
        }
        None if why.reasons.is_empty() => {
            let text = format!(
                "`{}` is not affected: nothing it owns, reads or depends on changed",
                why.project
            );
            lines.push(text);
        }
        None => {
            lines.push(format!("`{}` is selected because", why.project));
            for reason in &why.reasons {
                let file = reason.file.as_deref().unwrap_or("-");
                lines.push(format!("  {} {file}: {}", reason.code, reason.detail));
            }
        }
    }
    lines
        .into_iter()
        .map(|line| format!("{}\n", escape(&line)))
        .collect()
}
