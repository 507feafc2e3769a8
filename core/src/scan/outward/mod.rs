//! What sources name of other projects though no manifest says so: data by its path, modules by a relative import, programs that
//! are started. Also the documentation of their own that they read, which counts for nothing otherwise.
//!
//! A word counts only where something is there under that name: outside of the project whose source says it. What many languages
//! write alike is found in their bytes ([`words`]), so that a language that this tool knows nothing else of has its edges, too.

mod words;

use std::collections::BTreeMap;

use affected_graph::{
    Dependency, DependencyKind, Evidence, Input, InputPattern, Ownership, Project, RepoPath,
};
use globset::GlobSet;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::resolve::Resolved;
use crate::ecosystem::Symbol;
use crate::facts::{AnyParser, FactStore};
use crate::tree::{FileKind, Tree, is_material};
use words::{Words, is_source};

const ID: &str = "sources";

/// The parser that reads a file for its words: whether a changed file still says the same is asked of it.
pub(super) fn parser_of(path: &RepoPath) -> Option<&'static dyn AnyParser> {
    words::parser_of(path).map(|parser| parser as &dyn AnyParser)
}

/// Adds edges and inputs that sources tell.
pub(super) fn add(tree: &dyn Tree, facts: &FactStore, resolved: &mut Resolved) {
    let mut found = {
        let places = Places::new(tree, resolved);
        let entries = tree.files().entries().par_iter();
        let named = entries.filter(|entry| entry.kind != FileKind::Symlink);
        let named = named.flat_map_iter(|entry| {
            let parser = words::parser_of(&entry.path).filter(|_| !is_material(&entry.path));
            let said = parser.and_then(|parser| facts.get(tree, &entry.path, parser).ok());
            said.map(|words| places.named(&entry.path, &words))
                .unwrap_or_default()
        });
        named.collect::<Vec<Named>>()
    };
    // Of several that say the same, the first tells it.
    found.sort();
    found.dedup_by(|a, b| (&a.from, &a.what, a.kind) == (&b.from, &b.what, b.kind));
    let mut by_root: BTreeMap<RepoPath, usize> = BTreeMap::new();
    for (at, project) in resolved.projects.iter().enumerate() {
        by_root.entry(project.root.clone()).or_insert(at);
    }
    for named in found {
        put(named, &by_root, resolved);
    }
}

fn put(named: Named, by_root: &BTreeMap<RepoPath, usize>, resolved: &mut Resolved) {
    let Named {
        from,
        what,
        kind,
        by,
        word,
    } = named;
    let evidence = Evidence {
        file: by,
        line: None,
        detail: format!("names {word}"),
    };
    match what {
        What::Project(to) => resolved.dependencies.push(Dependency {
            from,
            to,
            kind,
            source: ID,
            evidence,
        }),
        What::Path(path) => {
            if let Some(at) = by_root.get(&from) {
                resolved.projects[*at].inputs.push(Input {
                    pattern: InputPattern::Path(path),
                    kind,
                    source: ID,
                    evidence,
                });
            }
        }
    }
}

/// Something that a source names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    /// The root of its project.
    from: RepoPath,
    what: What,
    kind: DependencyKind,
    by: RepoPath,
    word: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// All of a project.
    Project(RepoPath),
    /// A file, or what is below a folder.
    Path(RepoPath),
}

/// A project whose sources are looked at.
#[derive(Clone, Copy)]
struct Own<'p> {
    root: &'p RepoPath,
    /// Whether tests only say it.
    is_test: bool,
}

/// Where everything lies.
struct Places<'t> {
    tree: &'t dyn Tree,
    resolved: &'t Resolved,
    /// By root: the globs of a project that owns only some files below it.
    roots: FxHashMap<&'t [u8], (&'t RepoPath, Option<GlobSet>)>,
    /// Pairs of dependent and dependency; whether they count for more than tests.
    known: FxHashMap<(&'t [u8], &'t [u8]), bool>,
    /// What a project is known to read: its root, and the path.
    inputs: FxHashSet<(&'t [u8], &'t [u8])>,
    /// Names of what lies directly in the folders of projects that have others inside, and above projects.
    names: FxHashMap<RepoPath, FxHashSet<&'t [u8]>>,
}

impl<'t> Places<'t> {
    fn new(tree: &'t dyn Tree, resolved: &'t Resolved) -> Self {
        let mut roots: FxHashMap<&[u8], (&RepoPath, Option<GlobSet>)> = FxHashMap::default();
        for project in &resolved.projects {
            let known = roots.entry(project.root.as_bytes());
            let known = known.or_insert_with(|| (&project.root, globs(project)));
            // As one of several views says, see the graph's builder.
            if project.ownership == Ownership::Tree {
                known.1 = None;
            }
        }
        let mut known: FxHashMap<_, bool> = FxHashMap::default();
        let counts = |kind| !matches!(kind, DependencyKind::Runtime | DependencyKind::Contract);
        let edges = resolved.dependencies.iter();
        for edge in edges.filter(|edge| counts(edge.kind)) {
            let ends = (edge.from.as_bytes(), edge.to.as_bytes());
            *known.entry(ends).or_default() |= edge.kind != DependencyKind::Test;
        }
        let inputs = resolved.projects.iter().flat_map(|project| {
            let root = project.root.as_bytes();
            let path = move |input: &'t Input| match &input.pattern {
                InputPattern::Path(path) if input.kind != DependencyKind::Runtime => {
                    Some((root, path.as_bytes()))
                }
                _ => None,
            };
            project.inputs.iter().filter_map(path)
        });
        let mut names = FxHashMap::default();
        for (root, _) in roots.values() {
            for above in root.ancestors().filter(|above| above != *root) {
                names
                    .entry(above)
                    .or_insert_with_key(|above| inside(tree, above));
            }
        }
        Self {
            tree,
            resolved,
            roots,
            known,
            inputs: inputs.collect(),
            names,
        }
    }

    /// The project that owns a path, if it is not one that owns other files around it.
    fn owner(&self, path: &RepoPath) -> Option<&'t RepoPath> {
        path.ancestors().find_map(|above| {
            let (root, globs) = self.roots.get(above.as_bytes())?;
            let inside = || {
                path.relative_to(root)
                    .and_then(|inside| std::str::from_utf8(inside).ok())
            };
            let owns = |globs: &GlobSet| inside().is_some_and(|inside| globs.is_match(inside));
            globs.as_ref().is_none_or(owns).then_some(*root)
        })
    }

    /// What a source names.
    fn named(&self, by: &RepoPath, words: &Words) -> Vec<Named> {
        let mut found = Vec::new();
        // Most sources name nothing that could be of others.
        let root = (*words != Words::default()).then(|| self.owner(by));
        let Some(root) = root.flatten() else {
            return found;
        };
        let own = Own {
            root,
            is_test: is_test(by, root),
        };
        let folder = by.parent().unwrap_or_default();
        let mut add = |word: &str, what: Vec<What>| {
            found.extend(what.into_iter().map(|what| Named {
                from: root.clone(),
                what,
                kind: own.kind(),
                by: by.clone(),
                word: word.to_owned(),
            }));
        };
        for word in &words.climbing {
            add(word, self.climbing(own, &folder, word));
        }
        for word in &words.inner {
            add(word, self.inner(own, word));
        }
        if let Some(space) = words::space_of(by) {
            for name in &words.modules {
                add(name, self.modules(own, space, name));
            }
        }
        if words::is_of_tests(by) {
            for word in &words.prose {
                add(word, self.prose(own, &folder, word));
            }
        }
        found
    }

    /// What a path means that climbs: from the file itself, or else from where programs of the project are started.
    fn climbing(&self, own: Own<'_>, folder: &RepoPath, word: &str) -> Vec<What> {
        let places = [folder, own.root].map(|base| base.join(word).ok());
        let mut places = places.into_iter().flatten();
        let place = places.find(|place| self.is_there(place));
        let place = place.or_else(|| folder.join(word).ok());
        let place = place.filter(|place| self.is_of_others(own, place));
        place.map_or_else(Vec::new, |place| self.met(own, &place, true))
    }

    /// What a path means below a folder that the program works out: one above its project.
    fn inner(&self, own: Own<'_>, word: &str) -> Vec<What> {
        let first = word.split('/').next().unwrap_or(word).as_bytes();
        let holds_first = |above: &RepoPath| {
            let names = self.names.get(above);
            names.is_some_and(|names| names.contains(first))
        };
        let above = own.root.ancestors();
        let places = above.filter(holds_first);
        let places = places.filter_map(|above| above.join(word).ok());
        let places = places.filter(|place| self.is_of_others(own, place));
        places
            .flat_map(|place| self.met(own, &place, false))
            .collect()
    }

    /// Documentation of the project that a source of it reads.
    fn prose(&self, own: Own<'_>, folder: &RepoPath, word: &str) -> Vec<What> {
        let above = folder.ancestors();
        let above = above.take_while(|above| above.is_within(own.root));
        let mut places = above
            .filter_map(|above| above.join(word).ok())
            .filter(|place| self.tree.files().is_file(place));
        let nearest = places.next();
        // Without a dot, a name may be meant from where the tests are started.
        let top = places.last().filter(|_| !word.starts_with('.'));
        nearest.into_iter().chain(top).map(What::Path).collect()
    }

    /// Projects that provide a module which a source imports without that its manifest says so.
    fn modules(&self, own: Own<'_>, space: &'static str, name: &str) -> Vec<What> {
        let name = name.to_owned();
        let symbol = Symbol { space, name };
        let roots = self.resolved.provided.get(&symbol);
        let Some(roots) = roots.filter(|roots| !roots.contains(own.root)) else {
            return Vec::new();
        };
        if self.resolved.declared.contains(&(own.root.clone(), symbol)) {
            return Vec::new();
        }
        let roots = roots.iter();
        roots.filter_map(|root| self.project(own, root)).collect()
    }

    /// Tells whether a place is none of the project's own: outside of it, or in a project inside of it.
    fn is_of_others(&self, own: Own<'_>, place: &RepoPath) -> bool {
        !place.is_within(own.root) || self.owner(place).is_some_and(|owner| owner != own.root)
    }

    fn is_there(&self, place: &RepoPath) -> bool {
        let files = self.tree.files();
        let mut modules = modules(place);
        files.is_file(place) || files.is_folder(place) || modules.any(|path| files.is_file(&path))
    }

    /// What lies at a place outside of the project that names it.
    fn met(&self, own: Own<'_>, place: &RepoPath, climbs: bool) -> Vec<What> {
        if own.root.is_within(place) || place.components().any(|part| part == b"node_modules") {
            return Vec::new();
        }
        let files = self.tree.files();
        if !files.is_file(place) && files.is_folder(place) {
            return self.folder(own, place, climbs);
        }
        let mut modules = modules(place).filter(|path| files.is_file(path));
        let found = match files.is_file(place) {
            true => self.file(own, place),
            false if !climbs => None,
            false => match modules.next() {
                Some(module) => self.file(own, &module),
                // What is built is not there: `../b/dist/index.js`.
                None => self.owner(place).and_then(|owner| self.project(own, owner)),
            },
        };
        found.into_iter().collect()
    }

    fn file(&self, own: Own<'_>, path: &RepoPath) -> Option<What> {
        // A manifest or a compiler told it, and more exactly.
        let known = (own.root.as_bytes(), path.as_bytes());
        if self.inputs.contains(&known) {
            return None;
        }
        let owner = self.owner(path);
        if owner.is_some_and(|owner| owner == own.root || self.is_known(own, owner)) {
            return None;
        }
        match owner.filter(|_| is_source(path)) {
            Some(owner) if !own.root.is_within(owner) => self.project(own, owner),
            _ => Some(What::Path(path.clone())),
        }
    }

    fn folder(&self, own: Own<'_>, folder: &RepoPath, climbs: bool) -> Vec<What> {
        let below = self.tree.files().below(folder).iter();
        let has_sources = below.clone().any(|entry| is_source(&entry.path));
        if let Some(owner) = self.owner(folder) {
            return match has_sources || owner == folder {
                true => self.project(own, owner).into_iter().collect(),
                false => self.file(own, folder).into_iter().collect(),
            };
        }
        let mut owners: Vec<&RepoPath> =
            below.filter_map(|entry| self.owner(&entry.path)).collect();
        owners.sort();
        owners.dedup();
        match owners.len() {
            0 => self.file(own, folder).into_iter().collect(),
            // Where many projects lie, a script is after some of them, and says elsewhere which; a test goes through all.
            2.. if !climbs || !own.is_test => Vec::new(),
            _ => owners
                .iter()
                .filter_map(|owner| self.project(own, owner))
                .collect(),
        }
    }

    /// A project, where that is news to its dependent.
    fn project(&self, own: Own<'_>, to: &RepoPath) -> Option<What> {
        let is_news = to != own.root && !own.root.is_within(to) && !self.is_known(own, to);
        is_news.then(|| What::Project(to.clone()))
    }

    fn is_known(&self, own: Own<'_>, to: &RepoPath) -> bool {
        let known = self.known.get(&(own.root.as_bytes(), to.as_bytes()));
        known.is_some_and(|is_more| *is_more || own.is_test)
    }
}

impl Own<'_> {
    fn kind(self) -> DependencyKind {
        match self.is_test {
            true => DependencyKind::Test,
            false => DependencyKind::Link,
        }
    }
}

fn globs(project: &Project) -> Option<GlobSet> {
    match &project.ownership {
        Ownership::Tree => None,
        Ownership::Only(globs) => {
            let globs = crate::glob::paths(globs.iter().map(String::as_str));
            Some(globs.unwrap_or_else(|_| GlobSet::empty()))
        }
    }
}

/// Names of what lies directly in a folder.
fn inside<'t>(tree: &'t dyn Tree, folder: &RepoPath) -> FxHashSet<&'t [u8]> {
    let start = match folder.is_root() {
        true => 0,
        false => folder.as_bytes().len() + 1,
    };
    let below = tree.files().below(folder).iter();
    let name = |path: &'t [u8]| path[start..].split(|byte| *byte == b'/').next();
    below
        .filter_map(|entry| name(entry.path.as_bytes()))
        .collect()
}

/// Files that a relative import without an ending may mean.
fn modules(place: &RepoPath) -> impl Iterator<Item = RepoPath> {
    const ENDINGS: &[&str] = &[
        ".js", ".ts", ".tsx", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".json",
    ];
    let name = place.as_bytes().to_vec();
    // TypeScript names what it compiles to: `./a.js` is `./a.ts`.
    let stem = name.strip_suffix(b".js").map(<[u8]>::to_vec);
    let stems = [Some(name.clone()), stem].into_iter().flatten();
    let beside = stems.flat_map(|stem| {
        ENDINGS
            .iter()
            .map(move |ending| [&stem, ending.as_bytes()].concat())
    });
    beside.map(RepoPath::from_normalized)
}

/// Tells whether only tests are made of a source, by where it lies and what it is called.
fn is_test(path: &RepoPath, root: &RepoPath) -> bool {
    const FOLDERS: &[&[u8]] = &[b"__tests__", b"e2e", b"spec", b"test", b"tests"];
    let inside = path.relative_to(root).unwrap_or_default();
    let mut parts: Vec<&[u8]> = inside.split(|byte| *byte == b'/').collect();
    let name = parts.pop().unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    let stem = name.split('.').next().unwrap_or_default();
    let is_named = name.contains(".test.") || name.contains(".spec.");
    let is_settings = matches!(&*name, "conftest.py" | "pytest.ini" | "tox.ini");
    let is_test = stem.starts_with("test_") || stem.ends_with("_test") || stem.ends_with("Test");
    is_named || is_settings || is_test || parts.iter().any(|part| FOLDERS.contains(part))
}

#[cfg(test)]
mod tests;
