//! Joins what the ecosystems found: markers give way to manifests, references become edges or inputs.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{
    Dependency, DependencyKind, EcosystemId, Evidence, Input, InputPattern, Ownership, Project,
    ProjectKind, RepoPath,
};

use super::Found;
use crate::ecosystem::{FoundProject, Link, Reference, Standing, Symbol};
use crate::tree::Tree;

/// Projects and edges, before they become a graph.
pub(crate) struct Resolved {
    pub(crate) projects: Vec<Project>,
    pub(crate) dependencies: Vec<Dependency>,
    /// Roots of the projects that provide a name.
    pub(crate) provided: BTreeMap<Symbol, Vec<RepoPath>>,
    /// Names that manifests say the meaning of, by their folder.
    pub(crate) declared: BTreeSet<(RepoPath, Symbol)>,
}

/// The projects by root, several per root where several ecosystems found one.
struct Roots {
    projects: Vec<Project>,
    by_root: BTreeMap<RepoPath, usize>,
    provided: BTreeMap<Symbol, Vec<RepoPath>>,
}

type TakesIn = BTreeMap<RepoPath, BTreeSet<RepoPath>>;

/// Every file that a file takes in, directly or through others.
fn taken_in(takes_in: &TakesIn, file: &RepoPath) -> BTreeSet<RepoPath> {
    let mut seen = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for next in takes_in.get(file).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    seen.remove(file);
    seen
}

pub(super) fn resolve(tree: &dyn Tree, found: Vec<Found>) -> Resolved {
    let mut links: Vec<(EcosystemId, Link)> = Vec::new();
    let mut projects: Vec<(EcosystemId, FoundProject)> = Vec::new();
    let (mut takes_in, mut declared) = (TakesIn::new(), BTreeSet::new());
    for Found { id, discovery } in found {
        takes_in.extend(discovery.takes_in);
        declared.extend(discovery.declared);
        projects.extend(discovery.projects.into_iter().map(|project| (id, project)));
        links.extend(discovery.links.into_iter().map(|link| (id, link)));
    }
    let mut roots = settle(projects);
    let mut dependencies = Vec::new();
    for (id, link) in links {
        follow(tree, &mut roots, &takes_in, id, link, &mut dependencies);
    }
    Resolved {
        projects: roots.projects,
        dependencies,
        provided: roots.provided,
        declared,
    }
}

/// Decides which findings are projects. A marker inside a manifest's project (other than one at the
/// repository root, which would swallow every service, or one that does not own the marker's folder, as an
/// aggregator does not) only makes that one a service.
fn settle(found: Vec<(EcosystemId, FoundProject)>) -> Roots {
    let (manifests, markers): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(_, project)| project.standing == Standing::Manifest);
    let mut roots = Roots {
        projects: Vec::new(),
        by_root: BTreeMap::new(),
        provided: BTreeMap::new(),
    };
    for (id, project) in manifests {
        roots.add(id, project);
    }
    let (packages, markers): (Vec<_>, Vec<_>) = markers
        .into_iter()
        .partition(|(_, project)| project.standing == Standing::Package);
    let free = packages
        .into_iter()
        .filter(|(_, project)| roots.enclosing(&project.root).is_none());
    for (id, package) in free.collect::<Vec<_>>() {
        roots.add(id, package);
    }
    // Outer markers first, so that one inside another finds it.
    let mut markers = markers;
    markers.sort_by(|a, b| a.1.root.cmp(&b.1.root));
    for (id, marker) in markers {
        match roots.enclosing(&marker.root) {
            Some(at) if roots.projects[at].root == marker.root => roots.add(id, marker),
            Some(at) if roots.owns(at, &marker.root) => roots.raise(at, marker),
            _ => roots.add(id, marker),
        }
    }
    roots
}

impl Roots {
    fn enclosing(&self, path: &RepoPath) -> Option<usize> {
        path.ancestors()
            .find_map(|folder| self.by_root.get(&folder).copied())
    }

    /// Adds a project, or another ecosystem's view of a known one; the graph's builder merges those.
    fn add(&mut self, id: EcosystemId, found: FoundProject) {
        for symbol in found.provides {
            self.provided
                .entry(symbol)
                .or_default()
                .push(found.root.clone());
        }
        self.by_root
            .entry(found.root.clone())
            .or_insert(self.projects.len());
        self.projects.push(Project {
            root: found.root,
            // A tree does not know what its own folder is called.
            name: if found.name.is_empty() {
                "root".to_owned()
            } else {
                found.name
            },
            kind: found.kind,
            ecosystems: vec![id],
            manifests: vec![found.manifest],
            ownership: found.ownership,
            tasks: found.tasks,
            inputs: Vec::new(),
        });
    }

    /// Tells whether a project below the repository root owns a folder.
    fn owns(&self, at: usize, folder: &RepoPath) -> bool {
        let root = &self.projects[at].root;
        let covers = |glob: &String| {
            let inside = glob
                .strip_suffix("/**")
                .and_then(|inside| root.join(inside).ok());
            inside.is_some_and(|inside| folder.is_within(&inside))
        };
        let owns = |project: &Project| match &project.ownership {
            Ownership::Tree => true,
            Ownership::Only(globs) => globs.iter().any(covers),
        };
        let views = self.projects.iter().filter(|project| project.root == *root);
        !root.is_root() && views.into_iter().any(owns)
    }

    fn raise(&mut self, at: usize, marker: FoundProject) {
        let project = &mut self.projects[at];
        if marker.kind == ProjectKind::Service {
            project.kind = ProjectKind::Service;
        }
        let root = project.root.clone();
        for symbol in marker.provides {
            self.provided.entry(symbol).or_default().push(root.clone());
        }
    }

    /// Returns the roots strictly below `folder`.
    fn below(&self, folder: &RepoPath) -> Vec<RepoPath> {
        self.by_root
            .range(folder.clone()..)
            .map(|(root, _)| root)
            .take_while(|root| folder.is_root() || root.as_bytes().starts_with(folder.as_bytes()))
            .filter(|root| *root != folder && root.is_within(folder))
            .cloned()
            .collect()
    }
}

fn follow(
    tree: &dyn Tree,
    roots: &mut Roots,
    takes_in: &TakesIn,
    id: EcosystemId,
    link: Link,
    dependencies: &mut Vec<Dependency>,
) {
    let Some(from) = roots.enclosing(&link.from) else {
        return;
    };
    let Link {
        to, kind, evidence, ..
    } = link;
    let mut edge = |roots: &Roots, to: RepoPath| {
        let from = roots.projects[from].root.clone();
        let evidence = evidence.clone();
        dependencies.push(Dependency {
            from,
            to,
            kind,
            source: id.0,
            evidence,
        });
    };
    match to {
        Reference::Provided(symbol) => {
            for root in roots.provided.get(&symbol).cloned().unwrap_or_default() {
                edge(roots, root);
            }
        }
        Reference::Glob(glob) => input(roots, from, InputPattern::Glob(glob), kind, id, evidence),
        Reference::Path(path) if roots.by_root.contains_key(&path) => edge(roots, path),
        Reference::Path(path) => {
            let owner = roots.enclosing(&path);
            let folder = tree.files().is_folder(&path);
            let here = roots.projects[from].root.clone();
            // Of its own a project has what it is built from anyway; only projects inside are news.
            let is_own = owner == Some(from) && kind == DependencyKind::Build;
            if folder && !here.is_within(&path) {
                for root in roots.below(&path) {
                    edge(roots, root);
                }
                if is_own {
                    return;
                }
                // A part of a project: what that project is built from matters as well.
                if let Some(owner) = owner.filter(|owner| !is_whole_repository(roots, *owner)) {
                    let root = roots.projects[owner].root.clone();
                    edge(roots, root);
                }
            }
            for taken in taken_in(takes_in, &path) {
                let pattern = InputPattern::Path(taken);
                input(roots, from, pattern, kind, id, evidence.clone());
            }
            input(roots, from, InputPattern::Path(path), kind, id, evidence);
        }
    }
}

fn is_whole_repository(roots: &Roots, at: usize) -> bool {
    roots.projects[at].root.is_root()
}

fn input(
    roots: &mut Roots,
    from: usize,
    pattern: InputPattern,
    kind: DependencyKind,
    id: EcosystemId,
    evidence: Evidence,
) {
    roots.projects[from].inputs.push(Input {
        pattern,
        kind,
        source: id.0,
        evidence,
    });
}
