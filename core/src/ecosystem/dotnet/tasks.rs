//! What can be run for a project, and what must not run beside it.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Command, Needs, RepoPath, Stage, Task};

use super::ID;
use crate::ecosystem::{Discovery, Reference};

/// What keeps MSBuild and the compilers from leaving servers behind for the next build, which would be ended with the task
/// anyway: "MSBuild environment variables"; environment variables are properties.
const NO_SERVERS: &[(&str, &str)] = &[
    ("MSBUILDDISABLENODEREUSE", "1"),
    ("UseSharedCompilation", "false"),
];

/// The tasks of a project, from its folder; `stage` is that of its tests.
pub(super) fn of(folder: &RepoPath, file: &str, stage: Option<Stage>) -> Vec<Task> {
    let task = |name: &str, stage: Option<Stage>, verb: &str| Task {
        name: name.to_owned(),
        stage,
        command: Command::Argv(["dotnet", verb, file].map(ToOwned::to_owned).to_vec()),
        cwd: folder.clone(),
        env: NO_SERVERS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: Needs::default(),
        origin: file.to_owned(),
    };
    let mut tasks = vec![task("build", None, "build")];
    tasks.extend(stage.map(|stage| task("test", Some(stage), "test")));
    tasks
}

/// Gives the tasks of projects that hang together by references one lock: MSBuild builds what a project references along with
/// it, and two builds write over each other's `obj` and `bin` ("Build projects in parallel": one process for all of them, or
/// one after the other).
pub(super) fn lock_together(discovery: &mut Discovery) {
    let mut near: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
    for project in &discovery.projects {
        near.entry(project.root.clone()).or_default();
    }
    for link in &discovery.links {
        let Reference::Path(to) = &link.to else {
            continue;
        };
        if near.contains_key(to) {
            near.entry(link.from.clone())
                .or_default()
                .insert(to.clone());
            near.entry(to.clone())
                .or_default()
                .insert(link.from.clone());
        }
    }
    let mut first: BTreeMap<RepoPath, RepoPath> = BTreeMap::new();
    for root in near.keys() {
        let mut open = vec![root];
        while let Some(at) = open.pop() {
            if !first.contains_key(at) {
                first.insert(at.clone(), root.clone());
                open.extend(&near[at]);
            }
        }
    }
    for project in &mut discovery.projects {
        let lock = format!("dotnet {}", first[&project.root]);
        for task in &mut project.tasks {
            task.needs.locks = vec![lock.clone()];
        }
    }
}

#[cfg(test)]
mod tests {
    use affected_graph::{DependencyKind, Ownership, ProjectKind};

    use super::*;
    use crate::ecosystem::dotnet::link;
    use crate::ecosystem::{FoundProject, Standing};

    fn project(root: &str) -> FoundProject {
        let root = RepoPath::new(root).expect("a path");
        FoundProject {
            name: root.to_string(),
            kind: ProjectKind::Library,
            standing: Standing::Manifest,
            manifest: root.join("x.csproj").expect("a path"),
            ownership: Ownership::Tree,
            tasks: of(&root, "x.csproj", Some(Stage::new("unit"))),
            provides: Vec::new(),
            root,
        }
    }

    #[test]
    fn what_is_built_together_is_never_built_twice_at_once() {
        let mut discovery = Discovery {
            projects: ["a", "b", "lib", "other"].map(project).into(),
            ..Discovery::default()
        };
        for (from, to) in [("a", "lib"), ("b", "lib"), ("b", "gone"), ("other", "data")] {
            let path = |text: &str| RepoPath::new(text).expect("a path");
            discovery.links.push(link(
                &path(from),
                Reference::Path(path(to)),
                DependencyKind::Link,
                &path("x"),
                None,
                String::new(),
            ));
        }
        lock_together(&mut discovery);
        let locks = |project: &FoundProject| {
            let tasks = project.tasks.iter();
            let each = tasks.map(|task| format!("{} {}", task.name, task.needs.locks.join(",")));
            format!("{}: {}", project.name, each.collect::<Vec<_>>().join("; "))
        };
        let found: Vec<String> = discovery.projects.iter().map(locks).collect();
        let together = |name: &str| format!("{name}: build dotnet a; test dotnet a");
        assert_eq!(found[..3], ["a", "b", "lib"].map(together));
        assert_eq!(found[3], "other: build dotnet other; test dotnet other");
    }
}
