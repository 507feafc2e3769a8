//! What a task sees: its variables, and the programs on its `PATH`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Set by git for its hooks; a git inside a task must look at the task's own folder instead.
const GIT_HOOK: [&str; 8] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
];

/// What `execvp` searches where there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// Returns the variables of a task: those inherited that are no secret and no leftover of a hook, then its own.
pub(super) fn variables(
    inherited: &[(OsString, OsString)],
    own: &BTreeMap<String, String>,
) -> BTreeMap<OsString, OsString> {
    let passed = inherited
        .iter()
        .filter(|(name, _)| !is_withheld(name))
        .cloned();
    let own = own.iter().map(|(name, value)| (name.into(), value.into()));
    passed.chain(own).collect()
}

fn is_withheld(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    GIT_HOOK.contains(&name.as_ref())
        || name
            .strip_prefix("AFFECTED_")
            .is_some_and(|rest| rest.contains("TOKEN") || rest.contains("KEY"))
}

/// Why a program can't be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoProgram {
    /// It is nowhere.
    Missing,
    /// There is a file of that name, without the right to execute it.
    NotExecutable,
}

/// Finds `program` as the system would: names with a separator relative to `cwd`, others on `PATH`.
pub(super) fn find_program(
    program: &str,
    cwd: &Path,
    variables: &BTreeMap<OsString, OsString>,
) -> Result<PathBuf, NoProgram> {
    if program.is_empty() {
        return Err(NoProgram::Missing);
    }
    if program.contains(std::path::is_separator) {
        return pick(cwd.join(program));
    }
    let path = variables
        .get(OsStr::new("PATH"))
        .map_or(OsStr::new(DEFAULT_PATH), OsString::as_os_str);
    let mut worst = NoProgram::Missing;
    for folder in std::env::split_paths(path) {
        // An empty entry means the current folder.
        match pick(cwd.join(folder).join(program)) {
            Ok(found) => return Ok(found),
            Err(NoProgram::NotExecutable) => worst = NoProgram::NotExecutable,
            Err(NoProgram::Missing) => {}
        }
    }
    Err(worst)
}

#[cfg(unix)]
fn pick(path: PathBuf) -> Result<PathBuf, NoProgram> {
    use std::os::unix::fs::PermissionsExt;
    match path.metadata() {
        Ok(data) if data.is_file() && data.permissions().mode() & 0o111 != 0 => Ok(path),
        Ok(_) => Err(NoProgram::NotExecutable),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(NoProgram::NotExecutable)
        }
        Err(_) => Err(NoProgram::Missing),
    }
}

#[cfg(not(unix))]
fn pick(path: PathBuf) -> Result<PathBuf, NoProgram> {
    let named = ["", ".exe", ".cmd", ".bat"].map(|ending| {
        let mut name = path.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    });
    named
        .into_iter()
        .find(|path| path.is_file())
        .ok_or(NoProgram::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E8.
    #[test]
    fn e8_hook_variables_and_tokens_are_withheld() {
        let inherited: Vec<(OsString, OsString)> = GIT_HOOK
            .iter()
            .chain(&[
                "AFFECTED_TOKEN",
                "AFFECTED_CACHE_TOKEN_2",
                "PATH",
                "GIT_PAGER",
                "TOKEN",
                "LANG",
            ])
            .map(|name| (OsString::from(name), OsString::from("inherited")))
            .collect();
        let own = BTreeMap::from([("LANG".to_owned(), "C".to_owned())]);
        let seen = variables(&inherited, &own);
        let seen: Vec<_> = seen
            .iter()
            .map(|(name, value)| format!("{name:?}={value:?}"))
            .collect();
        let inherited = |name| format!("{name:?}=\"inherited\"");
        let expected = [
            inherited("GIT_PAGER"),
            "\"LANG\"=\"C\"".to_owned(),
            inherited("PATH"),
            inherited("TOKEN"),
        ];
        assert_eq!(seen, expected);
    }

    #[cfg(unix)]
    #[test]
    fn finds_programs_as_the_system_does() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cwd = folder.path();
        for (name, mode) in [
            ("a/tool", 0o755),
            ("b/tool", 0o644),
            ("b/only", 0o644),
            ("here", 0o755),
        ] {
            let path = cwd.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
        let cases = [
            ("tool", "b:a", Ok("a/tool")),
            ("only", "b:a", Err(NoProgram::NotExecutable)),
            ("tool", "c", Err(NoProgram::Missing)),
            ("./here", "a", Ok("here")),
            ("here", "a:", Ok("here")),
            ("a", ".", Err(NoProgram::NotExecutable)),
            ("", "a", Err(NoProgram::Missing)),
        ];
        for (program, path, expected) in cases {
            let variables = BTreeMap::from([("PATH".into(), path.into())]);
            let found = find_program(program, cwd, &variables);
            let same = found.map(|path| path.canonicalize().unwrap());
            let expected = expected.map(|name| cwd.join(name).canonicalize().unwrap());
            assert_eq!(same, expected, "{program} on {path}");
        }
    }
}
