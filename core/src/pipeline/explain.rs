//! Explaining an answer: why something is selected, why not, and how projects depend on each other.

use std::collections::BTreeSet;

use affected_graph::{ProjectGraph, ProjectIndex, RepoPath, path};

use super::{Answer, PipelineError};
use crate::report::wire::v1;
use crate::select;

/// Tells why a project is selected, or how it depends on another.
pub fn why(answer: &Answer, project: &str, other: Option<&str>) -> Result<v1::Why, PipelineError> {
    let index = find(&answer.graph, project)?;
    let chain = match other {
        Some(other) => {
            path::shortest(&answer.graph, index, find(&answer.graph, other)?).unwrap_or_default()
        }
        None => Vec::new(),
    };
    let name = |root: &RepoPath| {
        answer
            .graph
            .at(root)
            .map_or_else(String::new, |at| answer.graph.project(at).name.clone())
    };
    let root = answer.graph.project(index).root.to_string();
    let told = answer
        .list
        .projects
        .iter()
        .find(|project| project.path == root);
    Ok(v1::Why {
        schema: "affected.why/1".to_owned(),
        project: answer.graph.project(index).name.clone(),
        affected: told.is_some_and(|project| project.affected),
        reasons: told
            .map(|project| project.reasons.clone())
            .unwrap_or_default(),
        chain: chain
            .into_iter()
            .map(|edge| v1::WhyEdge {
                from: name(&edge.from),
                to: name(&edge.to),
                kind: edge.kind.as_str().to_owned(),
                file: edge.evidence.file.to_string(),
                line: edge.evidence.line,
                detail: edge.evidence.detail.clone(),
            })
            .collect(),
    })
}

/// Proves that a project is not affected: all that it depends on, in any way and in either tree, next to what
/// changed. Where it is affected after all, the reasons say so.
pub fn why_not(answer: &Answer, project: &str) -> Result<v1::WhyNot, PipelineError> {
    let index = find(&answer.union, project)?;
    let known = &answer.union.project(index);
    let root = known.root.to_string();
    let told = answer
        .list
        .projects
        .iter()
        .find(|project| project.path == root);
    let depends_on = everything_below(&answer.union, index);
    let names = depends_on
        .iter()
        .map(|index| answer.union.project(*index).name.clone());
    let changed = answer
        .list
        .projects
        .iter()
        .filter(|project| project.reach == "changed");
    let runtime = told.filter(|project| project.reach == "runtime");
    Ok(v1::WhyNot {
        schema: "affected.why-not/1".to_owned(),
        project: known.name.clone(),
        affected: told.is_some_and(|project| project.affected),
        reasons: told
            .map(|project| project.reasons.clone())
            .unwrap_or_default(),
        runtime_only: runtime.is_some(),
        depends_on: names.collect::<BTreeSet<_>>().into_iter().collect(),
        changed: changed.map(|project| project.name.clone()).collect(),
        changes: answer.list.changes.clone(),
    })
}

fn everything_below(graph: &ProjectGraph, start: ProjectIndex) -> BTreeSet<ProjectIndex> {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(here) = open.pop() {
        let next = graph.dependencies(here).into_iter().map(|(next, _)| next);
        open.extend(next.filter(|next| seen.insert(*next)).collect::<Vec<_>>());
    }
    seen.remove(&start);
    seen
}

fn find(graph: &ProjectGraph, name: &str) -> Result<ProjectIndex, PipelineError> {
    select::by_name_or_path(graph, name).ok_or_else(|| PipelineError::Usage {
        message: format!("there is no project `{name}`"),
        help: Some("`affected list --all --format names` shows every name".to_owned()),
    })
}
