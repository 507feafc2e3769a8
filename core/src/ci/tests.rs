//! What each host says, from its documented variables.

use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let variables = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Environment { variables }
}

/// B1: empty strings and all-zero ids mean "not given".
#[test]
fn b1_empty_and_zero_ids_say_nothing() {
    let zeros = "0".repeat(40);
    let env = environment(&[("A", ""), ("B", &zeros), ("C", "  "), ("D", "main")]);
    assert_eq!(
        ["A", "B", "C", "D"].map(|name| env.get(name)),
        [None, None, None, Some("main")]
    );
}

#[test]
fn every_host_has_a_name_of_its_own_and_only_one_recognises_itself() {
    let marks = [
        ("github", "GITHUB_ACTIONS"),
        ("gitlab", "GITLAB_CI"),
        ("buildkite", "BUILDKITE"),
        ("teamcity", "TEAMCITY_VERSION"),
        ("azure", "TF_BUILD"),
        ("circleci", "CIRCLECI"),
        ("bitbucket", "BITBUCKET_BUILD_NUMBER"),
        ("generic", "CI"),
    ];
    for (id, mark) in marks {
        let env = environment(&[(mark, "true"), ("CI", "true")]);
        assert_eq!(here(&env).unwrap().id(), id);
    }
    let jenkins = environment(&[("JENKINS_URL", "http://x/"), ("BUILD_ID", "7")]);
    assert_eq!(here(&jenkins).unwrap().id(), "jenkins");
    assert!(here(&environment(&[])).is_none());
    for host in ALL {
        assert_eq!(named(host.id()).unwrap().id(), host.id());
    }
}

/// B5: the rules for pushes, host by host the same.
#[test]
fn b5_pushes() {
    let push = |branch, default, before: Option<&'static str>, event| {
        Pushed {
            branch,
            head: None,
            default: Some((default, "host")),
            before: before.map(|commit| (commit, "before".to_owned())),
        }
        .situation(event)
        .base
    };
    let topic = push(Some("refs/heads/topic"), "main", Some("abc"), Event::Push);
    assert_eq!(topic, Said::Base(HostBase::branch("main", "host")));
    let trunk = push(Some("main"), "main", Some("abc"), Event::Push);
    assert_eq!(trunk, Said::Base(HostBase::exact("abc", "before")));
    let first = push(Some("main"), "main", None, Event::Push);
    assert!(matches!(first, Said::Unknown(_)));
    let by_hand = push(Some("main"), "main", None, Event::Manual);
    assert!(matches!(by_hand, Said::Everything(_)));
    assert_eq!(Pushed::default().situation(Event::Push).base, Said::Nothing);
}

/// C9: a proposal is never trusted, whatever branch it names.
#[test]
fn c9_only_protected_branches_are_trusted() {
    let on = |pairs: &[(&str, &str)]| trust(&environment(pairs));
    let github = |event, protected| {
        let host = ("GITHUB_ACTIONS", "true");
        on(&[
            host,
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_REF_PROTECTED", protected),
        ])
    };
    assert_eq!(github("push", "true"), Trust::Trusted);
    for (event, protected) in [
        ("push", "false"),
        ("pull_request", "true"),
        ("pull_request_target", "true"),
        ("issue_comment", "true"),
    ] {
        assert_eq!(github(event, protected), Trust::Untrusted, "{event}");
    }
    let gitlab = ("GITLAB_CI", "true");
    let protected = ("CI_COMMIT_REF_PROTECTED", "true");
    assert_eq!(on(&[gitlab, protected]), Trust::Trusted);
    assert_eq!(
        on(&[gitlab, protected, ("CI_MERGE_REQUEST_IID", "7")]),
        Trust::Untrusted
    );
    assert_eq!(on(&[("CI", "true"), protected]), Trust::Untrusted);
}
