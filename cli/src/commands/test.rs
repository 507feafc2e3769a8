//! `test`.

use std::path::PathBuf;

use affected_core::pipeline::past::PastUse;
use affected_core::pipeline::{self, Environment};
use affected_core::report::wire::v1;
use clap::Args;

use super::ci;
use super::run::{self, Work};
use crate::app::Context;
use crate::args::{Output, Running, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::request;

/// Run the affected tests, lowest stage of the pyramid first
#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) running: Running,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Run what `ci plan` planned, on the commit it was planned for; with `--shard`, that shard only.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base", "head", "since", "uncommitted", "staged", "files", "all", "filter", "exclude", "last_failed"])]
    pub(crate) plan: Option<PathBuf>,
    /// Run exactly the tests of this id, as `affected tests` gives it, whatever changed; may be repeated.
    #[arg(long, value_name = "ID", conflicts_with_all = ["plan", "base", "head", "since", "uncommitted", "staged", "files", "all", "filter", "exclude", "last_failed"])]
    pub(crate) id: Vec<String>,
}

impl Test {
    /// Runs test tasks.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let select = |context: &mut Context| self.select(context);
        run::work(
            select,
            Work::Tests.command(),
            &self.running,
            &self.output,
            context,
        )
    }

    fn select(&self, context: &mut Context) -> Result<run::Asked, CliError> {
        if !self.id.is_empty() {
            let mut request = request::resolve(&self.selection, None, context)?;
            request.past = PastUse::Record;
            let answer = pipeline::named(&request, &Environment::from_process(), &self.id)?;
            context.printer.warnings(&answer.list.warnings);
            return Ok((answer, None));
        }
        let Some(path) = &self.plan else {
            let answer =
                run::planned_answer(&self.selection, &Work::Tests, &self.running, context)?;
            return Ok((answer, None));
        };
        let plan = ci::read_plan(path)?;
        let shard = self.shard(&plan)?;
        let mut selection = self.selection.clone();
        selection.shard = None;
        let mut request = request::resolve(&selection, None, context)?;
        request.past = PastUse::Record;
        let env = Environment::from_process();
        let only = (shard.count > 1).then_some(shard.index);
        Ok((pipeline::planned(&request, &env, &plan, only)?, Some(shard)))
    }

    /// Returns the part of the plan that is meant; without `--shard` all of it.
    fn shard(&self, plan: &v1::Plan) -> Result<v1::PlanShard, CliError> {
        let shard = request::shard_of(&self.selection)?.unwrap_or((1, 1));
        let count = plan.shards.len();
        if self.selection.shard.is_some() && shard.1 != count {
            return Err(CliError::Value {
                flag: "--shard",
                value: format!("{}/{}", shard.0, shard.1),
                help: format!("the plan was cut into {count}"),
            });
        }
        Ok(v1::PlanShard {
            plan: plan.digest.clone(),
            index: shard.0,
            count: shard.1,
        })
    }
}
