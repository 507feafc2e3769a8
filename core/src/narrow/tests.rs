//! Following from file to file, with a language in which a line is `use <path>` or `escape <words>`, tests end in
//! `.test`, and `setup` takes part in every test.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod javascript;

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{
    Command, Dependency, DependencyKind, EcosystemId, Evidence, Impact, Ownership, Project,
    ProjectGraph, ProjectIndex, ProjectKind, RepoPath, Stage, Task, builder,
};

use super::{Narrowed, Question, Sources, parts};
use crate::config::Precision;
use crate::diff::{Change, ChangeKind, ChangeSet};
use crate::ecosystem::{Discovery, Ecosystem, FileLevel, FileName, Look, Scan, SourceFile, Suite};
use crate::facts::FactStore;
use crate::scan::units::Units;
use crate::select::{Affected, AffectedSet, Touched};
use crate::tree::{FileKind, memory::MemoryTree};

struct Plain;

const ID: EcosystemId = EcosystemId("plain");

impl Ecosystem for Plain {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }

    fn file_level(&self) -> Option<&dyn FileLevel> {
        Some(self)
    }
}

impl FileLevel for Plain {
    fn suite(&self, look: &Look<'_>, project: &Project, _task: &Task) -> Result<Suite, String> {
        if project.name == "make" {
            return Err("`make` is no known runner".to_owned());
        }
        let entries = look.head.files().entries().iter();
        let paths = entries
            .map(|entry| &entry.path)
            .chain(&look.changed.deleted);
        let own = paths.filter(|path| path.is_within(&project.root));
        let mut suite = Suite::default();
        for path in own {
            let name = path.to_string();
            if name.ends_with(".test") {
                suite.tests.insert(path.clone(), name);
            } else if name.ends_with("/setup") {
                suite.setup.insert(path.clone());
            } else if name.ends_with("/settings") {
                suite.settings.insert(path.clone());
            }
        }
        Ok(suite)
    }

    fn restricted(&self, _task: &Task, names: &[String]) -> Option<Command> {
        Some(Command::Argv(names.to_vec()))
    }

    fn sources(&self, look: &Look<'_>, of: &BTreeSet<RepoPath>) -> Vec<SourceFile> {
        let mut open: Vec<RepoPath> = of.iter().cloned().collect();
        let mut found: BTreeMap<RepoPath, SourceFile> = BTreeMap::new();
        while let Some(path) = open.pop() {
            if found.contains_key(&path) {
                continue;
            }
            let read = |scan: &Scan<'_>| scan.tree.read(&path).unwrap_or_default();
            let before = look.base.as_ref().map(read).unwrap_or_default();
            let mut file = SourceFile {
                path: path.clone(),
                ..SourceFile::default()
            };
            let text = String::from_utf8([read(&look.head), b"\n".to_vec(), before].concat());
            for line in text.unwrap().lines() {
                match line.split_once(' ') {
                    Some(("use", used)) => {
                        file.uses.insert(RepoPath::new(used).unwrap());
                    }
                    Some(("escape", words)) => file.escape = Some(words.to_owned()),
                    _ => {}
                }
            }
            open.extend(file.uses.iter().cloned());
            found.insert(path, file);
        }
        found.into_values().collect()
    }
}

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn graph() -> ProjectGraph {
    let project = |name: &str| Project {
        root: path(name),
        name: name.to_owned(),
        kind: ProjectKind::Library,
        ecosystems: vec![ID],
        manifests: Vec::new(),
        ownership: Ownership::Tree,
        tasks: vec![Task {
            name: "test".to_owned(),
            stage: Some(Stage::new("unit")),
            command: Command::Argv(vec!["pytest".to_owned()]),
            cwd: path(name),
            env: BTreeMap::new(),
            timeout: None,
            script: None,
            needs: affected_graph::Needs::default(),
            inferred_by: Some(ID),
            origin: String::new(),
        }],
        inputs: Vec::new(),
    };
    let edge = |from: &str, to: &str| Dependency {
        from: path(from),
        to: path(to),
        kind: DependencyKind::Link,
        source: ID.0,
        evidence: Evidence {
            file: path(from),
            line: None,
            detail: String::new(),
        },
    };
    let projects = ["app", "lib", "make"].map(project).to_vec();
    builder::build(projects, vec![edge("app", "lib"), edge("make", "lib")]).0
}

const FILES: &[(&str, &str)] = &[
    ("lib/a", "use lib/deep"),
    ("lib/b", ""),
    ("lib/deep", ""),
    ("lib/data/x.json", ""),
    ("lib/unused", ""),
    ("lib/settings", ""),
    ("lib/a.test", "use lib/a"),
    ("lib/b.test", "use lib/b\nuse lib/data"),
    ("lib/c.test", ""),
    ("app/main", "use lib/a"),
    ("app/setup", "use app/env"),
    ("app/env", ""),
    ("app/main.test", "use app/main"),
    ("app/side.test", ""),
];

/// What differs at the base from [`FILES`], then what the head changes: a text, `-` for a file that is deleted, `other
/// words` for something else of a project than its files.
fn check_with(precision: Precision, base: &[(&str, &str)], head: &[(&str, &str)], expect: &[&str]) {
    let graph = graph();
    let mut before: BTreeMap<&str, &str> = FILES.iter().copied().collect();
    before.extend(base.iter().copied());
    let mut after = before.clone();
    let mut changes = Vec::new();
    let mut touched: BTreeMap<_, Touched> = BTreeMap::new();
    for (path, text) in head {
        let at = RepoPath::new(path).unwrap();
        let project = graph.enclosing(&at).next().unwrap();
        let known = touched.entry(project).or_default();
        if let Some(words) = text.strip_prefix("other ") {
            known.other = Some(words.to_owned());
            continue;
        }
        known.files.insert(at.clone());
        let kind = match (before.contains_key(path), *text) {
            (_, "-") => ChangeKind::Deleted,
            (true, _) => ChangeKind::Modified,
            (false, _) => ChangeKind::Added,
        };
        if *text == "-" {
            after.remove(path);
        } else {
            after.insert(path, text);
        }
        changes.push(Change {
            path: at,
            kind,
            file: FileKind::Regular,
        });
    }
    let (base, head) = (MemoryTree::new(before), MemoryTree::new(after));
    let trees = (&base, &head);
    let told = told(precision, &graph, touched, trees, &ChangeSet::new(changes));
    assert_eq!(told, expect);
}

/// A line for each project with tests that can be restricted.
fn told(
    precision: Precision,
    graph: &ProjectGraph,
    touched: BTreeMap<ProjectIndex, Touched>,
    (base, head): (&MemoryTree, &MemoryTree),
    changes: &ChangeSet,
) -> Vec<String> {
    let affected = |_| Affected {
        impact: Impact::Rebuild,
        changed: true,
        reasons: Vec::new(),
    };
    let affected = AffectedSet {
        projects: graph.projects().map(|(at, _)| (at, affected(at))).collect(),
        dispositions: Vec::new(),
        touched,
    };
    let found = parts(&Question {
        graph,
        affected: &affected,
        units: &Units::default(),
        sources: Sources {
            head,
            base: Some(base),
            facts: &FactStore::default(),
            changes,
        },
        precision,
        ecosystems: &[&Plain],
    });
    let shown = graph
        .projects()
        .filter(|(_, project)| project.name != "make");
    let lines = shown.map(|(_, project)| {
        let part = in_words(found.of(&project.root, &project.tasks[0]));
        format!("{}: {part}", project.name)
    });
    lines.collect()
}

fn in_words(part: Narrowed) -> String {
    let (units, unproved) = match part {
        Narrowed::Whole(because) => return format!("all: {}", because.unwrap_or_default()),
        Narrowed::Nothing => return "nothing".to_owned(),
        Narrowed::Units {
            units, unproved, ..
        } => (units, unproved),
    };
    let because = |unit: &String| {
        let because = unproved.get(unit).map(|because| format!(" ({because})"));
        format!("{unit}{}", because.unwrap_or_default())
    };
    units.iter().map(because).collect::<Vec<_>>().join(" ")
}

fn check(head: &[(&str, &str)], expect: &[&str]) {
    check_with(Precision::Safe, &[], head, expect);
}

#[test]
fn tests_that_reach_a_change_run() {
    check(
        &[("lib/deep", "more")],
        &["app: app/main.test", "lib: lib/a.test"],
    );
    check(&[("lib/b", "more")], &["app: nothing", "lib: lib/b.test"]);
    // A test that changed or is new, and files below a folder that is read.
    check(
        &[("lib/c.test", "x"), ("lib/new.test", "x")],
        &["app: nothing", "lib: lib/c.test lib/new.test"],
    );
    check(
        &[("lib/data/new.json", "x")],
        &["app: nothing", "lib: lib/b.test"],
    );
}

#[test]
fn what_nobody_is_known_to_use_is_all_of_it_and_whoever_uses_its_project() {
    check(
        &[("lib/unused", "x")],
        &[
            "app: app/main.test",
            "lib: all: nobody is known to use lib/unused",
        ],
    );
    check(
        &[("lib/x", "other its manifest changed")],
        &[
            "app: app/main.test",
            "lib: all: `lib`: its manifest changed",
        ],
    );
}

#[test]
fn settings_and_setup_take_all_of_it() {
    check(
        &[("lib/settings", "x")],
        &[
            "app: nothing",
            "lib: all: lib/settings takes part in all of it",
        ],
    );
    check(
        &[("app/env", "x")],
        &[
            "app: all: app/setup takes part in all of it",
            "lib: all: no changed source reaches it",
        ],
    );
    check_with(
        Precision::Safe,
        &[("app/env", "escape app/env guesses")],
        &[("lib/b", "x")],
        &[
            "app: all: app/env guesses, in what takes part in all of it",
            "lib: lib/b.test",
        ],
    );
}

#[test]
fn an_escape_in_reach_runs_the_test_unless_imports_are_trusted() {
    let base = [("lib/deep", "escape lib/deep:1 guesses")];
    let head = [("lib/b", "x")];
    let safe = [
        "app: app/main.test (lib/deep:1 guesses)",
        "lib: lib/a.test (lib/deep:1 guesses) lib/b.test",
    ];
    check_with(Precision::Safe, &base, &head, &safe);
    check_with(
        Precision::Static,
        &base,
        &head,
        &["app: nothing", "lib: lib/b.test"],
    );
}

#[test]
fn s3_what_is_gone_selects_who_had_it() {
    // Deleted, while its users stand unchanged.
    check(
        &[("lib/deep", "-")],
        &["app: app/main.test", "lib: lib/a.test"],
    );
    // Deleted, and its only user changed: that one's tests, nobody else.
    check(
        &[("lib/deep", "-"), ("lib/a", "")],
        &["app: app/main.test", "lib: lib/a.test"],
    );
    // An import removed while what was imported changed, too.
    check(
        &[("lib/deep", "x"), ("app/main", "")],
        &["app: app/main.test", "lib: lib/a.test"],
    );
    // A deleted test needs no run; what only it used is nobody's.
    check(
        &[("lib/b.test", "-"), ("lib/b", "-")],
        &["app: nothing", "lib: nothing"],
    );
    // Moved: a deletion and an addition.
    check(
        &[("lib/b", "-"), ("lib/c", ""), ("lib/b.test", "use lib/c")],
        &["app: nothing", "lib: lib/b.test"],
    );
}
