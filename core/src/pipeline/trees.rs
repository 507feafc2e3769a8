//! Opens what a request compares: the two trees, their names, and the base's story.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Comparison, OnUnknown, PipelineError, Request};
use crate::ci::Environment;
use crate::config::{self, Config};
use crate::diff::range::{self, Base, NoBase, Wish};
use crate::diff::{Change, ChangeKind, ChangeSet, compare};
use crate::report::wire::v1;
use crate::select::ReasonCode;
use crate::tree::index::IndexTree;
use crate::tree::revision::RevisionTree;
use crate::tree::worktree::WorkTree;
use crate::tree::{FileKind, SharedTree};
use crate::vcs::{CommitId, Repository, VcsError};

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
    files: Option<Vec<affected_graph::RepoPath>>,
}

impl Trees {
    /// Returns why everything is selected, if it is.
    pub(super) fn everything_because(&self) -> Option<(ReasonCode, String)> {
        self.because.clone()
    }

    /// Returns what changed between the trees; without a base, or where all is asked for, nothing is compared.
    pub(super) fn changes(&self) -> Result<ChangeSet, PipelineError> {
        if let Some(files) = &self.files {
            return Ok(named_files(self.head.as_ref(), files));
        }
        match &self.base {
            Some(base) if !self.everything => {
                Ok(compare::compare(base.as_ref(), self.head.as_ref())?)
            }
            _ => Ok(ChangeSet::default()),
        }
    }
}

fn named_files(head: &dyn crate::tree::Tree, files: &[affected_graph::RepoPath]) -> ChangeSet {
    let change = |path: &affected_graph::RepoPath| {
        let entry = head.files().get(path);
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
pub(super) fn open(request: &Request, env: &Environment) -> Result<Trees, PipelineError> {
    let repository = match Repository::discover(&request.directory) {
        Ok(repository) => Arc::new(repository),
        Err(error) if error.is_no_repository() => return without_git(request, &error),
        Err(error) => return Err(error.into()),
    };
    let (head, head_revision, head_commit) = head(request, env, &repository)?;
    let config = config::load(head.as_ref())?;
    let work_tree = repository.work_tree().map(std::path::Path::to_path_buf);
    let mut trees = Trees {
        head,
        base: None,
        base_revision: None,
        head_revision,
        config,
        warnings: Vec::new(),
        work_tree,
        everything: false,
        because: None,
        files: None,
    };
    match &request.comparison {
        Comparison::Everything => {
            trees.everything = true;
            trees.because = Some((
                ReasonCode::Everything,
                "everything was asked for".to_owned(),
            ));
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
            let wish = Wish {
                base: request.base.clone(),
                since: request.since.clone(),
                default_branch: trees.config.default_branch.clone(),
            };
            let base = range::base(&repository, head_commit.as_ref(), &wish, env);
            settle(&mut trees, request, &repository, base)?;
        }
    }
    Ok(trees)
}

/// Takes the base, or decides what follows from having none (B4).
fn settle(
    trees: &mut Trees,
    request: &Request,
    repository: &Arc<Repository>,
    base: Result<Base, NoBase>,
) -> Result<(), PipelineError> {
    let cause = match base {
        Ok(base) => match RevisionTree::open(repository, &base.commit) {
            Ok(tree) => {
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

type Head = (SharedTree, v1::Revision, Option<CommitId>);

fn head(
    request: &Request,
    env: &Environment,
    repository: &Arc<Repository>,
) -> Result<Head, PipelineError> {
    let revision = |reference: &str, commit: Option<&CommitId>, source: &str| v1::Revision {
        reference: reference.to_owned(),
        commit: commit.map(ToString::to_string),
        source: source.to_owned(),
    };
    if let Comparison::Head(spec) = &request.comparison {
        let commit = repository.resolve_commit(spec)?;
        let tree = RevisionTree::open(repository, &commit)?;
        return Ok((
            Arc::new(tree),
            revision(spec, Some(&commit), "--head"),
            Some(commit),
        ));
    }
    let commit = repository.head()?;
    if request.comparison == Comparison::Staged {
        let index_file = env.get("GIT_INDEX_FILE").map(PathBuf::from);
        let tree = IndexTree::open(repository, index_file)?;
        return Ok((
            Arc::new(tree),
            revision("index", commit.as_ref(), "--staged"),
            commit,
        ));
    }
    if repository.work_tree().is_none() {
        let Some(commit) = commit else {
            return Err(PipelineError::Usage {
                message: "the bare repository has no commit at HEAD".to_owned(),
                help: Some("name both sides: `--base <revision> --head <revision>`".to_owned()),
            });
        };
        let tree = RevisionTree::open(repository, &commit)?;
        return Ok((
            Arc::new(tree),
            revision("HEAD", Some(&commit), "bare"),
            Some(commit),
        ));
    }
    let tree = WorkTree::open(repository)?;
    Ok((
        Arc::new(tree),
        revision("worktree", commit.as_ref(), "worktree"),
        commit,
    ))
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
        (None, true) => Some((
            ReasonCode::Everything,
            "everything was asked for".to_owned(),
        )),
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
        files,
    })
}
