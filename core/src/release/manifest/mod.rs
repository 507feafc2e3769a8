//! Versions in files. Each member finds the bytes of a version; they alone are replaced, so every other byte stays.
//!
//! To add a kind of file, add its own file and the two lines below.

mod cargo;
mod dotnet;
mod gradle;
mod helm;
mod json;
mod locks;
mod maven;
mod npm;
mod pattern;
mod python; // <- a module here
mod toml_spans;

use std::collections::BTreeMap;
use std::ops::Range;

use affected_graph::RepoPath;
use semver::{Version, VersionReq};

pub use pattern::find as by_pattern;

/// Every known kind of file.
pub static ALL: &[&dyn Manifest] = &[
    &cargo::Cargo,
    &npm::Npm,
    &python::Python,
    &maven::Maven,
    &gradle::Gradle,
    &dotnet::Dotnet,
    &helm::Helm,
    &locks::CargoLock,
    &locks::PackageLock,
    &locks::PnpmLock,
    &locks::UvLock, // <- and a member here
];

/// A version in a file: its bytes, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Which bytes.
    pub range: Range<usize>,
    /// What stands there.
    pub text: String,
}

/// Whose version a requirement speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A package, by the name of its own ecosystem.
    Name(String),
    /// The project in this folder.
    Path(RepoPath),
}

/// A place that repeats the version of another project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Whose.
    pub of: Target,
    /// Where.
    pub spot: Spot,
    /// When it is written anew.
    pub when: When,
}

/// When a requirement is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// With each release.
    Always,
    /// Only if the new version does not satisfy it: what users of a package must bring themselves.
    Unsatisfied,
}

/// Reads a file of the tree; `None` if it is not there or no text.
pub type Reader<'r> = dyn Fn(&RepoPath) -> Option<String> + 'r;

/// One kind of file.
pub trait Manifest: Sync {
    /// Packages of one id name each other.
    fn id(&self) -> &'static str;

    /// Tells whether a file of this name is of this kind.
    fn matches(&self, name: &str) -> bool;

    /// Returns the package's own name.
    fn name(&self, _text: &str) -> Option<String> {
        None
    }

    /// Finds the version of the package that `path` describes: in it, or in a file it takes it from.
    fn version(&self, _path: &RepoPath, _read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        None
    }

    /// Finds places that repeat versions of others.
    fn requirements(&self, _path: &RepoPath, _text: &str) -> Vec<Requirement> {
        Vec::new()
    }

    /// Words a version as this kind of file has it.
    fn spell(&self, version: &Version) -> String {
        version.to_string()
    }
}

/// Finds the kind of a file.
#[must_use]
pub fn of(path: &RepoPath) -> Option<&'static dyn Manifest> {
    let name = std::str::from_utf8(path.file_name()).ok()?.to_owned();
    ALL.iter().copied().find(|kind| kind.matches(&name))
}

/// Finds the version of a project whose manifests these are; the first one that has one counts.
#[must_use]
pub fn version_of(manifests: &[RepoPath], read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
    let mut manifests = manifests.iter();
    manifests.find_map(|path| of(path)?.version(path, read))
}

/// The places of one file that are replaced.
pub type Edits = BTreeMap<usize, (Range<usize>, String)>;

/// Replaces places of a text; all other bytes stay. Of two that overlap the first counts.
#[must_use]
pub fn apply(text: &str, edits: &Edits) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in edits.values() {
        if range.start < at || text.get(range.clone()).is_none() {
            continue;
        }
        out.push_str(&text[at..range.start]);
        out.push_str(new);
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// Words a requirement for a new version: its operator and the number of its parts stay (`^1.2` stays two parts).
/// `None` if it is left as it is: a wildcard, several conditions, or satisfied where that is enough.
#[must_use]
pub fn required(requirement: &Requirement, version: &Version, spelled: &str) -> Option<String> {
    let text = requirement.spot.text.as_str();
    let at = text.find(|c: char| c.is_ascii_digit())?;
    let (operator, old) = text.split_at(at);
    let known = [
        "",
        "^",
        "~",
        "=",
        "==",
        ">=",
        "~=",
        "v",
        "workspace:",
        "workspace:^",
        "workspace:~",
    ];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    if !known.contains(&operator.trim()) || !old.chars().all(is_plain) || old.contains(['x', 'X']) {
        return None;
    }
    if requirement.when == When::Unsatisfied
        && VersionReq::parse(text.trim()).is_ok_and(|wanted| wanted.matches(version))
    {
        return None;
    }
    let numbers = old
        .split(['-', '+'])
        .next()
        .unwrap_or(old)
        .split('.')
        .count();
    let new = if numbers < 3 && version.pre.is_empty() {
        spelled
            .split('.')
            .take(numbers)
            .collect::<Vec<_>>()
            .join(".")
    } else {
        spelled.to_owned()
    };
    Some(format!("{operator}{new}")).filter(|new| new != text)
}

/// Cuts a spot out of a text.
fn spot(text: &str, range: Range<usize>) -> Option<Spot> {
    let found = text.get(range.clone())?.to_owned();
    Some(Spot { range, text: found })
}

/// Returns `name` in each folder from that of `path` upwards.
fn upwards<'a>(path: &RepoPath, name: &'a str) -> impl Iterator<Item = RepoPath> + 'a {
    let folder = path.parent().unwrap_or_default();
    let folders: Vec<RepoPath> = folder.ancestors().collect();
    folders
        .into_iter()
        .filter_map(move |folder| folder.join(name).ok())
}

#[cfg(test)]
mod tests;
