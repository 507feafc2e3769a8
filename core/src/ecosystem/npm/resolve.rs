//! What the name of a module means, on the set of paths that the trees hold.
//!
//! Every file that a name may mean counts, under whatever conditions, extensions or mappings: tools differ in what comes first, and one too many costs
//! a test, while one too few is a miss. Sources: the Node.js pages "Packages" and "Modules: ECMAScript modules", "Modules:
//! Reference" of the TypeScript handbook, "moduleNameMapper" of Jest, "resolve.alias" of Vite.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use affected_graph::RepoPath;

use super::package::{ENTRY, Entry, TSCONFIG, matched};
use super::source::parser_of;
use crate::ecosystem::Look;

/// Endings that may be left out.
const ENDINGS: &[&[u8]] = &[
    b"ts", b"tsx", b"mts", b"cts", b"js", b"jsx", b"mjs", b"cjs", b"json", b"d.ts", b"d.mts",
    b"d.cts", b"node", b"vue", b"svelte", b"css",
];
/// Endings of sources that are written where another one is meant: `./x.js` for `x.ts`.
const WRITTEN: &[&str] = &[".js", ".jsx", ".mjs", ".cjs"];
/// Versions of a file for one platform.
const PLATFORMS: &[&[u8]] = &[
    b"ios", b"android", b"native", b"web", b"windows", b"macos", b"server", b"client", b"node",
    b"browser",
];

/// Modules that come with the runtime; those that are named `node:…` only need no list.
const BUILTIN: &[&str] = &[
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// These files.
    Files(BTreeSet<RepoPath>),
    /// Something that is installed.
    Outside,
    /// Nobody knows.
    Unknown,
}

/// A name that settings give another meaning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alias {
    /// The name; `*` stands for what is kept.
    pub(super) from: String,
    /// The path, with the same star.
    pub(super) to: String,
}

/// Paths that tsconfig files give to names.
#[derive(Default)]
struct Mapping {
    /// Patterns of names with the paths they may mean, from the repository root.
    paths: Vec<(String, String)>,
    bases: Vec<RepoPath>,
    root_dirs: Vec<RepoPath>,
}

/// Resolves names; remembers what it read.
pub(super) struct Resolver<'a> {
    look: &'a Look<'a>,
    aliases: BTreeSet<Alias>,
    by_name: OnceCell<HashMap<&'a str, &'a RepoPath>>,
    entries: RefCell<HashMap<RepoPath, Option<Arc<Entry>>>>,
    mappings: RefCell<HashMap<RepoPath, Arc<Mapping>>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(look: &'a Look<'a>, aliases: BTreeSet<Alias>) -> Self {
        Self {
            look,
            aliases,
            by_name: OnceCell::new(),
            entries: RefCell::default(),
            mappings: RefCell::default(),
        }
    }

    /// Tells whether one of the trees has a file.
    pub(super) fn is_file(&self, path: &RepoPath) -> bool {
        self.look.head.files().is_file(path) || self.look.changed.deleted.contains(path)
    }

    /// Tells whether one of the trees has files below a folder.
    pub(super) fn is_folder(&self, path: &RepoPath) -> bool {
        let prefix = [path.as_bytes(), b"/"].concat();
        let from = RepoPath::from_normalized(prefix.as_slice());
        let gone = self.look.changed.deleted.range(from..).next();
        self.look.head.files().is_folder(path)
            || gone.is_some_and(|gone| gone.as_bytes().starts_with(&prefix))
    }

    /// Files of both trees whose path begins so.
    fn starting(&self, prefix: &[u8]) -> Vec<&RepoPath> {
        let entries = self.look.head.files().entries();
        let start = entries.partition_point(|entry| entry.path.as_bytes() < prefix);
        let here = entries[start..].iter().map(|entry| &entry.path);
        let from = RepoPath::from_normalized(prefix);
        let gone = self.look.changed.deleted.range(from..);
        let fits = |path: &&RepoPath| path.as_bytes().starts_with(prefix);
        here.take_while(fits).chain(gone.take_while(fits)).collect()
    }

    /// Files of a folder, not of those below it, whose name begins so.
    pub(super) fn beginning(&self, folder: &RepoPath, start: &str) -> BTreeSet<RepoPath> {
        let prefix = folder.join(start).unwrap_or_default();
        let all = self.starting(prefix.as_bytes()).into_iter();
        let here = all.filter(|path| path.parent().as_ref() == Some(folder));
        here.cloned().collect()
    }

    /// Finds what `name` means in `from`.
    pub(super) fn resolve(&self, from: &RepoPath, name: &str) -> Meaning {
        let name = name.rsplit('!').next().unwrap_or(name);
        let name = name.split('?').next().unwrap_or(name);
        let folder = from.parent().unwrap_or_default();
        if name == "." || name == ".." || name.starts_with("./") || name.starts_with("../") {
            let found = folder
                .join(name)
                .map(|at| self.module(&at))
                .unwrap_or_default();
            let found = if found.is_empty() {
                self.across_roots(&folder, name)
            } else {
                found
            };
            return if found.is_empty() {
                Meaning::Unknown
            } else {
                Meaning::Files(found)
            };
        }
        if let Some(inside) = name.strip_prefix('/') {
            let roots = folder.ancestors();
            let found: BTreeSet<RepoPath> = roots
                .filter_map(|root| root.join(inside).ok())
                .flat_map(|at| self.module(&at))
                .collect();
            return if found.is_empty() {
                Meaning::Unknown
            } else {
                Meaning::Files(found)
            };
        }
        self.bare(&folder, name)
    }

    fn bare(&self, folder: &RepoPath, name: &str) -> Meaning {
        let mut found = BTreeSet::new();
        for alias in &self.aliases {
            if let Some(kept) = matched(&alias.from, name)
                && let Ok(at) = RepoPath::new(alias.to.replace('*', kept))
            {
                found.extend(self.module(&at));
            }
        }
        let mapping = self.mapping(folder);
        for (pattern, to) in &mapping.paths {
            if let Some(kept) = matched(pattern, name)
                && let Ok(at) = RepoPath::new(to.replace('*', kept))
            {
                found.extend(self.module(&at));
            }
        }
        for base in &mapping.bases {
            found.extend(
                base.join(name)
                    .map(|at| self.module(&at))
                    .unwrap_or_default(),
            );
        }
        let own = folder
            .ancestors()
            .find_map(|at| Some((self.entry(&at)?, at)));
        if let (true, Some((entry, root))) = (name.starts_with('#'), &own) {
            for (pattern, targets) in &entry.imports {
                let Some(kept) = matched(pattern, name) else {
                    continue;
                };
                for target in targets {
                    let target = target.replace('*', kept);
                    if target.starts_with('.') {
                        found.extend(self.target(root, &target));
                    } else if let Meaning::Files(more) = self.bare(root, &target) {
                        found.extend(more);
                    }
                }
            }
        }
        let package = package_name(name);
        let inside = name[package.len()..].trim_start_matches('/');
        if let Some(root) = self.package(folder, package) {
            found.extend(self.entrance(&root, inside));
        }
        if !found.is_empty() {
            return Meaning::Files(found);
        }
        let scheme = name.split_once(':').map(|(scheme, _)| scheme);
        let is_builtin = BUILTIN.contains(&package)
            || matches!(
                scheme,
                Some("node" | "bun" | "data" | "http" | "https" | "cloudflare")
            );
        if is_builtin || self.is_declared(folder, package) {
            Meaning::Outside
        } else {
            Meaning::Unknown
        }
    }

    fn by_name(&self) -> &HashMap<&'a str, &'a RepoPath> {
        self.by_name.get_or_init(|| {
            let projects = self.look.graph.projects().map(|(_, project)| project);
            let own = projects.filter(|project| project.ecosystems.contains(&super::ID));
            own.map(|project| (project.name.as_str(), &project.root))
                .collect()
        })
    }

    /// The folder of a package of this repository.
    fn package(&self, folder: &RepoPath, name: &str) -> Option<RepoPath> {
        let own = self.look.graph.enclosing(folder).next();
        let edges = own
            .map(|own| self.look.graph.dependencies(own))
            .unwrap_or_default();
        // What `links` of this ecosystem writes there.
        let start = format!("\"{name}\": ");
        let edge = edges.into_iter().find(|(_, edge)| {
            edge.source == super::ID.0 && edge.evidence.detail.starts_with(&start)
        });
        let named = || self.by_name().get(name).map(|root| (*root).clone());
        edge.map(|(_, edge)| edge.to.clone()).or_else(named)
    }

    /// Tells whether a manifest here or above asks for a package.
    fn is_declared(&self, folder: &RepoPath, package: &str) -> bool {
        let types = format!(
            "@types/{}",
            package.trim_start_matches('@').replace('/', "__")
        );
        let asks = |at: RepoPath| {
            self.entry(&at).is_some_and(|entry| {
                entry.dependencies.contains(package) || entry.dependencies.contains(&types)
            })
        };
        folder.ancestors().any(asks)
    }

    pub(super) fn entry(&self, folder: &RepoPath) -> Option<Arc<Entry>> {
        if let Some(known) = self.entries.borrow().get(folder) {
            return known.clone();
        }
        let path = folder.join("package.json").ok()?;
        let here = self.look.head.files().is_file(&path);
        let found = here
            .then(|| self.look.head.parse(&path, &ENTRY).ok())
            .flatten();
        self.entries
            .borrow_mut()
            .insert(folder.clone(), found.clone());
        found
    }

    /// What a package gives under a name below it.
    fn entrance(&self, root: &RepoPath, inside: &str) -> BTreeSet<RepoPath> {
        let entry = self.entry(root).unwrap_or_default();
        let name = if inside.is_empty() {
            ".".to_owned()
        } else {
            format!("./{inside}")
        };
        let mut targets = BTreeSet::new();
        for (pattern, to) in &entry.exports {
            if let Some(kept) = matched(pattern, &name) {
                targets.extend(to.iter().map(|target| target.replace('*', kept)));
            }
        }
        let mut found = BTreeSet::new();
        if !inside.is_empty() {
            found.extend(
                root.join(inside)
                    .map(|at| self.module(&at))
                    .unwrap_or_default(),
            );
        } else if entry.exports.is_empty() {
            targets.extend(entry.mains.iter().cloned());
            if targets.is_empty() {
                found.extend(
                    root.join("index")
                        .map(|at| self.module(&at))
                        .unwrap_or_default(),
                );
            }
        }
        for target in &targets {
            found.extend(self.target(root, target));
        }
        if found.is_empty() {
            found = self.sources(root);
        }
        found
    }

    /// A file that a manifest names; one that is not in the repository is built from all sources of its package.
    fn target(&self, root: &RepoPath, target: &str) -> BTreeSet<RepoPath> {
        let found = root
            .join(target)
            .map(|at| self.module(&at))
            .unwrap_or_default();
        if found.is_empty() {
            self.sources(root)
        } else {
            found
        }
    }

    /// Every source of a package that is no test and no settings.
    fn sources(&self, root: &RepoPath) -> BTreeSet<RepoPath> {
        let prefix = if root.is_root() {
            Vec::new()
        } else {
            [root.as_bytes(), b"/"].concat()
        };
        let owner = self.look.graph.enclosing(root).next();
        let all = self.starting(&prefix).into_iter();
        let is_source = |path: &&RepoPath| {
            let inside = path.relative_to(root).unwrap_or_default();
            let name = path.file_name();
            let has = |part: &[u8]| memchr::memmem::find(inside, part).is_some();
            parser_of(name).is_some()
                && !(has(b".test.")
                    || has(b".spec.")
                    || has(b"__tests__/")
                    || has(b".config.")
                    || has(b"node_modules/"))
                && !name.starts_with(b".")
                && self.look.graph.enclosing(path).next() == owner
        };
        all.filter(is_source).cloned().collect()
    }

    /// The files that a path without its ending may mean.
    pub(super) fn module(&self, at: &RepoPath) -> BTreeSet<RepoPath> {
        let mut found = BTreeSet::new();
        if self.is_file(at) {
            found.insert(at.clone());
        }
        let mut stems = vec![at.as_bytes()];
        let text = at.as_bytes();
        stems.extend(
            WRITTEN
                .iter()
                .filter_map(|end| text.strip_suffix(end.as_bytes())),
        );
        for stem in stems {
            self.ended(stem, &mut found);
        }
        if self.is_folder(at) {
            let index = at.join("index").unwrap_or_default();
            self.ended(index.as_bytes(), &mut found);
            let mains = self
                .entry(at)
                .map(|entry| entry.mains.clone())
                .unwrap_or_default();
            for main in mains
                .iter()
                .filter(|main| !matches!(main.as_str(), "." | "./" | ""))
            {
                if let Ok(main) = at
                    .join(main)
                    .map_err(|_| ())
                    .and_then(|main| if main == *at { Err(()) } else { Ok(main) })
                {
                    if self.is_file(&main) {
                        found.insert(main.clone());
                    }
                    self.ended(main.as_bytes(), &mut found);
                }
            }
        }
        found
    }

    fn ended(&self, stem: &[u8], found: &mut BTreeSet<RepoPath>) {
        let prefix = [stem, b"."].concat();
        let ends = |rest: &[u8]| {
            let platform = memchr::memchr(b'.', rest).map(|at| (&rest[..at], &rest[at + 1..]));
            ENDINGS.contains(&rest)
                || platform.is_some_and(|(platform, rest)| {
                    PLATFORMS.contains(&platform) && ENDINGS.contains(&rest)
                })
        };
        let all = self.starting(&prefix).into_iter();
        found.extend(
            all.filter(|path| ends(&path.as_bytes()[prefix.len()..]))
                .cloned(),
        );
    }

    /// `rootDirs`: folders that are one.
    fn across_roots(&self, folder: &RepoPath, name: &str) -> BTreeSet<RepoPath> {
        let mapping = self.mapping(folder);
        let roots = &mapping.root_dirs;
        let inside = roots
            .iter()
            .find_map(|root| folder.relative_to(root).map(<[u8]>::to_vec));
        let Some(inside) = inside else {
            return BTreeSet::new();
        };
        let places = roots
            .iter()
            .filter_map(|root| root.join(&inside).ok()?.join(name).ok());
        places.flat_map(|at| self.module(&at)).collect()
    }

    /// What the nearest tsconfig, those it extends and those it refers to say.
    fn mapping(&self, folder: &RepoPath) -> Arc<Mapping> {
        if let Some(known) = self.mappings.borrow().get(folder) {
            return Arc::clone(known);
        }
        let files =
            ["tsconfig.json", "jsconfig.json"].map(|name| folder.join(name).unwrap_or_default());
        let own = files
            .into_iter()
            .find(|path| self.look.head.files().is_file(path));
        let found = match (own, folder.parent()) {
            (Some(own), _) => {
                let mut mapping = Mapping::default();
                self.read_tsconfig(own, &mut mapping);
                Arc::new(mapping)
            }
            (None, Some(above)) => self.mapping(&above),
            (None, None) => Arc::default(),
        };
        self.mappings
            .borrow_mut()
            .insert(folder.clone(), Arc::clone(&found));
        found
    }

    fn read_tsconfig(&self, first: RepoPath, mapping: &mut Mapping) {
        let (mut open, mut met) = (vec![first], BTreeSet::new());
        while let Some(path) = open.pop() {
            if !met.insert(path.clone()) {
                continue;
            }
            let Ok(config) = self.look.head.parse(&path, &TSCONFIG) else {
                continue;
            };
            let folder = path.parent().unwrap_or_default();
            let base = config
                .base_url
                .as_ref()
                .and_then(|base| folder.join(base).ok());
            let from = base.clone().unwrap_or_else(|| folder.clone());
            for (pattern, targets) in &config.paths {
                let places = targets.iter().filter_map(|target| {
                    Some(
                        from.join(target.replace("${configDir}", "."))
                            .ok()?
                            .to_string(),
                    )
                });
                mapping
                    .paths
                    .extend(places.map(|place| (pattern.clone(), place)));
            }
            mapping.bases.extend(base);
            mapping.root_dirs.extend(
                config
                    .root_dirs
                    .iter()
                    .filter_map(|dir| folder.join(dir).ok()),
            );
            for other in config.extends.iter().chain(&config.references) {
                open.extend(self.other_tsconfig(&folder, other));
            }
        }
    }

    fn other_tsconfig(&self, folder: &RepoPath, name: &str) -> Option<RepoPath> {
        let at = if name.starts_with('.') {
            folder.join(name).ok()?
        } else {
            let package = package_name(name);
            self.package(folder, package)?
                .join(name[package.len()..].trim_start_matches('/'))
                .ok()?
        };
        let inside = |name: &str| at.join(name).unwrap_or_default();
        let ended = RepoPath::from_normalized([at.as_bytes(), b".json"].concat());
        let places = [at.clone(), ended, inside("tsconfig.json")];
        places
            .into_iter()
            .find(|path| self.look.head.files().is_file(path))
    }

    /// Files that a word in a source may name: from its own folder or from those above it, where tests may be started.
    pub(super) fn mentioned(&self, from: &RepoPath, word: &str) -> BTreeSet<RepoPath> {
        let folder = from.parent().unwrap_or_default();
        let relative = word.starts_with("./") || word.starts_with("../");
        let mut found = BTreeSet::new();
        if relative {
            found.extend(
                folder
                    .join(word)
                    .map(|at| self.module(&at))
                    .unwrap_or_default(),
            );
        }
        let roots = folder
            .ancestors()
            .filter(|at| *at == folder || at.is_root() || self.look.graph.at(at).is_some());
        let places = roots.filter_map(|root| root.join(word).ok());
        found.extend(places.filter(|at| !at.is_root() && (self.is_file(at) || self.is_folder(at))));
        found
    }
}

/// `@scope/name` of `@scope/name/inside`.
fn package_name(name: &str) -> &str {
    let parts = if name.starts_with('@') { 2 } else { 1 };
    let end = name
        .match_indices('/')
        .nth(parts - 1)
        .map_or(name.len(), |(at, _)| at);
    &name[..end]
}
