//! Follows changed sources from unit to unit.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;

use super::Part;
use crate::config::defects;
use crate::ecosystem::Unit;

/// Units whose files changed.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// All of them.
    pub(super) units: BTreeSet<RepoPath>,
    /// Those of which more than their own tests changed.
    pub(super) compiled: BTreeSet<RepoPath>,
}

impl Changed {
    pub(super) fn extend(&mut self, more: &Self) {
        self.units.extend(more.units.iter().cloned());
        self.compiled.extend(more.compiled.iter().cloned());
    }
}

/// What a change reaches.
pub(super) struct Reached<'a> {
    units: &'a [Unit],
    known: BTreeSet<&'a RepoPath>,
    changed: BTreeSet<RepoPath>,
    /// What is compiled with a changed file that is no test.
    dirty: BTreeSet<RepoPath>,
    /// What is compiled with something that the compiler does not see the whole of.
    escaped: BTreeSet<RepoPath>,
    trusting: bool,
}

impl<'a> Reached<'a> {
    /// Follows what changed.
    pub(super) fn new(units: &'a [Unit], changed: Changed, trusting: bool) -> Self {
        let users = users(units);
        let escaping = units.iter().filter(|unit| unit.escapes && !trusting);
        let used = units
            .iter()
            .flat_map(|unit| unit.uses.iter().chain(&unit.tests_use));
        // What has no name runs as a part of others only.
        let named = units.iter().filter(|unit| !unit.name.is_empty());
        Self {
            units,
            known: named.map(|unit| &unit.path).chain(used).collect(),
            changed: changed.units,
            dirty: built_with(&users, changed.compiled),
            escaped: built_with(&users, escaping.map(|unit| unit.path.clone()).collect()),
            trusting,
        }
    }

    /// Tells which units of the project at `root` have tests that a change can reach.
    pub(super) fn part(&self, root: &RepoPath, reaching: &Changed) -> Part {
        if reaching.units.is_empty() {
            return Part::Units(Vec::new());
        }
        let mut changed = reaching.units.iter();
        let stray = changed.find(|unit| !self.known.contains(unit));
        if let Some(stray) = stray.filter(|_| !defects::is("forget-strays")) {
            return Part::Whole(format!("nobody is known to use {stray}"));
        }
        let own = self.units.iter();
        let own = own.filter(|unit| unit.project == *root && !unit.name.is_empty());
        let own: Vec<&Unit> = own.collect();
        let hit: Vec<&&Unit> = own.iter().filter(|unit| self.reaches(unit)).collect();
        if let Some(unit) = hit.iter().find(|unit| !unit.alone) {
            let place = &unit.path;
            return Part::Whole(format!("{place} is tested with all of it"));
        }
        if hit.len() == own.len() {
            return Part::Whole("all of it is reached".to_owned());
        }
        if hit.is_empty() && self.changed.iter().any(|path| path.is_within(root)) {
            return Part::Whole("what changed is no part of it any more".to_owned());
        }
        Part::Units(hit.iter().map(|unit| unit.name.clone()).collect())
    }

    fn reaches(&self, unit: &Unit) -> bool {
        let among = |set: &BTreeSet<RepoPath>| {
            let tests = !defects::is("forget-test-imports") && !set.is_disjoint(&unit.tests_use);
            set.contains(&unit.path) || tests
        };
        let escapes = unit.tests_escape || among(&self.escaped);
        self.changed.contains(&unit.path) || among(&self.dirty) || (escapes && !self.trusting)
    }
}

type Users<'u> = BTreeMap<&'u RepoPath, Vec<&'u RepoPath>>;

fn users(units: &[Unit]) -> Users<'_> {
    let mut users = Users::new();
    for unit in units {
        let same = |used: &&RepoPath| used.is_within(&unit.project);
        let seen = |used: &&RepoPath| !defects::is("same-project-only") || same(used);
        for used in unit.uses.iter().filter(seen) {
            users.entry(used).or_default().push(&unit.path);
        }
    }
    users
}

/// The given units and all that are built with them.
fn built_with(users: &Users<'_>, of: BTreeSet<RepoPath>) -> BTreeSet<RepoPath> {
    let first = of.clone();
    let mut open: Vec<RepoPath> = of.iter().cloned().collect();
    let mut found = of;
    while let Some(at) = open.pop() {
        if defects::is("direct-imports-only") && !first.contains(&at) {
            continue;
        }
        for user in users.get(&at).into_iter().flatten() {
            if found.insert((*user).clone()) {
                open.push((*user).clone());
            }
        }
    }
    found
}
