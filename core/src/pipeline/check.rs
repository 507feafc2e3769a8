//! What a hook checks: the early stages of what is about to be committed or pushed, what changed itself first, on exactly
//! the files that are judged.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use affected_graph::{Stage, StageOrder};

use super::{Answer, Comparison, Environment, PipelineError, Request, answer, gate};
use crate::cache::Settings;
use crate::cache::local::Folder;
use crate::ci::says_something;
use crate::digest::Digest;
use crate::plan::Action;
use crate::report::wire::v1;
use crate::tree::index::IndexTree;
use crate::tree::worktree::WorkTree;
use crate::vcs::{Differences, Repository, Source, VcsError};

/// The last stage that a hook has time for.
const LAST: &str = "unit";

/// What a hook checks.
pub struct Checked {
    /// With the early tasks only.
    pub answer: Answer,
    /// Targets of later stages, in plan order.
    pub later: Vec<String>,
    /// Keeps others out of the place where tasks start, where that is not the work tree.
    pub held: Option<File>,
}

/// Answers a request and keeps of it what a hook checks: without stages in the request, those up to `unit`.
pub fn checked(request: &Request, env: &Environment) -> Result<Checked, PipelineError> {
    let mut answer = answer(request, env)?;
    let early = early(&answer.keyring.config().stages);
    let is_early = |stage: Option<&Stage>| {
        !request.stages.is_empty() || stage.is_none_or(|stage| early.contains(stage))
    };
    let whole = answer.plan.actions.iter();
    let (now, later): (Vec<_>, Vec<_>) = whole.partition(|it| is_early(it.stage.as_ref()));
    let targets = |actions: Vec<&Action>| actions.iter().map(|it| it.target.clone()).collect();
    let (now, later): (Vec<String>, Vec<String>) = (targets(now), targets(later));
    let now = now.into_iter().collect();
    gate::keep(&mut answer, &now);
    let list = &mut answer.list;
    list.targets.retain(|target| now.contains(&target.target));
    list.summary.targets = list.targets.len();
    let first = answer.plan.actions.iter().enumerate();
    let is_changed = |name: &str| {
        let project = answer.list.projects.iter().find(|it| it.name == name);
        project.is_some_and(|project| project.reach == "changed")
    };
    let first = first.filter(|(_, action)| is_changed(&action.project));
    let first = first.map(|(at, _)| at).collect();
    answer.ranking.put_first(first);
    answer.plan.judged = judged(request);
    Ok(Checked {
        answer,
        later,
        held: None,
    })
}

impl Checked {
    /// Makes tasks start where exactly the judged files lie: in the work tree if it holds nothing else, or else in a
    /// folder of their own. Nothing is looked at where nothing runs.
    pub fn settle(&mut self, request: &Request, env: &Environment) {
        if !self.answer.plan.actions.is_empty() {
            self.held = settle(request, env, &mut self.answer);
        }
    }
}

/// The flags that name what is judged; none where that is the work tree.
fn judged(request: &Request) -> Vec<String> {
    let given = |flag: &str, value: &Option<String>| {
        let value = value.iter().map(String::as_str);
        value
            .flat_map(|value| [flag.to_owned(), value.to_owned()])
            .collect()
    };
    match &request.comparison {
        Comparison::Staged => vec!["--staged".to_owned()],
        Comparison::Head(head) => {
            let head: Vec<String> = vec!["--head".to_owned(), head.clone()];
            [
                head,
                given("--since", &request.since),
                given("--base", &request.base),
            ]
            .concat()
        }
        _ => Vec::new(),
    }
}

/// The stages up to the last that a hook has time for; where there is no such stage, the first one.
fn early(stages: &StageOrder) -> Vec<Stage> {
    let last = stages.0.iter().position(|stage| stage.0 == LAST);
    let count = last.map_or(1, |last| last + 1);
    stages.0.iter().take(count).cloned().collect()
}

/// Finds where the tasks start. Where the judged files cannot be laid out, the work tree is what there is, and that is told.
fn settle(request: &Request, env: &Environment, answer: &mut Answer) -> Option<File> {
    let root = answer.work_tree.clone()?;
    let apart = Repository::discover(&request.directory)
        .map_err(|error| error.to_string())
        .and_then(|repository| {
            let repository = std::sync::Arc::new(repository);
            let source = source(request, env, &repository).map_err(|error| error.to_string())?;
            source
                .map(|source| lay_out(&repository, &source, &root, env))
                .transpose()
        });
    match apart {
        Ok(None) => None,
        Ok(Some((place, held))) => {
            link_installed(&root, &place, answer);
            answer.work_tree = Some(place);
            Some(held)
        }
        Err(why) => {
            answer.list.warnings.push(v1::Warning {
                code: "not-apart".to_owned(),
                message: format!(
                    "tests see the work tree, which differs from what is judged: {why}"
                ),
                help: None,
            });
            None
        }
    }
}

/// What has to be laid out; `None` where the work tree holds exactly that.
fn source(
    request: &Request,
    env: &Environment,
    repository: &std::sync::Arc<Repository>,
) -> Result<Option<Source>, VcsError> {
    let head = repository.head()?;
    let tree = head.as_ref().map(|head| repository.tree_of(head));
    let tree = tree.transpose()?;
    let (source, judged) = match &request.comparison {
        Comparison::Staged => {
            let other = env.get("GIT_INDEX_FILE").map(PathBuf::from);
            let index = IndexTree::open(repository, other.clone())?;
            let judged = tree.map(|tree| index.changes_since(&tree)).transpose()?;
            (Source::Index(other), judged)
        }
        Comparison::Head(spec) => {
            let commit = repository.resolve_commit(spec)?;
            let to = repository.tree_of(&commit)?;
            let judged = tree.map(|tree| repository.tree_changes(&tree, &to));
            (Source::Commit(commit), judged.transpose()?)
        }
        _ => return Ok(None),
    };
    let on_disk = WorkTree::open(repository)?;
    let on_disk: Option<Differences> = tree.map(|tree| on_disk.changes_since(&tree)).transpose()?;
    // What nobody looks at on disk may be missing there, or another file: sparse checkouts, `update-index --assume-unchanged`.
    let is_looked_at = !repository.index(None)?.has_unchecked();
    let same = judged.is_some() && judged == on_disk && is_looked_at;
    Ok((!same).then_some(source))
}

fn lay_out(
    repository: &Repository,
    source: &Source,
    root: &Path,
    env: &Environment,
) -> Result<(PathBuf, File), String> {
    let folder = Folder::open(&Settings::of(env)).map_err(|fault| fault.to_string())?;
    let root = std::path::absolute(root).map_err(|error| error.to_string())?;
    let name = Digest::of_fields([root.as_os_str().as_encoded_bytes()]);
    let place = folder.beside("check", &name);
    let place = place.map_err(|error| error.to_string())?;
    let lock = File::create(place.join("lock")).map_err(|error| error.to_string())?;
    // Two hooks of one work tree take turns; the system gives the lock back when its holder ends.
    lock.lock().map_err(|error| error.to_string())?;
    Ok((repository.lay_out(source, &place)?, lock))
}

/// Folders in which package managers install what tests need; git ignores them.
const INSTALLED: [&str; 5] = ["node_modules", ".venv", "venv", "vendor", ".yarn"];
/// Settings that git mostly ignores.
const SETTINGS: [&str; 3] = [".env", ".env.local", ".env.test"];
/// Where one of these lies, the tool that wrote it makes the environment itself, and would move a linked one.
const OWN_ENVIRONMENT: [&str; 3] = ["uv.lock", "poetry.lock", "pdm.lock"];

/// Brings along what is installed: by links, so that nothing is copied. What links into the repository, as packages of one
/// workspace do to one another, is linked the same way, so that it leads to the judged files.
fn link_installed(root: &Path, place: &Path, answer: &Answer) {
    let folders = answer.graph.projects().map(|(_, project)| &project.root);
    let folders = folders.map(|folder| crate::vcs::on_disk(Path::new(""), folder));
    for folder in std::iter::once(PathBuf::new()).chain(folders) {
        let (from, to) = (root.join(&folder), place.join(&folder));
        if !to.is_dir() {
            continue;
        }
        let managed = |name: &&&str| {
            let environment = name.ends_with("venv");
            environment && OWN_ENVIRONMENT.iter().any(|lock| to.join(lock).exists())
        };
        for name in INSTALLED
            .iter()
            .chain(&SETTINGS)
            .filter(|name| !managed(name))
        {
            let (from, to) = (from.join(name), to.join(name));
            // What is laid out is tracked, and stays.
            if !from.exists() || (to.exists() && !is_ours(&to)) {
                continue;
            }
            if *name == "node_modules" {
                link_each(&from, &to, 2);
            } else {
                link(&from, &to);
            }
        }
    }
}

/// Tells whether something was linked by us before.
fn is_ours(path: &Path) -> bool {
    path.is_symlink() || path.file_name().is_some_and(|name| name == "node_modules")
}

/// Links every entry of a folder of packages by itself; a scope (`@name`) is a folder of packages, too.
fn link_each(from: &Path, to: &Path, depth: usize) {
    if fs::create_dir_all(to).is_err() {
        return;
    }
    let old = fs::read_dir(to).into_iter().flatten().flatten();
    for gone in old.filter(|old| !from.join(old.file_name()).is_symlink()) {
        if gone.path().is_symlink() {
            drop(fs::remove_file(gone.path()));
        }
    }
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('@') && depth > 1 && !from.is_symlink() {
            link_each(&from, &to, depth - 1);
        } else if let (true, Ok(target)) = (from.is_symlink(), fs::read_link(&from)) {
            let is_inner = target.is_relative();
            link(if is_inner { &target } else { &from }, &to);
        } else if name == ".pnpm" || !is_scratch(&name) {
            link(&from, &to);
        }
    }
}

/// Folders in which tools keep what they may lose: they would take one tree for the other.
fn is_scratch(name: &str) -> bool {
    [".cache", ".vite", ".vitest", ".tmp"].contains(&name)
}

fn link(target: &Path, at: &Path) {
    if fs::read_link(at).is_ok_and(|now| now == target) {
        return;
    }
    if at.is_symlink() {
        drop(fs::remove_file(at));
    }
    // Where it cannot be linked, the task that misses it says so.
    #[cfg(unix)]
    drop(std::os::unix::fs::symlink(target, at));
    #[cfg(windows)]
    drop(std::os::windows::fs::symlink_dir(target, at));
}

/// One comparison of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What is pushed: the name of the local ref.
    pub reference: String,
    /// Its commit.
    pub head: String,
    /// What the remote has there; `None` for a new ref, which is compared as a branch is.
    pub since: Option<String>,
}

/// Reads what git tells its `pre-push` hook, one line for each ref: local ref, local id, remote ref, remote id
/// (githooks(5)). Deleted refs have nothing to test.
pub fn pushed(directory: &Path, lines: &str) -> Result<Vec<Pushed>, PipelineError> {
    let repository = Repository::discover(directory)?;
    let mut found: Vec<Pushed> = Vec::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(' ').collect();
        let [reference, head, _, since] = fields.as_slice() else {
            return Err(PipelineError::Usage {
                message: format!("`{line}` is no line of git's pre-push hook"),
                help: Some(
                    "call it from the hook, which writes `<local ref> <local id> <remote ref> <remote id>` lines"
                        .to_owned(),
                ),
            });
        };
        if !says_something(head) {
            continue;
        }
        let since = Some(since).filter(|id| says_something(id));
        let since = since.map(|id| (*id).to_owned());
        let one = Pushed {
            reference: (*reference).to_owned(),
            head: (*head).to_owned(),
            since: since.or_else(|| nothing_known(&repository, head)),
        };
        if !found
            .iter()
            .any(|other| other.head == one.head && other.since == one.since)
        {
            found.push(one);
        }
    }
    Ok(found)
}

/// A new branch is compared with the default branch. The default branch itself, where no remote is known to have it, would
/// be compared with itself: no commit is named then, so that everything is selected (B4).
fn nothing_known(repository: &Repository, head: &str) -> Option<String> {
    let (name, commit) = repository.default_branch()?;
    let is_local = !name.contains('/');
    let is_itself = is_local && repository.resolve_commit(head).ok() == Some(commit);
    is_itself.then(|| "what the remote has".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_has_time_for_the_stages_up_to_unit() {
        let names = |stages: &[&str]| {
            let stages = StageOrder(stages.iter().map(|name| Stage::new(*name)).collect());
            let early = early(&stages).into_iter().map(|stage| stage.0);
            early.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&["smoke", "unit", "contract", "e2e"]), "smoke unit");
        assert_eq!(names(&["fast", "slow"]), "fast");
    }
}
