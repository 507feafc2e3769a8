//! The log of a CI host: what a task prints is no command there, and what we print is (X3).

use crate::sandbox::{Answer, Sandbox};

/// What a task prints to be taken for commands of every host.
const EVIL: &str = "::error::evil\n  ::add-mask::evil\n##[error]evil\nx ##vso[task.complete result=Succeeded]evil\n##teamcity[testFailed name='evil']\nsection_start:1:evil\r\u{1b}[0Kevil\n--- evil\n+++ evil\n";

fn run(env: &[(&str, &str)], more: &[&str]) -> Answer {
    let shop = Sandbox::shop();
    shop.write("p/lone/evil.txt", EVIL);
    shop.write(
        "affected.toml",
        "[project.lone]\ntest.unit = \"cat evil.txt; exit 1\"\n",
    );
    let mut arguments = vec!["test", "--filter", "lone", "--all"];
    arguments.extend(more);
    let answer = shop.affected_with(&arguments, env);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    answer
}

/// Lines of both streams that a host would take for a command.
fn commands(answer: &Answer, is_command: impl Fn(&str) -> bool) -> Vec<String> {
    let all = answer
        .stderr
        .split(['\n', '\r'])
        .chain(answer.stdout.split(['\n', '\r']));
    all.filter(|line| is_command(line))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn x3_github_folds_and_annotates_and_obeys_no_task() {
    let github = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
    let place = Sandbox::empty();
    let summary = place.join("summary.md").display().to_string();
    let env = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_STEP_SUMMARY", summary.as_str()),
    ];
    let ours = [
        "::group::lone:test",
        "::endgroup::",
        "::error title=lone%3Atest::exit code 1",
    ];
    assert_eq!(commands(&run(&env, &[]), github), ours);
    let written = std::fs::read_to_string(&summary).unwrap();
    assert!(written.contains("0 passed, 1 failed"), "{written}");
    assert!(
        written.contains("| lone&#58;test | failed | exit code 1 |"),
        "{written}"
    );
    // The document stays alone on stdout, and is no command either.
    let answer = run(&env, &["--format", "json"]);
    assert_eq!(answer.json()["summary"]["failed"], 1);
    assert_eq!(commands(&answer, github), ours);
}

/// Azure is shown a file, Buildkite's own program takes the text.
#[test]
fn other_hosts_show_a_summary_too() {
    let place = Sandbox::empty();
    let folder = place.path().display().to_string();
    let answer = run(
        &[("TF_BUILD", "True"), ("AGENT_TEMPDIRECTORY", &folder)],
        &[],
    );
    let shown = commands(&answer, |line| line.contains("##vso[task.uploadsummary]"));
    assert_eq!(shown.len(), 1, "{}", answer.stderr);
    let (_, path) = shown[0].split_once(']').unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("0 passed, 1 failed"), "{text}");

    let told = place.join("told");
    let script = format!("#!/bin/sh\necho \"$@\" > {0}\ncat >> {0}\n", told.display());
    place.write("buildkite-agent", &script);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let right = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(place.join("buildkite-agent"), right).unwrap();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
        let answer = run(
            &[("BUILDKITE", "true"), ("PATH", &path)],
            &["--format", "json"],
        );
        assert_eq!(answer.json()["summary"]["failed"], 1);
        let text = std::fs::read_to_string(told).unwrap();
        assert!(text.starts_with("annotate --context affected"), "{text}");
        assert!(text.contains("0 passed, 1 failed"), "{text}");
    }
    // Without its program the verdict is the same, and that is told.
    let answer = run(&[("BUILDKITE", "true")], &[]);
    assert!(
        answer.stderr.contains("the summary was not shown"),
        "{}",
        answer.stderr
    );
}

#[test]
fn x3_other_hosts_obey_no_task() {
    let answer = run(&[("TF_BUILD", "True")], &[]);
    let azure = |line: &str| line.contains("##vso[") || line.contains("##[");
    assert_eq!(
        commands(&answer, azure),
        [
            "##[group]lone:test",
            "##[endgroup]",
            "##vso[task.logissue type=error]lone:test: exit code 1"
        ]
    );

    let answer = run(&[("TEAMCITY_VERSION", "2025.11")], &[]);
    let found = commands(&answer, |line| line.contains("##teamcity["));
    let kinds: Vec<_> = found
        .iter()
        .map(|line| line[11..].split(' ').next().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "testStarted",
            "testFailed",
            "testFinished",
            "blockOpened",
            "blockClosed",
            "buildProblem"
        ]
    );
    assert!(
        found[..3]
            .iter()
            .all(|line| line.contains("name='lone:test'") && line.contains("flowId='affected-1'"))
    );

    let answer = run(&[("GITLAB_CI", "true")], &[]);
    let found = commands(&answer, |line| {
        line.contains("section_start:") || line.contains("section_end:")
    });
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("\u{1b}[0Ksection_start:") && found[0].ends_with(":affected_1"));

    let answer = run(&[("BUILDKITE", "true")], &[]);
    let found = commands(&answer, |line| {
        ["---", "+++", "~~~"]
            .iter()
            .any(|mark| line.starts_with(mark))
    });
    assert!(!found.iter().any(|line| line.contains("evil")), "{found:?}");
    assert_eq!(found[0], "+++ lone:test");

    for mark in ["CIRCLECI", "CI"] {
        let answer = run(&[(mark, "true")], &[]);
        assert!(
            answer.stdout.contains("::error::evil"),
            "{mark}: shown as it is"
        );
        assert!(!answer.stdout.contains('\u{1b}'), "{mark}");
    }
}
