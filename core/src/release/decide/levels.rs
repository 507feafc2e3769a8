//! Who is released, and how much each says that raises it.

use super::super::change_file::ChangeFile;
use super::super::{Bump, Candidate, Cause, Problem, Since, named, raised_by};
use super::{Group, Question, cause, unknown, versions};

/// How a project is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    No,
    /// Nothing of its own: it is built with something that is released.
    Follows,
    /// As it says itself.
    Own(Bump),
    /// For the first time.
    First,
}

impl Level {
    pub(super) fn bump(self) -> Bump {
        match self {
            Self::No => Bump::None,
            Self::Own(bump) => bump,
            Self::Follows | Self::First => Bump::Patch,
        }
    }
}

/// Where one candidate stands.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) level: Level,
    pub(super) causes: Vec<Cause>,
    /// Words of change files.
    pub(super) notes: Vec<String>,
    /// Whether nothing of its own changed: then no comparison of files shows its release to who is built with it.
    is_still: bool,
}

/// Weighs each candidate, then lets groups rise together and dependents follow, until nothing moves.
pub(super) fn settle(
    question: &Question<'_>,
    groups: &[Group],
    problems: &mut Vec<Problem>,
) -> Vec<Standing> {
    for file in question.changes {
        let names = file.bumps.keys();
        let strange = names.filter(|name| named(question.candidates, name).is_none());
        problems.extend(strange.map(|name| unknown(&format!("`{}`", file.path), name)));
    }
    let count = question.candidates.len();
    let mut standings: Vec<_> = (0..count).map(|at| standing(question, at)).collect();
    loop {
        let mut moved = false;
        for group in groups.iter().filter(|group| group.is_fixed) {
            moved |= raise_all(question.candidates, group, &mut standings);
        }
        moved |= follow(question, &mut standings);
        if !moved {
            return standings;
        }
    }
}

fn standing(question: &Question<'_>, at: usize) -> Standing {
    let candidate = &question.candidates[at];
    let mut found = weighed(question, at, &candidate.since);
    if candidate.last.is_none() {
        found.level = Level::First;
    }
    if versions::is_prepared(candidate) && found.level < Level::Own(Bump::Patch) {
        // What is written already is tagged, whatever else is known of it.
        found.level = Level::Own(Bump::Patch);
        if found.causes.is_empty() {
            let words = "its version was raised already".to_owned();
            found.causes.push(cause("declared", words));
        }
    }
    // Since the last pre-release with this word there must be something new, or each call would make another one.
    if let (Some(_), Some(recent)) = (question.pre, &candidate.recent) {
        let recent = weighed(question, at, recent);
        found.is_still = recent.is_still;
        if recent.level == Level::No {
            found.level = Level::No;
        }
    }
    found
}

/// What commits, change files and others say since then.
fn weighed(question: &Question<'_>, at: usize, since: &Since) -> Standing {
    let own = match since.causes.iter().any(|cause| cause.via.is_empty()) {
        true => raised_by(&since.work, &question.config.types),
        false => Bump::None,
    };
    let (mut causes, mut notes) = (since.causes.clone(), Vec::new());
    let mut bump = own;
    for (file, asked) in files(question, at, since) {
        bump = bump.max(asked);
        notes.push(file.text.clone());
        let words = format!("change file {}", file.path);
        causes.push(cause("declared", words));
    }
    if let Some(asked) = since.asked.first() {
        bump = bump.max(Bump::Patch);
        let short: String = asked.commit.chars().take(9).collect();
        let words = format!("{short} asks for {} with `Release-As`", asked.version);
        causes.push(cause("requested", words));
    }
    let level = match bump {
        Bump::None if since.causes.iter().any(|cause| !cause.via.is_empty()) => Level::Follows,
        Bump::None => Level::No,
        bump => Level::Own(bump),
    };
    Standing {
        level,
        causes,
        notes,
        is_still: own == Bump::None,
    }
}

/// The change files that speak of a candidate: those that wait and were not there at its last release, and those that a
/// release commit took away since.
fn files<'q>(
    question: &'q Question<'_>,
    at: usize,
    since: &'q Since,
) -> impl Iterator<Item = (&'q ChangeFile, Bump)> {
    let waiting = question.changes.iter();
    let waiting = waiting.filter(|file| !since.heard.contains(file));
    let is_back = |spent: &&ChangeFile| question.changes.iter().any(|it| it.path == spent.path);
    let spent = since.spent.iter().filter(move |spent| !is_back(spent));
    let candidate = &question.candidates[at];
    let is_own = move |name: &str| {
        // The first test is the cheap one: there may be many candidates.
        let is_meant = name == candidate.name || candidate.path.as_str() == Some(name);
        is_meant && named(question.candidates, name) == Some(at)
    };
    waiting.chain(spent).filter_map(move |file| {
        let own = file.bumps.iter().filter(|(name, _)| is_own(name));
        let bump = own.map(|(_, bump)| *bump).max()?;
        Some((file, bump))
    })
}

fn raise_all(candidates: &[Candidate], group: &Group, standings: &mut [Standing]) -> bool {
    let by_bump = |at: &&usize| standings[**at].level.bump();
    let Some(first) = group.members.iter().rev().max_by_key(by_bump).copied() else {
        return false;
    };
    let highest = standings[first].level.bump();
    let mut moved = false;
    for at in &group.members {
        let standing = &mut standings[*at];
        if standing.level < Level::Own(highest) && highest > Bump::None {
            if standing.level == Level::No {
                let words = format!("it has one version with `{}`", candidates[first].name);
                standing.causes = vec![cause("declared", words)];
            }
            standing.level = Level::Own(highest);
            moved = true;
        }
    }
    moved
}

/// Lets those follow who are built with a release that no change of files shows them.
fn follow(question: &Question<'_>, standings: &mut [Standing]) -> bool {
    let mut moved = false;
    for at in 0..standings.len() {
        let is_raised = matches!(standings[at].level, Level::Own(_));
        if !is_raised || !standings[at].is_still {
            continue;
        }
        for (path, chain) in (question.followers)(&question.candidates[at].path) {
            let mut all = question.candidates.iter();
            let Some(dependent) = all.position(|one| one.path == path) else {
                continue;
            };
            if standings[dependent].level == Level::No {
                standings[dependent].level = Level::Follows;
                standings[dependent].causes = vec![chain];
                moved = true;
            }
        }
    }
    moved
}
