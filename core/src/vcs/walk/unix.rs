//! The walk on Unix: each folder is opened once, relative to the root, and all else is asked relative to it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, openat, statat};

use super::listing::{Item, list};
use super::{Entry, FileKind, Folder, Found, RepoPath, Unknown, Walk, is_trusted};
use crate::vcs::on_disk;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The root of the work tree, opened; `None` if that failed, and then every file is missing.
pub(super) struct Place(Option<OwnedFd>);

impl Place {
    pub(super) fn open(root: &Path) -> Self {
        Self(openat(CWD, root, FOLDER, Mode::empty()).ok())
    }

    /// Opens a folder below the root, unless it has become a link.
    fn folder(&self, path: &[u8]) -> Option<OwnedFd> {
        let (path, flags) = match path {
            b"" => (b".".as_slice(), FOLDER),
            path => (path, FOLDER.union(OFlags::NOFOLLOW)),
        };
        openat(self.0.as_ref()?, path, flags, Mode::empty()).ok()
    }
}

/// Memory that is used for one folder after another.
pub(super) use super::listing::Scratch;

impl Walk<'_> {
    pub(super) fn single(&self, entry: &gix::index::Entry, path: &RepoPath, found: &mut Found) {
        match statat(CWD, on_disk(self.root, path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => self.judge(entry, &stat, found),
            Err(_) => self.difference(entry, None, &mut found.tracked),
        }
    }

    pub(super) fn folder(
        &self,
        place: &Place,
        folder: &Folder<'_>,
        scratch: &mut Scratch,
        found: &mut Found,
    ) {
        let Some(open) = place.folder(folder.path) else {
            // Sparse work trees leave whole folders out; what is trusted stays.
            let path = RepoPath::from_normalized(folder.path.to_vec());
            found.missing.push(path);
            return;
        };
        for entry in folder.files.iter().filter(|entry| !is_trusted(entry)) {
            let name = folder.name_of(self.index, entry);
            let Ok(stat) = statat(&open, name, AtFlags::SYMLINK_NOFOLLOW) else {
                self.difference(entry, None, &mut found.tracked);
                continue;
            };
            self.judge(entry, &stat, found);
        }
        list(&open, scratch, |item| {
            self.note_unknown(folder, &open, &item, found);
        });
    }

    fn judge(&self, entry: &gix::index::Entry, stat: &Stat, found: &mut Found) {
        if entry.mode == gix::index::entry::Mode::COMMIT {
            return self.submodule(entry, &mut found.tracked);
        }
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => FileKind::Symlink,
            FileType::RegularFile => self.kind_of_file(entry, stat.st_mode & 0o100 != 0),
            _ => return self.difference(entry, None::<Entry>, &mut found.tracked),
        };
        if !self.is_clean(entry, kind, &as_git_keeps_it(stat)) {
            self.doubtful(entry, kind, found);
        }
    }

    /// Notes what is in a folder and not in the index.
    fn note_unknown(
        &self,
        folder: &Folder<'_>,
        open: &impl AsFd,
        item: &Item<'_>,
        found: &mut Found,
    ) {
        if item.name == b".git" {
            return;
        }
        // Some file systems list names only.
        let is_folder = match item.kind {
            FileType::Unknown => statat(open, item.name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
            kind => kind == FileType::Directory,
        };
        if folder.knows(self.index, item.name, is_folder) {
            return;
        }
        let above = RepoPath::from_normalized(folder.path.to_vec());
        if let Ok(path) = above.join(item.name) {
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
