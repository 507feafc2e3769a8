//! Git's hooks: where they are, whose they are, and ours in them. What belongs to others is never written to.
//!
//! To know another hook manager, add its file and the two lines below.

mod husky;
mod lefthook;
mod pre_commit; // <- a module here

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::vcs::Repository;

/// Every known hook manager.
static MANAGERS: &[&dyn Manager] = &[
    &husky::Husky,
    &lefthook::Lefthook,
    &pre_commit::PreCommit, // <- and a member here
];

/// Who writes the hooks of a repository in our place.
trait Manager: Sync {
    /// Its name.
    fn id(&self) -> &'static str;

    /// Finds the file in which it is told what to do at `hook`, relative to `root`; it need not be there yet. `None` where
    /// the repository does not use it.
    fn settings(&self, root: &Path, hook: Hook) -> Option<String>;

    /// What has to be written there.
    fn lines(&self, hook: Hook) -> String;
}

/// When git asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Before a commit is made.
    PreCommit,
    /// Before commits are pushed.
    PrePush,
}

impl Hook {
    /// The name of its file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
        }
    }

    /// What is run then.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::PreCommit => "affected check --staged",
            Self::PrePush => "affected check --push --budget 30s",
        }
    }

    fn script(self) -> String {
        format!(
            "#!/bin/sh\n{MARK}; `affected hooks uninstall` removes it.\n\
             command -v affected >/dev/null || {{ echo 'affected is not on PATH: nothing is checked' >&2; exit 0; }}\n\
             exec {}\n",
            self.command()
        )
    }
}

/// How our own hooks are known.
const MARK: &str = "# Written by `affected hooks install`";
/// What shows that somebody else's hook runs us.
const CALLED: &str = "affected check";

/// Whose a hook is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Absent,
    /// It is ours.
    Ours,
    /// It is somebody else's and runs us.
    Called {
        /// The file that says so.
        file: String,
    },
    /// It is somebody else's.
    Foreign {
        /// A hook manager, or `None` for a script.
        manager: Option<&'static str>,
        /// The file to add to.
        file: String,
        /// What to add.
        lines: String,
    },
}

/// Finds out whose a hook is.
#[must_use]
pub fn state(repository: &Repository, hook: Hook) -> State {
    let root = repository.work_tree().map(Path::to_path_buf);
    let found = root.as_deref().and_then(|root| {
        let managers = MANAGERS.iter();
        managers
            .filter_map(|manager| Some((*manager, manager.settings(root, hook)?)))
            .next()
    });
    if let (Some(root), Some((manager, file))) = (&root, found) {
        let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
        return if manager.calls(&text) {
            State::Called { file }
        } else {
            State::Foreign {
                manager: Some(manager.id()),
                lines: manager.lines(hook),
                file,
            }
        };
    }
    let path = path(repository, hook);
    let foreign = || State::Foreign {
        manager: None,
        file: path.display().to_string(),
        lines: format!("{}\n", hook.command()),
    };
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match is_own(repository) {
            true => State::Absent,
            // It would run in every repository of this user.
            false => foreign(),
        },
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            // What somebody added to it is theirs.
            match (text == hook.script(), calls(&text, CALLED)) {
                (true, _) if is_executable(&path) => State::Ours,
                // Git passes it over.
                (true, _) => State::Absent,
                (_, true) => State::Called {
                    file: path.display().to_string(),
                },
                _ => foreign(),
            }
        }
        Err(_) => foreign(),
    }
}

/// Writes our hook, unless there is somebody else's; returns whose it was before.
pub fn install(repository: &Repository, hook: Hook) -> io::Result<State> {
    let state = state(repository, hook);
    if matches!(state, State::Absent | State::Ours) {
        let path = path(repository, hook);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_executable(&path, &hook.script())?;
    }
    Ok(state)
}

/// Removes our hook; returns whose it was before.
pub fn uninstall(repository: &Repository, hook: Hook) -> io::Result<State> {
    let state = state(repository, hook);
    let path = path(repository, hook);
    // A hook manager that came later may have left ours in place.
    if fs::read_to_string(&path).is_ok_and(|text| text == hook.script()) {
        fs::remove_file(path)?;
    }
    Ok(state)
}

fn path(repository: &Repository, hook: Hook) -> PathBuf {
    repository.hooks_dir().join(hook.name())
}

/// Tells whether the folder of hooks belongs to this repository alone.
fn is_own(repository: &Repository) -> bool {
    let folder = repository.hooks_dir();
    let folder = real(&folder);
    let inside = |root: &Path| folder.starts_with(real(root));
    repository.work_tree().is_some_and(inside) || inside(&repository.common_dir())
}

/// The place without links and detours, also where it is not there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        Some((above.canonicalize().ok()?, rest))
    });
    there.map_or_else(|| path.clone(), |(above, rest)| above.join(rest))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    true
}

/// Tells whether a line that is no comment contains the words.
fn calls(text: &str, words: &str) -> bool {
    let lines = text.lines().map(str::trim_start);
    lines
        .filter(|line| !line.starts_with('#'))
        .any(|line| line.contains(words))
}

fn write_executable(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&part, fs::Permissions::from_mode(0o755))?;
    }
    fs::rename(part, path)
}

impl dyn Manager {
    /// Tells whether what it is told runs us.
    fn calls(&self, text: &str) -> bool {
        calls(text, CALLED) || calls(text, "id: affected")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_calls_nothing() {
        let husky: &dyn Manager = &husky::Husky;
        assert!(husky.calls("npm test\naffected check --staged\n"));
        assert!(!husky.calls("# affected check --staged\nnpm test\n"));
    }
}
