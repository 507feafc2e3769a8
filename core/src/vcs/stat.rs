//! Compares files on disk with the index the way git does: by stat, and by content where that cannot decide.

use std::path::Path;

use super::{BlobId, Entry, FileKind, Index, IndexEntry, Repository, on_disk};

/// What the disk says of a tracked path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As in the index.
    Clean,
    /// There, but different; with its kind and, where it could be read, content id.
    Changed(Entry),
    /// Not there.
    Gone,
}

/// Compares every entry with the disk below `root`, in index order, on all cores.
pub fn compare_with_index(repository: &Repository, root: &Path, index: &Index) -> Vec<Standing> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = index.entries.len().div_ceil(cores).max(256);
    let chunks: Vec<&[IndexEntry]> = index.entries.chunks(size).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = chunks
            .into_iter()
            .map(|chunk| {
                scope.spawn(move || {
                    let judge = |entry| judge(repository, root, entry);
                    chunk.iter().map(judge).collect::<Vec<_>>()
                })
            })
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Vec<Standing>>| {
            worker.join().expect("comparing a file does not panic")
        };
        workers.into_iter().flat_map(join).collect()
    })
}

fn judge(repository: &Repository, root: &Path, known: &IndexEntry) -> Standing {
    if known.trusted {
        return Standing::Clean;
    }
    let path = on_disk(root, &known.entry.path);
    if known.entry.kind == FileKind::Submodule {
        return submodule(&path, known);
    }
    let Ok(metadata) = gix::index::fs::Metadata::from_path_no_follow(&path) else {
        return Standing::Gone;
    };
    let kind = match () {
        () if metadata.is_symlink() => FileKind::Symlink,
        () if metadata.is_dir() => return Standing::Gone,
        () if metadata.is_executable() => FileKind::Executable,
        () => FileKind::Regular,
    };
    let options = gix::index::entry::stat::Options::default();
    let stat = gix::index::entry::Stat::from_fs(&metadata).ok();
    let same_stat = stat.is_some_and(|stat| known.stat.matches(&stat, options));
    if kind == known.entry.kind && same_stat && !known.racy && known.entry.blob.is_some() {
        return Standing::Clean;
    }
    let blob = content_id(repository, &path, kind, known.entry.blob);
    if kind == known.entry.kind && blob.is_some() && blob == known.entry.blob {
        return Standing::Clean;
    }
    Standing::Changed(Entry {
        path: known.entry.path.clone(),
        kind,
        blob,
    })
}

fn submodule(path: &Path, known: &IndexEntry) -> Standing {
    // An uninitialised submodule is an empty folder: nothing changed.
    match Repository::submodule_head(path) {
        Some(head) if Some(head) != known.entry.blob => Standing::Changed(Entry {
            path: known.entry.path.clone(),
            kind: FileKind::Submodule,
            blob: Some(head),
        }),
        Some(_) => Standing::Clean,
        None if path.is_dir() => Standing::Clean,
        None => Standing::Gone,
    }
}

/// Returns the id of a file's content as git would store it. Line endings are the one conversion that is
/// undone here (S8); a configured filter is never started, so a filtered file counts as changed.
fn content_id(
    repository: &Repository,
    path: &Path,
    kind: FileKind,
    expected: Option<BlobId>,
) -> Option<BlobId> {
    let bytes = read(path, kind).ok()?;
    let plain = repository.hash_blob(&bytes)?;
    if Some(plain) == expected || !bytes.contains(&b'\r') {
        return Some(plain);
    }
    let unix = without_carriage_returns(&bytes);
    let converted = repository.hash_blob(&unix)?;
    Some(if Some(converted) == expected {
        converted
    } else {
        plain
    })
}

fn without_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let followed = bytes
        .iter()
        .zip(bytes.iter().skip(1).map(Some).chain([None]));
    followed
        .filter(|(byte, next)| !(**byte == b'\r' && *next == Some(&b'\n')))
        .map(|(byte, _)| *byte)
        .collect()
}

/// Reads a file, or the target of a symlink, as git would store it.
pub(crate) fn read(path: &Path, kind: FileKind) -> std::io::Result<Vec<u8>> {
    match kind {
        FileKind::Symlink => {
            let target = std::fs::read_link(path)?;
            Ok(target.into_os_string().into_encoded_bytes())
        }
        FileKind::Submodule => Ok(Vec::new()),
        FileKind::Regular | FileKind::Executable => std::fs::read(path),
    }
}
