//! X: hostile content.

use std::collections::BTreeSet;

use affected_fixtures::hostile;

use crate::sandbox::{Answer, Sandbox};

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

/// A shop with 62 projects more: each is named by a hostile text, has a file of that name, and a test that prints it.
fn hostile_shop() -> Sandbox {
    let shop = Sandbox::shop();
    for (at, text) in hostile().into_iter().enumerate() {
        let name = serde_json::to_string(&text).unwrap();
        let manifest = format!(r#"{{"name":{name},"scripts":{{"test":"cat told.txt; false"}}}}"#);
        shop.write(&format!("p/h{at}/package.json"), &manifest);
        shop.write(&format!("p/h{at}/told.txt"), &text);
        let is_file_name = !text.contains(['/', '\0']) && (1..200).contains(&text.len());
        if is_file_name {
            shop.write(&format!("p/h{at}/{text}"), "data");
        }
    }
    shop
}

/// How each host finds a command in a line, written anew from its source.
fn is_command(host: &str, line: &str) -> bool {
    let lower = line.to_lowercase();
    match host {
        "GITHUB_ACTIONS" => line.trim_start().starts_with("::") || lower.contains("##["),
        "TF_BUILD" => lower.contains("##vso[") || lower.contains("##["),
        "TEAMCITY_VERSION" => lower.contains("##teamcity["),
        "GITLAB_CI" => line.contains("section_start:") || line.contains("section_end:"),
        _ => false,
    }
}

fn lines(answer: &Answer) -> Vec<String> {
    let all = answer
        .stdout
        .split(['\n', '\r'])
        .chain(answer.stderr.split(['\n', '\r']));
    all.map(ToOwned::to_owned).collect()
}

/// Done-when of X3: on the terminal nothing is an escape, and each machine form is one valid document.
#[test]
fn x3_hostile_names_are_inert_in_every_answer() {
    let shop = hostile_shop();
    let shown: &[&[&str]] = &[
        &["list"],
        &["list", "--verbose"],
        &["list", "--format", "names"],
        &["list", "--format", "short"],
        &["graph"],
        &["graph", "--format", "dot"],
        &["graph", "--format", "mermaid"],
        &["tests"],
        &["tests", "--format", "names"],
        &["test", "--dry-run", "--verbose"],
        &["config", "show", "--sources"],
        &["why-not", "pay"],
    ];
    for question in shown {
        let answer = shop.affected(question);
        assert!(
            answer.code.is_some_and(|code| code < 2),
            "{question:?}: {}",
            answer.stderr
        );
        let all = format!("{}{}", answer.stdout, answer.stderr);
        let bad: BTreeSet<char> = all
            .chars()
            .filter(|char| char.is_control() && !['\n', '\t'].contains(char) || *char == '\u{202e}')
            .collect();
        assert!(bad.is_empty(), "{question:?}: {bad:?}");
    }
    for question in ["list", "graph", "tests"] {
        let answer = shop.affected(&[question, "--format", "json"]);
        assert_eq!(answer.stdout.lines().count(), 1, "{question}");
        answer.json();
    }
    // A name makes no line of its own.
    let listed = shop.affected(&["list", "--format", "json"]).json();
    let projects = listed["projects"].as_array().unwrap();
    let affected = projects
        .iter()
        .filter(|project| project["affected"] == true);
    let names = shop.affected(&["list", "--format", "names"]).stdout;
    assert_eq!(names.lines().count(), affected.count(), "{names}");
    let reached = projects.iter().filter(|project| project["reach"] != "none");
    let reasons = reached.map(|project| project["reasons"].as_array().unwrap().len());
    let short = shop.affected(&["list", "--format", "short"]).stdout;
    assert_eq!(short.lines().count(), reasons.sum::<usize>(), "{short}");
}

/// Done-when of X3: no name and no output is a command for a host; those that there are, are ours.
#[test]
fn x3_hostile_names_command_no_host() {
    let shop = hostile_shop();
    let place = Sandbox::empty();
    let (junit, markdown) = (place.join("j.xml"), place.join("m.md"));
    let report = format!("junit={},markdown={}", junit.display(), markdown.display());
    let ours: [(&str, &[&str]); 4] = [
        (
            "GITHUB_ACTIONS",
            &["::group::", "::endgroup::", "::error title="],
        ),
        (
            "TF_BUILD",
            &[
                "##[group]",
                "##[endgroup]",
                "##vso[task.logissue type=error]",
            ],
        ),
        ("TEAMCITY_VERSION", &["##teamcity["]),
        (
            "GITLAB_CI",
            &["\u{1b}[0Ksection_start:", "\u{1b}[0Ksection_end:"],
        ),
    ];
    for (mark, ours) in ours {
        let variables = [(mark, "true")];
        let answer = shop.affected_with(&["test", "--all", "--report", &report], &variables);
        assert_eq!(answer.code, Some(1), "{}", answer.stderr);
        let lines = lines(&answer);
        let commands: Vec<_> = lines.iter().filter(|line| is_command(mark, line)).collect();
        let foreign: Vec<_> = commands
            .iter()
            .filter(|line| !ours.iter().any(|own| line.starts_with(own)))
            .collect();
        assert!(foreign.is_empty(), "{mark}: {foreign:?}");
        assert!(commands.len() > 10, "{mark}");
        for question in [
            &["list"][..],
            &["list", "--format", "json"],
            &["tests", "--format", "json"],
        ] {
            let answer = shop.affected_with(question, &variables);
            let all = [answer.stdout.clone(), answer.stderr.clone()].concat();
            let bad: Vec<_> = all
                .split(['\n', '\r'])
                .filter(|line| is_command(mark, line))
                .collect();
            assert!(bad.is_empty(), "{mark} {question:?}: {bad:?}");
        }
    }
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(!xml.contains(['\u{1b}', '\0']) && xml.contains("</testsuites>"));
    assert!(
        !std::fs::read_to_string(markdown)
            .unwrap()
            .contains('\u{1b}')
    );
}
