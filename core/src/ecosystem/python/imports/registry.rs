//! Registries: what a module adds, as soon as it is imported, to something that another module keeps. All tests of a
//! project run in one process, so whoever looks into the registry sees what any of them brought in.
//!
//! A function keeps what it writes into a name at the top of its file, a class what it writes into itself; an object at
//! the top may keep anything. Where two have one name, both are meant.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};
use serde::{Deserialize, Serialize};

use super::Files;
use super::source::Source;
use super::syntax::{assigned, chain, name_of_called};

/// What one file keeps, by the names at its top.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Functions, classes and objects that keep something when they are called or written into, or something of them is.
    pub(super) by_call: BTreeSet<String>,
    /// Classes that keep something when they are inherited from.
    pub(super) by_heir: BTreeSet<String>,
    /// Classes with what they inherit from.
    pub(super) heirs: BTreeSet<(String, String)>,
}

/// Methods that change what they are called on.
const CHANGING: &[&str] = &[
    "add",
    "append",
    "extend",
    "insert",
    "register",
    "setdefault",
    "update",
];

/// Calls that make nothing in which anything is kept.
const PLAIN: &[&str] = &[
    "NamedTuple",
    "NewType",
    "ParamSpec",
    "TypeVar",
    "TypedDict",
    "compile",
    "frozenset",
    "getLogger",
    "get_logger",
    "namedtuple",
    "tuple",
];

/// How often functions that write are looked for again, once others were found.
const MAX_ROUNDS: usize = 5;

/// Finds what a file keeps.
pub(super) fn kept(suite: &[Stmt]) -> Kept {
    let mut kept = Kept::default();
    let (mut stores, mut inside) = (BTreeSet::new(), BTreeSet::new());
    for statement in suite {
        stores.extend(store(statement));
        if let Stmt::ClassDef(class) = statement {
            inside.extend(class.body.iter().filter_map(store).map(|(name, _)| name));
        }
    }
    let objects = stores.iter().filter(|(_, is_object)| *is_object);
    kept.by_heir
        .extend(objects.map(|(name, _)| (*name).to_owned()));
    let writes = |function: &StmtFunctionDef, known: &BTreeSet<String>| {
        let mut writer = Writer {
            stores: stores.iter().map(|(name, _)| *name).collect(),
            inside: &inside,
            known,
            writes: false,
        };
        writer.visit_body(&function.body);
        writer.writes
    };
    // Functions that call such functions, and so on.
    for _ in 0..MAX_ROUNDS {
        let before = kept.by_call.len();
        for statement in suite {
            match statement {
                Stmt::FunctionDef(function)
                    if keeps(function) || writes(function, &kept.by_call) =>
                {
                    kept.by_call.insert(function.name.to_string());
                }
                Stmt::ClassDef(class) => of_class(class, &writes, &mut kept),
                _ => {}
            }
        }
        if kept.by_call.len() == before {
            break;
        }
    }
    kept.by_call
        .extend(stores.iter().map(|(name, _)| (*name).to_owned()));
    kept
}

fn of_class(
    class: &StmtClassDef,
    writes: &impl Fn(&StmtFunctionDef, &BTreeSet<String>) -> bool,
    kept: &mut Kept,
) {
    let bases = bases(class);
    let is_meta = bases
        .iter()
        .any(|base| base == "type" || base.ends_with("Meta"));
    let name = class.name.to_string();
    for statement in &class.body {
        let Stmt::FunctionDef(function) = statement else {
            continue;
        };
        if writes(function, &kept.by_call) {
            if is_meta || function.name.as_str() == "__init_subclass__" {
                kept.by_heir.insert(name.clone());
            } else {
                kept.by_call.insert(name.clone());
            }
        }
    }
    let heirs = bases.into_iter().map(|base| (name.clone(), base));
    kept.heirs.extend(heirs);
}

/// The last names of what a class inherits from, and of what makes it.
pub(super) fn bases(class: &StmtClassDef) -> Vec<String> {
    let all = class.arguments.iter().flat_map(|arguments| {
        let made = arguments.keywords.iter().map(|keyword| &keyword.value);
        arguments.args.iter().chain(made)
    });
    let names = all.filter_map(|base| chain(base)?.pop());
    names.collect()
}

/// `@functools.singledispatch`: others are registered with the function itself.
fn keeps(function: &StmtFunctionDef) -> bool {
    let mut names = function
        .decorator_list
        .iter()
        .filter_map(|decorator| chain(&decorator.expression));
    names.any(|names| names.last().is_some_and(|last| last == "singledispatch"))
}

/// A name that is given something that others can be put into, and whether that is an object of its own kind.
fn store(statement: &Stmt) -> Option<(&str, bool)> {
    let (Expr::Name(name), value, _) = assigned(statement)? else {
        return None;
    };
    let is_object = match value {
        Expr::Dict(_) | Expr::List(_) | Expr::Set(_) | Expr::DictComp(_) | Expr::ListComp(_) => {
            false
        }
        Expr::Call(call) => {
            let made = name_of_called(&call.func);
            let made = made.last().map_or("", String::as_str);
            if PLAIN.contains(&made) {
                return None;
            }
            !matches!(
                made,
                "dict" | "list" | "set" | "defaultdict" | "OrderedDict" | "deque"
            )
        }
        _ => return None,
    };
    Some((name.id.as_str(), is_object))
}

/// Looks for what a function writes into that stays.
struct Writer<'w> {
    stores: BTreeSet<&'w str>,
    /// The same, inside of classes.
    inside: &'w BTreeSet<&'w str>,
    /// Functions that write.
    known: &'w BTreeSet<String>,
    writes: bool,
}

impl Writer<'_> {
    fn stays(&self, names: &[String]) -> bool {
        match names {
            [first, ..] if self.stores.contains(first.as_str()) => true,
            [_, second, ..] => self.inside.contains(second.as_str()),
            _ => false,
        }
    }
}

impl<'a> Visitor<'a> for Writer<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        self.writes |= matches!(statement, Stmt::Global(_));
        if let Some((Expr::Subscript(target), _, _)) = assigned(statement) {
            let names = chain(&target.value).unwrap_or_default();
            self.writes |= self.stays(&names);
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => {
                let mut names = name_of_called(&call.func);
                let last = names.pop().unwrap_or_default();
                self.writes |= CHANGING.contains(&last.as_str()) && self.stays(&names);
            }
            Expr::Name(name) => self.writes |= self.known.contains(name.id.as_str()),
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// What a file does with others as soon as it is imported, and what it keeps for them.
#[derive(Default)]
pub(super) struct Registering {
    pub(super) kept: Kept,
    /// Names of others that it calls.
    pub(super) calls: BTreeSet<String>,
}

impl Registering {
    pub(super) fn add(&mut self, facts: &Source) {
        self.kept.by_call.extend(facts.kept.by_call.iter().cloned());
        self.kept.by_heir.extend(facts.kept.by_heir.iter().cloned());
        self.kept.heirs.extend(facts.kept.heirs.iter().cloned());
        self.calls.extend(facts.registers.iter().cloned());
    }
}

/// Whoever uses a registry uses all that is put into it.
pub(super) fn spread(found: &mut Files) {
    let (mut by_call, mut by_heir) = (
        BTreeMap::<String, BTreeSet<RepoPath>>::new(),
        BTreeMap::new(),
    );
    for (path, file) in found.iter() {
        for name in &file.registering.kept.by_call {
            by_call
                .entry(name.clone())
                .or_default()
                .insert(path.clone());
        }
        for name in &file.registering.kept.by_heir {
            let keepers: &mut BTreeSet<RepoPath> = by_heir.entry(name.clone()).or_default();
            keepers.insert(path.clone());
        }
    }
    if by_call.is_empty() && by_heir.is_empty() {
        return;
    }
    inherit(found, &mut by_heir);
    let mut added = Vec::new();
    for (path, file) in found.iter() {
        let calls = file
            .registering
            .calls
            .iter()
            .filter_map(|name| by_call.get(name));
        let heirs = file.registering.kept.heirs.iter();
        let heirs = heirs.filter_map(|(_, base)| by_heir.get(base));
        let keepers: BTreeSet<&RepoPath> = calls.chain(heirs).flatten().collect();
        if keepers.iter().any(|keeper| *keeper != path) {
            let reached = reached(found, path);
            let keepers = keepers
                .into_iter()
                .filter(|keeper| *keeper != path && reached.contains(keeper));
            added.extend(keepers.map(|keeper| (keeper.clone(), path.clone())));
        }
    }
    for (keeper, by) in added {
        if let Some(file) = found.get_mut(&keeper) {
            file.source.uses.insert(by);
        }
    }
}

/// Who inherits from a class that keeps its heirs is kept there, and so are heirs of its own.
fn inherit(found: &Files, by_heir: &mut BTreeMap<String, BTreeSet<RepoPath>>) {
    loop {
        let before: usize = by_heir.values().map(BTreeSet::len).sum();
        for (name, base) in found.values().flat_map(|file| &file.registering.kept.heirs) {
            if let Some(keepers) = by_heir.get(base).filter(|_| name != base).cloned() {
                by_heir.entry(name.clone()).or_default().extend(keepers);
            }
        }
        if by_heir.values().map(BTreeSet::len).sum::<usize>() == before {
            return;
        }
    }
}

fn reached<'f>(found: &'f Files, from: &'f RepoPath) -> BTreeSet<&'f RepoPath> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(path) = open.pop() {
        if reached.insert(path) {
            open.extend(
                found
                    .get(path)
                    .into_iter()
                    .flat_map(|file| &file.source.uses),
            );
        }
    }
    reached
}
