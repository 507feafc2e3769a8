//! Follows changes from file to file, where tests are run file by file.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Command, Project, ProjectIndex, RepoPath, Task};

use super::downwards::Downwards;
use super::{Narrowed, Parts, Question};
use crate::config::{Precision, defects};
use crate::ecosystem::{Ecosystem, FileLevel, Look, SourceFile, Suite};
use crate::runner;
use crate::select::Touched;

/// What changed of all projects that are narrowed, and of all that they are built with.
#[derive(Default)]
struct Reaching<'q> {
    changed: BTreeSet<&'q RepoPath>,
    /// Roots of projects that others use, and of which more changed than files.
    whole: BTreeSet<&'q RepoPath>,
    /// Projects that were met below others.
    met: BTreeSet<ProjectIndex>,
}

/// A test task that may be restricted, and what changed of its own project.
struct Candidate<'q> {
    project: &'q Project,
    task: &'q Task,
    suite: Suite,
    /// Tests that were deleted.
    gone: BTreeSet<RepoPath>,
    own: Option<&'q BTreeSet<RepoPath>>,
}

impl Candidate<'_> {
    /// What was deleted is followed, but cannot be run.
    fn forget_gone(&mut self, look: &Look<'_>) {
        let is_gone = |path: &RepoPath| look.changed.deleted.contains(path);
        let tests = self.suite.tests.keys();
        self.gone = tests.filter(|path| is_gone(path)).cloned().collect();
        self.suite.tests.retain(|path, _| !is_gone(path));
        if defects::is("forget-new-tests") {
            let is_new = |path: &RepoPath| look.changed.added.contains(path);
            self.suite.tests.retain(|path, _| !is_new(path));
        }
    }
}

/// Tells whether any runner is known to be started; many projects start theirs alike.
#[derive(Default)]
struct Runners<'q>(BTreeMap<(&'q str, Option<&'q str>, &'q Command), bool>);

impl<'q> Runners<'q> {
    fn unknown(&mut self, task: &'q Task) -> Option<String> {
        let script = task.script.as_deref();
        let line = script.unwrap_or(&task.origin);
        let known = self.0.entry((line, script, &task.command));
        let known = known.or_insert_with(|| runner::recognise(&task.command, script).is_some());
        (!*known).then(|| format!("`{line}` starts no test runner that is known"))
    }
}

/// Narrows every affected project of one ecosystem.
pub(super) fn narrow(
    (question, downwards): (&Question<'_>, &Downwards<'_>),
    ecosystem: &dyn Ecosystem,
    level: &dyn FileLevel,
    look: &Look<'_>,
    found: &mut Parts,
) {
    let (mut reaching, mut runners) = (Reaching::default(), Runners::default());
    let mut candidates = Vec::new();
    for index in question.affected.projects.keys() {
        let project = question.graph.project(*index);
        let own = |task: &&Task| task.stage.is_some() && task.inferred_by == Some(ecosystem.id());
        // What cannot be restricted anyway is worth no look down.
        let mut tasks = Vec::new();
        for task in project.tasks.iter().filter(own) {
            match runners.unknown(task) {
                None => tasks.push(task),
                because => found.put_task(project, task, Narrowed::Whole(because)),
            }
        }
        if tasks.is_empty() {
            continue;
        }
        if let Err(because) = reaching.add(downwards, *index, ecosystem) {
            for task in tasks {
                let whole = Narrowed::Whole(Some(because.clone()));
                found.put_task(project, task, whole);
            }
            continue;
        }
        for task in tasks {
            let suite = level.suite(look, project, task);
            let touched = question.affected.touched.get(index);
            match suite {
                Ok(suite) => candidates.push(Candidate {
                    project,
                    task,
                    suite,
                    gone: BTreeSet::new(),
                    own: touched.map(|touched| &touched.files),
                }),
                Err(because) => found.put_task(project, task, Narrowed::Whole(Some(because))),
            }
        }
    }
    if candidates.is_empty() {
        return;
    }
    let suites = candidates.iter().map(|candidate| &candidate.suite);
    let of = suites.flat_map(|suite| {
        let support = suite.settings.iter().chain(&suite.setup);
        suite.tests.keys().chain(support).cloned()
    });
    let of: BTreeSet<RepoPath> = of.collect();
    let sources = level.sources(look, &of);
    let followed = Followed::new((question, level), &sources, &of, &reaching);
    for candidate in &mut candidates {
        candidate.forget_gone(look);
    }
    for candidate in &candidates {
        let part = followed.part(candidate);
        found.put_task(candidate.project, candidate.task, part);
    }
}

impl<'q> Reaching<'q> {
    /// Looks down from a project at everything it is built or tested with. The words of an error say what stands against
    /// narrowing it; then nothing is added.
    fn add(
        &mut self,
        downwards: &Downwards<'q>,
        of: ProjectIndex,
        ecosystem: &dyn Ecosystem,
    ) -> Result<(), String> {
        let mut seen = Vec::new();
        downwards.below(of, ecosystem.id(), |at, touched, foreign| {
            let project = downwards.graph.project(at);
            if let Some(edge) = foreign {
                return Err(super::used_otherwise(project, edge));
            }
            seen.push((at, touched));
            if at != of {
                return Ok(());
            }
            if let Some(other) = &touched.other {
                return Err(format!("`{}`: {other}", project.name));
            }
            match downwards.stranger(at) {
                Some(path) => Err(format!("`{}` reads {path}", project.name)),
                None => Ok(()),
            }
        })?;
        if seen.is_empty() {
            return Err("no changed source reaches it".to_owned());
        }
        for (at, touched) in seen {
            if at == of {
                self.changed.extend(&touched.files);
            } else if self.met.insert(at) {
                self.add_other(downwards, at, touched, ecosystem);
            }
        }
        Ok(())
    }

    /// Whatever else a project is, it can only be felt where it is used.
    fn add_other(
        &mut self,
        downwards: &Downwards<'q>,
        at: ProjectIndex,
        touched: &'q Touched,
        ecosystem: &dyn Ecosystem,
    ) {
        let project = downwards.graph.project(at);
        let is_known = project.ecosystems.contains(&ecosystem.id());
        let is_whole = touched.other.is_some() || !is_known || downwards.stranger(at).is_some();
        if is_whole && !defects::is("narrow-over-manifests") {
            self.whole.insert(&project.root);
        }
        if !defects::is("forget-other-projects") {
            self.changed.extend(&touched.files);
        }
    }
}

/// Bytes of names on one command line; the shell that a package manager starts takes 128 KiB.
const MOST_BYTES: usize = 96 << 10;

/// Numbers of files that a change, or an escape, reaches: each with the number of the one where it began.
type Reached = BTreeMap<usize, usize>;

/// All that is known of files.
struct Followed<'a> {
    sources: BTreeMap<&'a RepoPath, &'a SourceFile>,
    /// Everything that is used or run, by number.
    places: Vec<&'a RepoPath>,
    dirty: Reached,
    escaped: Reached,
    strays: BTreeSet<&'a RepoPath>,
    trusting: bool,
    level: &'a dyn FileLevel,
}

impl<'a> Followed<'a> {
    fn new(
        (question, level): (&'a Question<'_>, &'a dyn FileLevel),
        sources: &'a [SourceFile],
        of: &'a BTreeSet<RepoPath>,
        reaching: &Reaching<'a>,
    ) -> Self {
        let used = sources.iter().flat_map(|source| &source.uses);
        let own = sources.iter().map(|source| &source.path);
        let mut places: Vec<&RepoPath> = used.chain(own).chain(of).collect();
        places.sort_unstable();
        places.dedup();
        let number = |path: &RepoPath| places.binary_search(&path).ok();
        let users = users(sources, &number, places.len());
        let changed = &reaching.changed;
        let is_known = |path: &RepoPath| path.ancestors().any(|at| number(&at).is_some());
        let strays: BTreeSet<&'a RepoPath> = changed
            .iter()
            .copied()
            .filter(|path| !is_known(path) && !defects::is("forget-strays"))
            .collect();
        let graph = question.graph;
        let owner = |path: &RepoPath| {
            let owner = graph.enclosing(path).next();
            owner.map(|owner| &graph.project(owner).root)
        };
        let mut whole = reaching.whole.clone();
        whole.extend(strays.iter().filter_map(|path| owner(path)));
        let mut seeds: BTreeSet<usize> = changed
            .iter()
            .flat_map(|path| path.ancestors().filter_map(|at| number(&at)))
            .collect();
        if !whole.is_empty() {
            let inside = |path: &RepoPath| owner(path).is_some_and(|root| whole.contains(root));
            let places = places.iter().enumerate();
            seeds.extend(places.filter(|(_, path)| inside(path)).map(|(at, _)| at));
        }
        let escaping = sources.iter().filter(|source| source.escape.is_some());
        let escaping = escaping.filter_map(|source| number(&source.path));
        Self {
            dirty: spread(&users, seeds),
            escaped: spread(&users, escaping),
            sources: sources.iter().map(|s| (&s.path, s)).collect(),
            places,
            strays,
            trusting: question.precision == Precision::Static,
            level,
        }
    }

    fn number(&self, path: &RepoPath) -> Option<usize> {
        self.places.binary_search(&path).ok()
    }

    fn is_dirty(&self, path: &RepoPath) -> bool {
        self.number(path)
            .is_some_and(|at| self.dirty.contains_key(&at))
    }

    /// What cannot be followed of all that a file reaches.
    fn escape(&self, path: &RepoPath) -> Option<&'a str> {
        if self.trusting || defects::is("forget-escapes") {
            return None;
        }
        let origin = self.escaped.get(&self.number(path)?)?;
        self.sources.get(self.places[*origin])?.escape.as_deref()
    }

    /// What files change for all tests of a task, where one process runs them.
    fn spread(&self, candidate: &Candidate<'_>) -> BTreeSet<&'a RepoPath> {
        let suite = &candidate.suite;
        let mut sources = self.sources.values();
        if !suite.is_one_process || sources.all(|source| source.spreads.is_empty()) {
            return BTreeSet::new();
        }
        let mut open: Vec<&RepoPath> = suite.tests.keys().chain(&candidate.gone).collect();
        let mut met: BTreeSet<&RepoPath> = open.iter().copied().collect();
        let mut found = BTreeSet::new();
        while let Some(source) = open.pop().map(|path| self.sources.get(path)) {
            let Some(source) = source else { continue };
            found.extend(&source.spreads);
            open.extend(source.uses.iter().filter(|path| met.insert(path)));
        }
        found
    }

    /// Tells which tests of a task a change can reach.
    fn part(&self, candidate: &Candidate<'_>) -> Narrowed {
        let suite = &candidate.suite;
        let whole = |because: String| Narrowed::Whole(Some(because));
        let mut own = candidate.own.into_iter().flatten();
        if let Some(stray) = own.find(|path| self.strays.contains(path)) {
            return whole(format!("nobody is known to use {stray}"));
        }
        let spread = self.spread(candidate);
        let setup = || suite.setup.iter().chain(spread.iter().copied());
        let mut everywhere = suite.settings.iter().chain(setup());
        if let Some(place) = everywhere.find(|path| self.is_dirty(path)) {
            return whole(format!("{place} takes part in all of it"));
        }
        if let Some(escape) = setup().find_map(|path| self.escape(path)) {
            return whole(format!("{escape}, in what takes part in all of it"));
        }
        let (mut names, mut unproved) = (Vec::new(), BTreeMap::new());
        for (path, name) in &suite.tests {
            let escape = self.escape(path).filter(|_| !self.is_dirty(path));
            if escape.is_some() || self.is_dirty(path) {
                names.push(name.clone());
            }
            unproved.extend(escape.map(|escape| (name.clone(), escape.to_owned())));
        }
        if defects::is("first-unit-only") {
            names.truncate(1);
        }
        if names.len() == suite.tests.len() {
            let because = unproved.into_values().next();
            let because = because
                .map(|escape| format!(": {escape}"))
                .unwrap_or_default();
            return whole(format!("all of it is reached{because}"));
        }
        if names.is_empty() {
            return Narrowed::Nothing;
        }
        let bytes: usize = names.iter().map(|name| name.len() + 3).sum();
        let command = (bytes <= MOST_BYTES).then(|| self.level.restricted(candidate.task, &names));
        match command {
            Some(Some(command)) => Narrowed::Units {
                units: names,
                unproved,
                command,
            },
            Some(None) => whole("its command takes no test files".to_owned()),
            None => whole("more files are reached than a command line takes".to_owned()),
        }
    }
}

/// Who uses each place, by number.
fn users(
    sources: &[SourceFile],
    number: &impl Fn(&RepoPath) -> Option<usize>,
    count: usize,
) -> Vec<Vec<usize>> {
    let mut users = vec![Vec::new(); count];
    for source in sources {
        let Some(user) = number(&source.path) else {
            continue;
        };
        for used in source.uses.iter().filter_map(number) {
            users[used].push(user);
        }
    }
    users
}

/// Everything that is reached from `seeds` over their users, each with the seed it was first reached from.
fn spread(users: &[Vec<usize>], seeds: impl IntoIterator<Item = usize>) -> Reached {
    let mut found: Reached = seeds.into_iter().map(|seed| (seed, seed)).collect();
    let mut open: Vec<usize> = found.keys().rev().copied().collect();
    while let Some(at) = open.pop() {
        let origin = found[&at];
        if defects::is("direct-imports-only") && at != origin {
            continue;
        }
        for user in &users[at] {
            found.entry(*user).or_insert_with(|| {
                open.push(*user);
                origin
            });
        }
    }
    found
}
