//! Repositories of one language each, with its real test runner. To add one: its struct and a member of the list.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::model::{Model, Part};
use super::write;
use affected_fixtures::Random;

/// The path of a project, and a unit of it as `affected list` names it.
pub(super) type TestUnit = (String, String);

/// Which tests passed.
pub(super) type Outcomes = BTreeMap<TestUnit, bool>;

/// One language.
pub(super) trait Language: Sync {
    fn name(&self) -> &'static str;
    /// The program that runs its tests.
    fn tool(&self) -> &'static str;
    fn suffix(&self) -> &'static str;
    /// Names of files that say more than what one test reads: manifests and lockfiles.
    fn manifests(&self) -> &'static [&'static str];
    /// The source of a part.
    fn source(&self, part: usize) -> String;
    /// Writes every file.
    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String>;
    /// One more test of a part.
    fn new_test(&self, part: usize, passes: bool) -> (String, String);
    /// A file that several tests of a part take in, if there is one.
    fn support(&self, _part: usize, _broken: bool) -> Option<(String, String)> {
        None
    }
    /// Makes a change that only this language knows, and tells which.
    fn own_change(
        &self,
        _root: &Path,
        _part: usize,
        _random: &mut Random,
    ) -> Result<Option<&'static str>, String> {
        Ok(None)
    }
    /// Runs every test.
    fn run(&self, root: &Path) -> Result<Outcomes, String>;
}

/// Every language that is tried.
pub(super) static LANGUAGES: &[&dyn Language] = &[
    &super::go::Go,
    &super::java::Java,
    &super::javascript::JavaScript,
    &super::python::Python,
    &super::rust::Rust,
];

pub(super) fn status(
    root: &Path,
    folder: &str,
    program: &str,
    arguments: &[&str],
) -> Result<(i32, String), String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root.join(folder))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("RUSTFLAGS")
        .output()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.code().unwrap_or(-1), text))
}

/// Folders at the top that hold a manifest of this name.
pub(super) fn projects(root: &Path, manifest: &str) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(root).map_err(|error| error.to_string())?;
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut found: Vec<String> = names
        .filter(|name| root.join(name).join(manifest).is_file())
        .collect();
    found.sort();
    Ok(found)
}

pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).map_err(|error| error.to_string())?;
    }
    Ok(())
}

pub(super) fn relink(at: &Path, to: &str) -> Result<(), String> {
    drop(std::fs::remove_file(at));
    #[cfg(unix)]
    std::os::unix::fs::symlink(to, at).map_err(|error| error.to_string())?;
    Ok(())
}

/// What is asked besides the sum.
pub(super) fn data(part: &Part, read: &str) -> String {
    part.data.map(|_| format!(" + {read}")).unwrap_or_default()
}

/// Writes the files that tests read.
pub(super) fn write_data(
    root: &Path,
    model: &Model,
    place: impl Fn(usize) -> String,
) -> Result<(), String> {
    for (number, part) in model.parts.iter().enumerate() {
        if let Some(data) = part.data {
            write(root, &place(number), &data.to_string())?;
        }
    }
    Ok(())
}
