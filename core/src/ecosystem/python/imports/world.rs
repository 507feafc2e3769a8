//! Where modules are: names to files, on the paths of both trees.
//!
//! Nothing says for sure which folders a Python process looks into. So every folder that can hold the first name of an
//! import counts, as long as it is no package itself: all modules that a name may mean are used, and a wrong guess costs
//! time, not truth. Sources: "The import system" of the Python language reference, PEP 420 (namespace packages); pytest,
//! "Import modes and sys.path/PYTHONPATH".

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use affected_graph::{DependencyKind, ProjectIndex, RepoPath};

use super::super::super::Look;
use super::source::{Import, Module};
use super::stdlib;
use crate::tree::FileKind;

/// Endings of what an import can load, or what such a thing is built from.
const LOADED: &[&[u8]] = &[b".py", b".pyx", b".so", b".pyd", b".pyi"];

/// An absolute name, and what is taken from it.
type Name = (String, Option<String>);

/// A project and all that it is built or tested with.
type Closure = Rc<BTreeSet<ProjectIndex>>;

/// The files of both trees.
pub(super) struct World<'l> {
    pub(super) look: &'l Look<'l>,
    /// Folders that hold a module or package of this name.
    tops: BTreeMap<Vec<u8>, BTreeSet<RepoPath>>,
    /// Whether folders that are packages are looked into as well.
    pub(super) everywhere: bool,
    known: RefCell<BTreeMap<Name, Rc<Hits>>>,
    closures: RefCell<BTreeMap<ProjectIndex, Closure>>,
}

/// What a name may mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hits {
    /// Files that are loaded.
    pub(super) files: BTreeSet<RepoPath>,
    /// Whether the module itself is among them.
    pub(super) found: bool,
    /// Whether a package that ought to hold it is there without it.
    pub(super) missing: bool,
}

impl<'l> World<'l> {
    pub(super) fn new(look: &'l Look<'l>) -> Self {
        let mut world = Self {
            look,
            tops: BTreeMap::new(),
            everywhere: false,
            known: RefCell::default(),
            closures: RefCell::default(),
        };
        let head = look.head.files().entries().iter();
        let loaded = head.filter(|entry| entry.kind == FileKind::Symlink || is_loaded(&entry.path));
        let gone = look.changed.deleted.iter().filter(|path| is_loaded(path));
        let mut folders = BTreeSet::new();
        let mut last = None;
        for path in loaded.map(|entry| &entry.path).chain(gone) {
            let Some(folder) = path.parent() else {
                continue;
            };
            let name = path.file_name();
            let end = name.iter().position(|byte| *byte == b'.');
            let stem = name[..end.unwrap_or(name.len())].to_vec();
            if last.as_ref() != Some(&folder) {
                folders.extend(folder.ancestors());
                last = Some(folder.clone());
            }
            world.tops.entry(stem).or_default().insert(folder);
        }
        for folder in folders {
            if let Some(above) = folder.parent() {
                let name = folder.file_name().to_vec();
                world.tops.entry(name).or_default().insert(above);
            }
        }
        world
    }

    /// Looks into packages, too, from now on.
    pub(super) fn look_everywhere(&mut self) {
        self.everywhere = true;
        self.known.borrow_mut().clear();
    }

    pub(super) fn is_file(&self, path: &RepoPath) -> bool {
        self.look.head.files().is_file(path) || self.look.changed.deleted.contains(path)
    }

    pub(super) fn is_symlink(&self, path: &RepoPath) -> bool {
        let entry = self.look.head.files().get(path);
        entry.is_some_and(|entry| entry.kind == FileKind::Symlink)
    }

    /// Every file below a folder, in either tree.
    pub(super) fn below(&self, folder: &RepoPath) -> Vec<RepoPath> {
        let head = self.look.head.files().below(folder).iter();
        let gone = self.look.changed.deleted.iter();
        let gone = gone.filter(|path| path.is_within(folder));
        head.map(|entry| &entry.path).chain(gone).cloned().collect()
    }

    fn is_folder(&self, path: &RepoPath) -> bool {
        let gone = || {
            let deleted = &self.look.changed.deleted;
            deleted.iter().any(|file| file.is_within(path))
        };
        self.look.head.files().is_folder(path) || gone()
    }

    fn is_package(&self, folder: &RepoPath) -> bool {
        let init = folder.join("__init__.py");
        init.is_ok_and(|init| self.is_file(&init))
    }

    /// The project that a file lies in.
    pub(super) fn owner(&self, path: &RepoPath) -> Option<ProjectIndex> {
        self.look.graph.enclosing(path).next()
    }

    /// A project and all that it is built or tested with.
    pub(super) fn closure(&self, of: ProjectIndex) -> Closure {
        if let Some(known) = self.closures.borrow().get(&of) {
            return Rc::clone(known);
        }
        let mut found = BTreeSet::from([of]);
        let mut open = vec![of];
        while let Some(at) = open.pop() {
            for (below, edge) in self.look.graph.dependencies(at) {
                if edge.kind != DependencyKind::Runtime && found.insert(below) {
                    open.push(below);
                }
            }
        }
        let found = Rc::new(found);
        self.closures.borrow_mut().insert(of, Rc::clone(&found));
        found
    }

    /// Tells whether a file can be meant in another: it lies in the same project, in one that this is built with, or
    /// in none.
    pub(super) fn is_near(&self, from: &RepoPath, path: &RepoPath) -> bool {
        match (self.owner(from), self.owner(path)) {
            (Some(from), Some(to)) => self.closure(from).contains(&to),
            _ => true,
        }
    }

    /// Finds what an import loads.
    pub(super) fn import(&self, from: &RepoPath, import: &Import) -> Hits {
        let taken = import.taken.as_deref().filter(|name| *name != "*");
        self.find(from, &import.module, taken)
    }

    /// Finds what a module name, and a name taken from it, load.
    pub(super) fn find(&self, from: &RepoPath, module: &Module, taken: Option<&str>) -> Hits {
        if module.level == 0 {
            return self.near(from, &self.absolute(&module.name, taken));
        }
        let mut folder = from.parent();
        for _ in 1..module.level {
            folder = folder.and_then(|folder| folder.parent());
        }
        let Some(folder) = folder else {
            return Hits {
                missing: true,
                ..Hits::default()
            };
        };
        let mut hits = Hits::default();
        hits.files.extend(self.init(&folder));
        self.walk(&folder, &module.name, taken, &mut hits);
        if !hits.found {
            // The package may go on in another place.
            let parts: Vec<_> = folder.components().map(String::from_utf8_lossy).collect();
            for start in 0..parts.len() {
                let name = format!("{}.{}", parts[start..].join("."), module.name);
                let other = self.absolute(name.trim_end_matches('.'), taken);
                if other.found {
                    hits.found = true;
                    hits.missing = false;
                    hits.files.extend(other.files.iter().cloned());
                    break;
                }
            }
        }
        hits
    }

    /// Of what a name may mean, what is near; all of it where nothing is.
    fn near(&self, from: &RepoPath, hits: &Hits) -> Hits {
        let mut near = hits.clone();
        near.files.retain(|path| self.is_near(from, path));
        if near.files.is_empty() {
            near.files.clone_from(&hits.files);
        }
        near
    }

    fn absolute(&self, name: &str, taken: Option<&str>) -> Rc<Hits> {
        let key = (name.to_owned(), taken.map(ToOwned::to_owned));
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut hits = Hits::default();
        let top = name.split('.').next().unwrap_or(name);
        for root in self.tops.get(top.as_bytes()).into_iter().flatten() {
            let is_root = || self.look.graph.at(root).is_some();
            if self.everywhere || !self.is_package(root) || is_root() {
                self.walk(root, name, taken, &mut hits);
            }
        }
        if !hits.found && !self.everywhere && !stdlib::has(top) {
            for root in self.tops.get(top.as_bytes()).into_iter().flatten() {
                self.walk(root, name, taken, &mut hits);
            }
        }
        hits.missing &= !hits.found;
        let hits = Rc::new(hits);
        self.known.borrow_mut().insert(key, Rc::clone(&hits));
        hits
    }

    /// Follows a name below a folder: every package on the way is loaded.
    fn walk(&self, folder: &RepoPath, name: &str, taken: Option<&str>, hits: &mut Hits) {
        let mut at = folder.clone();
        for part in name.split('.').filter(|part| !part.is_empty()) {
            let Ok(next) = at.join(part) else { return };
            let loaded = self.loaded(&next);
            hits.missing |= self.is_symlink(&next);
            if loaded.is_empty() && !self.is_folder(&next) {
                hits.missing |= at != *folder && self.is_package(&at);
                return;
            }
            hits.files.extend(loaded);
            at = next;
        }
        hits.found = true;
        if let Some(next) = taken.and_then(|taken| at.join(taken).ok()) {
            hits.files.extend(self.loaded(&next));
        }
    }

    /// The files of a module or package.
    fn loaded(&self, module: &RepoPath) -> Vec<RepoPath> {
        let mut found: Vec<RepoPath> = self.init(module).into_iter().collect();
        let ending = |ending: &&[u8]| {
            let path = [module.as_bytes(), *ending].concat();
            Some(RepoPath::from_normalized(path)).filter(|path| self.is_file(path))
        };
        found.extend(LOADED.iter().filter_map(ending));
        found
    }

    fn init(&self, folder: &RepoPath) -> Option<RepoPath> {
        let init = folder.join("__init__.py").ok()?;
        self.is_file(&init).then_some(init)
    }

    /// The files that make packages of the folders around a file, and those that hold its fixtures.
    pub(super) fn around(&self, path: &RepoPath) -> Vec<RepoPath> {
        let folders = path.ancestors().skip(1);
        let named = folders.flat_map(|folder| {
            let names = ["__init__.py", "conftest.py"].into_iter();
            names.filter_map(move |name| folder.join(name).ok())
        });
        named
            .filter(|file| file != path && self.is_file(file))
            .collect()
    }

    /// Folders that a package name may mean.
    pub(super) fn folders(&self, from: &RepoPath, module: &Module) -> BTreeSet<RepoPath> {
        if module.level > 0 && module.name.is_empty() {
            let mut folder = from.parent();
            for _ in 1..module.level {
                folder = folder.and_then(|folder| folder.parent());
            }
            return folder.into_iter().collect();
        }
        let hits = self.find(from, module, None);
        let last = module.name.rsplit('.').next().unwrap_or_default();
        let inits = hits
            .files
            .iter()
            .filter(|path| path.file_name() == b"__init__.py");
        let folders = inits.filter_map(RepoPath::parent);
        let mut found: BTreeSet<RepoPath> = folders
            .filter(|folder| folder.file_name() == last.as_bytes())
            .collect();
        if found.is_empty() && hits.found {
            // A package without a file of its own.
            let parts = module.name.split('.').filter(|part| !part.is_empty());
            let inside: Vec<&str> = parts.collect();
            let roots = self
                .tops
                .get(inside.first().map_or(&b""[..], |top| top.as_bytes()));
            let places = roots.into_iter().flatten();
            let places = places.filter_map(|root| root.join(inside.join("/")).ok());
            found.extend(places.filter(|place| self.is_folder(place) && self.is_near(from, place)));
        }
        found
    }

    /// Tells whether a name is that of a module or package at the top of some folder.
    pub(super) fn is_top(&self, name: &str) -> bool {
        self.tops.contains_key(name.as_bytes())
    }
}

fn is_loaded(path: &RepoPath) -> bool {
    let name = path.file_name();
    LOADED.iter().any(|ending| name.ends_with(ending))
}

/// Tells whether a file is a Python source.
pub(super) fn is_source(path: &RepoPath) -> bool {
    path.file_name().ends_with(b".py")
}
