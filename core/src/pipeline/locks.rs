//! Reads both versions of changed lockfiles, and tells which projects they mean.

use std::collections::BTreeMap;

use affected_graph::{ProjectGraph, ProjectIndex, RepoPath};
use bstr::ByteSlice;
use serde_json::Value;

use super::trees::Trees;
use crate::diff::{ChangeKind, ChangeSet};
use crate::facts::Broken;
use crate::lockfile::{self, Format, Lock, Member};
use crate::report::wire::v1;
use crate::select::LockMeaning;
use crate::tree::Tree;

/// Returns what each changed lockfile means. One that only one tree has, or that cannot be read, is left out:
/// it then means everybody below it, and `notes` says why.
pub(super) fn meanings(
    trees: &Trees,
    union: &ProjectGraph,
    changes: &ChangeSet,
    notes: &mut Vec<v1::Warning>,
) -> BTreeMap<RepoPath, LockMeaning> {
    let mut found = BTreeMap::new();
    let Some(base) = &trees.base else {
        return found;
    };
    let modified = changes
        .changes()
        .iter()
        .filter(|change| change.kind == ChangeKind::Modified);
    for path in modified.map(|change| &change.path) {
        let Some(format) = lockfile::format_of(path.file_name()) else {
            continue;
        };
        let read = |tree: &dyn Tree| read(tree, format, union, path);
        match (read(base.as_ref()), read(trees.head.as_ref())) {
            (Ok(before), Ok(after)) => {
                found.insert(path.clone(), meaning(union, path, &before, &after));
            }
            (Err(broken), _) | (_, Err(broken)) => notes.push(v1::Warning {
                code: "unreadable".to_owned(),
                message: format!("{path}: {}", broken.message),
                help: Some("every project below this lockfile is selected".to_owned()),
            }),
        }
    }
    found
}

fn read(
    tree: &dyn Tree,
    format: &dyn Format,
    union: &ProjectGraph,
    path: &RepoPath,
) -> Result<Lock, Broken> {
    let bytes = tree.read(path).map_err(|error| Broken {
        line: None,
        message: error.to_string(),
    })?;
    let text = bytes.to_str().map_err(|error| Broken {
        line: None,
        message: error.to_string(),
    })?;
    let mut lock = format.parse(text)?;
    if lock.members.is_empty() && !lock.requested.is_empty() {
        add_members(tree, union, path, &mut lock);
    }
    Ok(lock)
}

/// Who asks for what stands in the manifests only.
fn add_members(tree: &dyn Tree, union: &ProjectGraph, path: &RepoPath, lock: &mut Lock) {
    const KINDS: &[&str] = &["dependencies", "devDependencies", "optionalDependencies"];
    let folder = path.parent().unwrap_or_default();
    for (_, project) in union.projects() {
        let Some(inside) = project.root.relative_to(&folder) else {
            continue;
        };
        let manifest = project
            .root
            .join("package.json")
            .ok()
            .and_then(|path| tree.read(&path).ok());
        let Some(manifest) =
            manifest.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        else {
            continue;
        };
        let tables = KINDS
            .iter()
            .filter_map(|kind| manifest.get(*kind)?.as_object());
        let wishes = tables
            .flatten()
            .filter_map(|(name, range)| Some((name.clone(), range.as_str()?.to_owned())));
        lock.add_member(&inside.to_str_lossy(), wishes);
    }
}

fn meaning(union: &ProjectGraph, path: &RepoPath, before: &Lock, after: &Lock) -> LockMeaning {
    let folder = path.parent().unwrap_or_default();
    let changed = lockfile::compare(before, after);
    let mut meaning = LockMeaning::default();
    let members = before.members.keys().chain(after.members.keys());
    for member in members {
        let is_changed = changed.reach.contains(member) || changed.direct.contains(member);
        for index in projects(union, &folder, member) {
            meaning.known.insert(index);
            if is_changed {
                meaning.changed.insert(index);
            }
        }
    }
    meaning
}

/// The projects that a lockfile means by a member. A name that several languages use is the path of each of
/// them here, so a name that is not found may be any of those.
fn projects(union: &ProjectGraph, folder: &RepoPath, member: &Member) -> Vec<ProjectIndex> {
    match member {
        Member::Folder(inside) => {
            let root = folder.join(inside).ok();
            root.and_then(|root| union.at(&root)).into_iter().collect()
        }
        Member::Named(name) => {
            let below = || {
                union
                    .projects()
                    .filter(|(_, project)| project.root.is_within(folder))
            };
            let named: Vec<_> = below()
                .filter(|(_, project)| project.name == *name)
                .map(|(index, _)| index)
                .collect();
            if named.is_empty() {
                let renamed =
                    below().filter(|(_, project)| project.name == project.root.to_string());
                return renamed.map(|(index, _)| index).collect();
            }
            named
        }
    }
}
