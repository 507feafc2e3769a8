//! Reads both versions of changed lockfiles and shared manifests, and tells which projects they mean.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{InputPattern, ProjectGraph, ProjectIndex, RepoPath};
use bstr::ByteSlice;

use super::trees::Trees;
use crate::diff::{ChangeKind, ChangeSet};
use crate::ecosystem;
use crate::facts::Broken;
use crate::lockfile::{self, Asking, EVERYTHING, Format, Lock, Member, Scope};
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
        let (base, head) = (base.as_ref(), trees.head.as_ref());
        let lock = Changed::new(union, path, format, [base, head]);
        if format.scope() == Scope::Readers && lock.readers.is_empty() {
            continue;
        }
        match (lock.read(base), lock.read(head)) {
            (Ok(before), Ok(after)) => {
                found.insert(path.clone(), lock.meaning(&before, &after));
            }
            (Err(broken), _) | (_, Err(broken)) => notes.push(v1::Warning {
                code: "unreadable".to_owned(),
                message: format!("{path}: {}", broken.message),
                help: Some("every project below this file is selected".to_owned()),
            }),
        }
    }
    found
}

/// A changed file of a known format, and who may have to do with it.
struct Changed<'a> {
    union: &'a ProjectGraph,
    path: &'a RepoPath,
    format: &'static dyn Format,
    /// The folder that members' folders are relative to.
    folder: RepoPath,
    /// Projects that read it as an input; of a manifest, without the one that owns it.
    readers: BTreeSet<ProjectIndex>,
    /// Projects of its ecosystems at or below its folder that have no such file nearer.
    below: BTreeSet<ProjectIndex>,
}

impl<'a> Changed<'a> {
    fn new(
        union: &'a ProjectGraph,
        path: &'a RepoPath,
        format: &'static dyn Format,
        trees: [&dyn Tree; 2],
    ) -> Self {
        let levels = format.asking().map_or(0, |asking| asking.levels);
        let folder = path.ancestors().nth(levels + 1).unwrap_or_default();
        let owner = union.enclosing(path).next();
        let is_manifest = format.scope() == Scope::Readers;
        let reads =
            |pattern: &InputPattern| matches!(pattern, InputPattern::Path(input) if input == path);
        let projects = || union.projects();
        let readers = projects()
            .filter(|(index, _)| !is_manifest || Some(*index) != owner)
            .filter(|(_, project)| project.inputs.iter().any(|input| reads(&input.pattern)))
            .map(|(index, _)| index)
            .collect();
        let speak = ecosystem::ALL
            .iter()
            .filter(|ecosystem| {
                let mut shared = ecosystem.shared_files().iter();
                shared.any(|shared| shared.name.matches(path))
            })
            .map(|ecosystem| ecosystem.id());
        let speak: Vec<_> = speak.collect();
        let has_nearer = |root: &RepoPath| {
            let between = root.ancestors().take_while(|above| *above != folder);
            let mut nearer = between
                .chain([root.clone()])
                .filter(|above| *above != folder)
                .filter_map(|above| above.join(path.file_name()).ok());
            nearer.any(|path| trees.iter().all(|tree| tree.files().is_file(&path)))
        };
        let below = projects()
            .filter(|(_, project)| project.root.is_within(&folder))
            .filter(|(_, project)| speak.iter().any(|id| project.ecosystems.contains(id)))
            .filter(|(_, project)| levels > 0 || !has_nearer(&project.root))
            .map(|(index, _)| index)
            .collect();
        Self {
            union,
            path,
            format,
            folder,
            readers,
            below,
        }
    }

    fn read(&self, tree: &dyn Tree) -> Result<Lock, Broken> {
        let text = text_of(tree, self.path)?;
        let mut lock = self.format.parse(&text)?;
        let is_silent = lock.members.is_empty();
        match self.format.asking() {
            Some(asking) if is_silent => self.add_members(tree, asking, &mut lock),
            None if self.format.scope() == Scope::Readers => {
                for reader in &self.readers {
                    self.add_member(*reader, &BTreeSet::new(), &mut lock);
                }
            }
            _ => {}
        }
        Ok(lock)
    }

    /// Who asks for what stands in the manifests only.
    fn add_members(&self, tree: &dyn Tree, asking: &Asking, lock: &mut Lock) {
        let mut asked: BTreeMap<Option<ProjectIndex>, BTreeSet<String>> = BTreeMap::new();
        for entry in tree.files().below(&self.folder) {
            if !(asking.is_manifest)(entry.path.file_name()) || entry.path == *self.path {
                continue;
            }
            let owner = self.union.enclosing(&entry.path).next();
            let wishes = match text_of(tree, &entry.path) {
                Ok(text) => (asking.read)(&text),
                Err(_) => BTreeSet::from([EVERYTHING.to_owned()]),
            };
            asked.entry(owner).or_default().extend(wishes);
        }
        let nothing = BTreeSet::new();
        for member in self.readers.union(&self.below) {
            let root = &self.union.project(*member).root;
            let above = self.union.enclosing(root).filter(|above| above != member);
            let above = above.map(Some).chain([None]).filter(|_| asking.inherited);
            let mut wishes = asked.get(&Some(*member)).unwrap_or(&nothing).clone();
            wishes.extend(
                above
                    .filter_map(|above| asked.get(&above))
                    .flatten()
                    .cloned(),
            );
            self.add_member(*member, &wishes, lock);
        }
    }

    fn add_member(&self, member: ProjectIndex, wishes: &BTreeSet<String>, lock: &mut Lock) {
        let root = &self.union.project(member).root;
        if let Some(inside) = root.relative_to(&self.folder) {
            lock.add_member(&inside.to_str_lossy(), wishes);
        }
    }

    fn meaning(&self, before: &Lock, after: &Lock) -> LockMeaning {
        let changed = lockfile::compare(before, after);
        let mut meaning = LockMeaning {
            is_manifest: self.format.scope() == Scope::Readers,
            ..LockMeaning::default()
        };
        let members: BTreeSet<&Member> =
            before.members.keys().chain(after.members.keys()).collect();
        for &member in &members {
            let is_changed = changed.reach.contains(member) || changed.direct.contains(member);
            for index in self.projects(member, &members) {
                meaning.known.insert(index);
                if is_changed {
                    meaning.changed.insert(index);
                }
            }
        }
        if self.format.scope() == Scope::Environment {
            let beside = Member::Folder(String::new());
            let is_changed = changed.reach.contains(&beside);
            let rest: Vec<_> = self.below.difference(&meaning.known).copied().collect();
            meaning.known.extend(&rest);
            meaning.changed.extend(rest.iter().filter(|_| is_changed));
        }
        meaning
    }

    /// The projects that a lockfile means by a member. A name that several languages use is the path of each
    /// of them here, so a name that is not found may be any of those, save for paths that are members' names too.
    fn projects(&self, member: &Member, all: &BTreeSet<&Member>) -> Vec<ProjectIndex> {
        match member {
            Member::Folder(inside) => {
                let at = self.folder.join(inside).ok();
                let at = at.and_then(|root| self.union.at(&root));
                // A lockfile in a folder that is no project belongs to the project around it.
                let around = || self.union.enclosing(&self.folder).next();
                at.or_else(|| around().filter(|_| inside.is_empty()))
                    .into_iter()
                    .collect()
            }
            Member::Named(name) => {
                let below = || {
                    self.union
                        .projects()
                        .filter(|(_, project)| project.root.is_within(&self.folder))
                };
                let named: Vec<_> = below()
                    .filter(|(_, project)| project.name == *name)
                    .map(|(index, _)| index)
                    .collect();
                if named.is_empty() {
                    let renamed = below().filter(|(_, project)| {
                        project.name == project.root.to_string()
                            && !all.contains(&Member::Named(project.name.clone()))
                    });
                    return renamed.map(|(index, _)| index).collect();
                }
                named
            }
        }
    }
}

fn text_of(tree: &dyn Tree, path: &RepoPath) -> Result<String, Broken> {
    let broken = |message: String| Broken {
        line: None,
        message,
    };
    let bytes = tree.read(path).map_err(|error| broken(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| broken(error.to_string()))
}
