//! What can be run for a project, and what must not run beside it.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Command, Needs, RepoPath, Stage, Task};

use serde_json::Value;

use super::ID;
use crate::ecosystem::{Discovery, Reference, without_comments};
use crate::facts::{Broken, Parser};

/// What keeps MSBuild and the compilers from leaving servers behind for the next build, which would be ended with the task
/// anyway: "MSBuild environment variables"; environment variables are properties.
const NO_SERVERS: &[(&str, &str)] = &[
    ("MSBUILDDISABLENODEREUSE", "1"),
    ("UseSharedCompilation", "false"),
];

/// Tells whether `global.json` chooses Microsoft.Testing.Platform for `dotnet test` ("Testing with 'dotnet test'", .NET 10).
pub(super) const PLATFORM: Parser<bool> = Parser {
    id: "dotnet/global",
    version: 1,
    parse: |bytes| {
        let text = without_comments(&String::from_utf8_lossy(bytes));
        let value: Value =
            serde_json::from_str(&text).map_err(|error| Broken::at(bytes, None, error))?;
        Ok(value["test"]["runner"] == "Microsoft.Testing.Platform")
    },
};

/// The tasks of a project, from its folder; `stage` is that of its tests, and what `dotnet test` is like there.
pub(super) fn of(
    folder: &RepoPath,
    file: &str,
    stage: Option<Stage>,
    is_platform: bool,
) -> Vec<Task> {
    let task = |name: &str, stage: Option<Stage>, words: &[&str]| Task {
        name: name.to_owned(),
        stage,
        command: Command::Argv(
            ["dotnet"]
                .iter()
                .chain(words)
                .map(ToString::to_string)
                .collect(),
        ),
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
    let test: &[&str] = match is_platform {
        true => &["test", "--project", file],
        false => &["test", file],
    };
    let mut tasks = vec![task("build", None, &["build", file])];
    tasks.extend(stage.map(|stage| task("test", Some(stage), test)));
    tasks
}

/// Gives the tasks of projects that hang together by references one lock: MSBuild builds what a project references along with
/// it, and two builds write over each other's `obj` and `bin` ("Build projects in parallel": one process for all of them, or
/// one after the other). Tests run side by side.
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
            let locks = match task.stage {
                Some(_) => &mut task.needs.build_locks,
                None => &mut task.needs.locks,
            };
            *locks = vec![lock.clone()];
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
            tasks: of(&root, "x.csproj", Some(Stage::new("unit")), false),
            provides: Vec::new(),
            root,
        }
    }

    #[test]
    fn the_platform_is_read() {
        let read = |text: &str| (PLATFORM.parse)(text.as_bytes()).ok();
        let chosen = "{ // ours\n \"test\": { \"runner\": \"Microsoft.Testing.Platform\" } }";
        assert_eq!(read(chosen), Some(true));
        assert_eq!(read("{\"sdk\":{\"version\":\"8.0.100\"}}"), Some(false));
        assert_eq!(read("[]"), Some(false));
        assert_eq!(read("{"), None);
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
            let each = tasks.map(|task| {
                format!(
                    "{} {}",
                    task.name,
                    [&task.needs.locks[..], &task.needs.build_locks]
                        .concat()
                        .join(",")
                )
            });
            format!("{}: {}", project.name, each.collect::<Vec<_>>().join("; "))
        };
        let found: Vec<String> = discovery.projects.iter().map(locks).collect();
        let together = |name: &str| format!("{name}: build dotnet a; test dotnet a");
        assert_eq!(found[..3], ["a", "b", "lib"].map(together));
        assert_eq!(found[3], "other: build dotnet other; test dotnet other");
    }
}
