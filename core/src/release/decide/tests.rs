//! Tests of the module above.

use super::*;
use crate::release::message;
use crate::release::series::{Owner, Series};
use crate::release::{Asked, Released, Since, Work};
use affected_graph::RepoPath;
use semver::Version;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// A project that was last released as `last`, and is not affected.
fn project(name: &str, last: &str) -> Candidate {
    let owner = Owner { name, path: name };
    let series = Series::of("{name}/v{version}", owner).unwrap();
    Candidate {
        name: name.to_owned(),
        path: RepoPath::from_normalized(name),
        last: (!last.is_empty()).then(|| Released {
            tag: series.tag(&version(last)),
            version: version(last),
        }),
        taken: [last]
            .iter()
            .filter(|it| !it.is_empty())
            .map(|it| version(it))
            .collect(),
        series,
        written: None,
        place: None,
        since: Since::default(),
        recent: None,
    }
}

fn changed(mut of: Candidate, messages: &[&str]) -> Candidate {
    of.since
        .causes
        .push(cause("file-changed", "its own file changed".to_owned()));
    let work = |text: &&str| Work {
        commit: "c0ffee".to_owned(),
        message: message::read(text),
    };
    of.since.work = messages.iter().map(work).collect();
    for work in &of.since.work {
        let lines = work.message.release_as.iter();
        let own = lines.filter(|line| line.project.as_deref() == Some(&of.name));
        of.since.asked.extend(own.filter_map(|line| {
            Some(Asked {
                commit: work.commit.clone(),
                version: line.version.clone()?,
            })
        }));
    }
    of
}

fn built_with(mut of: Candidate, via: &[&str]) -> Candidate {
    let via = via.iter().map(|name| (*name).to_owned()).collect();
    of.since.causes.push(Cause {
        code: "dependency-changed".to_owned(),
        via,
        detail: String::new(),
    });
    of
}

fn told(
    candidates: &[Candidate],
    config: &ReleaseConfig,
    changes: &[ChangeFile],
    pre: Option<&str>,
) -> String {
    let decision = decide(&Question {
        candidates,
        config,
        changes,
        pre,
        followers: &|_| Vec::new(),
    });
    let release = |it: &Release| format!("{} {}", it.project, it.to);
    let problem = |it: &Problem| format!("! {}", it.code);
    let all = decision.releases.iter().map(release);
    all.chain(decision.problems.iter().map(problem))
        .collect::<Vec<_>>()
        .join(", ")
}

fn plain(candidates: &[Candidate]) -> String {
    told(candidates, &ReleaseConfig::default(), &[], None)
}

#[test]
fn commits_raise_and_dependents_get_a_patch() {
    let all = [
        changed(project("lib", "1.2.3"), &["feat: a", "fix: b"]),
        built_with(project("web", "3.0.0"), &["lib"]),
        project("lone", "1.0.0"),
        changed(project("old", "0.4.0"), &["feat!: c"]),
        project("new", ""),
    ];
    assert_eq!(plain(&all), "lib 1.3.0, web 3.0.1, old 0.5.0, new 0.1.0");
}

#[test]
fn a_type_that_raises_nothing_releases_nothing() {
    let config = ReleaseConfig {
        types: [("chore".to_owned(), Bump::None)].into(),
        ..ReleaseConfig::default()
    };
    let all = [
        changed(project("lib", "1.0.0"), &["chore: a"]),
        changed(built_with(project("web", "1.0.0"), &["lib"]), &["chore: a"]),
    ];
    assert_eq!(told(&all, &config, &[], None), "web 1.0.1");
}

/// Nothing of `lib` changed, so no comparison of files reaches who is built with it; its release does.
#[test]
fn who_is_built_with_a_release_follows_it() {
    let all = [
        project("lib", "1.0.0"),
        project("web", "2.0.0"),
        project("z", "1.0.0"),
    ];
    let follow = |config: &ReleaseConfig, changes: &[ChangeFile]| {
        let decision = decide(&Question {
            candidates: &all,
            config,
            changes,
            pre: None,
            followers: &|path| match path.as_str() {
                Some("lib") => vec![(
                    RepoPath::from_normalized("web"),
                    cause("dependency-changed", "lib".to_owned()),
                )],
                _ => Vec::new(),
            },
        });
        let told = |it: &Release| format!("{} {} {}", it.project, it.to, it.causes[0].detail);
        decision
            .releases
            .iter()
            .map(told)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let file = change("lib", Bump::Minor);
    assert_eq!(
        follow(&ReleaseConfig::default(), std::slice::from_ref(&file)),
        "lib 1.1.0 change file .changes/a.md, web 2.0.1 lib"
    );
    let config = ReleaseConfig {
        fixed: vec![vec!["lib".to_owned(), "z".to_owned()]],
        ..ReleaseConfig::default()
    };
    let file = change("z", Bump::Minor);
    assert_eq!(
        follow(&config, &[file]),
        "lib 1.1.0 it has one version with `z`, web 2.0.1 lib, z 1.1.0 change file .changes/a.md"
    );
}

fn change(name: &str, bump: Bump) -> ChangeFile {
    ChangeFile {
        path: RepoPath::from_normalized(".changes/a.md"),
        bumps: [(name.to_owned(), bump)].into(),
        text: "words".to_owned(),
    }
}

/// A change file counts once: not after the release that heard it, and after the commit that took it away until the tag.
#[test]
fn change_files_count_once() {
    let file = change("a", Bump::Minor);
    let mut a = project("a", "1.0.0");
    let waiting = std::slice::from_ref(&file);
    let config = ReleaseConfig::default();
    assert_eq!(told(&[a.clone()], &config, waiting, None), "a 1.1.0");
    a.since.spent = vec![file.clone()];
    assert_eq!(plain(&[a.clone()]), "a 1.1.0");
    a.since.spent = Vec::new();
    a.since.heard = vec![file.clone()];
    assert_eq!(told(&[a], &config, waiting, None), "");
}

#[test]
fn the_higher_of_commit_and_change_file_counts() {
    let all = [
        changed(project("lib", "1.0.0"), &["fix: a"]),
        project("web", "1.0.0"),
    ];
    let files = [
        change("lib", Bump::Minor),
        change("web", Bump::Major),
        change("nobody", Bump::Patch),
    ];
    let found = told(&all, &ReleaseConfig::default(), &files, None);
    assert_eq!(found, "lib 1.1.0, web 2.0.0, ! unknown-project");
}

#[test]
fn groups_move_together() {
    let group = |fixed: bool| {
        let list = vec![vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]];
        let mut config = ReleaseConfig::default();
        *(if fixed {
            &mut config.fixed
        } else {
            &mut config.linked
        }) = list;
        config
    };
    let all = [
        changed(project("a", "1.0.0"), &["feat: x"]),
        changed(project("b", "1.4.0"), &["fix: y"]),
        project("c", "1.2.0"),
    ];
    assert_eq!(
        told(&all, &group(true), &[], None),
        "a 1.5.0, b 1.5.0, c 1.5.0"
    );
    assert_eq!(told(&all, &group(false), &[], None), "a 1.5.0, b 1.5.0");
}

#[test]
fn one_place_is_one_version() {
    let at_root = |mut of: Candidate| {
        of.place = Some((RepoPath::from_normalized("Cargo.toml"), 40));
        of
    };
    let all = [
        at_root(changed(project("a", "0.3.0"), &["fix: x"])),
        at_root(project("b", "0.3.0")),
    ];
    assert_eq!(plain(&all), "a 0.3.1, b 0.3.1");
}

#[test]
fn a_version_that_is_written_already_is_the_one() {
    let mut prepared = changed(project("a", "1.0.0"), &["fix: x"]);
    prepared.written = Some(version("1.1.0"));
    assert_eq!(plain(&[prepared.clone()]), "a 1.1.0");
    prepared.written = Some(version("0.9.0"));
    assert_eq!(plain(&[prepared]), "a 1.0.1");
}

#[test]
fn release_as_names_its_service() {
    let all = [
        changed(project("a", "1.0.0"), &["fix: x\n\nRelease-As: a 2.5.0"]),
        changed(project("b", "1.0.0"), &["fix: x\n\nRelease-As: a 2.5.0"]),
    ];
    assert_eq!(plain(&all), "a 2.5.0, b 1.0.1");
    let low = [changed(
        project("a", "1.0.0"),
        &["fix: x\n\nRelease-As: a 0.5.0"],
    )];
    assert_eq!(plain(&low), "a 1.0.1, ! version-too-low");
}

#[test]
fn pre_releases_come_from_the_last_final_one() {
    let mut a = changed(project("a", "1.0.0"), &["feat: x"]);
    a.taken.insert(version("1.1.0-rc.1"));
    let config = ReleaseConfig::default();
    assert_eq!(told(&[a.clone()], &config, &[], Some("rc")), "a 1.1.0-rc.2");
    assert_eq!(
        told(&[a], &config, &[], Some("r c")),
        "a 1.1.0, ! pre-release"
    );
}

/// Since its own last pre-release nothing happened: another one would be the same.
#[test]
fn a_pre_release_needs_something_new() {
    let mut a = changed(project("a", "1.0.0"), &["feat: x"]);
    a.taken.insert(version("1.1.0-rc.1"));
    a.written = Some(version("1.1.0-rc.1"));
    a.recent = Some(Since::default());
    let config = ReleaseConfig::default();
    assert_eq!(told(&[a.clone()], &config, &[], Some("rc")), "");
    assert_eq!(told(&[a.clone()], &config, &[], None), "a 1.1.0");
    a.recent = Some(changed(project("a", "1.0.0"), &["fix: y"]).since);
    assert_eq!(told(&[a], &config, &[], Some("rc")), "a 1.1.0-rc.2");
}

/// What raised a pre-release beyond its commits raises the final one as well.
#[test]
fn after_a_pre_release_comes_its_final_version() {
    let mut a = changed(project("a", "1.0.0"), &["fix: x"]);
    a.taken.insert(version("2.0.0-rc.1"));
    a.written = Some(version("2.0.0-rc.1"));
    assert_eq!(plain(&[a]), "a 2.0.0");
}

/// Q4.
#[test]
fn q4_taken_and_shared_tags_are_told() {
    let mut a = changed(project("a", "1.0.0"), &["fix: x"]);
    a.taken.insert(version("1.0.1"));
    assert_eq!(plain(&[a]), "a 1.0.1, ! tag-taken");
    let mut twin = project("b", "");
    twin.series = project("a", "").series;
    assert_eq!(
        plain(&[project("a", ""), twin]),
        "a 0.1.0, b 0.1.0, ! tag-shared"
    );
}
