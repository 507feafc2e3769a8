//! Lockfiles: which members of a workspace see other third-party code than before.
//!
//! To add a format: a file here and its line in [`ALL`]. A lockfile of a format that is not here, or that is
//! broken, counts as changed for everybody below it.

mod bun;
mod cargo;
mod npm;
mod pnpm;
mod uv;
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
];

/// One format of lockfiles.
pub trait Format: Sync {
    /// File names that have it.
    fn names(&self) -> &'static [&'static str];

    /// Reads one. It must not panic on any bytes.
    fn parse(&self, text: &str) -> Result<Lock, Broken>;
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
    /// Whether what other members need counts as well: where one resolution holds for the whole workspace,
    /// a package that one member brings is there for those that use that member.
    pub through_members: bool,
}

impl Lock {
    /// Adds a member whose wishes only its manifest tells: names and ranges.
    pub fn add_member(&mut self, folder: &str, wishes: impl IntoIterator<Item = (String, String)>) {
        let id = format!("member:{folder}");
        let needs = wishes
            .into_iter()
            .filter_map(|(name, range)| self.requested.get(&format!("{name}@{range}")).cloned())
            .collect();
        self.packages.insert(
            id.clone(),
            Package {
                identity: String::new(),
                needs,
            },
        );
        self.members.insert(Member::Folder(folder.to_owned()), id);
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

/// Compares two lockfiles member by member; members that only one of them has are left out, since their own
/// files tell.
#[must_use]
pub fn compare(base: &Lock, head: &Lock) -> Changed {
    let mut identities = FxHashMap::default();
    let base_side = Side::new(base, &mut identities);
    let head_side = Side::new(head, &mut identities);
    let mut changed = Changed::default();
    for member in base
        .members
        .keys()
        .filter(|member| head.members.contains_key(*member))
    {
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

/// Parses YAML; the parser bounds aliases and depth.
fn yaml(text: &str) -> Result<Value, Broken> {
    serde_saphyr::from_str(text).map_err(|error| Broken {
        line: None,
        message: format!("not valid YAML: {error}"),
    })
}

fn toml_table(text: &str) -> Result<toml::Table, Broken> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let offset = error.span().map(|span| span.start);
        Broken::at(text.as_bytes(), offset, error.message())
    })
}

#[cfg(test)]
mod tests;
