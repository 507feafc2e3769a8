//! What the lockfiles of Python's one-project tools have in common: a flat list of packages by name.

use std::collections::BTreeMap;

use super::{Lock, Member, Package};

/// One package of such a list.
pub(super) struct Entry {
    /// As it is written.
    pub(super) name: String,
    /// All that tells its content, without the name.
    pub(super) identity: String,
    /// A folder of the repository instead of a package.
    pub(super) folder: Option<String>,
    /// Names of what it needs.
    pub(super) needs: Vec<String>,
}

/// The project beside the lockfile is given everything in it; folders of the repository what they need.
pub(super) fn environment(entries: Vec<Entry>) -> Lock {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let ids: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {}", normal(&entry.name), entry.identity))
        .collect();
    for (entry, id) in entries.iter().zip(&ids) {
        let versions = by_name.entry(normal(&entry.name)).or_default();
        versions.push(id.clone());
    }
    let mut lock = Lock::default();
    for (entry, id) in entries.into_iter().zip(ids) {
        let known = |name: &String| by_name.get(&normal(name)).cloned().unwrap_or_default();
        let needs = entry.needs.iter().flat_map(known).collect();
        let identity = match entry.folder {
            Some(folder) => {
                lock.members.insert(Member::folder(&folder), id.clone());
                String::new()
            }
            None => id.clone(),
        };
        lock.packages.insert(id, Package { identity, needs });
    }
    lock.give_all("");
    lock
}

/// The name as PEP 503 compares it.
pub(super) fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
    parts.join("-")
}

/// The name in a requirement of PEP 508: `Requests[socks]>=2; python_version > "3"`.
pub(super) fn required(text: &str) -> String {
    let ends = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '-' | '_' | '.');
    let name = text.trim().split(ends).next();
    name.unwrap_or_default().to_owned()
}
