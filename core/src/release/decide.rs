//! Decides what is released and as what: pure.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::change_file::ChangeFile;
use super::{Bump, Candidate, Cause, Problem, Release, message, version};
use crate::config::release::ReleaseConfig;

/// All that was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// By path.
    pub releases: Vec<Release>,
    /// What stands against them; sorted.
    pub problems: Vec<Problem>,
}

/// What is asked.
pub struct Question<'a> {
    /// Every project that can be released, by path.
    pub candidates: &'a [Candidate],
    /// The rules.
    pub config: &'a ReleaseConfig,
    /// Words that wait for a release.
    pub changes: &'a [ChangeFile],
    /// `rc`, `beta` …: a pre-release is asked for.
    pub pre: Option<&'a str>,
}

/// Decides. Commits and change files are both heard, the higher counts; who only is built with something that is released
/// gets a patch.
#[must_use]
pub fn decide(question: &Question<'_>) -> Decision {
    let mut problems = Vec::new();
    let mut levels = levels(question, &mut problems);
    drop_followers_of_nothing(question.candidates, &mut levels);
    let groups = groups(question, &mut problems);
    for group in groups.iter().filter(|group| group.is_fixed) {
        raise_all(group, &mut levels);
    }
    let mut releases = Vec::new();
    for (at, candidate) in question.candidates.iter().enumerate() {
        if levels[at] == Level::No {
            continue;
        }
        let to = next(question, &groups, &levels, at, &mut problems);
        releases.push(release(question, candidate, levels[at], to));
    }
    collisions(question.candidates, &releases, &mut problems);
    problems.sort();
    problems.dedup();
    Decision { releases, problems }
}

/// How a project is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    No,
    /// Nothing of its own: it is built with something that is released.
    Follows,
    /// As it says itself.
    Own(Bump),
    /// For the first time.
    First,
}

impl Level {
    fn bump(self) -> Bump {
        match self {
            Self::No => Bump::None,
            Self::Own(bump) => bump,
            Self::Follows | Self::First => Bump::Patch,
        }
    }
}

fn levels(question: &Question<'_>, problems: &mut Vec<Problem>) -> Vec<Level> {
    let mut by_file: BTreeMap<usize, Bump> = BTreeMap::new();
    for file in question.changes {
        for (name, bump) in &file.bumps {
            match find(question.candidates, name) {
                Some(at) => {
                    let known = by_file.entry(at).or_insert(Bump::None);
                    *known = (*known).max(*bump);
                }
                None => problems.push(unknown(&format!("`{}`", file.path), name)),
            }
        }
    }
    let of = |(at, candidate): (usize, &Candidate)| {
        let asked = by_file.get(&at).copied().unwrap_or(Bump::None);
        level(question.config, candidate, asked)
    };
    question.candidates.iter().enumerate().map(of).collect()
}

fn level(config: &ReleaseConfig, candidate: &Candidate, asked: Bump) -> Level {
    if candidate.last.is_none() {
        return Level::First;
    }
    let is_own = candidate.causes.iter().any(|cause| cause.via.is_empty());
    let said = candidate.work.iter();
    let said = said
        .map(|work| message::bump(&work.message, &config.types))
        .max();
    let own = match (is_own, said) {
        (false, _) => Bump::None,
        (true, Some(bump)) => bump,
        // Changed by no commit that could be read: a merge by hand, or a lockfile.
        (true, None) => Bump::Patch,
    };
    let by_others = candidate.causes.iter().any(|cause| !cause.via.is_empty());
    match own.max(asked) {
        Bump::None if by_others => Level::Follows,
        Bump::None => Level::No,
        bump => Level::Own(bump),
    }
}

/// Who is built only with projects that are not released after all, is not released either.
fn drop_followers_of_nothing(candidates: &[Candidate], levels: &mut [Level]) {
    let released: BTreeSet<&str> = candidates
        .iter()
        .zip(levels.iter())
        .filter(|(_, level)| !matches!(level, Level::No | Level::Follows))
        .map(|(candidate, _)| candidate.name.as_str())
        .collect();
    let known: BTreeSet<&str> = candidates.iter().map(|one| one.name.as_str()).collect();
    for (candidate, level) in candidates.iter().zip(levels.iter_mut()) {
        let still = candidate.causes.iter().any(|cause| {
            let seed = cause.via.first().map(String::as_str);
            // What is no candidate cannot say that it is not released.
            seed.is_some_and(|seed| released.contains(seed) || !known.contains(seed))
        });
        if *level == Level::Follows && !still {
            *level = Level::No;
        }
    }
}

struct Group {
    members: Vec<usize>,
    is_fixed: bool,
}

fn groups(question: &Question<'_>, problems: &mut Vec<Problem>) -> Vec<Group> {
    let mut groups = Vec::new();
    let config = question.config;
    let written = [(&config.fixed, true), (&config.linked, false)];
    for (lists, is_fixed) in written {
        for list in lists {
            let mut members = Vec::new();
            for name in list {
                match find(question.candidates, name) {
                    Some(at) => members.push(at),
                    None => problems.push(unknown("a release group", name)),
                }
            }
            groups.push(Group { members, is_fixed });
        }
    }
    let mut places: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, candidate) in question.candidates.iter().enumerate() {
        if let Some(place) = &candidate.place {
            places.entry(place).or_default().push(at);
        }
    }
    let shared = places.into_values().filter(|members| members.len() > 1);
    groups.extend(shared.map(|members| Group {
        members,
        is_fixed: true,
    }));
    groups
}

fn raise_all(group: &Group, levels: &mut [Level]) {
    let bumps = group.members.iter().map(|at| levels[*at].bump());
    let highest = bumps.max().unwrap_or(Bump::None);
    for at in &group.members {
        if levels[*at] < Level::Own(highest) && highest > Bump::None {
            levels[*at] = Level::Own(highest);
        }
    }
}

fn next(
    question: &Question<'_>,
    groups: &[Group],
    levels: &[Level],
    at: usize,
    problems: &mut Vec<Problem>,
) -> Version {
    let candidate = &question.candidates[at];
    let together = |group: &&Group| group.members.contains(&at);
    let mut members: Vec<usize> = vec![at];
    for group in groups.iter().filter(together) {
        members.extend(group.members.iter().filter(|at| levels[**at] != Level::No));
    }
    let highest = |at: &usize| counted(question, &question.candidates[*at], levels[*at].bump());
    let bump = members.iter().map(|at| levels[*at].bump()).max();
    let last = members
        .iter()
        .filter_map(|at| Some(&question.candidates[*at].last.as_ref()?.version))
        .max();
    let shared =
        last.map(|last| version::raised(last, bump.unwrap_or(Bump::Patch), question.config.zero));
    let alone = members.iter().map(highest).max();
    let mut to = alone
        .into_iter()
        .chain(shared.filter(|_| members.len() > 1))
        .max();
    if let Some(asked) = asked_for(candidate) {
        let last = candidate.last.as_ref().map(|last| &last.version);
        if last.is_some_and(|last| *asked <= *last) {
            problems.push(Problem {
                code: "version-too-low",
                message: format!(
                    "`Release-As` wants `{}` as {asked}, which is no rise",
                    candidate.name
                ),
                help: "write a commit that asks for a higher version".to_owned(),
            });
        } else {
            to = Some(asked.clone());
        }
    }
    let to = to.unwrap_or_else(|| Version::new(0, 1, 0));
    let Some(word) = question.pre else { return to };
    version::pre_release(&to, word, &candidate.taken).unwrap_or_else(|| {
        problems.push(Problem {
            code: "pre-release",
            message: format!("`{word}` is no word for a pre-release"),
            help: "use letters and digits, such as `rc`".to_owned(),
        });
        to
    })
}

/// What a candidate would become alone. A version that is written already and higher is a release that was prepared.
fn counted(question: &Question<'_>, candidate: &Candidate, bump: Bump) -> Version {
    let initial =
        || version::parse(&question.config.initial).unwrap_or_else(|| Version::new(0, 1, 0));
    let nothing = Version::new(0, 0, 0);
    let written = candidate.written.as_ref().map(version::to_come);
    let written = written.filter(|written| *written > nothing);
    match &candidate.last {
        None => written.unwrap_or_else(initial),
        Some(last) => {
            let counted = version::raised(&last.version, bump, question.config.zero);
            let prepared = written.filter(|written| *written > last.version);
            prepared.map_or(counted.clone(), |prepared| prepared.max(counted))
        }
    }
}

fn asked_for(candidate: &Candidate) -> Option<&Version> {
    let mut asked = candidate.work.iter();
    asked.find_map(|work| work.message.release_as.get(&candidate.name))
}

fn release(question: &Question<'_>, candidate: &Candidate, level: Level, to: Version) -> Release {
    let mut causes = candidate.causes.clone();
    let files = question.changes.iter().filter(|file| {
        let mut names = file.bumps.keys();
        names.any(|name| *name == candidate.name || candidate.path.as_str() == Some(name))
    });
    let mut notes = Vec::new();
    for file in files {
        notes.push(file.text.clone());
        causes.push(cause("declared", format!("change file {}", file.path)));
    }
    if level == Level::First {
        causes = vec![cause("requested", "it was never released".to_owned())];
    } else if causes.is_empty() {
        causes.push(cause(
            "declared",
            "it has one version with others that are released".to_owned(),
        ));
    }
    let from = candidate.last.as_ref().map(|last| last.version.clone());
    Release {
        project: candidate.name.clone(),
        path: candidate.path.clone(),
        bump: from
            .as_ref()
            .map_or(Bump::None, |from| difference(from, &to)),
        from,
        tag: candidate.series.tag(&to),
        to,
        causes,
        work: candidate.work.clone(),
        notes,
        written: candidate.written.clone(),
    }
}

fn cause(code: &str, detail: String) -> Cause {
    Cause {
        code: code.to_owned(),
        via: Vec::new(),
        detail,
    }
}

fn difference(from: &Version, to: &Version) -> Bump {
    match () {
        () if to.major != from.major => Bump::Major,
        () if to.minor != from.minor => Bump::Minor,
        () => Bump::Patch,
    }
}

/// Two projects that would get one tag are told before anything is written.
fn collisions(candidates: &[Candidate], releases: &[Release], problems: &mut Vec<Problem>) {
    let mut by_tag: BTreeMap<&str, &str> = BTreeMap::new();
    for release in releases {
        if let Some(other) = by_tag.insert(&release.tag, &release.project) {
            problems.push(Problem {
                code: "tag-shared",
                message: format!(
                    "`{other}` and `{}` would both be tagged `{}`",
                    release.project, release.tag
                ),
                help: "give one of them a pattern: `release.tag` in its table of affected.toml"
                    .to_owned(),
            });
        }
    }
    for release in releases {
        let own = candidates.iter().find(|one| one.path == release.path);
        if own.is_some_and(|own| own.taken.contains(&release.to)) {
            problems.push(Problem {
                code: "tag-taken",
                message: format!(
                    "`{}` has a tag `{}` already, on a commit that is not part of this history",
                    release.project, release.tag
                ),
                help: "merge that commit, or ask for a higher version with `Release-As`".to_owned(),
            });
        }
    }
}

fn find(candidates: &[Candidate], name: &str) -> Option<usize> {
    let named = candidates
        .iter()
        .position(|candidate| candidate.name == name);
    named.or_else(|| {
        let mut paths = candidates.iter();
        paths.position(|candidate| candidate.path.as_str() == Some(name))
    })
}

fn unknown(place: &str, name: &str) -> Problem {
    Problem {
        code: "unknown-project",
        message: format!("{place} names `{name}`, which is no project that is released"),
        help: "`affected list --all --format names` shows every name".to_owned(),
    }
}

#[cfg(test)]
mod tests;
