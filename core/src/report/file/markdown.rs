//! Markdown for the summary of a CI job or a comment.

use std::io::{self, Write};

use super::{ReportFile, text};
use crate::report::run::{Ended, again};

/// The most of each failure's output, from its end.
const SHOWN: usize = 4 * 1024;

/// Counts, a table of what did not pass, and the end of each failure's output.
pub struct Markdown;

impl ReportFile for Markdown {
    fn id(&self) -> &'static str {
        "markdown"
    }

    fn write(&self, ended: Ended<'_>, out: &mut dyn Write) -> io::Result<()> {
        let counts = &ended.document.summary;
        let seconds = std::time::Duration::from_millis(counts.ms).as_secs_f64();
        writeln!(
            out,
            "**{} passed, {} failed, {} skipped, {} canceled** in {seconds:.1}s; {} other tasks were not run.",
            counts.passed, counts.failed, counts.skipped, counts.canceled, counts.spared
        )?;
        let unwell = ended
            .results
            .iter()
            .filter(|result| !result.outcome.is_success());
        let unwell: Vec<_> = unwell.collect();
        if !unwell.is_empty() {
            writeln!(out, "\n| task | outcome | cause |\n|---|---|---|")?;
        }
        for result in unwell {
            let target = &ended.plan.actions[result.action].target;
            let cause = result.cause.as_deref().unwrap_or_default();
            writeln!(
                out,
                "| {} | {} | {} |",
                cell(target),
                result.outcome.as_str(),
                cell(cause)
            )?;
        }
        for (action, result) in ended.failures() {
            let output = text(&result.output);
            let from = output.len().saturating_sub(SHOWN);
            let from = (from..=output.len())
                .find(|at| output.is_char_boundary(*at))
                .unwrap_or(0);
            let shown = &output[from..];
            let fence = fence(shown);
            writeln!(
                out,
                "\n<details><summary>{}</summary>\n",
                html(&action.target)
            )?;
            writeln!(out, "{fence}text\n{}\n{fence}\n", shown.trim_end())?;
            let line = again(ended.plan, action).join(" ");
            writeln!(
                out,
                "{fence}sh\n{}\n{fence}\n\n</details>",
                text(line.as_bytes())
            )?;
        }
        Ok(())
    }
}

fn cell(words: &str) -> String {
    html(words).replace('|', "\\|").replace('\n', " ")
}

fn html(words: &str) -> String {
    text(words.as_bytes())
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A fence longer than any run of backticks inside.
fn fence(inside: &str) -> String {
    let longest = inside
        .split(|char| char != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
