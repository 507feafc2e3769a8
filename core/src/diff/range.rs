//! Which commit is the base: the first that is named counts, and it is verified before it is used.

use thiserror::Error;

use super::deepen::{self, Fetch};
use crate::ci::{self, Environment, Fork, HostBase, Said, Situation, says_something};
use crate::vcs::{CommitId, Repository};

/// What is wanted of the base.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `--base`.
    pub base: Option<String>,
    /// `--since`.
    pub since: Option<String>,
    /// `default-branch` of the configuration.
    pub default_branch: Option<String>,
    /// Whether a base that is missing on a CI host is fetched.
    pub fetch: Fetch,
}

/// A search for the base.
pub struct Search {
    /// What was found.
    pub base: Result<Base, NoBase>,
    /// What was fetched for it, or why that failed, in words.
    pub fetched: Vec<String>,
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
    /// The last green commit was asked for, and none is known (B3).
    #[error("the last green commit ({origin}) is not known: {cause}")]
    NotGreen {
        /// Who asked for it.
        origin: String,
        /// What the history says.
        cause: String,
    },
    /// There is no commit at all.
    #[error("the repository has no commit yet")]
    Unborn,
    /// The CI host should know it, but does not.
    #[error("{0}")]
    HostUnknown(String),
    /// The CI host names none, and the default branch is what is built.
    #[error(
        "the head is on the default branch `{reference}` ({origin}) itself, and the CI host does not tell what was there before"
    )]
    Itself {
        /// The default branch.
        reference: String,
        /// Who named it.
        origin: String,
    },
    /// By rule there is none (B5): a tag, a schedule.
    #[error("{0}")]
    Rule(String),
}

impl NoBase {
    /// Returns the command or setting that would give a base.
    #[must_use]
    pub fn help(&self, shallow: bool) -> String {
        let is_absent = matches!(self, Self::NotHere { .. } | Self::Unrelated { .. });
        if shallow && is_absent {
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
            Self::NotGreen { .. } => {
                "run `affected nightly` on a clean checkout: once all of it passes, that commit is green"
                    .to_owned()
            }
            Self::Unborn => "make the first commit".to_owned(),
            Self::HostUnknown(_) | Self::Itself { .. } => {
                "set `AFFECTED_BASE` to the last commit that was green, or pass `--base <revision>`"
                    .to_owned()
            }
            Self::Rule(_) => {
                "to compare all the same, pass `--base <revision>` or set `AFFECTED_BASE`".to_owned()
            }
        }
    }
}

/// Who names a base; not only the text, because what a default branch says of itself counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Asked,
    Host,
    Default,
}

struct Named {
    base: HostBase,
    origin: Origin,
}

/// Finds the base for `head` (B1): flag, `AFFECTED_BASE`, CI host, configuration, default branch. The first
/// that is named is used or fails; a lower one never replaces it in silence. On a CI host, what is named but not
/// here is fetched, as far as it is needed.
#[must_use]
pub fn base(
    repository: &Repository,
    head: Option<&CommitId>,
    wish: &Wish,
    env: &Environment,
) -> Search {
    let mut fetched = Vec::new();
    let mut find = || {
        let head = head.ok_or(NoBase::Unborn)?;
        let situation = ci::here(env).map(|host| host.situation(env));
        let named = named(repository, wish, env, situation.as_ref())?;
        let found = settled(repository, head, &named);
        let is_absent = matches!(
            found,
            Err(NoBase::NotHere { .. } | NoBase::Unrelated { .. })
        );
        let found = match &situation {
            Some(_) if is_absent && wish.fetch == Fetch::Auto => {
                fetched = deepen::bring(repository, &named.base, head);
                settled(repository, head, &named)
            }
            _ => found,
        }?;
        // On a CI host nothing is uncommitted: a trunk compared with itself would be green without a test.
        let says_nothing = named.origin == Origin::Default && found.commit == *head;
        if says_nothing && situation.is_some_and(|built| builds(&built, &found.reference)) {
            return Err(NoBase::Itself {
                reference: found.reference,
                origin: found.source,
            });
        }
        Ok(found)
    };
    let base = find();
    Search { base, fetched }
}

/// Resolves a named base against the head.
fn settled(repository: &Repository, head: &CommitId, named: &Named) -> Result<Base, NoBase> {
    let (reference, commit) = first_commit(repository, &named.base)?;
    let source = named.base.source.clone();
    let commit = match named.base.fork {
        Fork::Exact => Some(commit),
        Fork::MergeBase => repository.merge_base(&commit, head).map_err(|error| {
            let (reference, origin) = (reference.clone(), source.clone());
            NoBase::NotHere {
                reference,
                origin,
                cause: error.to_string(),
            }
        })?,
    };
    match commit {
        Some(commit) => Ok(Base {
            reference,
            commit,
            source,
        }),
        None => Err(NoBase::Unrelated {
            reference,
            origin: source,
        }),
    }
}

/// Tells whether the branch that is built may be `default`.
fn builds(situation: &Situation, default: &str) -> bool {
    let default = default.strip_prefix("origin/").unwrap_or(default);
    situation.branch.as_deref().is_none_or(|it| it == default)
}

fn named(
    repository: &Repository,
    wish: &Wish,
    env: &Environment,
    situation: Option<&Situation>,
) -> Result<Named, NoBase> {
    let given = |text: &Option<String>| text.clone().filter(|text| says_something(text));
    let asked = |name: String, source: &str, fork| Named {
        base: HostBase {
            candidates: vec![name],
            source: source.to_owned(),
            fork,
        },
        origin: Origin::Asked,
    };
    if let Some(since) = given(&wish.since) {
        return Ok(asked(since, "--since", Fork::Exact));
    }
    if let Some(base) = given(&wish.base) {
        return Ok(asked(base, "--base", Fork::MergeBase));
    }
    if let Some(base) = env.get("AFFECTED_BASE") {
        return Ok(asked(base.to_owned(), "AFFECTED_BASE", Fork::MergeBase));
    }
    match situation.map(|situation| situation.base.clone()) {
        Some(Said::Base(base)) => {
            let origin = Origin::Host;
            return Ok(Named { base, origin });
        }
        Some(Said::Everything(why)) => return Err(NoBase::Rule(why)),
        Some(Said::Unknown(why)) => return Err(NoBase::HostUnknown(why)),
        Some(Said::Nothing) | None => {}
    }
    let origin = Origin::Default;
    if let Some(branch) = given(&wish.default_branch) {
        let base = HostBase::branch(&branch, "config");
        return Ok(Named { base, origin });
    }
    let (name, _) = repository.default_branch().ok_or(NoBase::NotNamed)?;
    let base = HostBase {
        candidates: vec![name],
        source: "default-branch".to_owned(),
        fork: Fork::MergeBase,
    };
    Ok(Named { base, origin })
}

fn first_commit(repository: &Repository, named: &HostBase) -> Result<(String, CommitId), NoBase> {
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
