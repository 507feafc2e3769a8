//! What a task finds around it that is no file of the repository: variables, programs, settings of the machine.
//! Known by digests only, so that no value of a variable gets anywhere (C12).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use affected_graph::{Command, RepoPath};

use super::environment::{find_program, variables};
use crate::digest::Digest;
use crate::plan::Action;
use crate::plan::digest::Part;
use crate::vcs::on_disk;

/// Variables that languages and their runners are known to listen to.
const KNOWN: &[&str] = &[
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PROFILE_TEST_OPT_LEVEL",
    "CC",
    "CFLAGS",
    "CGO_ENABLED",
    "CI",
    "CXX",
    "CXXFLAGS",
    "DJANGO_SETTINGS_MODULE",
    "DOTNET_ENVIRONMENT",
    "DOTNET_ROOT",
    "GOARCH",
    "GODEBUG",
    "GOEXPERIMENT",
    "GOFLAGS",
    "GOOS",
    "GOTOOLCHAIN",
    "GOWORK",
    "GRADLE_OPTS",
    "JAVA_HOME",
    "JAVA_OPTS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LANG",
    "LC_ALL",
    "LDFLAGS",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "MAVEN_ARGS",
    "MAVEN_OPTS",
    "MIX_ENV",
    "NODE_ENV",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PERL5LIB",
    "PYENV_VERSION",
    "PYTEST_ADDOPTS",
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "RAILS_ENV",
    "RBENV_VERSION",
    "RUBYLIB",
    "RUBYOPT",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "RUST_BACKTRACE",
    "RUST_TEST_THREADS",
    "SOURCE_DATE_EPOCH",
    "TZ",
    "UV_PYTHON",
    "VIRTUAL_ENV",
];

/// Files that git mostly ignores although tests read them, in a project's folder and above: local settings, and what
/// package managers write when they have installed.
const UNLISTED: &[&str] = &[
    ".env",
    ".env.local",
    ".env.test",
    ".env.test.local",
    ".npmrc",
    ".cargo/config.toml",
    ".bundle/config",
    ".venv/pyvenv.cfg",
    "local.properties",
    "node_modules/.modules.yaml",
    "node_modules/.package-lock.json",
    "node_modules/.yarn-integrity",
    "node_modules/.yarn-state.yml",
    "vendor/composer/installed.json",
    "venv/pyvenv.cfg",
];

/// Settings below the home folder that decide which version of a program starts.
const AT_HOME: &[&str] = &[
    ".cargo/config.toml",
    ".config/go/env",
    ".config/mise/config.toml",
    ".pyenv/version",
    ".rbenv/version",
    ".rustup/settings.toml",
    ".rustup/update-hashes",
    ".tool-versions",
];

/// Programs inside the checkout are known by their content up to this size.
const READ_UP_TO: u64 = 4 << 20;

/// What surrounds the tasks of one run.
pub struct Surroundings<'a> {
    root: &'a Path,
    seen: BTreeMap<OsString, OsString>,
    /// Of the variables that every task may listen to.
    known: Vec<Part>,
    at_home: Vec<Part>,
    programs: RefCell<HashMap<(PathBuf, String), Option<Part>>>,
    folders: RefCell<HashMap<RepoPath, Vec<Part>>>,
}

impl<'a> Surroundings<'a> {
    /// Looks around: `inherited` as in [`super::RunOptions::environment`].
    #[must_use]
    pub fn new(root: &'a Path, inherited: &[(OsString, OsString)]) -> Self {
        let seen = variables(inherited, &BTreeMap::new());
        let home = seen.get(OsStr::new("HOME")).map(PathBuf::from);
        let at_home = home.iter().flat_map(|home| {
            let settings = AT_HOME.iter();
            settings.filter_map(|name| {
                Some(Part::new(format!("~/{name}"), &content(&home.join(name))?))
            })
        });
        Self {
            root,
            at_home: at_home.collect(),
            known: KNOWN
                .iter()
                .filter_map(|name| variable(&seen, name))
                .collect(),
            seen,
            programs: RefCell::default(),
            folders: RefCell::default(),
        }
    }

    /// Hides the values of the declared variables and of those that runners are known to listen to.
    #[must_use]
    pub fn variables(&self, declared: &[String]) -> Vec<Part> {
        let names: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
        let names = names.into_iter().filter(|name| !KNOWN.contains(name));
        let declared = names.filter_map(|name| variable(&self.seen, name));
        self.known.iter().cloned().chain(declared).collect()
    }

    /// Identifies the programs that an action starts, and those of its languages that are installed. What it writes
    /// itself is none of them.
    pub fn programs<'p>(
        &self,
        action: &Action,
        of_languages: impl Iterator<Item = &'p str>,
        outputs: &globset::GlobSet,
    ) -> Result<Vec<Part>, String> {
        let cwd = on_disk(self.root, &action.cwd);
        let mut parts = self.at_home.clone();
        let (first, words) = match &action.command {
            Command::Argv(argv) => (argv.first().cloned(), Vec::new()),
            Command::Shell(line) => (Some("sh".to_owned()), words(line)),
        };
        if let Some(first) = first {
            match self.program(&cwd, &first) {
                Some(part) => parts.push(part),
                None => return Err(format!("`{first}` is not installed or not on PATH")),
            }
        }
        let is_written = |word: &String| {
            let path = action.cwd.join(word).ok();
            word.contains('/') && path.is_some_and(|path| outputs.is_match(path.to_string()))
        };
        let words = words.into_iter().filter(|word| !is_written(word));
        let others = words.chain(of_languages.map(str::to_owned));
        parts.extend(others.filter_map(|name| self.program(&cwd, &name)));
        parts.sort();
        parts.dedup();
        Ok(parts)
    }

    fn program(&self, cwd: &Path, name: &str) -> Option<Part> {
        // Names without a folder mean the same everywhere.
        let from = if name.contains('/') { cwd } else { self.root };
        let key = (from.to_path_buf(), name.to_owned());
        if let Some(known) = self.programs.borrow().get(&key) {
            return known.clone();
        }
        let found = find_program(name, from, &self.seen).ok();
        let part = found.and_then(|path| self.identity(name, &path));
        self.programs.borrow_mut().insert(key, part.clone());
        part
    }

    /// A program outside the checkout is known by place, size and time of installation: reading a compiler for each
    /// run would cost more than most tests. One inside is known by content.
    fn identity(&self, name: &str, path: &Path) -> Option<Part> {
        let real = path.canonicalize().ok()?;
        let data = real.metadata().ok()?;
        let is_inside = self
            .root
            .canonicalize()
            .is_ok_and(|root| real.starts_with(root));
        let value = if is_inside && data.len() <= READ_UP_TO {
            Digest::of_bytes(&std::fs::read(&real).ok()?).to_string()
        } else {
            let since = data.modified().ok()?.duration_since(std::time::UNIX_EPOCH);
            let time = since.map_or(0, |since| since.as_nanos());
            format!("{} {} {time}", real.display(), data.len())
        };
        Some(Part::new(format!("program {name}"), value.as_bytes()))
    }

    /// Finds the files in a project's folder and above that no list of git has, although tests read them.
    pub fn unlisted(&self, folder: &RepoPath, is_listed: &dyn Fn(&RepoPath) -> bool) -> Vec<Part> {
        let mut all = Vec::new();
        for folder in folder.ancestors() {
            if let Some(known) = self.folders.borrow().get(&folder) {
                all.extend(known.iter().cloned());
                continue;
            }
            let place = on_disk(self.root, &folder);
            // One look at the folder instead of one at each name that it mostly does not have.
            let here: BTreeSet<OsString> = std::fs::read_dir(&place)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.file_name())
                .collect();
            let part = |name: &&str| {
                let first = name.split('/').next().unwrap_or_default();
                if !here.contains(OsStr::new(first)) {
                    return None;
                }
                let path = folder.join(name).ok().filter(|path| !is_listed(path))?;
                Some(Part::new(
                    format!("unlisted {path}"),
                    &content(&place.join(name))?,
                ))
            };
            let found: Vec<Part> = UNLISTED.iter().filter_map(part).collect();
            all.extend(found.iter().cloned());
            self.folders.borrow_mut().insert(folder, found);
        }
        all
    }
}

fn variable(seen: &BTreeMap<OsString, OsString>, name: &str) -> Option<Part> {
    let value = seen.get(OsStr::new(name))?;
    let name = format!("variable {name}");
    Some(Part::new(name, value.as_encoded_bytes()))
}

/// The content of a file, or of the files of a folder.
fn content(path: &Path) -> Option<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return std::fs::read(path).ok();
    };
    let mut all: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name(), std::fs::read(entry.path()).ok()?)))
        .collect();
    all.sort();
    let digests = all
        .iter()
        .flat_map(|(name, bytes)| [name.as_encoded_bytes(), bytes]);
    Some(Digest::of_fields(digests).as_bytes().to_vec())
}

/// Words of a shell line that may be programs.
fn words(line: &str) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || "|&;()<>\"'`$=".contains(c);
    let words = line.split(ends).filter(|word| !word.is_empty());
    words
        .filter(|word| !word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}
