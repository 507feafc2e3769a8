//! X: hostile content.

use crate::sandbox::Sandbox;

const QUESTIONS: [&[&str]; 6] = [
    &["list"],
    &["list", "--format", "json"],
    &["why", "lib"],
    &["graph"],
    &["test", "--dry-run"],
    &["doctor"],
];

/// X1: no hook, filter, fsmonitor, external diff or package script runs while a question is answered.
#[test]
fn x1_questions_run_nothing_of_the_repository() {
    let shop = Sandbox::shop();
    let marker = shop.join("marker");
    let touch = format!("touch {}", marker.display());
    for key in [
        "core.fsmonitor",
        "diff.external",
        "core.pager",
        "core.sshCommand",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
    ] {
        shop.git(&["config", key, &touch]);
    }
    shop.write(".gitattributes", "*.js filter=evil diff=evil\n");
    shop.write(
        "p/lone/package.json",
        &format!(r#"{{"name":"lone","scripts":{{"preinstall":"{touch}","test":"{touch}","prepare":"{touch}"}}}}"#),
    );
    shop.write("p/lone/index.js", "// changed\n");
    shop.write(
        ".git/hooks/post-index-change",
        &format!("#!/bin/sh\n{touch}\n"),
    );
    use std::os::unix::fs::PermissionsExt;
    let hook = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(shop.join(".git/hooks/post-index-change"), hook).unwrap();
    for question in QUESTIONS {
        let answer = shop.affected(question);
        assert!(
            answer.code.is_some_and(|code| code < 3),
            "{question:?}: {}",
            answer.stderr
        );
        assert!(!marker.exists(), "{question:?} ran something");
    }
}

/// X2: a revision with a leading dash is refused, and never becomes an option of anything.
#[test]
fn x2_revisions_with_a_leading_dash_are_refused() {
    let shop = Sandbox::shop();
    let target = shop.join("written");
    let evil = format!("--output={}", target.display());
    let answer = shop.affected(&["list", &format!("--base={evil}")]);
    assert!(!target.exists());
    assert!(
        answer.stderr.contains("cannot be used"),
        "{}",
        answer.stderr
    );
    let answer = shop.affected(&["list", &format!("--head={evil}")]);
    assert!(answer.code != Some(0) && !target.exists());
}

/// X2: replace refs do not change what is compared.
#[test]
fn x2_replace_refs_are_ignored() {
    let shop = Sandbox::shop();
    let first = shop.git(&["rev-parse", "HEAD"]).trim().to_owned();
    shop.write("p/lone/index.js", "// changed\n");
    let second = shop.commit("second");
    shop.git(&["replace", &second, &first]);
    assert_eq!(shop.names(&["--base", "main", "--head", "topic"]), "lone");
}

/// X3: control characters in names never reach the terminal.
#[test]
fn x3_names_are_escaped_on_the_terminal() {
    let shop = Sandbox::shop();
    shop.write("p/lone/\u{1b}[2Jname\u{202e}.js", "// hostile\n");
    // A JSON document is no terminal: there the characters are data, escaped as JSON asks.
    for question in QUESTIONS
        .into_iter()
        .filter(|question| !question.contains(&"json"))
    {
        let answer = shop.affected(question);
        let shown = format!("{}{}", answer.stdout, answer.stderr);
        assert!(
            !shown.contains(['\u{1b}', '\u{202e}']),
            "{question:?}: {shown:?}"
        );
    }
}

/// S11: a broken manifest counts as changed, its error names the place, and the others go on.
#[test]
fn s11_a_broken_manifest_is_told_and_selected() {
    let shop = Sandbox::shop();
    shop.write(
        "p/lone/package.json",
        "{\n  \"name\": \"lone\",\n<<<<<<< HEAD\n}\n",
    );
    let answer = shop.affected(&["list"]);
    assert_eq!(answer.code, Some(0));
    assert!(
        answer.stderr.contains("p/lone/package.json:3"),
        "{}",
        answer.stderr
    );
    assert_eq!(shop.names(&[]), "lone");
}
