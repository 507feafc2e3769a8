//! Compares the work tree with the index, folder by folder on all cores: by stat, and by content where that cannot
//! decide, as git does ("Racy Git" in its technical documentation).

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use affected_graph::RepoPath;
use gix::bstr::ByteSlice;
use gix::index::entry::Flags;
use rustc_hash::FxHashMap;

use super::stat::{Content, content_id};
use super::untracked::{self, Unknown};
use super::{BlobId, Differences, Entry, FileKind, Index, Repository, on_disk};

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
    let walk = Walk {
        repository,
        root,
        index,
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    const STEP: usize = 32;
    let work = || {
        let mut found = Found::default();
        loop {
            let start = next.fetch_add(STEP, Ordering::Relaxed);
            let Some(share) = folders.get(start..folders.len().min(start + STEP)) else {
                return found;
            };
            if share.is_empty() {
                return found;
            }
            for folder in share {
                walk.folder(folder, &mut found);
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
    let walk = Walk {
        repository,
        root,
        index,
    };
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
    let mut last: (&[u8], usize) = (b"", 0);
    for entry in index.raw() {
        let path = index.path_of(entry);
        let folder = parent(path);
        if folder != last.0 {
            last = (folder, place(folder, &mut places, &mut folders));
        }
        folders[last.1].files.push(entry);
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
        ..Folder::default()
    });
    places.insert(path, folders.len() - 1);
    folders.len() - 1
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
}

impl Walk<'_> {
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
        let options = gix::index::entry::stat::Options::default();
        super::kind_of(entry.mode) == Some(kind)
            && entry.stat.matches(now, options)
            && !entry.flags.contains(Flags::INTENT_TO_ADD)
            && !self.index.is_racy(entry)
    }
}

/// Paths that git is told not to look at.
fn is_trusted(entry: &gix::index::Entry) -> bool {
    entry
        .flags
        .intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)
}

#[cfg(unix)]
mod unix {
    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};

    use super::{Entry, FileKind, Folder, Found, RepoPath, Unknown, Walk, is_trusted, name};
    use crate::vcs::on_disk;

    impl Walk<'_> {
        pub(super) fn single(&self, entry: &gix::index::Entry, path: &RepoPath, found: &mut Found) {
            match statat(CWD, on_disk(self.root, path), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => self.judge(entry, &stat, found),
                Err(_) => self.difference(entry, None, &mut found.tracked),
            }
        }

        pub(super) fn folder(&self, folder: &Folder<'_>, found: &mut Found) {
            let path = RepoPath::from_normalized(folder.path.to_vec());
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let flags = if path.is_root() {
                flags - OFlags::NOFOLLOW
            } else {
                flags
            };
            let Ok(open) = openat(CWD, on_disk(self.root, &path), flags, Mode::empty()) else {
                // Sparse work trees leave whole folders out; what is trusted stays.
                found.missing.push(path);
                return;
            };
            for entry in folder.files.iter().filter(|entry| !is_trusted(entry)) {
                let name = name(self.index.path_of(entry));
                let Ok(stat) = statat(&open, name, AtFlags::SYMLINK_NOFOLLOW) else {
                    self.difference(entry, None, &mut found.tracked);
                    continue;
                };
                self.judge(entry, &stat, found);
            }
            self.list(folder, &path, &open, found);
        }

        fn judge(&self, entry: &gix::index::Entry, stat: &Stat, found: &mut Found) {
            if entry.mode == gix::index::entry::Mode::COMMIT {
                return self.submodule(entry, &mut found.tracked);
            }
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => FileKind::Symlink,
                FileType::RegularFile if stat.st_mode & 0o100 != 0 => FileKind::Executable,
                FileType::RegularFile => FileKind::Regular,
                _ => return self.difference(entry, None::<Entry>, &mut found.tracked),
            };
            if !self.is_clean(entry, kind, &as_git_keeps_it(stat)) {
                self.doubtful(entry, kind, found);
            }
        }

        /// Notes what is in a folder and not in the index.
        fn list(
            &self,
            folder: &Folder<'_>,
            path: &RepoPath,
            open: &impl std::os::fd::AsFd,
            found: &mut Found,
        ) {
            let Ok(listed) = Dir::read_from(open) else {
                return;
            };
            for item in listed.flatten() {
                let item_name = item.file_name().to_bytes();
                let of_entry =
                    |entry: &&gix::index::Entry| name(self.index.path_of(entry)).cmp(item_name);
                if matches!(item_name, b"." | b".." | b".git") {
                    continue;
                }
                let is_folder = item.file_type() == FileType::Directory;
                let file = folder.files.binary_search_by(of_entry);
                let is_file = file.is_ok_and(|at| {
                    !is_folder || folder.files[at].mode == gix::index::entry::Mode::COMMIT
                });
                let is_known =
                    is_file || is_folder && folder.folders.binary_search(&item_name).is_ok();
                if is_known {
                    continue;
                }
                let Ok(path) = path.join(item_name) else {
                    continue;
                };
                found.unknown.push(Unknown { path, is_folder });
            }
        }
    }

    /// Truncates to 32 bits, as git's index does.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the index keeps 32 bits"
    )]
    fn as_git_keeps_it(stat: &Stat) -> gix::index::entry::Stat {
        use gix::index::entry::stat::Time;
        // The types differ between systems.
        macro_rules! time {
            ($secs:expr, $nsecs:expr) => {
                Time {
                    secs: $secs as u32,
                    nsecs: $nsecs as u32,
                }
            };
        }
        gix::index::entry::Stat {
            mtime: time!(stat.st_mtime, stat.st_mtime_nsec),
            ctime: time!(stat.st_ctime, stat.st_ctime_nsec),
            dev: stat.st_dev as u32,
            ino: stat.st_ino as u32,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: stat.st_size as u32,
        }
    }
}

#[cfg(not(unix))]
impl Walk<'_> {
    fn single(&self, entry: &gix::index::Entry, path: &RepoPath, found: &mut Found) {
        if entry.mode == gix::index::entry::Mode::COMMIT {
            return self.submodule(entry, &mut found.tracked);
        }
        let on_disk = on_disk(self.root, path);
        let Ok(metadata) = gix::index::fs::Metadata::from_path_no_follow(&on_disk) else {
            return self.difference(entry, None, &mut found.tracked);
        };
        let kind = match () {
            () if metadata.is_symlink() => FileKind::Symlink,
            // Such systems have no exec bit: the index says whether it is set.
            () => super::kind_of(entry.mode).unwrap_or(FileKind::Regular),
        };
        let clean = gix::index::entry::Stat::from_fs(&metadata)
            .is_ok_and(|stat| self.is_clean(entry, kind, &stat));
        if !clean {
            self.doubtful(entry, kind, found);
        }
    }

    fn folder(&self, folder: &Folder<'_>, found: &mut Found) {
        let path = RepoPath::from_normalized(folder.path.to_vec());
        let Ok(listed) = std::fs::read_dir(on_disk(self.root, &path)) else {
            found.missing.push(path);
            return;
        };
        for entry in folder.files.iter().filter(|entry| !is_trusted(entry)) {
            let file = RepoPath::from_normalized(self.index.path_of(entry).to_vec());
            self.single(entry, &file, found);
        }
        for item in listed.flatten() {
            let item_name = item.file_name().into_encoded_bytes();
            let is_known = folder
                .files
                .iter()
                .any(|entry| name(self.index.path_of(entry)) == item_name)
                || folder.folders.contains(&&item_name[..]);
            if item_name == b".git" || is_known {
                continue;
            }
            if let Ok(path) = path.join(&item_name) {
                let is_folder = item.file_type().is_ok_and(|kind| kind.is_dir());
                found.unknown.push(Unknown { path, is_folder });
            }
        }
    }
}
