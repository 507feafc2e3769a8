//! The content of files on disk as git would store it.

use std::path::Path;

use super::{BlobId, FileKind, Repository};

/// What of a file's stat proves that it is unchanged, as git's configuration says: `core.trustctime`,
/// `core.checkStat`, `core.fileMode` and `core.symlinks` (git-config(1)).
#[derive(Debug, Clone, Copy)]
pub(super) struct Proof {
    pub(super) stat: gix::index::entry::stat::Options,
    pub(super) has_exec_bits: bool,
    pub(super) has_links: bool,
}

impl Repository {
    /// Reads the configuration; a value that cannot be read means what git does without it.
    pub(super) fn proof(&self) -> Proof {
        let repository = self.local();
        let system = repository.filesystem_options().ok();
        let mut stat = repository.stat_options().unwrap_or_default();
        // git looks at no time of the inode where it is to check little (`match_stat_data` in its read-cache.c).
        stat.trust_ctime &= stat.check_stat;
        Proof {
            stat,
            has_exec_bits: system.as_ref().is_none_or(|system| system.executable_bit),
            has_links: system.is_none_or(|system| system.symlink),
        }
    }
}

/// Whether the bytes on disk are those of the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// They are.
    AsIs,
    /// Only their line endings are others.
    Converted,
}

/// Returns the id of a file's content as git would store it. Line endings are the one conversion that is
/// undone here (S8); a configured filter is never started, so a filtered file counts as changed.
pub(super) fn content_id(
    repository: &Repository,
    path: &Path,
    kind: FileKind,
    expected: Option<BlobId>,
) -> (Option<BlobId>, Content) {
    let Ok(bytes) = read(path, kind) else {
        return (None, Content::AsIs);
    };
    let plain = repository.hash_blob(&bytes);
    if plain.is_none() || plain == expected || !bytes.contains(&b'\r') {
        return (plain, Content::AsIs);
    }
    let converted = repository.hash_blob(&without_carriage_returns(&bytes));
    if converted.is_some() && converted == expected {
        return (converted, Content::Converted);
    }
    (plain, Content::AsIs)
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
        FileKind::Symlink => match std::fs::read_link(path) {
            Ok(target) => Ok(target.into_os_string().into_encoded_bytes()),
            // Without `core.symlinks` a plain file holds the target.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => std::fs::read(path),
            Err(error) => Err(error),
        },
        FileKind::Submodule => Ok(Vec::new()),
        FileKind::Regular | FileKind::Executable => std::fs::read(path),
    }
}
