//! What a task finds around it that is no file of the repository: variables, programs, settings of the machine.
//! Known by digests only, so that no value of a variable gets anywhere (C12).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use affected_graph::{Command, RepoPath};
use globset::{GlobSet, GlobSetBuilder};

use super::environment::{find_program, variables};
use crate::digest::Digest;
use crate::glob;
use crate::plan::Action;
use crate::plan::digest::Part;
use crate::vcs::on_disk;

/// Variables that languages and their runners are known to listen to; `*` stands for any end. New ones keep coming, so
/// families are taken whole: one too many costs a run, one too few a wrong answer.
const KNOWN: &[&str] = &[
    "BABEL_*",
    "BUNDLE_*",
    "CARGO_*",
    "CC",
    "CFLAGS",
    "CGO_*",
    "CI",
    "CONDA_PREFIX",
    "CPPFLAGS",
    "CXX",
    "CXXFLAGS",
    "DJANGO_*",
    "DOTNET_*",
    "ELIXIR_*",
    "ERL_*",
    "FLASK_*",
    "GEM_*",
    "GO*",
    "GRADLE_*",
    "HYPOTHESIS_*",
    "INSTA_*",
    "JAVA_*",
    "JDK_*",
    "JEST_*",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "LDFLAGS",
    "LD_*",
    "MAVEN_*",
    "MIX_*",
    "MOCHA_*",
    "NEXTEST_*",
    "NODE_*",
    "NPM_CONFIG_*",
    "ORG_GRADLE_PROJECT_*",
    "PERL5LIB",
    "PHP_*",
    "PROPTEST_*",
    "PYENV_*",
    "PYTEST_*",
    "PYTHON*",
    "RAILS_*",
    "RBENV_*",
    "RSPEC_*",
    "RUBY*",
    "RUST*",
    "SOURCE_DATE_EPOCH",
    "TS_NODE_*",
    "TZ",
    "UV_*",
    "VIRTUAL_ENV",
    "VITEST*",
    "_JAVA_OPTIONS",
    "npm_config_*",
];

/// Of those, what only says who called, or lets somebody in: it is another in each run, and no result depends on it.
const OF_THE_CALLER: &[&str] = &[
    "*TOKEN",
    "*_authToken",
    "CARGO_MAKEFLAGS",
    "CARGO_MANIFEST_*",
    "CARGO_PKG_*",
    "GOOGLE_*",
    "NODE_CHANNEL_*",
    "PYTEST_CURRENT_TEST",
    "npm_config_local_prefix",
    "npm_config_user_agent",
];

/// Files that git mostly ignores although tests read them, in a project's folder and above: local settings, and what
/// package managers write when they have installed.
const UNLISTED: &[&str] = &[
    ".env",
    ".env.local",
    ".env.test",
    ".env.test.local",
    ".npmrc",
    ".nvmrc",
    ".node-version",
    ".python-version",
    ".ruby-version",
    ".tool-versions",
    ".mise.toml",
    "mise.toml",
    "rust-toolchain",
    "rust-toolchain.toml",
    "Cargo.lock",
    "Gemfile.lock",
    "composer.lock",
    "go.sum",
    "go.work",
    "go.work.sum",
    "package-lock.json",
    "pnpm-lock.yaml",
    "poetry.lock",
    "uv.lock",
    "yarn.lock",
    "conftest.py",
    "pytest.ini",
    "setup.cfg",
    "tox.ini",
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

/// Settings below the home folder that decide which version of a program starts, each in a folder that a variable may
/// lay elsewhere.
const AT_HOME: &[(&str, &str, &str)] = &[
    ("CARGO_HOME", ".cargo", "config.toml"),
    ("XDG_CONFIG_HOME", ".config", "go/env"),
    ("MISE_CONFIG_DIR", ".config/mise", "config.toml"),
    ("PYENV_ROOT", ".pyenv", "version"),
    ("RBENV_ROOT", ".rbenv", "version"),
    ("RUSTUP_HOME", ".rustup", "settings.toml"),
    ("RUSTUP_HOME", ".rustup", "update-hashes"),
    ("", "", ".tool-versions"),
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
        let known = names(KNOWN.iter().copied());
        let of_the_caller = names(OF_THE_CALLER.iter().copied());
        let counts = |name: &OsStr| known.is_match(name) && !of_the_caller.is_match(name);
        Self {
            root,
            at_home: at_home(&seen),
            known: seen
                .iter()
                .filter(|(name, _)| counts(name))
                .map(|(name, value)| variable(name, value))
                .collect(),
            seen,
            programs: RefCell::default(),
            folders: RefCell::default(),
        }
    }

    /// Hides the values of the declared variables, of which a name may be a glob, and of those that runners are known to
    /// listen to.
    #[must_use]
    pub fn variables(&self, declared: &[String]) -> Vec<Part> {
        let mut parts = self.known.clone();
        if !declared.is_empty() {
            let declared = names(declared.iter().map(String::as_str));
            let seen = self.seen.iter();
            let seen = seen.filter(|(name, _)| declared.is_match(name));
            parts.extend(seen.map(|(name, value)| variable(name, value)));
            parts.sort();
            parts.dedup();
        }
        parts
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

fn variable(name: &OsStr, value: &OsStr) -> Part {
    let name = format!("variable {}", name.display());
    Part::new(name, value.as_encoded_bytes())
}

/// Globs over names of variables; one that is none matches nothing.
fn names<'n>(globs: impl IntoIterator<Item = &'n str>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in globs
        .into_iter()
        .filter_map(|name| glob::of_names(name).ok())
    {
        builder.add(glob);
    }
    builder.build().unwrap_or_else(|_| GlobSet::empty())
}

fn at_home(seen: &BTreeMap<OsString, OsString>) -> Vec<Part> {
    let folder_of = |name: &str| seen.get(OsStr::new(name)).map(PathBuf::from);
    let home = folder_of("HOME");
    let part = |(variable, usual, name): &(&str, &str, &str)| {
        let usual_folder = || home.as_ref().map(|home| home.join(usual));
        let folder = folder_of(variable).or_else(usual_folder)?;
        let shown = format!("~/{usual}/{name}");
        Some(Part::new(shown, &content(&folder.join(name))?))
    };
    AT_HOME.iter().filter_map(part).collect()
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
