//! Declared outputs: gathered after a pass, put back with a hit.
//!
//! C10: nothing is written outside the declared globs, through a link, or twice; all of it or none. There is no
//! archive: a record lists plain files with their digests, so there is nothing to unpack that could be a link, a
//! device or a bomb.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use globset::GlobSet;

use super::record::Output;

/// Bytes of one result's files, together.
const MOST_BYTES: u64 = 256 << 20;
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 64;

/// A file that was gathered.
pub(super) struct Gathered {
    pub(super) path: String,
    pub(super) executable: bool,
    pub(super) bytes: Vec<u8>,
}

/// Reads every file below `root` that the globs match. Says why they cannot be kept: a link, too many, too large.
pub(super) fn gather(root: &Path, globs: &[String]) -> Result<Vec<Gathered>, String> {
    let set = compile(globs)?;
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for glob in globs {
        let literal = glob
            .split('/')
            .take_while(|part| !part.contains(['*', '?', '[', '{', '\\']));
        let start = root.join(literal.collect::<Vec<_>>().join("/"));
        let mut walk = ignore::WalkBuilder::new(start);
        walk.standard_filters(false).follow_links(false);
        for entry in walk.build().flatten() {
            let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir()) else {
                continue;
            };
            let inside = entry.path().strip_prefix(root).ok();
            let Some(path) = inside.and_then(Path::to_str) else {
                return Err(format!(
                    "the name of `{}` is no text",
                    entry.path().display()
                ));
            };
            let path = path.replace('\\', "/");
            if !set.is_match(&path) || !seen.insert(path.clone()) {
                continue;
            }
            if !kind.is_file() {
                return Err(format!("`{path}` is a link or no file"));
            }
            let read = fs::read(entry.path());
            let read = read.map_err(|error| format!("`{path}` cannot be read: {error}"))?;
            bytes += read.len() as u64;
            if bytes > MOST_BYTES || found.len() >= MOST_FILES {
                return Err("its outputs are too many or too large".to_owned());
            }
            found.push(Gathered {
                executable: is_executable(entry.path()),
                path,
                bytes: read,
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Tells whether a record's outputs may be written where these globs are declared.
pub(super) fn may_restore(root: &Path, globs: &[String], outputs: &[Output]) -> Result<(), String> {
    let set = compile(globs)?;
    let mut seen = BTreeSet::new();
    let mut bytes: u64 = 0;
    if outputs.len() > MOST_FILES {
        return Err("too many files".to_owned());
    }
    for output in outputs {
        let path = &output.path;
        bytes = bytes.saturating_add(output.blob.size);
        let parts: Vec<&str> = path.split('/').collect();
        let odd = |part: &&str| {
            let reserved = part.eq_ignore_ascii_case(".git");
            part.is_empty()
                || *part == "."
                || *part == ".."
                || reserved
                || part.contains(['\\', '\0', ':'])
        };
        if parts.iter().any(odd) || parts.len() > DEEPEST {
            return Err(format!("`{path}` is no path below the repository"));
        }
        if !set.is_match(path) {
            return Err(format!("`{path}` is no declared output"));
        }
        // Some file systems do not tell capitals from small letters.
        if !seen.insert(path.to_lowercase()) {
            return Err(format!("`{path}` is there twice"));
        }
        through_folders_only(root, &parts)?;
    }
    if bytes > MOST_BYTES {
        return Err("too many bytes".to_owned());
    }
    Ok(())
}

/// Refuses a way through a link, and a place where something lies that is no file.
fn through_folders_only(root: &Path, parts: &[&str]) -> Result<(), String> {
    let mut at = root.to_path_buf();
    for (depth, part) in parts.iter().enumerate() {
        at.push(part);
        let Ok(data) = at.symlink_metadata() else {
            return Ok(());
        };
        let fits = if depth + 1 < parts.len() {
            data.is_dir()
        } else {
            data.is_file()
        };
        if !fits {
            return Err(format!("`{}` is in the way", parts[..=depth].join("/")));
        }
    }
    Ok(())
}

/// Writes all files beside the repository's own first, then moves them to their places; if one cannot be moved, those
/// before it are put back as they were. Call [`may_restore`] before.
pub(super) fn restore(
    root: &Path,
    globs: &[String],
    files: &[(Output, Vec<u8>)],
) -> Result<(), String> {
    if files.is_empty() {
        return Ok(());
    }
    let outputs: Vec<Output> = files.iter().map(|(output, _)| output.clone()).collect();
    may_restore(root, globs, &outputs)?;
    let beside = [root.join(".git"), root.to_path_buf()];
    let beside = beside
        .iter()
        .find(|folder| folder.is_dir())
        .ok_or("there is no folder")?;
    let told = |error: std::io::Error| error.to_string();
    let stage = tempfile::Builder::new()
        .prefix("affected-")
        .tempdir_in(beside)
        .map_err(told)?;
    let staged: Vec<PathBuf> = (0..files.len())
        .map(|at| stage.path().join(format!("new-{at}")))
        .collect();
    for ((output, bytes), place) in files.iter().zip(&staged) {
        fs::write(place, bytes).map_err(told)?;
        set_executable(place, output.executable).map_err(told)?;
    }
    let mut done: Vec<(PathBuf, Option<PathBuf>)> = Vec::new();
    for (at, (output, _)) in files.iter().enumerate() {
        let place = root.join(&output.path);
        let old = stage.path().join(format!("old-{at}"));
        let moved =
            place
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| match fs::rename(&place, &old) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                    other => {
                        done.push((place.clone(), other.is_ok().then_some(old)));
                        fs::rename(&staged[at], &place)
                    }
                });
        if let Err(error) = moved {
            for (place, old) in done.into_iter().rev() {
                let _ = fs::remove_file(&place);
                if let Some(old) = old {
                    let _ = fs::rename(old, place);
                }
            }
            return Err(error.to_string());
        }
    }
    Ok(())
}

fn compile(globs: &[String]) -> Result<GlobSet, String> {
    crate::glob::paths(globs.iter().map(String::as_str)).map_err(|error| error.to_string())
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    false
}

#[cfg(unix)]
fn set_executable(path: &Path, executable: bool) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_executable(_path: &Path, _executable: bool) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::record::Blob;
    use super::*;

    fn output(path: &str) -> (Output, Vec<u8>) {
        let blob = Blob::of(path.as_bytes());
        let (path, executable) = (path.to_owned(), false);
        let bytes = path.clone().into_bytes();
        (
            Output {
                path,
                executable,
                blob,
            },
            bytes,
        )
    }

    /// C10: no way out of the declared outputs, and nothing is written if anything is wrong.
    #[cfg(unix)]
    #[test]
    fn c10_nothing_is_written_outside_or_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir_all(root.join("p/dist")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, root.join("p/dist/link")).unwrap();
        std::os::unix::fs::symlink(outside.join("f"), root.join("p/dist/file")).unwrap();
        fs::create_dir_all(root.join("p/dist/folder")).unwrap();
        let globs = ["p/dist/**".to_owned()];
        let wrong = [
            "/etc/passwd",
            "../outside/f",
            "p/dist/../../x",
            "p/src/x",
            "p/dist/link/f",
            "p/dist/file",
            "p/dist//x",
            "p/dist/./x",
            "p/dist/folder",
            "p/dist/.git/hooks/x",
            "p/dist/a\\b",
        ];
        for path in wrong {
            let files = [output("p/dist/good"), output(path)];
            assert!(restore(&root, &globs, &files).is_err(), "{path}");
            assert!(!root.join("p/dist/good").exists(), "{path}");
        }
        let twice = [output("p/dist/good"), output("p/dist/GOOD")];
        assert!(restore(&root, &globs, &twice).is_err());
        let many: Vec<_> = (0..=MOST_FILES)
            .map(|at| output(&format!("p/dist/{at}")))
            .collect();
        assert!(restore(&root, &globs, &many).is_err());
        let mut huge = output("p/dist/huge");
        huge.0.blob.size = MOST_BYTES + 1;
        assert!(restore(&root, &globs, &[huge]).is_err());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        restore(&root, &globs, &[output("p/dist/a/b"), output("p/dist/c")]).unwrap();
        assert_eq!(fs::read(root.join("p/dist/a/b")).unwrap(), b"p/dist/a/b");
        assert_eq!(
            fs::read_dir(&root).unwrap().count(),
            1,
            "nothing is left beside"
        );
    }

    /// C10: what could not be put back safely is not gathered.
    #[cfg(unix)]
    #[test]
    fn c10_links_are_not_gathered() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("dist")).unwrap();
        fs::write(folder.path().join("dist/a"), "a").unwrap();
        let globs = ["dist/**".to_owned()];
        assert_eq!(gather(folder.path(), &globs).unwrap().len(), 1);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("dist/b")).unwrap();
        assert!(gather(folder.path(), &globs).is_err());
    }
}
