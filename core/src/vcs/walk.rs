//! Compares the work tree with the index, folder by folder on all cores: by stat, and by content where that cannot
//! decide, as git does ("Racy Git" in its technical documentation).

#[cfg(unix)]
mod listing;
#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use affected_graph::RepoPath;
use gix::bstr::ByteSlice;
use gix::index::entry::Flags;
use rustc_hash::FxHashMap;

use super::stat::{Content, Proof, content_id};
use super::untracked::{self, Unknown};
use super::{BlobId, Differences, Entry, FileKind, Index, Repository, on_disk};
#[cfg(not(unix))]
use portable::{Place, Scratch};
#[cfg(unix)]
use unix::{Place, Scratch};

/// What the disk says.
#[derive(Debug, Default)]
pub struct OnDisk {
    /// Tracked paths that are not as in the index: there first, then on disk.
    pub tracked: Differences,
    /// Files that are neither tracked nor ignored.
    pub untracked: Vec<Entry>,
    /// Tracked paths that are as in the index but for line endings.
    pub converted: Vec<RepoPath>,
}

/// One folder of the index.
#[derive(Default)]
struct Folder<'i> {
    path: &'i [u8],
    /// Where the names of what is in it begin in a path.
    names_at: usize,
    /// Its own entries, sorted by name.
    files: Vec<&'i gix::index::Entry>,
    /// Names of the folders in it, sorted.
    folders: Vec<&'i [u8]>,
}

/// What a worker found.
#[derive(Default)]
struct Found {
    tracked: Differences,
    converted: Vec<RepoPath>,
    unknown: Vec<Unknown>,
    /// Folders that are none on disk, or no longer their own.
    missing: Vec<RepoPath>,
}

/// Compares every entry with the disk below `root`, and lists what is there besides.
#[must_use]
pub fn compare_with_disk(repository: &Repository, root: &Path, index: &Index) -> OnDisk {
    let folders = folders(index);
    let walk = Walk::new(repository, root, index);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    const STEP: usize = 32;
    let place = Place::open(root);
    let work = || {
        let mut found = Found::default();
        let mut scratch = Scratch::default();
        loop {
            let start = next.fetch_add(STEP, Ordering::Relaxed);
            let Some(share) = folders.get(start..folders.len().min(start + STEP)) else {
                return found;
            };
            if share.is_empty() {
                return found;
            }
            for folder in share {
                walk.folder(&place, folder, &mut scratch, &mut found);
            }
        }
    };
    let mut all = Found::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let found = worker.join().expect("comparing a file does not panic");
            all.tracked.extend(found.tracked);
            all.converted.extend(found.converted);
            all.unknown.extend(found.unknown);
            all.missing.extend(found.missing);
        }
    });
    walk.gone(&folders, &mut all);
    OnDisk {
        tracked: all.tracked,
        untracked: untracked::keep(repository, root, all.unknown),
        converted: all.converted,
    }
}

/// Compares only these paths with the disk.
#[must_use]
pub fn compare_paths(
    repository: &Repository,
    root: &Path,
    index: &Index,
    paths: &[RepoPath],
) -> OnDisk {
    let walk = Walk::new(repository, root, index);
    let mut found = Found::default();
    for path in paths {
        match index.find(path) {
            Some(entry) if is_trusted(entry) => {}
            Some(entry) => walk.single(entry, path, &mut found),
            None if on_disk(root, path).is_file() => found.unknown.push(Unknown {
                path: path.clone(),
                is_folder: false,
            }),
            None => {}
        }
    }
    OnDisk {
        tracked: found.tracked,
        untracked: untracked::keep(repository, root, found.unknown),
        converted: found.converted,
    }
}

/// Groups the entries by their folder; every folder above one is there too.
fn folders(index: &Index) -> Vec<Folder<'_>> {
    let mut places: FxHashMap<&[u8], usize> = FxHashMap::default();
    let mut folders = vec![Folder::default()];
    places.insert(b"", 0);
    let mut last = 0;
    for entry in index.raw() {
        let path = index.path_of(entry);
        if !folders[last].holds(path) {
            last = place(parent(path), &mut places, &mut folders);
        }
        folders[last].files.push(entry);
    }
    for folder in &mut folders {
        folder.folders.sort_unstable();
        // Sides of a conflict have one name; ours counts, else the first.
        folder.files.dedup_by(|later, kept| {
            let same = index.path_of(later) == index.path_of(kept);
            if same && later.stage() == gix::index::entry::Stage::Ours {
                *kept = later;
            }
            same
        });
    }
    folders
}

fn place<'i>(
    path: &'i [u8],
    places: &mut FxHashMap<&'i [u8], usize>,
    folders: &mut Vec<Folder<'i>>,
) -> usize {
    if let Some(known) = places.get(path) {
        return *known;
    }
    let above = place(parent(path), places, folders);
    folders[above].folders.push(name(path));
    folders.push(Folder {
        path,
        names_at: path.len() + 1,
        ..Folder::default()
    });
    places.insert(path, folders.len() - 1);
    folders.len() - 1
}

impl<'i> Folder<'i> {
    /// Tells whether a path lies directly in it.
    fn holds(&self, path: &[u8]) -> bool {
        let name = path.strip_prefix(self.path).and_then(|rest| {
            let rest = rest.strip_prefix(b"/".as_slice());
            rest.or_else(|| self.path.is_empty().then_some(path))
        });
        // Names are short: a search by vectors would take longer to begin.
        name.is_some_and(|name| !name.contains(&b'/'))
    }

    /// The last component of the path of one of its entries.
    fn name_of(&self, index: &'i Index, entry: &'i gix::index::Entry) -> &'i [u8] {
        index
            .path_of(entry)
            .get(self.names_at..)
            .unwrap_or_default()
    }

    /// Tells whether git knows a file, or a folder with files, of this name here.
    fn knows(&self, index: &Index, name: &[u8], is_folder: bool) -> bool {
        let of_entry = |entry: &&gix::index::Entry| self.name_of(index, entry).cmp(name);
        let file = self.files.binary_search_by(of_entry);
        let is_file = file
            .is_ok_and(|at| !is_folder || self.files[at].mode == gix::index::entry::Mode::COMMIT);
        is_file || is_folder && self.folders.binary_search(&name).is_ok()
    }
}

fn parent(path: &[u8]) -> &[u8] {
    path.rfind_byte(b'/').map_or(b"", |end| &path[..end])
}

fn name(path: &[u8]) -> &[u8] {
    path.rfind_byte(b'/').map_or(path, |end| &path[end + 1..])
}

struct Walk<'a> {
    repository: &'a Repository,
    root: &'a Path,
    index: &'a Index,
    proof: Proof,
}

impl<'a> Walk<'a> {
    fn new(repository: &'a Repository, root: &'a Path, index: &'a Index) -> Self {
        Self {
            repository,
            root,
            index,
            proof: repository.proof(),
        }
    }

    fn difference(&self, entry: &gix::index::Entry, now: Option<Entry>, found: &mut Differences) {
        if let Some(known) = self.index.entry_of(entry) {
            found.insert(known.path.clone(), (Some(known), now));
        }
    }

    /// Everything below a folder that is gone, or has become a link, is gone.
    fn gone(&self, folders: &[Folder<'_>], all: &mut Found) {
        if all.missing.is_empty() {
            return;
        }
        for folder in folders {
            let path = RepoPath::from_normalized(folder.path.to_vec());
            if all.missing.iter().any(|missing| path.is_within(missing)) {
                for entry in folder.files.iter().filter(|entry| !is_trusted(entry)) {
                    self.difference(entry, None, &mut all.tracked);
                }
                all.unknown.retain(|unknown| !unknown.path.is_within(&path));
            }
        }
    }

    fn submodule(&self, entry: &gix::index::Entry, found: &mut Differences) {
        let Some(known) = self.index.entry_of(entry) else {
            return;
        };
        let path = on_disk(self.root, &known.path);
        // An uninitialised submodule is an empty folder: nothing changed.
        match Repository::submodule_head(&path) {
            Some(head) if Some(head) != known.blob => {
                let now = Entry {
                    blob: Some(head),
                    ..known.clone()
                };
                found.insert(known.path.clone(), (Some(known), Some(now)));
            }
            None if !path.is_dir() => {
                found.insert(known.path.clone(), (Some(known), None));
            }
            _ => {}
        }
    }

    /// Returns what a plain file on disk is, where the file system may not tell all that git keeps: without
    /// `core.fileMode` the exec bit, without `core.symlinks` a link is what the index says.
    fn kind_of_file(&self, entry: &gix::index::Entry, has_exec_bit: bool) -> FileKind {
        match super::kind_of(entry.mode) {
            Some(FileKind::Symlink) if !self.proof.has_links => FileKind::Symlink,
            Some(FileKind::Executable) if !self.proof.has_exec_bits => FileKind::Executable,
            _ if has_exec_bit && self.proof.has_exec_bits => FileKind::Executable,
            _ => FileKind::Regular,
        }
    }

    /// Takes a stat that does not prove the file unchanged, and reads it.
    fn doubtful(&self, entry: &gix::index::Entry, kind: FileKind, found: &mut Found) {
        let Some(known) = self.index.entry_of(entry) else {
            return;
        };
        let path = on_disk(self.root, &known.path);
        let (blob, content): (Option<BlobId>, Content) =
            content_id(self.repository, &path, kind, known.blob);
        if kind == known.kind && blob.is_some() && blob == known.blob {
            if content == Content::Converted {
                found.converted.push(known.path);
            }
            return;
        }
        let now = Entry {
            path: known.path.clone(),
            kind,
            blob,
        };
        found
            .tracked
            .insert(known.path.clone(), (Some(known), Some(now)));
    }

    fn is_clean(
        &self,
        entry: &gix::index::Entry,
        kind: FileKind,
        now: &gix::index::entry::Stat,
    ) -> bool {
        super::kind_of(entry.mode) == Some(kind)
            && entry.stat.matches(now, self.proof.stat)
            && !entry.flags.contains(Flags::INTENT_TO_ADD)
            && !self.index.is_racy(entry, self.proof.stat)
    }
}

/// Paths that git is told not to look at.
fn is_trusted(entry: &gix::index::Entry) -> bool {
    entry
        .flags
        .intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)
}
