//! The log of a CI host: groups that fold, failures beside the log, live tests, a summary.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use affected_core::ci::{self, Annotation, Ended, Environment, Group, Host};
use affected_core::plan::Plan;
use affected_core::report::wire::v1;
use affected_core::run::{Outcome, TaskResult};

use super::{Printer, Verbosity, escape, escape_bytes};

/// Failing tasks named in a summary; hosts limit its size (GitHub: 1 MiB a step).
const MOST_ROWS: usize = 500;

/// What is told to the host we run on.
pub(crate) struct HostLog {
    host: &'static dyn Host,
    annotations: usize,
    summary: Option<PathBuf>,
}

impl HostLog {
    /// Returns the log of the host we run on, if there is one.
    pub(crate) fn here() -> Option<Self> {
        let env = Environment::from_process();
        let host = ci::here(&env)?;
        Some(Self {
            host,
            annotations: 0,
            summary: host.summary_file(&env),
        })
    }

    /// Tells how a task ended, with its output folded; of one that passed only where that is wanted.
    pub(crate) fn ended(&mut self, printer: &mut Printer, plan: &Plan, result: &TaskResult) {
        let action = &plan.actions[result.action];
        let target = escape(&action.target).into_owned();
        let quarantine = result.forgiven.as_ref();
        let quarantine = quarantine.map(|words| format!(", in quarantine: {words}"));
        let cause = result.cause.as_deref().map(|cause| {
            let cause = format!("{cause}{}", quarantine.as_deref().unwrap_or_default());
            escape(&cause).into_owned()
        });
        let failed = result.fails_the_run();
        let ended = Ended {
            number: result.action + 1,
            target: &target,
            project: &action.project,
            outcome: match result.forgiven {
                Some(_) => Outcome::Skipped.as_str(),
                None => result.outcome.as_str(),
            },
            cause: cause.as_deref(),
            ms: u64::try_from(result.duration.as_millis()).unwrap_or(u64::MAX),
        };
        if let Some(command) = self.host.ended(&ended) {
            printer.command(&command);
        }
        if failed || printer.verbosity == Verbosity::Verbose {
            self.output(printer, result, &target);
        }
        if failed && self.annotations < self.host.most_annotations() {
            self.annotations += 1;
            let annotation = Annotation {
                title: &target,
                message: ended.cause.unwrap_or("failed"),
            };
            if let Some(command) = self.host.annotation(&annotation) {
                printer.command(&command);
            }
        }
    }

    fn output(&self, printer: &mut Printer, result: &TaskResult, target: &str) {
        let group = Group {
            number: result.action + 1,
            title: target,
            seconds: now(),
            failed: result.fails_the_run(),
        };
        let Some(open) = self.host.open_group(&group) else {
            // Where nothing folds, the output of failures is told once, at the end.
            if printer.verbosity == Verbosity::Verbose {
                printer.tell(&escape_bytes(&result.output));
            }
            return;
        };
        printer.command(&open);
        let mut text = escape_bytes(&result.output);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        printer.tell(&text);
        let closed = Group {
            seconds: now(),
            ..group
        };
        if let Some(close) = self.host.close_group(&closed) {
            printer.command(&close);
        }
    }

    /// Adds to the summary of the build; one that cannot be written changes no verdict.
    pub(crate) fn finish(&self, printer: &mut Printer, document: &v1::Run) {
        if let Some(program) = self.host.summary_program() {
            self.hand_over(program, printer, document);
        }
        let Some(path) = &self.summary else { return };
        let file = OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut file| file.write_all(summary(document).as_bytes()));
        if let Err(error) = written {
            let message = format!("the summary `{}` was not written: {error}", path.display());
            printer.warn(&message, None);
            return;
        }
        if let Some(command) = self.host.show_summary(&path.display().to_string()) {
            printer.command(&command);
        }
    }

    /// Gives the summary to a program of the host.
    fn hand_over(&self, program: &[&str], printer: &mut Printer, document: &v1::Run) {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).stdin(Stdio::piped());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let ended = child.and_then(|mut child| {
            if let Some(mut input) = child.stdin.take() {
                // One that ended early says so by its status.
                drop(input.write_all(summary(document).as_bytes()));
            }
            child.wait()
        });
        let fault = match ended {
            Ok(status) if status.success() => return,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let message = format!("the summary was not shown: `{}`: {fault}", program[0]);
        printer.warn(&message, None);
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Writes a run as Markdown.
fn summary(document: &v1::Run) -> String {
    let counts = &document.summary;
    let part = document.shard.as_ref();
    let part = part.map(|part| format!(" {}/{}", part.index, part.count));
    let mut text = format!(
        "### affected{}\n\n{} passed, {} failed, {} skipped, {} canceled\n",
        part.unwrap_or_default(),
        counts.passed,
        counts.failed,
        counts.skipped,
        counts.canceled
    );
    let failed = document
        .tasks
        .iter()
        .filter(|task| matches!(task.outcome.as_str(), "failed" | "timed-out"));
    let rows: Vec<_> = failed.collect();
    if !rows.is_empty() {
        text.push_str("\n| task | outcome | cause |\n|---|---|---|\n");
    }
    for task in rows.iter().take(MOST_ROWS) {
        let cause = task.cause.as_deref().unwrap_or_default();
        let (target, cause) = (markdown(&task.target), markdown(cause));
        writeln!(text, "| {target} | {} | {cause} |", task.outcome)
            .expect("writing to a string cannot fail");
    }
    if let Some(more) = rows.len().checked_sub(MOST_ROWS + 1) {
        writeln!(text, "\nand {} more", more + 1).expect("writing to a string cannot fail");
    }
    text.push('\n');
    text
}

/// Makes text plain in a table cell: neither Markdown nor HTML, and one line (X3).
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in escape(text).chars() {
        match char {
            '\n' | '\t' => out.push(' '),
            char if char.is_ascii_punctuation() && !matches!(char, '/' | '-' | ',' | '.') => {
                write!(out, "&#{};", u32::from(char)).expect("writing to a string cannot fail");
            }
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::markdown;

    /// X3.
    #[test]
    fn x3_names_are_plain_in_markdown() {
        for name in [
            "<img src=x>",
            "a|b",
            "[x](y)",
            "`c`",
            "**b**",
            "&lt;",
            "# h",
            "a\nb",
            "\\",
            "@me",
            "~~x~~",
        ] {
            let plain = markdown(name);
            let marks = ['<', '>', '|', '[', ']', '(', '`', '*', '\n', '\\', '@', '~'];
            assert!(!plain.contains(marks), "{name:?}: {plain}");
            assert!(!plain.starts_with("# "), "{plain}");
        }
        assert_eq!(markdown("libs/money-v2"), "libs/money-v2");
    }
}
