//! The document of `list` from what was decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{Command, Impact, Project, ProjectGraph, StageOrder};

use super::wire::v1;
use crate::diff::ChangeSet;
use crate::plan::Plan;
use crate::select::{self, Affected, AffectedSet, Disposition};

/// Returns what every document says of the tool.
#[must_use]
pub fn tool() -> v1::Tool {
    v1::Tool {
        name: "affected".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Everything that a list tells.
pub struct Told<'a> {
    /// The head's graph.
    pub graph: &'a ProjectGraph,
    /// The graph whose indices `affected` uses.
    pub union: &'a ProjectGraph,
    /// What is affected; its reasons are moved into the document.
    pub affected: AffectedSet,
    /// What changed.
    pub changes: &'a ChangeSet,
    /// What would run.
    pub plan: &'a Plan,
    /// The stages, lowest first.
    pub stages: &'a StageOrder,
    /// Which projects are shown.
    pub shown: &'a dyn Fn(&affected_graph::Project) -> bool,
}

/// Writes the document; `base`, `head`, `mode` and warnings come from the caller.
#[must_use]
pub fn list(
    mut told: Told<'_>,
    base: Option<v1::Revision>,
    head: v1::Revision,
    mode: &str,
    mut warnings: Vec<v1::Warning>,
) -> v1::List {
    let mut lists = BTreeMap::new();
    let projects: Vec<_> = told
        .graph
        .projects()
        .filter(|(_, project)| (told.shown)(project))
        .map(|(_, found)| project(&mut told, &mut lists, found))
        .collect();
    let targets: Vec<_> = told.plan.actions.iter().map(target).collect();
    let changes = changes(&told);
    warnings.dedup();
    v1::List {
        schema: "affected.list/1".to_owned(),
        tool: tool(),
        base,
        head,
        mode: mode.to_owned(),
        summary: v1::Summary {
            projects: projects.len(),
            affected: projects.iter().filter(|project| project.affected).count(),
            targets: targets.len(),
            changes: changes.len(),
        },
        projects,
        targets,
        changes,
        warnings,
    }
}

/// The stages of each impact, written once: projects share them.
type Stages = BTreeMap<Impact, Arc<[String]>>;

fn project(told: &mut Told<'_>, lists: &mut Stages, project: &Project) -> v1::Project {
    let at = told.union.at(&project.root);
    let affected = at.and_then(|at| told.affected.projects.remove(&at));
    let order = told.stages;
    let stages = affected.as_ref().map(|affected| {
        let list = lists.entry(affected.impact).or_insert_with(|| {
            let stages = select::stages(affected.impact, order);
            stages.into_iter().map(|stage| stage.0).collect()
        });
        Arc::clone(list)
    });
    v1::Project {
        name: project.name.clone(),
        path: project.root.to_string(),
        kind: format!("{:?}", project.kind).to_lowercase(),
        ecosystem: project
            .ecosystems
            .first()
            .map(|id| id.0.to_owned())
            .unwrap_or_default(),
        affected: affected
            .as_ref()
            .is_some_and(|affected| affected.impact != Impact::Runtime),
        reach: reach(affected.as_ref()).to_owned(),
        stages: stages.unwrap_or_default(),
        reasons: affected.map(reasons).unwrap_or_default(),
    }
}

fn reach(affected: Option<&Affected>) -> &'static str {
    match affected {
        None => "none",
        Some(affected) if affected.impact == Impact::Runtime => "runtime",
        Some(affected) if affected.changed => "changed",
        Some(_) => "dependent",
    }
}

fn reasons(affected: Affected) -> Vec<v1::Reason> {
    affected
        .reasons
        .into_iter()
        .map(|reason| v1::Reason {
            code: reason.code.as_str().to_owned(),
            file: reason.file.as_ref().map(ToString::to_string),
            via: reason.via,
            detail: reason.detail,
        })
        .collect()
}

fn target(action: &crate::plan::Action) -> v1::Target {
    let (command, shell) = match &action.command {
        Command::Argv(argv) => (argv.clone(), false),
        Command::Shell(line) => (vec![line.clone()], true),
    };
    v1::Target {
        target: action.target.clone(),
        project: action.project.clone(),
        stage: action.stage.as_ref().map(|stage| stage.0.clone()),
        command,
        shell,
        cwd: action.cwd.to_string(),
        units: action.units.clone(),
        unproved: action.unproved.clone(),
        widened: action.widened.clone(),
    }
}

fn changes(told: &Told<'_>) -> Vec<v1::Change> {
    let judged = told
        .affected
        .dispositions
        .iter()
        .map(Some)
        .chain(std::iter::repeat(None));
    told.changes
        .changes()
        .iter()
        .zip(judged)
        .map(|(change, disposition)| {
            let (word, detail) = match disposition {
                Some(Disposition::Owned(name)) => ("owned", format!("project `{name}`")),
                Some(Disposition::Ruled(name)) => ("ruled", format!("rule `{name}`")),
                Some(Disposition::Ignored(name)) => ("ignored", format!("rule `{name}`")),
                Some(Disposition::Unknown) | None => ("unknown", "so everything".to_owned()),
            };
            v1::Change {
                path: change.path.to_string(),
                kind: change.kind.as_str().to_owned(),
                disposition: word.to_owned(),
                detail,
            }
        })
        .collect()
}
