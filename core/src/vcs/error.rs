//! What can go wrong with a repository.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

/// Everything that can go wrong with a repository.
#[derive(Debug, Error, Diagnostic)]
pub enum VcsError {
    /// There is none here.
    #[error("`{path}` is in no git repository")]
    #[diagnostic(
        code(vcs::no_repository),
        help("name one with `-C <folder>`, or run `git init`")
    )]
    NoRepository {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It is there, but cannot be opened.
    #[error("failed to open the repository at `{path}`: {cause}")]
    #[diagnostic(code(vcs::open), help("`git -C {} status` tells what git thinks of it", path.display()))]
    Open {
        /// Where.
        path: PathBuf,
        /// The store's words.
        cause: String,
    },
    /// The folder itself cannot be used.
    #[error("failed to use the folder `{path}`")]
    #[diagnostic(code(vcs::folder))]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A revision that looks like an option.
    #[error("the revision `{spec}` begins with a dash, so it is refused")]
    #[diagnostic(code(vcs::dash), help("write a branch, a tag or a commit id"))]
    Dash {
        /// As it was written.
        spec: String,
    },
    /// Nothing was committed yet.
    #[error("there is no commit yet at `{spec}`")]
    #[diagnostic(code(vcs::no_commit), help("commit something first"))]
    NoCommit {
        /// As it was written.
        spec: String,
    },
    /// Nothing here has this name.
    #[error("`{spec}` names nothing in this repository{}", cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default())]
    #[diagnostic(
        code(vcs::unknown_revision),
        help("`git fetch` may bring it; `git branch -a` lists what is here")
    )]
    UnknownRevision {
        /// As it was written.
        spec: String,
        /// The store's words, where it is not simply missing.
        cause: Option<String>,
    },
    /// It is here, but no commit.
    #[error("`{spec}` is a {kind}, not a commit")]
    #[diagnostic(
        code(vcs::not_a_commit),
        help("name a commit, or a branch or tag of one")
    )]
    NotACommit {
        /// As it was written.
        spec: String,
        /// `blob` or `tree`.
        kind: String,
    },
    /// The index cannot be read.
    #[error("failed to read the index `{path}`: {cause}")]
    #[diagnostic(code(vcs::index), help("`git status` tells whether git can read it"))]
    Index {
        /// Which.
        path: PathBuf,
        /// The store's words.
        cause: String,
    },
    /// The object store failed.
    #[error("failed to {doing}: {cause}")]
    #[diagnostic(
        code(vcs::store),
        help("`git fsck` tells whether the repository is whole")
    )]
    Store {
        /// What was being done.
        doing: &'static str,
        /// The store's words.
        cause: String,
    },
    /// Tags could not be written; none was.
    #[error("failed to write the tags, none was written: {cause}")]
    #[diagnostic(
        code(vcs::tag),
        help("`git tag -l` shows those that are here; `git config user.name` tells who tags")
    )]
    Tag {
        /// The store's words.
        cause: String,
    },
    /// A call of git failed.
    #[error("git failed on `{remote}`: {cause}")]
    #[diagnostic(
        code(vcs::git),
        help("`git remote -v` shows the remotes; name another with `--remote`")
    )]
    Git {
        /// The remote.
        remote: String,
        /// Git's words.
        cause: String,
    },
}

impl VcsError {
    /// Tells whether there simply is no repository.
    #[must_use]
    pub fn is_no_repository(&self) -> bool {
        matches!(self, Self::NoRepository { .. })
    }

    pub(super) fn store(doing: &'static str, cause: &dyn fmt::Display) -> Self {
        Self::Store {
            doing,
            cause: cause.to_string(),
        }
    }

    pub(super) fn tag(cause: &dyn fmt::Display) -> Self {
        Self::Tag {
            cause: cause.to_string(),
        }
    }

    pub(super) fn git(remote: &str, words: &[u8]) -> Self {
        Self::Git {
            remote: remote.to_owned(),
            cause: String::from_utf8_lossy(words).trim().to_owned(),
        }
    }

    pub(super) fn index(path: &Path, cause: &dyn fmt::Display) -> Self {
        Self::Index {
            path: path.to_path_buf(),
            cause: cause.to_string(),
        }
    }

    /// A folder above with git's own marks is a repository that cannot be opened; else there is none.
    pub(super) fn discover(directory: &Path, cause: &dyn fmt::Display) -> Self {
        let path = directory.to_path_buf();
        let absolute = directory.canonicalize().unwrap_or_else(|_| path.clone());
        let is_repository =
            |folder: &Path| folder.join(".git").exists() || folder.join("HEAD").exists();
        if absolute.ancestors().any(is_repository) {
            Self::Open {
                path,
                cause: cause.to_string(),
            }
        } else {
            Self::NoRepository { path }
        }
    }
}
