//! Which commit is the base: the first that is named counts, and it is verified before it is used.

use thiserror::Error;

use crate::ci::{self, Environment, HostBase, says_something};
use crate::vcs::{CommitId, Repository, VcsError};

/// Whether the base itself or its merge base with the head is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// Where the head left the base.
    MergeBase,
    /// The base as named: `--since`.
    Exact,
}

/// What is wanted of the base.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `--base`.
    pub base: Option<String>,
    /// `--since`.
    pub since: Option<String>,
    /// `default-branch` of the configuration.
    pub default_branch: Option<String>,
}

/// A verified base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// As it was named.
    pub reference: String,
    /// The commit that is compared with.
    pub commit: CommitId,
    /// Who named it.
    pub source: String,
}

/// Says why there is no base.
#[derive(Debug, Error)]
pub enum NoBase {
    /// Nobody named one and there is no default branch.
    #[error("no base is named and no default branch is known")]
    NotNamed,
    /// It was named, but is no commit here.
    #[error("the base `{reference}` ({origin}) cannot be used: {cause}")]
    NotHere {
        /// As it was named.
        reference: String,
        /// Who named it.
        origin: String,
        /// What git's store says.
        cause: String,
    },
    /// It is here, but shares no history with the head.
    #[error("`{reference}` ({origin}) and the head share no history that is here")]
    Unrelated {
        /// As it was named.
        reference: String,
        /// Who named it.
        origin: String,
    },
    /// There is no commit at all.
    #[error("the repository has no commit yet")]
    Unborn,
}

impl NoBase {
    /// Returns the command or setting that would give a base.
    #[must_use]
    pub fn help(&self, shallow: bool) -> String {
        if shallow {
            return "the clone is shallow: run `git fetch --unshallow origin`, or check out with full history \
                    (`fetch-depth: 0` on GitHub, `GIT_DEPTH: 0` on GitLab)"
                .to_owned();
        }
        match self {
            Self::NotNamed => "name one with `--base <revision>`, `AFFECTED_BASE` or `default-branch` in affected.toml; \
                 `git remote set-head origin --auto` records the remote's default branch"
                .to_owned(),
            Self::NotHere { reference, .. } => format!(
                "fetch it with `git fetch origin {}`, or name another with `--base <revision>`",
                reference.strip_prefix("origin/").unwrap_or(reference)
            ),
            Self::Unrelated { .. } => {
                "name a revision of the same history with `--base <revision>`".to_owned()
            }
            Self::Unborn => "make the first commit".to_owned(),
        }
    }
}

struct Named {
    candidates: Vec<String>,
    source: String,
    fork: Fork,
}

/// Finds the base for `head` (B1): flag, `AFFECTED_BASE`, CI host, configuration, default branch. The first
/// that is named is used or fails; a lower one never replaces it in silence.
pub fn base(
    repository: &Repository,
    head: Option<&CommitId>,
    wish: &Wish,
    env: &Environment,
) -> Result<Base, NoBase> {
    let Some(head) = head else {
        return Err(NoBase::Unborn);
    };
    let Some(named) = named(repository, wish, env) else {
        return Err(NoBase::NotNamed);
    };
    let (reference, commit) = first_commit(repository, &named)?;
    let source = named.source;
    let unusable = |error: VcsError| NoBase::NotHere {
        reference: reference.clone(),
        origin: source.clone(),
        cause: error.to_string(),
    };
    let commit = match named.fork {
        Fork::Exact => commit,
        Fork::MergeBase => match repository.merge_base(&commit, head).map_err(unusable)? {
            Some(fork) => fork,
            None => {
                return Err(NoBase::Unrelated {
                    reference,
                    origin: source,
                });
            }
        },
    };
    Ok(Base {
        reference,
        commit,
        source,
    })
}

fn named(repository: &Repository, wish: &Wish, env: &Environment) -> Option<Named> {
    let given = |text: &Option<String>| text.clone().filter(|text| says_something(text));
    let one = |name: String, source: &str, fork| Named {
        candidates: vec![name],
        source: source.to_owned(),
        fork,
    };
    if let Some(since) = given(&wish.since) {
        return Some(one(since, "--since", Fork::Exact));
    }
    if let Some(base) = given(&wish.base) {
        return Some(one(base, "--base", Fork::MergeBase));
    }
    if let Some(base) = env.get("AFFECTED_BASE") {
        return Some(one(base.to_owned(), "AFFECTED_BASE", Fork::MergeBase));
    }
    if let Some(HostBase { candidates, source }) = ci::base(env) {
        return Some(Named {
            candidates,
            source,
            fork: Fork::MergeBase,
        });
    }
    if let Some(branch) = given(&wish.default_branch) {
        let candidates = vec![format!("origin/{branch}"), branch];
        return Some(Named {
            candidates,
            source: "config".to_owned(),
            fork: Fork::MergeBase,
        });
    }
    let (name, _) = repository.default_branch()?;
    Some(one(name, "default-branch", Fork::MergeBase))
}

fn first_commit(repository: &Repository, named: &Named) -> Result<(String, CommitId), NoBase> {
    let mut cause = String::new();
    for candidate in &named.candidates {
        match repository.resolve_commit(candidate) {
            Ok(commit) => return Ok((candidate.clone(), commit)),
            Err(error) => cause = error.to_string(),
        }
    }
    let reference = named.candidates.first().cloned().unwrap_or_default();
    Err(NoBase::NotHere {
        reference,
        origin: named.source.clone(),
        cause,
    })
}
