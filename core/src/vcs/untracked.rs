//! Files that are not in the index: those that are ignored are left out, as `gitignore` of the git documentation says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use affected_graph::RepoPath;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Entry, FileKind, Repository, on_disk, read_from_disk};

/// Something on disk that the index does not know.
pub(super) struct Unknown {
    pub(super) path: RepoPath,
    pub(super) is_folder: bool,
}

/// Returns the files among `unknown`, and below its folders, that are not ignored. A folder that is a repository of
/// its own is not entered, as git does not.
pub(super) fn keep(repository: &Repository, root: &Path, unknown: Vec<Unknown>) -> Vec<Entry> {
    let mut found = Vec::new();
    if unknown.is_empty() {
        return found;
    }
    let mut rules = Rules::new(repository, root);
    let mut open = unknown;
    while let Some(unknown) = open.pop() {
        if rules.ignores(&unknown.path, unknown.is_folder) {
            continue;
        }
        let path = on_disk(root, &unknown.path);
        if !unknown.is_folder {
            found.extend(entry(repository, &path, unknown.path));
            continue;
        }
        if path.join(".git").exists() {
            continue;
        }
        for item in std::fs::read_dir(&path).into_iter().flatten().flatten() {
            let is_folder = item.file_type().is_ok_and(|kind| kind.is_dir());
            let name = item.file_name();
            if let Ok(path) = unknown.path.join(name.as_encoded_bytes()) {
                open.push(Unknown { path, is_folder });
            }
        }
    }
    found
}

fn entry(repository: &Repository, path: &Path, at: RepoPath) -> Option<Entry> {
    let metadata = path.symlink_metadata().ok()?;
    let kind = match metadata.file_type() {
        kind if kind.is_symlink() => FileKind::Symlink,
        kind if !kind.is_file() => return None,
        _ if is_executable(&metadata) => FileKind::Executable,
        _ => FileKind::Regular,
    };
    let content = read_from_disk(path, kind).ok();
    let blob = content.and_then(|content| repository.hash_blob(&content));
    Some(Entry {
        path: at,
        kind,
        blob,
    })
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// Ignore files, each read when a path below it is asked for.
struct Rules<'r> {
    root: &'r Path,
    /// `core.excludesFile`, then `info/exclude`: the later one is stronger.
    outer: Vec<Gitignore>,
    by_folder: BTreeMap<RepoPath, Option<Arc<Gitignore>>>,
    /// Whether a folder is ignored.
    folders: BTreeMap<RepoPath, bool>,
}

impl<'r> Rules<'r> {
    fn new(repository: &Repository, root: &'r Path) -> Self {
        let mut exclude = GitignoreBuilder::new(root);
        let _ = exclude.add(repository.common_dir().join("info/exclude"));
        let (global, _) = GitignoreBuilder::new(root).build_global();
        Self {
            root,
            outer: [Some(global), exclude.build().ok()]
                .into_iter()
                .flatten()
                .collect(),
            by_folder: BTreeMap::new(),
            folders: BTreeMap::new(),
        }
    }

    /// What lies in an ignored folder is ignored, whatever rules below say.
    fn ignores(&mut self, path: &RepoPath, is_folder: bool) -> bool {
        if path.is_root() {
            return false;
        }
        if let Some(known) = self.folders.get(path).filter(|_| is_folder) {
            return *known;
        }
        let above = path.parent().unwrap_or_default();
        let ignored = self.ignores(&above, true) || self.matches(path, is_folder);
        if is_folder {
            self.folders.insert(path.clone(), ignored);
        }
        ignored
    }

    /// Asks the nearest rules first; the first that says anything decides.
    fn matches(&mut self, path: &RepoPath, is_folder: bool) -> bool {
        let place = on_disk(self.root, path);
        let folders: Vec<RepoPath> = path.ancestors().skip(1).collect();
        for folder in folders {
            let root = self.root;
            let rules = self.by_folder.entry(folder).or_insert_with_key(|folder| {
                let file = on_disk(root, folder).join(".gitignore");
                let mut rules = GitignoreBuilder::new(on_disk(root, folder));
                if !file.is_file() || rules.add(file).is_some() {
                    // A file that is broken in part counts with the rest of its lines.
                }
                rules.build().ok().map(Arc::new)
            });
            match rules.as_ref().map(|rules| rules.matched(&place, is_folder)) {
                Some(Match::Ignore(_)) => return true,
                Some(Match::Whitelist(_)) => return false,
                _ => {}
            }
        }
        for rules in self.outer.iter().rev() {
            match rules.matched(&place, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }
}
