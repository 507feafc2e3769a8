//! Git through gix: open, resolve, merge base, trees and index. The only module that sees gix.
//!
//! Reading starts no program: no hook, filter, fsmonitor or configured command (X1), and replace refs are ignored (X2).
//! Only `fetch`, `remote` and `layout` start git: to fetch what is missing, to push tags, to lay out what is tested apart.

mod branch;
mod changes;
mod conversion;
mod entry;
mod error;
mod fetch;
mod layout;
mod remote;
mod staged;
mod stat;
mod tags;
mod untracked;
mod walk;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fmt, io};

use affected_graph::RepoPath;
use gix::bstr::ByteSlice;

pub use changes::{Differences, then};
pub(crate) use conversion::Conversions;
pub use entry::{BlobId, Entry, FileKind};
pub use error::VcsError;
pub use fetch::Reach;
pub use layout::Source;
pub use remote::Push;
pub(crate) use stat::read as read_from_disk;
pub use tags::{Commit, NewTag, Signing, Tag};
pub use walk::{OnDisk, compare_paths, compare_with_disk};

/// A commit that was seen to be here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(gix::ObjectId);

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An open repository; can be shared by threads.
pub struct Repository {
    inner: gix::ThreadSafeRepository,
    /// Trees that were compared: one question needs the same answer several times.
    compared: Mutex<Vec<changes::Compared>>,
}

/// The index file, read.
pub struct Index {
    state: Option<gix::index::State>,
}

impl Index {
    /// Returns the entries as git keeps them, sorted by path; of a conflict several with one path.
    pub(crate) fn raw(&self) -> &[gix::index::Entry] {
        self.state.as_ref().map_or(&[], |state| state.entries())
    }

    pub(crate) fn path_of<'i>(&'i self, entry: &'i gix::index::Entry) -> &'i [u8] {
        self.state.as_ref().map_or(&[], |state| entry.path(state))
    }

    /// Tells whether an entry's time is too near the index's own to prove anything (git's "racy" entries).
    fn is_racy(
        &self,
        entry: &gix::index::Entry,
        options: gix::index::entry::stat::Options,
    ) -> bool {
        self.state
            .as_ref()
            .is_none_or(|state| entry.stat.is_racy(state.timestamp(), options))
    }

    /// Returns the tree that the index would be committed as, if it remembers it.
    #[must_use]
    pub fn tree(&self) -> Option<BlobId> {
        let tree = self.state.as_ref()?.tree()?;
        let counted = usize::try_from(tree.num_entries?).ok()?;
        let is_whole = counted == self.raw().len();
        is_whole.then(|| BlobId::from_bytes(tree.id.as_bytes()))?
    }

    /// Returns the trees that the index remembers.
    fn remembered(&self) -> Option<&gix::index::extension::Tree> {
        self.state.as_ref()?.tree()
    }

    /// Returns every file, sorted by path; of a conflict the side that is our own.
    #[must_use]
    pub fn files(&self) -> Vec<Entry> {
        let mut found: Vec<Entry> = Vec::with_capacity(self.raw().len());
        for raw in self.raw() {
            let Some(entry) = self.entry_of(raw) else {
                continue;
            };
            // The sides of a conflict follow one another: base, ours, theirs. Ours counts where it exists.
            if let Some(last) = found.last_mut().filter(|last| last.path == entry.path) {
                if raw.stage() == gix::index::entry::Stage::Ours {
                    *last = entry;
                }
                continue;
            }
            found.push(entry);
        }
        found
    }

    /// Returns all paths whose last component is `name`.
    #[must_use]
    pub fn named(&self, name: &[u8]) -> Vec<RepoPath> {
        let paths = self.raw().iter().map(|entry| self.path_of(entry));
        let is_named = |path: &&[u8]| {
            let above = path.strip_suffix(name);
            above.is_some_and(|above| above.is_empty() || above.ends_with(b"/"))
        };
        let mut found: Vec<_> = paths.filter(is_named).map(<[u8]>::to_vec).collect();
        found.dedup();
        found.into_iter().map(RepoPath::from_normalized).collect()
    }

    /// Returns the files of which the index holds several sides of a conflict.
    #[must_use]
    pub fn unmerged(&self) -> Vec<RepoPath> {
        use gix::index::entry::Stage;
        let sides = self.raw().iter();
        let sides = sides.filter(|entry| entry.stage() != Stage::Unconflicted);
        let mut found: Vec<_> = sides.map(|entry| self.path_of(entry).to_vec()).collect();
        found.dedup();
        found.into_iter().map(RepoPath::from_normalized).collect()
    }

    /// Tells whether any file is marked so that nobody looks at the disk for it: sparse checkouts, and
    /// `git update-index --assume-unchanged`.
    #[must_use]
    pub fn has_unchecked(&self) -> bool {
        use gix::index::entry::Flags;
        let unchecked = Flags::SKIP_WORKTREE | Flags::ASSUME_VALID;
        self.raw()
            .iter()
            .any(|entry| entry.flags.intersects(unchecked))
    }

    /// Finds one file.
    #[must_use]
    pub fn file(&self, path: &RepoPath) -> Option<Entry> {
        self.entry_of(self.find(path)?)
    }

    pub(crate) fn find(&self, path: &RepoPath) -> Option<&gix::index::Entry> {
        let state = self.state.as_ref()?;
        let path = path.as_bytes().as_bstr();
        state
            .entry_by_path_and_stage(path, gix::index::entry::Stage::Ours)
            .or_else(|| state.entry_by_path(path))
    }

    pub(crate) fn entry_of(&self, raw: &gix::index::Entry) -> Option<Entry> {
        use gix::index::entry::Flags;
        let kind = kind_of(raw.mode)?;
        let blob = BlobId::from_bytes(raw.id.as_bytes())
            .filter(|_| !raw.flags.contains(Flags::INTENT_TO_ADD));
        let path = RepoPath::from_normalized(self.path_of(raw).to_vec());
        Some(Entry { path, kind, blob })
    }
}

impl Repository {
    /// Finds the repository that `directory` is in: work tree, linked work tree or bare.
    pub fn discover(directory: &Path) -> Result<Self, VcsError> {
        if !directory.is_dir() {
            let source = io::Error::from(io::ErrorKind::NotFound);
            return Err(VcsError::Folder {
                path: directory.to_path_buf(),
                source,
            });
        }
        let options =
            || gix::open::Options::default().config_overrides(["core.useReplaceRefs=false"]);
        let trust = gix::sec::trust::Mapping {
            full: options(),
            reduced: options(),
        };
        gix::ThreadSafeRepository::discover_opts(directory, Default::default(), trust)
            .map(|inner| Self {
                inner,
                compared: Mutex::default(),
            })
            .map_err(|error| VcsError::discover(directory, &error))
    }

    fn local(&self) -> gix::Repository {
        let mut repository = self.inner.to_thread_local();
        repository.object_cache_size_if_unset(4 << 20);
        repository
    }

    /// Calls `with` with this thread's own handle: making one for each of many small reads would cost more than
    /// they do.
    fn with_local<T>(&self, with: impl FnOnce(&gix::Repository) -> T) -> T {
        thread_local! {
            static LOCAL: RefCell<Option<(PathBuf, gix::Repository)>> = const { RefCell::new(None) };
        }
        let place = self.inner.path();
        LOCAL.with_borrow_mut(|known| {
            if let Some((_, repository)) = known.as_ref().filter(|(path, _)| path == place) {
                return with(repository);
            }
            let mut repository = self.inner.to_thread_local();
            // Each blob is read once.
            repository.object_cache_size(None);
            let found = with(&repository);
            *known = Some((place.to_path_buf(), repository));
            found
        })
    }

    /// Returns the work tree's root, `None` in a bare repository.
    #[must_use]
    pub fn work_tree(&self) -> Option<&Path> {
        self.inner.work_dir()
    }

    /// Tells whether history was cut off by a shallow clone.
    #[must_use]
    pub fn is_shallow(&self) -> bool {
        self.local().is_shallow().unwrap_or(false)
    }

    /// Resolves a name to a commit that is here (B2). Tags are peeled; names with a leading dash are refused.
    pub fn resolve_commit(&self, spec: &str) -> Result<CommitId, VcsError> {
        if spec.starts_with('-') {
            return Err(VcsError::Dash {
                spec: spec.to_owned(),
            });
        }
        let repository = self.local();
        let is_unborn = || repository.head().is_ok_and(|head| head.is_unborn());
        if (spec == "HEAD" || spec == "@") && is_unborn() {
            return Err(VcsError::NoCommit {
                spec: spec.to_owned(),
            });
        }
        let unknown = |error: &dyn fmt::Display| VcsError::UnknownRevision {
            spec: spec.to_owned(),
            cause: Some(error.to_string()),
        };
        // What the parser met on its way says nothing to people, unless there were several objects of this name.
        let not_found = |error: &dyn fmt::Display| VcsError::UnknownRevision {
            spec: spec.to_owned(),
            cause: Some(error.to_string()).filter(|words| words.contains("ambiguous")),
        };
        let id = repository
            .rev_parse_single(spec)
            .map_err(|error| not_found(&error))?;
        let object = id.object().map_err(|error| unknown(&error))?;
        let object = object.peel_tags_to_end().map_err(|error| unknown(&error))?;
        if object.kind != gix::object::Kind::Commit {
            let kind = object.kind.to_string();
            return Err(VcsError::NotACommit {
                spec: spec.to_owned(),
                kind,
            });
        }
        Ok(CommitId(object.id))
    }

    /// Returns the commit at HEAD, `None` before the first one.
    pub fn head(&self) -> Result<Option<CommitId>, VcsError> {
        let repository = self.local();
        let head = repository
            .head()
            .map_err(|error| VcsError::store("read HEAD", &error))?;
        if head.is_unborn() {
            return Ok(None);
        }
        let commit = repository
            .head_commit()
            .map_err(|error| VcsError::store("read HEAD", &error))?;
        Ok(Some(CommitId(commit.id)))
    }

    /// Returns the best common ancestor, of several the one with the smallest id; `None` if the histories
    /// that are here share none.
    pub fn merge_base(&self, a: &CommitId, b: &CommitId) -> Result<Option<CommitId>, VcsError> {
        if a == b {
            return Ok(Some(a.clone()));
        }
        let repository = self.local();
        let bases = repository
            .merge_bases_many(a.0, &[b.0])
            .map_err(|error| VcsError::store("find the merge base", &error))?;
        Ok(bases.into_iter().map(gix::Id::detach).min().map(CommitId))
    }

    /// Returns the default branch as it is named here, and its commit: the remote's HEAD, then main and
    /// master of the remote, then the local ones.
    #[must_use]
    pub fn default_branch(&self) -> Option<(String, CommitId)> {
        let repository = self.local();
        let remote_head = repository
            .find_reference("refs/remotes/origin/HEAD")
            .ok()
            .and_then(|head| head.follow()?.ok())
            .and_then(|branch| {
                let name = branch
                    .name()
                    .as_bstr()
                    .to_str()
                    .ok()?
                    .strip_prefix("refs/remotes/")?;
                Some(name.to_owned())
            });
        let usual = ["origin/main", "origin/master", "main", "master"].map(ToOwned::to_owned);
        remote_head
            .into_iter()
            .chain(usual)
            .find_map(|name| self.resolve_commit(&name).ok().map(|commit| (name, commit)))
    }

    /// Returns every file of a tree, sorted.
    pub fn files_of_tree(&self, tree: &BlobId) -> Result<Vec<Entry>, VcsError> {
        let repository = self.local();
        let failed = |error: &dyn fmt::Display| VcsError::store("read the tree of a commit", error);
        let tree = gix::ObjectId::try_from(tree.as_bytes()).map_err(|error| failed(&error))?;
        let index = repository
            .index_from_tree(&tree)
            .map_err(|error| failed(&error))?;
        let (state, _) = index.into_parts();
        Ok(Index { state: Some(state) }.files())
    }

    /// Finds one file of a tree; `None` if there is none, or a folder.
    pub fn file_of_tree(&self, tree: &BlobId, path: &RepoPath) -> Result<Option<Entry>, VcsError> {
        let repository = self.local();
        let failed = |error: &dyn fmt::Display| VcsError::store("read the tree of a commit", error);
        let id = gix::ObjectId::try_from(tree.as_bytes()).map_err(|error| failed(&error))?;
        let tree = repository.find_tree(id).map_err(|error| failed(&error))?;
        let found = tree
            .lookup_entry(path.components())
            .map_err(|error| failed(&error))?;
        Ok(found.and_then(|found| {
            let kind = kind_of(found.mode().into())?;
            Some(Entry {
                path: path.clone(),
                kind,
                blob: BlobId::from_bytes(found.object_id().as_bytes()),
            })
        }))
    }

    /// Reads the index, or another index file that git was told to use; none is empty.
    pub fn index(&self, other: Option<&Path>) -> Result<Index, VcsError> {
        let repository = self.local();
        let path = self.index_path(other);
        if !path.exists() {
            return Ok(Index { state: None });
        }
        let file = gix::index::File::at(&path, repository.object_hash(), true, Default::default())
            .map_err(|error| VcsError::index(&path, &error))?;
        let (state, _) = file.into_parts();
        Ok(Index { state: Some(state) })
    }

    /// Returns where the index of this work tree is kept, or the other index file, which git seeks from the top of the work
    /// tree, wherever it is started.
    pub(super) fn index_path(&self, other: Option<&Path>) -> PathBuf {
        let top = self.work_tree().unwrap_or(Path::new(""));
        other.map_or_else(|| self.local().index_path(), |other| top.join(other))
    }

    /// Returns the folder that all work trees share: `.git` of the first one.
    #[must_use]
    pub fn common_dir(&self) -> PathBuf {
        self.local().common_dir().to_path_buf()
    }

    /// Tells whether an object is here; git is not asked to bring it.
    pub(crate) fn has_object(&self, id: &str) -> bool {
        let id = gix::ObjectId::from_hex(id.as_bytes());
        id.is_ok_and(|id| self.with_local(|repository| repository.has_object(id)))
    }

    /// Tells whether git's configuration lets line endings on disk be others than in blobs.
    #[must_use]
    pub fn converts_line_endings(&self) -> bool {
        let repository = self.local();
        let config = repository.config_snapshot();
        let says = |key: &str| {
            let value = config.string(key);
            value.is_some_and(|value| {
                !matches!(
                    value.to_ascii_lowercase().as_slice(),
                    b"false" | b"0" | b"no" | b"off" | b"native" | b"lf"
                )
            })
        };
        says("core.autocrlf") || says("core.eol")
    }

    /// Returns the user's own attribute file, if one is configured.
    #[must_use]
    pub fn attributes_file(&self) -> Option<PathBuf> {
        let repository = self.local();
        let config = repository.config_snapshot();
        let path = config.trusted_path("core.attributesFile").ok()??;
        Some(path)
    }

    /// Returns the folder in which the index of this work tree is kept.
    pub fn index_folder(&self) -> Option<PathBuf> {
        self.index_path(None).parent().map(Path::to_path_buf)
    }

    /// Returns the folder of git's hooks: what `core.hooksPath` names, seen from the work tree, or `hooks` in the common folder.
    #[must_use]
    pub fn hooks_dir(&self) -> PathBuf {
        let repository = self.local();
        let config = repository.config_snapshot();
        let named = config.trusted_path("core.hooksPath").ok().flatten();
        match named {
            Some(named) => self.place().join(named),
            None => self.common_dir().join("hooks"),
        }
    }

    /// Reads a blob.
    pub fn blob(&self, id: &BlobId) -> io::Result<Vec<u8>> {
        let id = gix::ObjectId::try_from(id.as_bytes()).map_err(io::Error::other)?;
        self.with_local(|repository| {
            let mut object = repository.find_object(id).map_err(|error| {
                io::Error::other(format!(
                    "object {id} is not here (partial or damaged clone): {error}"
                ))
            })?;
            Ok(std::mem::take(&mut object.data))
        })
    }

    /// Returns the id that git would give these bytes as a blob.
    #[must_use]
    pub fn hash_blob(&self, bytes: &[u8]) -> Option<BlobId> {
        let kind = self.with_local(gix::Repository::object_hash);
        let id = gix::objs::compute_hash(kind, gix::object::Kind::Blob, bytes).ok()?;
        BlobId::from_bytes(id.as_bytes())
    }

    /// Returns the commit that a submodule's work tree stands on.
    #[must_use]
    pub fn submodule_head(folder: &Path) -> Option<BlobId> {
        let repository = gix::open(folder).ok()?;
        let id = repository.head_id().ok()?;
        BlobId::from_bytes(id.as_bytes())
    }
}

fn kind_of(mode: gix::index::entry::Mode) -> Option<FileKind> {
    use gix::index::entry::Mode;
    match mode {
        Mode::FILE => Some(FileKind::Regular),
        Mode::FILE_EXECUTABLE => Some(FileKind::Executable),
        Mode::SYMLINK => Some(FileKind::Symlink),
        Mode::COMMIT => Some(FileKind::Submodule),
        _ => None,
    }
}

/// Returns the folder a repository path names below `root`; bytes that the system cannot express are kept
/// as they are on Unix.
#[must_use]
pub fn on_disk(root: &Path, path: &RepoPath) -> PathBuf {
    root.join(path.as_bytes().to_path_lossy())
}
