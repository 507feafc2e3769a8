//! For people.

use affected_core::report::wire::v1;

use super::Format;
use crate::diagnostic::CliError;
use crate::terminal::style::{bold, dim};
use crate::terminal::{Style, escape, escape_line};

/// Text.
pub(crate) struct Text;

impl Format for Text {
    fn id(&self) -> &'static str {
        "text"
    }

    fn list(&self, list: &v1::List, style: Style) -> Result<String, CliError> {
        let mut text = header(list);
        let reached: Vec<_> = list
            .projects
            .iter()
            .filter(|project| project.reach != "none")
            .collect();
        let widest = reached
            .iter()
            .map(|project| project.name.chars().count())
            .max()
            .unwrap_or(0);
        for project in reached {
            text.push_str(&line(project, widest, style));
        }
        let summary = &list.summary;
        text.push_str(&dim(&format!(
            "{} of {} projects affected, {} tasks, {} changed paths",
            summary.affected, summary.projects, summary.targets, summary.changes
        )));
        text.push('\n');
        Ok(text)
    }
}

/// Tells what was compared with what.
pub(crate) fn header(list: &v1::List) -> String {
    let side = |revision: &v1::Revision| {
        let commit = revision
            .commit
            .as_deref()
            .map(|commit| &commit[..commit.len().min(12)]);
        match commit {
            Some(commit) if commit != revision.reference => {
                format!("{} {commit}", revision.reference)
            }
            _ => revision.reference.clone(),
        }
    };
    let base = match &list.base {
        Some(base) => format!("{} ({})", side(base), base.source),
        None if list.mode == "all" => "everything".to_owned(),
        None => "the named files".to_owned(),
    };
    format!(
        "{}\n",
        dim(&escape(&format!("{} against {base}", side(&list.head))))
    )
}

fn line(project: &v1::Project, widest: usize, style: Style) -> String {
    let mark = match project.reach.as_str() {
        "changed" => style.glyph("●", "*"),
        "runtime" => style.glyph("○", "~"),
        _ => style.glyph("◐", "+"),
    };
    let name = escape_line(&project.name);
    let pad = " ".repeat(widest.saturating_sub(name.chars().count()));
    let why = project
        .reasons
        .first()
        .map(|reason| because(reason, style))
        .unwrap_or_default();
    let mut text = format!(
        "{mark} {}{pad}  {}  {}\n",
        bold(&name),
        project.reach,
        escape(&why)
    );
    if style.verbose {
        for reason in &project.reasons {
            text.push_str(&format!(
                "    {}\n",
                escape_line(&format!("{}: {}", reason.code, reason.detail))
            ));
        }
    }
    text
}

fn because(reason: &v1::Reason, style: Style) -> String {
    let arrow = style.glyph(" → ", " -> ");
    let file = reason.file.clone().unwrap_or_else(|| reason.detail.clone());
    let chain: Vec<&str> = std::iter::once(file.as_str())
        .chain(reason.via.iter().map(String::as_str))
        .collect();
    chain.join(arrow)
}
