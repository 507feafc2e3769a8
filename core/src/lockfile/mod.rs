//! Lockfiles, and manifests that share values: which members of a workspace see other third-party code, or
//! another shared value, than before.
//!
//! To add a format: a file here and its line in [`ALL`]. A lockfile of a format that is not here, or that is
//! broken, counts as changed for everybody below it.

mod bun;
mod cargo;
mod cargo_workspace;
mod central_packages;
mod composer;
mod gemfile;
mod go_work;
mod gradle;
mod mix;
mod npm;
mod npm_workspace;
mod nuget;
mod pdm;
mod pipfile;
mod pnpm;
mod pnpm_workspace;
mod poetry;
mod python;
mod uv;
mod version_catalog;
mod yarn;

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;
use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::facts::Broken;

/// Every format.
pub static ALL: &[&dyn Format] = &[
    &cargo::CargoLock,
    &npm::PackageLock,
    &pnpm::PnpmLock,
    &yarn::YarnLock,
    &bun::BunLock,
    &uv::UvLock,
    &poetry::PoetryLock,
    &pdm::PdmLock,
    &pipfile::PipfileLock,
    &composer::ComposerLock,
    &gemfile::GemfileLock,
    &mix::MixLock,
    &nuget::NugetLock,
    &gradle::GradleLock,
    &go_work::GoWorkSum,
    &cargo_workspace::CargoWorkspace,
    &npm_workspace::NpmWorkspace,
    &pnpm_workspace::PnpmWorkspace,
    &central_packages::CentralPackages,
    &version_catalog::VersionCatalog,
];

/// A wish for all that a file holds.
pub const EVERYTHING: &str = "*";

/// The package that every member needs, for values that nobody asks for by name.
const EVERYBODY: &str = "everybody";

/// One format of lockfiles.
pub trait Format: Sync {
    /// File names that have it.
    fn names(&self) -> &'static [&'static str];

    /// Whom such a file speaks for.
    fn scope(&self) -> Scope {
        Scope::Listed
    }

    /// Reads one. It must not panic on any bytes.
    fn parse(&self, text: &str) -> Result<Lock, Broken>;

    /// How to learn from manifests who asks for what, where the file does not tell.
    fn asking(&self) -> Option<&'static Asking> {
        None
    }
}

/// Whom a file speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The members that it lists.
    Listed,
    /// The project beside it.
    Beside,
    /// The members that it lists; whoever else of its ecosystem is at or below it, and has no such file nearer,
    /// has what the project beside it has.
    Environment,
    /// Who asks for something in a manifest at or below it, and has no such file nearer.
    Asked,
    /// It is a manifest, and speaks for the projects that read it, except for its own.
    Readers,
}

/// How manifests ask for what a file holds.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// Tells manifests by their names.
    pub is_manifest: fn(&[u8]) -> bool,
    /// Whether a manifest asks for all projects below it too.
    pub inherited: bool,
    /// How many folders above the file its members' folder is.
    pub levels: usize,
    /// Reads the wishes: keys of [`Lock::requested`], or [`EVERYTHING`].
    pub read: fn(&str) -> BTreeSet<String>,
}

/// How a lockfile calls a member of its workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    /// Its folder, relative to the lockfile's; empty for that folder itself.
    Folder(String),
    /// Its package name.
    Named(String),
}

/// A resolved package, or a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// All that tells its content: name, version, source, checksum. Empty for a member.
    pub identity: String,
    /// Ids of what it needs; ids that do not exist are left out.
    pub needs: Vec<String>,
}

/// A lockfile, whatever its format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// Members, with their id in `packages`.
    pub members: BTreeMap<Member, String>,
    /// Packages by an id that is unique within this file.
    pub packages: BTreeMap<String, Package>,
    /// `name@range` to id, where the format tells what was asked for instead of who asked.
    pub requested: BTreeMap<String, String>,
    /// Ids of packages that are no more than a name: no registry was asked for them, since a member provides them.
    pub provided: BTreeSet<String>,
    /// Whether what other members need counts as well: where one resolution holds for the whole workspace,
    /// a package that one member brings is there for those that use that member.
    pub through_members: bool,
}

impl Lock {
    /// Adds a member whose wishes only its manifest tells.
    pub fn add_member(&mut self, folder: &str, wishes: &BTreeSet<String>) {
        let id = format!("member:{folder}");
        let needs = if wishes.contains(EVERYTHING) {
            let all = self.packages.keys();
            all.filter(|id| !id.starts_with("member:"))
                .cloned()
                .collect()
        } else {
            let asked = wishes.iter().filter_map(|wish| self.requested.get(wish));
            let always = self.packages.get_key_value(EVERYBODY).map(|(id, _)| id);
            asked.chain(always).cloned().collect()
        };
        self.packages.insert(
            id.clone(),
            Package {
                identity: String::new(),
                needs,
            },
        );
        self.members.insert(Member::Folder(folder.to_owned()), id);
    }

    /// Members that packages of others bring to a member, however far: registries are asked only for what no member provides.
    /// What it asks for itself, and what that asks for, is no part of it.
    #[must_use]
    pub fn brought(&self, member: &Member) -> BTreeSet<Member> {
        let own = self
            .members
            .iter()
            .map(|(member, id)| (id.as_str(), member.clone()));
        let named = self
            .provided
            .iter()
            .map(|name| (name.as_str(), Member::Named(name.clone())));
        let own: FxHashMap<&str, Member> = own.chain(named).collect();
        let needs = |id: &str| self.packages.get(id).into_iter().flat_map(|it| &it.needs);
        let is_of_others = |id: &str| {
            let package = self.packages.get(id);
            package.is_some_and(|it| !it.identity.is_empty()) && !own.contains_key(id)
        };
        let start = self.members.get(member);
        let first = start.into_iter().flat_map(|start| needs(start));
        let mut open: Vec<&str> = first
            .map(String::as_str)
            .filter(|id| is_of_others(id))
            .collect();
        let mut seen: BTreeSet<&str> = open.iter().copied().collect();
        let mut found = BTreeSet::new();
        while let Some(id) = open.pop() {
            for need in needs(id) {
                match own.get(need.as_str()) {
                    Some(member) => drop(found.insert(member.clone())),
                    // What has no content of its own is a link to a member.
                    None if seen.insert(need) => open.push(need),
                    None => {}
                }
            }
        }
        found
    }

    /// Gives everything to one member.
    fn give_all(&mut self, folder: &str) {
        self.add_member(folder, &BTreeSet::from([EVERYTHING.to_owned()]));
    }

    /// Adds a value that members ask for by `wish`.
    fn share(&mut self, wish: String, value: &str) {
        let package = Package {
            identity: format!("{wish} {value}"),
            needs: Vec::new(),
        };
        self.packages.insert(wish.clone(), package);
        self.requested.insert(wish.clone(), wish);
    }

    /// Adds a value that all members take.
    fn share_with_all(&mut self, name: &str, value: &str) {
        let all = self.packages.entry(EVERYBODY.to_owned()).or_default();
        all.identity.push_str(&format!("{name} {value}\n"));
    }
}

impl Member {
    /// A folder as lockfiles write it: `./packages/a/`, or `packages\a` on Windows.
    fn folder(written: &str) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        for part in written.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Self::Folder(parts.join("/"))
    }
}

/// What is different between two lockfiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Members that ask for a package that changed.
    pub direct: BTreeSet<Member>,
    /// Members with any change among all third-party packages that they need, however far. Whether other members
    /// are looked through is up to the format.
    pub reach: BTreeSet<Member>,
}

/// Returns the format of a file, by its name.
#[must_use]
pub fn format_of(file_name: &[u8]) -> Option<&'static dyn Format> {
    let named = |format: &&&dyn Format| {
        format
            .names()
            .iter()
            .any(|name| name.as_bytes() == file_name)
    };
    ALL.iter().find(named).copied()
}

/// Compares two lockfiles member by member. One that only one of them has counts as well: a member can have been
/// there for long before a lockfile knows it.
#[must_use]
pub fn compare(base: &Lock, head: &Lock) -> Changed {
    let mut identities = FxHashMap::default();
    let base_side = Side::new(base, &mut identities);
    let head_side = Side::new(head, &mut identities);
    let mut changed = Changed::default();
    let members: BTreeSet<&Member> = base.members.keys().chain(head.members.keys()).collect();
    for member in members {
        let (before, after) = (base_side.of(member), head_side.of(member));
        if before.0 != after.0 {
            changed.direct.insert(member.clone());
        }
        if before.1 != after.1 {
            changed.reach.insert(member.clone());
        }
    }
    changed
}

/// One lockfile by numbers: walking names would be slow with thousands of packages for hundreds of members.
struct Side<'l> {
    lock: &'l Lock,
    places: FxHashMap<&'l str, usize>,
    needs: Vec<Vec<usize>>,
    /// The number of the package's identity, `None` for a member.
    identity: Vec<Option<usize>>,
}

impl<'l> Side<'l> {
    fn new(lock: &'l Lock, identities: &mut FxHashMap<&'l str, usize>) -> Self {
        let ids = lock.packages.keys().enumerate();
        let places: FxHashMap<&str, usize> = ids.map(|(at, id)| (id.as_str(), at)).collect();
        let place = |id: &String| places.get(id.as_str()).copied();
        let needs = lock.packages.values();
        let needs = needs
            .map(|package| package.needs.iter().filter_map(place).collect())
            .collect();
        let mut identity = Vec::new();
        for package in lock.packages.values() {
            let next = identities.len();
            let number = || *identities.entry(&package.identity).or_insert(next);
            identity.push((!package.identity.is_empty()).then(number));
        }
        Self {
            lock,
            places,
            needs,
            identity,
        }
    }

    /// Identities that a member asks for itself, and all that it needs without going through another member.
    fn of(&self, member: &Member) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let start = self
            .lock
            .members
            .get(member)
            .and_then(|id| self.places.get(id.as_str()));
        let Some(start) = start.copied() else {
            return Default::default();
        };
        let direct = self.needs[start]
            .iter()
            .filter_map(|at| self.identity[*at])
            .collect();
        let mut seen = FixedBitSet::with_capacity(self.needs.len());
        seen.insert(start);
        let mut open = vec![start];
        let mut reach = BTreeSet::new();
        while let Some(at) = open.pop() {
            reach.extend(self.identity[at]);
            // What another member needs reaches this one over the graph, which knows kinds of edges.
            if at == start || self.identity[at].is_some() || self.lock.through_members {
                open.extend(self.needs[at].iter().filter(|next| !seen.put(**next)));
            }
        }
        (direct, reach)
    }
}

/// Names and values of an object's text fields.
fn pairs(value: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// What aliases may unfold to in one file: far more than people write, and well below a second of work (X4).
pub(crate) const REPLAYED: usize = 100_000;

/// Parses YAML; the parser bounds aliases and depth.
fn yaml(text: &str) -> Result<Value, Broken> {
    let options = serde_saphyr::options! {
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Broken {
        line: None,
        message: format!("not valid YAML: {error}"),
    })
}

fn json(text: &str) -> Result<Value, Broken> {
    serde_json::from_str(text).map_err(|error| Broken {
        line: u32::try_from(error.line()).ok(),
        message: format!("not valid JSON: {error}"),
    })
}

/// A complaint about the whole file.
fn complaint(message: &str) -> Broken {
    Broken {
        line: None,
        message: message.to_owned(),
    }
}

/// A version that no code here was written for may mean anything.
fn unknown_version(version: &str) -> Broken {
    complaint(&format!("lockfile version `{version}` is not known"))
}

fn toml_table(text: &str) -> Result<toml::Table, Broken> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let offset = error.span().map(|span| span.start);
        Broken::at(text.as_bytes(), offset, error.message())
    })
}

#[cfg(test)]
mod tests;
