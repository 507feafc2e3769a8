//! `check`: what a hook has time for, over the same path as `test`.

use std::fs::File;
use std::io::{IsTerminal, Read};

use affected_core::pipeline::past::PastUse;
use affected_core::pipeline::{self, Environment};
use clap::Args;

use super::run;
use crate::app::Context;
use crate::args::{Output, Running, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::request;
use crate::terminal::escape;

/// Without `--budget`.
const BUDGET: &str = "8s";
/// Targets that are named as left.
const NAMED: usize = 5;

/// Check what is staged, or about to be pushed, within a few seconds
///
/// It judges exactly the index, and runs smoke and unit tests: those of changed projects first, then those of their
/// dependents. What does not fit into the budget, and later stages, are left to CI, which is told. The work tree and the
/// index stay as they are: where they differ, tests run in a folder of their own.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Judge the commits of git's `pre-push` hook, which tells them on standard input.
    #[arg(long, conflicts_with_all = ["staged", "uncommitted", "files", "all", "head", "since"])]
    push: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    output: Output,
}

impl Check {
    /// Runs the early tests of what is judged; a budget that ends is no failure here.
    pub(crate) fn run(mut self, context: &mut Context) -> Result<Exit, CliError> {
        if self.running.budget.is_none() {
            self.running.budget = Some(BUDGET.to_owned());
        }
        self.running.hard_budget = true;
        let comparisons = if self.push {
            self.pushed(context)?
        } else {
            vec![self.staged()]
        };
        if comparisons.len() > 1 && self.output.format == "json" {
            return Err(CliError::Conflict {
                first: "--format json",
                second: "several refs at once",
            });
        }
        if comparisons.is_empty() {
            context.printer.note("nothing is pushed\n");
        }
        let mut worst = Exit::OK;
        for selection in &comparisons {
            let exit = self.judge(selection, context)?;
            if exit != Exit::OK && worst == Exit::OK {
                worst = exit;
            }
        }
        Ok(worst)
    }

    /// What is staged, unless something else is named.
    fn staged(&self) -> Selection {
        let named = &self.selection;
        let other =
            named.uncommitted || named.all || named.head.is_some() || !named.files.is_empty();
        Selection {
            staged: !other,
            ..named.clone()
        }
    }

    /// What is pushed: told by git, by pre-commit in variables, or else HEAD.
    fn pushed(&self, context: &Context) -> Result<Vec<Selection>, CliError> {
        let named = |head: String, since: Option<String>| Selection {
            head: Some(head),
            since: since.filter(|_| self.selection.base.is_none()),
            ..self.selection.clone()
        };
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(head) = variable("PRE_COMMIT_TO_REF") {
            return Ok(vec![named(head, variable("PRE_COMMIT_FROM_REF"))]);
        }
        let mut lines = String::new();
        let input = std::io::stdin();
        if input.is_terminal() || variable("PRE_COMMIT").is_some() {
            // Nobody tells since when, so it is a new branch. For the first push to an empty remote pre-commit names only the branch
            // (`_pre_push_ns` of its hook_impl.py).
            let branch = variable("PRE_COMMIT_LOCAL_BRANCH");
            let head = branch.as_deref().unwrap_or("HEAD");
            lines.push_str(&format!("{head} {head} {head} 0000000\n"));
        } else {
            let mut input = input.lock();
            input
                .read_to_string(&mut lines)
                .map_err(CliError::io("read standard input"))?;
        }
        let pushed = pipeline::pushed(&context.directory, &lines)?;
        let pushed = pushed.into_iter();
        Ok(pushed.map(|ref_| named(ref_.head, ref_.since)).collect())
    }

    fn judge(&self, selection: &Selection, context: &mut Context) -> Result<Exit, CliError> {
        let mut later = Vec::new();
        let mut held: Option<File> = None;
        let select = |context: &mut Context| {
            let mut request = request::resolve(selection, None, context)?;
            request.past = PastUse::Plan;
            let env = Environment::from_process();
            let mut checked = pipeline::checked(&request, &env)?;
            if !self.running.dry_run {
                checked.settle(&request, &env);
            }
            context.printer.warnings(&checked.answer.list.warnings);
            (later, held) = (checked.later, checked.held);
            Ok((checked.answer, None))
        };
        let exit = run::work(select, "check", &self.running, &self.output, context)?;
        drop(held);
        context.printer.note(&left(&later));
        Ok(match exit {
            Exit::BUDGET_ENDED => Exit::OK,
            other => other,
        })
    }
}

/// Says what is left to CI.
fn left(later: &[String]) -> String {
    let names = later.iter().take(NAMED).map(String::as_str);
    let names = names.collect::<Vec<_>>().join(" ");
    match later.len() {
        0 => String::new(),
        1..=NAMED => format!("left to CI: {}\n", escape(&names)),
        all => format!("left to CI: {} and {} more\n", escape(&names), all - NAMED),
    }
}
