//! What is affected and what the cache may not know agree: over the shop's history, and file by file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use affected_core::pipeline::keys::Keyed;
use affected_core::pipeline::{self, Answer, Comparison, Environment, Fetch, OnUnknown, Request};
use affected_graph::Depth;

fn git(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn answer(root: &Path, comparison: Comparison) -> Answer {
    let request = Request {
        directory: root.to_path_buf(),
        comparison,
        base: None,
        since: None,
        on_unknown: OnUnknown::All,
        fetch: Fetch::Never,
        depth: Depth::All,
        filter: Vec::new(),
        exclude: Vec::new(),
        stages: Vec::new(),
        until: None,
        shard: None,
        past: affected_core::pipeline::past::PastUse::Ignore,
        task: None,
    };
    pipeline::answer(&request, &Environment::default()).unwrap()
}

/// The digest of each task whose result may be kept, by project.
fn digests(root: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let answer = answer(root, Comparison::Everything);
    // Every program is there, and always the same: what is installed here is no matter of this test.
    let path = OsString::from(root.join("bin-of-test"));
    let keys = answer.keyring.keys(&answer.plan, &[("PATH".into(), path)]);
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (action, keyed) in answer.plan.actions.iter().zip(&keys.of) {
        if let Keyed::Under(digest) = keyed {
            let of_project = found.entry(action.project.clone()).or_default();
            of_project.insert(action.target.clone(), digest.digest.to_string());
        }
    }
    found
}

/// Stands in for every program that the shop's tasks start.
#[cfg(unix)]
fn programs(root: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(root.join("bin-of-test")).unwrap();
    let everything = answer(root, Comparison::Everything);
    let first = everything
        .plan
        .actions
        .iter()
        .map(|action| match &action.command {
            affected_graph::Command::Argv(argv) => argv[0].clone(),
            affected_graph::Command::Shell(_) => "sh".to_owned(),
        });
    for name in first
        .filter(|name| !name.contains('/'))
        .collect::<BTreeSet<_>>()
    {
        let path = root.join("bin-of-test").join(name);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::fs::write(root.join(".git/info/exclude"), "bin-of-test\n").unwrap();
}

/// S1, C2: at every commit of the shop's history whoever is affected has other digests than before; whoever is not has
/// the same, unless a lockfile changed, of which the whole counts here.
#[cfg(unix)]
#[test]
fn c2_affected_projects_have_other_digests_at_every_commit() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    affected_fixtures::shop(root).unwrap();
    let commits = affected_fixtures::history().unwrap();
    let (mut differ, mut same, mut more) = (0, 0, 0);
    for (at, commit) in commits.iter().enumerate() {
        let head = format!("main~{}", commits.len() - 1 - at);
        git(root, &["checkout", "-q", "--detach", &format!("{head}~1")]);
        programs(root);
        let before = digests(root);
        git(root, &["checkout", "-q", "--detach", &head]);
        programs(root);
        let after = digests(root);
        for (project, tasks) in &after {
            for (target, digest) in tasks {
                let Some(old) = before.get(project).and_then(|tasks| tasks.get(target)) else {
                    continue;
                };
                if commit.affected.contains(project) {
                    assert_ne!(digest, old, "{}: {target}", commit.name);
                    differ += 1;
                } else if digest == old {
                    same += 1;
                } else {
                    more += 1;
                }
            }
        }
    }
    assert!(
        differ > 10 && same > more * 4,
        "{differ} differ, {same} same, {more} more than affected"
    );
}

/// S1, C2: whatever tracked file changes, whoever that affects through link, build, test or contract edges has another digest.
#[cfg(unix)]
#[test]
fn c2_every_file_counts_for_whom_it_affects() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    affected_fixtures::shop(root).unwrap();
    programs(root);
    let before = digests(root);
    for path in git(root, &["ls-files"]).lines() {
        let place = root.join(path);
        let text = std::fs::read(&place).unwrap();
        std::fs::write(&place, [&text[..], b"\n"].concat()).unwrap();
        let changed = answer(root, Comparison::Uncommitted);
        let after = digests(root);
        let affected = changed
            .list
            .projects
            .iter()
            .filter(|project| project.affected);
        for project in affected {
            let stages = &project.stages;
            for (target, digest) in after.get(&project.name).into_iter().flatten() {
                let is_asked = changed
                    .plan
                    .actions
                    .iter()
                    .any(|action| action.target == *target);
                let old = before
                    .get(&project.name)
                    .and_then(|tasks| tasks.get(target));
                assert!(
                    !is_asked || old != Some(digest),
                    "{path}: {target} {stages:?}"
                );
            }
        }
        std::fs::write(&place, text).unwrap();
    }
    assert_eq!(
        digests(root),
        before,
        "the same content has the same digests"
    );
}
