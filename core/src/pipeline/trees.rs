//! Opens what a request compares: the two trees, their names, and the base's story.

use std::path::PathBuf;
use std::sync::Arc;

use affected_graph::RepoPath;

use super::memory::{Memory, State};
use super::past;
use super::stopwatch::{Lap, Stopwatch};
use super::{Comparison, OnUnknown, PipelineError, Request};
use crate::ci::Environment;
use crate::config::{self, Config};
use crate::diff::range::{Base, NoBase};
use crate::diff::{Change, ChangeKind, ChangeSet, compare};
use crate::report::wire::v1;
use crate::select::ReasonCode;
use crate::tree::index::IndexTree;
use crate::tree::revision::RevisionTree;
use crate::tree::worktree::WorkTree;
use crate::tree::{FileKind, SharedTree, Tree};
use crate::vcs::{self, BlobId, CommitId, Differences, Repository, VcsError};

/// What is compared, opened.
pub(super) struct Trees {
    pub(super) head: SharedTree,
    pub(super) base: Option<SharedTree>,
    pub(super) base_revision: Option<v1::Revision>,
    pub(super) head_revision: v1::Revision,
    pub(super) config: Config,
    pub(super) warnings: Vec<v1::Warning>,
    pub(super) work_tree: Option<PathBuf>,
    /// Whether everything is selected, for whatever reason.
    pub(super) everything: bool,
    because: Option<(ReasonCode, String)>,
    /// The tree of git that the head is, or is different from; `None` before the first commit.
    pub(super) head_state: Option<State>,
    /// The base's tree.
    pub(super) base_tree: Option<BlobId>,
    pub(super) repository: Option<Arc<Repository>>,
    files: Option<Vec<RepoPath>>,
    /// Files of which the index holds several sides of a conflict: nobody knows yet what will be committed.
    unmerged: Vec<RepoPath>,
}

impl Trees {
    /// The head alone, before anything is compared with it.
    fn of(head: Head, config: Config, repository: &Arc<Repository>) -> Self {
        Self {
            warnings: conflict(&head.unmerged).into_iter().collect(),
            head: head.tree,
            base: None,
            base_revision: None,
            head_revision: head.revision,
            config,
            work_tree: repository.work_tree().map(std::path::Path::to_path_buf),
            everything: false,
            because: None,
            head_state: head.state,
            base_tree: None,
            repository: Some(Arc::clone(repository)),
            files: None,
            unmerged: head.unmerged,
        }
    }

    /// Returns why everything is selected, if it is.
    pub(super) fn everything_because(&self) -> Option<(ReasonCode, String)> {
        self.because.clone()
    }

    /// Tells whether everything is selected although nobody asked for it (B6).
    pub(super) fn is_fallback(&self) -> bool {
        let asked = |(code, _): &(ReasonCode, String)| *code == ReasonCode::Everything;
        self.because.as_ref().is_some_and(|because| !asked(because))
    }

    /// Returns how the head differs from the base, where both are known to git.
    pub(super) fn differences(&self) -> Result<Option<Differences>, PipelineError> {
        let known = (&self.repository, &self.base_tree, &self.head_state);
        let (Some(repository), Some(base), Some(head)) = known else {
            return Ok(None);
        };
        let between = repository.tree_changes(base, &head.tree)?;
        Ok(Some(vcs::then(between, head.differences.clone())))
    }

    /// Returns what changed between the trees; without a base, or where all is asked for, nothing is compared.
    pub(super) fn changes(&self) -> Result<ChangeSet, PipelineError> {
        if let Some(files) = &self.files {
            return Ok(named_files(self.head.as_ref(), files));
        }
        match &self.base {
            Some(base) if !self.everything => {
                let (base, head) = (base.as_ref(), self.head.as_ref());
                let mut found = match self.differences()? {
                    Some(differences) => compare::between(base, head, &differences)?,
                    None => compare::compare(base, head)?,
                };
                if !self.unmerged.is_empty() {
                    let unmerged = named_files(head, &self.unmerged);
                    found = ChangeSet::new([found.changes(), unmerged.changes()].concat());
                }
                Ok(found)
            }
            _ => Ok(ChangeSet::default()),
        }
    }
}

fn named_files(head: &dyn Tree, files: &[RepoPath]) -> ChangeSet {
    let change = |path: &RepoPath| {
        let entry = head.entry(path);
        Change {
            path: path.clone(),
            kind: if entry.is_some() {
                ChangeKind::Modified
            } else {
                ChangeKind::Deleted
            },
            file: entry.map_or(FileKind::Regular, |entry| entry.kind),
        }
    };
    ChangeSet::new(files.iter().map(change).collect())
}

/// Opens the trees that `request` compares.
pub(super) fn open(
    request: &Request,
    env: &Environment,
    watch: &mut Stopwatch,
) -> Result<(Trees, Memory), PipelineError> {
    let repository = match Repository::discover(&request.directory) {
        Ok(repository) => Arc::new(repository),
        Err(error) if error.is_no_repository() => {
            return Ok((without_git(request, &error)?, Memory::none()));
        }
        Err(error) => return Err(error.into()),
    };
    let mut memory = Memory::of(&repository);
    watch.lap(Lap::Open);
    let opened = head(request, env, &repository, &mut memory)?;
    watch.lap(Lap::Index);
    let config_files = memory.config_files(opened.state.as_ref(), opened.tree.as_ref());
    let config = config::load_files(opened.tree.as_ref(), &config_files)?;
    watch.lap(Lap::Facts);
    let head_commit = opened.commit.clone();
    let mut trees = Trees::of(opened, config, &repository);
    match &request.comparison {
        Comparison::Everything => {
            trees.everything = true;
            trees.because = Some(asked_for());
        }
        Comparison::Files(files) => {
            trees.files = Some(files.clone());
        }
        Comparison::Uncommitted | Comparison::Staged => {
            let head = head_commit.ok_or(NoBase::Unborn).map(|commit| Base {
                reference: "HEAD".to_owned(),
                commit,
                source: "HEAD".to_owned(),
            });
            settle(&mut trees, request, &repository, head)?;
        }
        Comparison::WorkTree | Comparison::Head(_) => {
            let at = (&repository, head_commit.as_ref());
            let found = past::base(request, &trees.config, at, env);
            settle(&mut trees, request, &repository, found.base)?;
            trees
                .warnings
                .extend(found.fetched.into_iter().map(fetched));
        }
    }
    watch.lap(Lap::Open);
    Ok((trees, memory))
}

fn asked_for() -> (ReasonCode, String) {
    let words = "everything was asked for".to_owned();
    (ReasonCode::Everything, words)
}

/// Tells that the clone was changed, and how.
fn fetched(message: String) -> v1::Warning {
    v1::Warning {
        code: "fetched".to_owned(),
        message,
        help: Some("`--fetch=never` leaves the clone as it is".to_owned()),
    }
}

/// Takes the base, or decides what follows from having none (B4).
fn settle(
    trees: &mut Trees,
    request: &Request,
    repository: &Arc<Repository>,
    base: Result<Base, NoBase>,
) -> Result<(), PipelineError> {
    let cause = match base {
        Ok(base) => match base_tree(repository, &base, trees.head_state.as_ref()) {
            Ok(tree) => {
                trees.base_tree = Some(tree.id());
                trees.base = Some(Arc::new(tree));
                trees.base_revision = Some(v1::Revision {
                    reference: base.reference,
                    commit: Some(base.commit.to_string()),
                    source: base.source,
                });
                return Ok(());
            }
            Err(error) => NoBase::NotHere {
                reference: base.reference,
                origin: base.source,
                cause: error.to_string(),
            },
        },
        Err(cause) => cause,
    };
    let help = cause.help(repository.is_shallow());
    if let NoBase::Rule(why) = &cause {
        trees.everything = true;
        trees.because = Some((ReasonCode::Everything, why.clone()));
        trees.warnings.push(v1::Warning {
            code: "everything-by-rule".to_owned(),
            message: format!("everything is selected: {why}"),
            help: Some(help),
        });
        return Ok(());
    }
    if request.on_unknown == OnUnknown::Fail {
        return Err(PipelineError::UnknownBase { cause, help });
    }
    trees.everything = true;
    trees.because = Some((ReasonCode::BaseMissing, cause.to_string()));
    trees.warnings.push(v1::Warning {
        code: "base-missing".to_owned(),
        message: format!("everything is selected: {cause}"),
        help: Some(help),
    });
    Ok(())
}

/// Opens the base. Trees that are missing (a partial or damaged clone) are noticed here, while all can still be
/// selected for it.
fn base_tree(
    repository: &Arc<Repository>,
    base: &Base,
    head: Option<&State>,
) -> Result<RevisionTree, VcsError> {
    let tree = RevisionTree::open(repository, &base.commit)?;
    match head {
        Some(head) => {
            repository.tree_changes(&tree.id(), &head.tree)?;
        }
        None => {
            tree.list()?;
        }
    }
    Ok(tree)
}

/// The head, opened.
struct Head {
    tree: SharedTree,
    revision: v1::Revision,
    commit: Option<CommitId>,
    state: Option<State>,
    unmerged: Vec<RepoPath>,
}

impl Head {
    fn new(tree: impl Tree + 'static, revision: v1::Revision) -> Self {
        Self {
            tree: Arc::new(tree),
            revision,
            commit: None,
            state: None,
            unmerged: Vec::new(),
        }
    }
}

/// Warns of an index that cannot be committed as it is.
fn conflict(unmerged: &[RepoPath]) -> Option<v1::Warning> {
    let first = unmerged.first()?;
    let more = match unmerged.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(v1::Warning {
        code: "unmerged".to_owned(),
        message: format!(
            "the index holds several sides of a conflict of `{first}`{more}: they count as changed, and our side is judged"
        ),
        help: Some("resolve them and `git add` them, then ask again".to_owned()),
    })
}

fn head(
    request: &Request,
    env: &Environment,
    repository: &Arc<Repository>,
    memory: &mut Memory,
) -> Result<Head, PipelineError> {
    if let Comparison::Head(spec) = &request.comparison {
        let commit = repository.resolve_commit(spec)?;
        let tree = RevisionTree::open(repository, &commit)?;
        let state = State::clean(tree.id());
        let revision = revision(spec, Some(&commit), "--head");
        return Ok(Head {
            commit: Some(commit),
            state: Some(state),
            ..Head::new(tree, revision)
        });
    }
    head_here(request, env, repository, memory)
}

/// Files that were named do not make it worth to look at all others: what describes projects, and they, count.
fn files_that_count(
    request: &Request,
    repository: &Repository,
    tree: Option<BlobId>,
    memory: &mut Memory,
) -> Option<Vec<RepoPath>> {
    let (Comparison::Files(files), Some(tree)) = (&request.comparison, tree) else {
        return None;
    };
    let is_tracked = |path| matches!(repository.file_of_tree(&tree, path), Ok(Some(_)));
    let known = memory.manifests(tree)?;
    files
        .iter()
        .all(is_tracked)
        .then(|| [known.as_slice(), files].concat())
}

/// The head that is no named revision: the index, the work tree, or HEAD of a bare repository.
fn head_here(
    request: &Request,
    env: &Environment,
    repository: &Arc<Repository>,
    memory: &mut Memory,
) -> Result<Head, PipelineError> {
    let commit = repository.head()?;
    let head_tree = commit.as_ref().map(|commit| repository.tree_of(commit));
    let head_tree = head_tree.transpose()?;
    if let Some(tree) = head_tree {
        memory.read_ahead(tree);
    }
    let state = |differences: Option<Result<Differences, VcsError>>| {
        let differences = differences.transpose()?;
        Ok::<_, VcsError>(
            head_tree
                .zip(differences)
                .map(|(tree, differences)| State { tree, differences }),
        )
    };
    if request.comparison == Comparison::Staged {
        let index_file = env.get("GIT_INDEX_FILE").map(PathBuf::from);
        let tree = IndexTree::open(repository, index_file)?;
        let state = state(head_tree.map(|id| tree.changes_since(&id)))?;
        let revision = revision("index", commit.as_ref(), "--staged");
        return Ok(Head {
            commit,
            state,
            unmerged: tree.unmerged(),
            ..Head::new(tree, revision)
        });
    }
    if repository.work_tree().is_none() {
        let Some(commit) = commit else {
            return Err(PipelineError::Usage {
                message: "the bare repository has no commit at HEAD".to_owned(),
                help: Some("name both sides: `--base <revision> --head <revision>`".to_owned()),
            });
        };
        let tree = RevisionTree::open(repository, &commit)?;
        let state = State::clean(tree.id());
        let revision = revision("HEAD", Some(&commit), "bare");
        return Ok(Head {
            commit: Some(commit),
            state: Some(state),
            ..Head::new(tree, revision)
        });
    }
    let tree = match files_that_count(request, repository, head_tree, memory) {
        Some(paths) => WorkTree::open_for(repository, &paths)?,
        None => WorkTree::open(repository)?,
    };
    let state = state(head_tree.map(|id| tree.changes_since(&id)))?;
    let revision = revision("worktree", commit.as_ref(), "worktree");
    Ok(Head {
        commit,
        state,
        ..Head::new(tree, revision)
    })
}

fn revision(reference: &str, commit: Option<&CommitId>, source: &str) -> v1::Revision {
    v1::Revision {
        reference: reference.to_owned(),
        commit: commit.map(ToString::to_string),
        source: source.to_owned(),
    }
}

/// A folder that is no repository can be listed and tested, but nothing can be compared.
fn without_git(request: &Request, error: &VcsError) -> Result<Trees, PipelineError> {
    let help = "run `git init` and commit, so that changes can be compared".to_owned();
    if request.on_unknown == OnUnknown::Fail
        || !matches!(
            request.comparison,
            Comparison::WorkTree | Comparison::Everything | Comparison::Files(_)
        )
    {
        let (message, help) = (error.to_string(), Some(help));
        return Err(PipelineError::Usage { message, help });
    }
    let head: SharedTree = Arc::new(WorkTree::without_git(&request.directory)?);
    let config = config::load(head.as_ref())?;
    let files = match &request.comparison {
        Comparison::Files(files) => Some(files.clone()),
        _ => None,
    };
    let asked = request.comparison == Comparison::Everything;
    let because = match (&files, asked) {
        (Some(_), _) => None,
        (None, true) => Some(asked_for()),
        (None, false) => Some((ReasonCode::BaseMissing, error.to_string())),
    };
    let warnings = because
        .iter()
        .filter(|(code, _)| *code == ReasonCode::BaseMissing)
        .map(|(_, cause)| v1::Warning {
            code: "base-missing".to_owned(),
            message: format!("everything is selected: {cause}"),
            help: Some(help.clone()),
        })
        .collect();
    Ok(Trees {
        head,
        base: None,
        base_revision: None,
        head_revision: v1::Revision {
            reference: "worktree".to_owned(),
            commit: None,
            source: "worktree".to_owned(),
        },
        config,
        warnings,
        work_tree: Some(request.directory.clone()),
        everything: because.is_some(),
        because,
        head_state: None,
        base_tree: None,
        repository: None,
        files,
        unmerged: Vec::new(),
    })
}
