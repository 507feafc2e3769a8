//! What `affected.toml` adds to what was found: edges, inputs, tasks, and projects of its own.

use std::collections::BTreeMap;

use affected_graph::{
    Command, Dependency, DependencyKind, EcosystemId, Evidence, Input, InputPattern, Ownership,
    Project, ProjectKind, RepoPath, Stage, Task,
};

use super::UnknownName;
use super::resolve::Resolved;
use crate::config::{Config, ConfiguredTask, ProjectConfig};
use crate::runner;

const SOURCE: &str = "affected.toml";

/// Applies the configuration; returns the names in it that no project has.
pub(super) fn apply(config: &Config, resolved: &mut Resolved) -> Vec<UnknownName> {
    let mut unknown = Vec::new();
    let mut roots: BTreeMap<&str, RepoPath> = BTreeMap::new();
    for (name, project) in &config.projects {
        match root_of(resolved, name, project) {
            Some(root) => {
                roots.insert(name, root);
            }
            None => unknown.push(missing(project, format!("project.{name}"), name)),
        }
    }
    for (name, project) in &config.projects {
        let Some(root) = roots.get(name.as_str()) else {
            continue;
        };
        tasks(resolved, root, project);
        inputs(resolved, root, project);
        let edges = [
            (&project.calls, DependencyKind::Runtime, "calls"),
            (&project.depends_on, DependencyKind::Declared, "depends-on"),
        ];
        for (others, kind, key) in edges {
            for other in others {
                let to = roots
                    .get(other.as_str())
                    .cloned()
                    .or_else(|| find(resolved, other));
                let Some(to) = to else {
                    unknown.push(missing(project, format!("project.{name}.{key}"), other));
                    continue;
                };
                let evidence = Evidence {
                    file: project.origin.clone(),
                    line: None,
                    detail: format!("{key} = [\"{other}\"]"),
                };
                let from = root.clone();
                resolved.dependencies.push(Dependency {
                    from,
                    to,
                    kind,
                    source: SOURCE,
                    evidence,
                });
            }
        }
    }
    unknown.sort();
    unknown
}

fn missing(project: &ProjectConfig, key: String, name: &str) -> UnknownName {
    UnknownName {
        file: project.origin.clone(),
        key,
        name: name.to_owned(),
    }
}

/// Finds the project that a table means; a `path` where none was found makes one.
fn root_of(resolved: &mut Resolved, name: &str, config: &ProjectConfig) -> Option<RepoPath> {
    let Some(path) = &config.path else {
        return find(resolved, name);
    };
    if !resolved
        .projects
        .iter()
        .any(|project| project.root == *path)
    {
        let own_file = config.origin.parent().as_ref() == Some(path) && !path.is_root();
        resolved.projects.push(Project {
            root: path.clone(),
            name: if own_file {
                last_component(path)
            } else {
                name.to_owned()
            },
            kind: ProjectKind::Library,
            ecosystems: vec![EcosystemId("declared")],
            manifests: vec![config.origin.clone()],
            ownership: Ownership::Tree,
            tasks: Vec::new(),
            inputs: Vec::new(),
        });
    }
    Some(path.clone())
}

fn last_component(path: &RepoPath) -> String {
    String::from_utf8_lossy(path.file_name()).into_owned()
}

fn find(resolved: &Resolved, name: &str) -> Option<RepoPath> {
    let named = resolved
        .projects
        .iter()
        .find(|project| project.name == name);
    let at = || {
        RepoPath::new(name)
            .ok()
            .filter(|path| has_root(resolved, path))
    };
    named.map(|project| project.root.clone()).or_else(at)
}

fn has_root(resolved: &Resolved, path: &RepoPath) -> bool {
    resolved
        .projects
        .iter()
        .any(|project| project.root == *path)
}

fn project_mut<'a>(resolved: &'a mut Resolved, root: &RepoPath) -> Option<&'a mut Project> {
    resolved
        .projects
        .iter_mut()
        .find(|project| project.root == *root)
}

/// Written tasks replace the inferred ones of their name or stage.
fn tasks(resolved: &mut Resolved, root: &RepoPath, config: &ProjectConfig) {
    let mut written = Vec::new();
    for (stage, task) in &config.test {
        let name = if stage == "unit" {
            "test".to_owned()
        } else {
            format!("test:{stage}")
        };
        written.push(task_of(name, Some(Stage::new(stage)), root, config, task));
    }
    for (name, task) in &config.task {
        written.push(task_of(name.clone(), None, root, config, task));
    }
    for project in resolved
        .projects
        .iter_mut()
        .filter(|project| project.root == *root)
    {
        let of_stage = |stage: &Option<Stage>| {
            let tests = || project.tasks.iter().filter(|task| task.stage.is_some());
            let same = tests().find(|task| task.stage == *stage);
            same.or(tests().next()).and_then(|task| task.inferred_by)
        };
        // What has a place for a part is narrowed by the units of the ecosystem whose tests it runs.
        for task in &mut written {
            if let Command::Shell(line) = &task.command
                && task.stage.is_some()
                && runner::has_placeholder(line)
            {
                task.inferred_by = of_stage(&task.stage);
            }
        }
        project.tasks.retain(|task| {
            let replaced = |new: &Task| {
                new.name == task.name || (new.stage.is_some() && new.stage == task.stage)
            };
            !written.iter().any(replaced)
        });
    }
    if let Some(project) = project_mut(resolved, root) {
        project.tasks.extend(written);
    }
}

fn task_of(
    name: String,
    stage: Option<Stage>,
    root: &RepoPath,
    config: &ProjectConfig,
    task: &ConfiguredTask,
) -> Task {
    Task {
        name,
        stage,
        command: Command::Shell(task.run.trim().to_owned()),
        cwd: root.clone(),
        env: BTreeMap::new(),
        timeout: task.timeout,
        script: None,
        inferred_by: None,
        needs: task.needs.clone(),
        origin: config.origin.to_string(),
    }
}

fn inputs(resolved: &mut Resolved, root: &RepoPath, config: &ProjectConfig) {
    let of_tasks = config
        .test
        .values()
        .chain(config.task.values())
        .flat_map(|task| &task.inputs);
    let globs: Vec<&String> = config.inputs.iter().chain(of_tasks).collect();
    let Some(project) = project_mut(resolved, root) else {
        return;
    };
    for glob in globs {
        let Some(pattern) = anchored(root, glob) else {
            continue;
        };
        let detail = format!("inputs = [\"{glob}\"]");
        let input = |pattern| Input {
            pattern: InputPattern::Glob(pattern),
            kind: DependencyKind::Declared,
            source: SOURCE,
            evidence: Evidence {
                file: config.origin.clone(),
                line: None,
                detail: detail.clone(),
            },
        };
        project.inputs.extend(all_of_folder(&pattern).map(input));
        project.inputs.push(input(pattern));
    }
}

/// What ends with a plain name may be a folder, and then all of it is meant.
fn all_of_folder(pattern: &str) -> Option<String> {
    let last = pattern.rsplit('/').next().unwrap_or(pattern);
    let is_plain = !last.contains(['*', '?', '[', '{', '\\']);
    let folder = if pattern.is_empty() { "" } else { "/" };
    is_plain.then(|| format!("{pattern}{folder}**"))
}

/// Turns a glob of a project's table into one from the repository root.
fn anchored(root: &RepoPath, glob: &str) -> Option<String> {
    let glob = glob.trim_end_matches('/');
    let joined = match glob.strip_prefix('/') {
        Some(from_root) => RepoPath::new(from_root),
        None => root.join(glob),
    };
    Some(joined.ok()?.as_str()?.to_owned())
}
