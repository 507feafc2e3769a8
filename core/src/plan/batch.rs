//! Which actions one command can do: build tools that start slowly, and build again what several projects use, do them in one
//! go. Pure; how each project ended is told by its own result files.

use std::collections::BTreeMap;

use affected_graph::Command;

use super::{Action, Plan};
use crate::runner::{self, Call, Runner};

/// Several actions, and the command that does them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Places in [`Plan::actions`], at least two.
    pub members: Vec<usize>,
    /// What is started in their place, in the same folder with the same variables.
    pub command: Command,
}

/// Finds what can be done together: whole test tasks of one stage that wait for nothing, are started in one folder with the same
/// variables, and have no time of their own.
#[must_use]
pub fn batches(plan: &Plan) -> Vec<Batch> {
    let mut alike: BTreeMap<_, Vec<(usize, &dyn Runner, Call)>> = BTreeMap::new();
    for (at, action) in plan.actions.iter().enumerate() {
        if let Some((runner, call)) = joinable(action) {
            let key = (runner.id(), &action.stage, &action.cwd, &action.env);
            alike.entry(key).or_default().push((at, runner, call));
        }
    }
    alike
        .into_values()
        .filter_map(|group| join(&group))
        .collect()
}

/// Joins some members of a batch; `None` where fewer than two are left.
#[must_use]
pub fn rejoin(plan: &Plan, members: &[usize]) -> Option<Batch> {
    let part = |&at: &usize| {
        let (runner, call) = joinable(plan.actions.get(at)?)?;
        Some((at, runner, call))
    };
    join(&members.iter().filter_map(part).collect::<Vec<_>>())
}

fn joinable(action: &Action) -> Option<(&'static dyn Runner, Call)> {
    let is_plain = action.stage.is_some()
        && action.after.is_empty()
        && action.timeout.is_none()
        && action.units.is_empty()
        && action.script.is_none();
    is_plain.then(|| runner::recognise(&action.command, None))?
}

fn join(group: &[(usize, &dyn Runner, Call)]) -> Option<Batch> {
    let [(_, runner, first), _, ..] = group else {
        return None;
    };
    let calls: Vec<&Call> = group.iter().map(|(_, _, call)| call).collect();
    Some(Batch {
        members: group.iter().map(|(at, ..)| *at).collect(),
        command: first.command(&runner.join(&calls)?)?,
    })
}
