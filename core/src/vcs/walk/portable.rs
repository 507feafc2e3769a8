//! The walk on systems whose folders cannot be held open.

use std::path::{Path, PathBuf};

use super::{FileKind, Folder, Found, RepoPath, Unknown, Walk, is_trusted};
use crate::vcs::on_disk;

/// The root of the work tree.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn open(root: &Path) -> Self {
        Self(root.to_path_buf())
    }
}

/// Nothing is kept from folder to folder.
#[derive(Default)]
pub(super) struct Scratch;

impl Walk<'_> {
    pub(super) fn single(&self, entry: &gix::index::Entry, path: &RepoPath, found: &mut Found) {
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
            () => crate::vcs::kind_of(entry.mode).unwrap_or(FileKind::Regular),
        };
        let clean = gix::index::entry::Stat::from_fs(&metadata)
            .is_ok_and(|stat| self.is_clean(entry, kind, &stat));
        if !clean {
            self.doubtful(entry, kind, found);
        }
    }

    pub(super) fn folder(
        &self,
        place: &Place,
        folder: &Folder<'_>,
        _scratch: &mut Scratch,
        found: &mut Found,
    ) {
        let path = RepoPath::from_normalized(folder.path.to_vec());
        let Ok(listed) = std::fs::read_dir(on_disk(&place.0, &path)) else {
            found.missing.push(path);
            return;
        };
        for entry in folder.files.iter().filter(|entry| !is_trusted(entry)) {
            let file = RepoPath::from_normalized(self.index.path_of(entry).to_vec());
            self.single(entry, &file, found);
        }
        for item in listed.flatten() {
            let name = item.file_name().into_encoded_bytes();
            let is_folder = item.file_type().is_ok_and(|kind| kind.is_dir());
            if name == b".git" || folder.knows(self.index, &name, is_folder) {
                continue;
            }
            if let Ok(path) = path.join(&name) {
                found.unknown.push(Unknown { path, is_folder });
            }
        }
    }
}
