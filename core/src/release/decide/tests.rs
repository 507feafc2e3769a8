//! Tests of the module above.

use super::*;
use crate::release::series::{Owner, Series};
use crate::release::{Released, Work};
use affected_graph::RepoPath;

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
        causes: Vec::new(),
        work: Vec::new(),
    }
}

fn changed(mut of: Candidate, messages: &[&str]) -> Candidate {
    of.causes
        .push(cause("file-changed", "its own file changed".to_owned()));
    let work = |text: &&str| Work {
        commit: "c0ffee".to_owned(),
        message: message::read(text),
    };
    of.work = messages.iter().map(work).collect();
    of
}

fn built_with(mut of: Candidate, via: &[&str]) -> Candidate {
    let via = via.iter().map(|name| (*name).to_owned()).collect();
    of.causes.push(Cause {
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
fn who_follows_what_is_not_released_is_not_released() {
    let config = ReleaseConfig {
        types: [("chore".to_owned(), Bump::None)].into(),
        ..ReleaseConfig::default()
    };
    let all = [
        changed(project("lib", "1.0.0"), &["chore: a"]),
        built_with(project("web", "1.0.0"), &["lib", "mid"]),
        built_with(project("app", "1.0.0"), &["stranger"]),
    ];
    assert_eq!(told(&all, &config, &[], None), "app 1.0.1");
}

#[test]
fn the_higher_of_commit_and_change_file_counts() {
    let change = |name: &str, bump| ChangeFile {
        path: RepoPath::from_normalized(".changes/a.md"),
        bumps: [(name.to_owned(), bump)].into(),
        text: "words".to_owned(),
    };
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
