//! What holds for every runner, and how each restricts its commands.

use affected_graph::Command;

use super::*;

fn argv(line: &str) -> Command {
    Command::Argv(line.split(' ').map(ToOwned::to_owned).collect())
}

/// The command that runs these parts of `line`, or a dash where it cannot be said.
#[track_caller]
pub(super) fn check_restricted(line: &str, parts: &[Selected], expected: &str) {
    let found = recognise(&argv(line), None);
    let restricted = found.and_then(|(runner, call)| call.command(&runner.restrict(&call, parts)?));
    let told = match restricted {
        Some(Command::Argv(argv)) => argv.join(" "),
        Some(Command::Shell(line)) => line,
        None => "-".to_owned(),
    };
    assert_eq!(told, expected, "{line}");
}

#[test]
fn members_have_names_of_their_own_and_take_nothing_that_is_no_test() {
    let mut names: Vec<_> = ALL.iter().map(|runner| runner.id()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    for line in [
        "make test",
        "cargo build",
        "go vet ./...",
        "npm run lint",
        "node index.js",
        "python3 setup.py",
        "mvn package",
    ] {
        assert!(recognise(&argv(line), None).is_none(), "{line}");
    }
    assert!(recognise(&Command::Argv(Vec::new()), None).is_none());
}

#[test]
fn two_runs_in_one_line_are_left_alone() {
    let shell = |line: &str| recognise(&Command::Shell(line.to_owned()), None).is_some();
    assert!(shell("cd x && go test ./..."));
    assert!(!shell("go test ./a/... && go test ./..."));
}

#[test]
fn cargo_takes_integration_tests() {
    let target = |name: &str| Selected::Target(name.to_owned());
    let parts = [target("a"), target("b")];
    check_restricted(
        "cargo test -p x",
        &parts,
        "cargo test -p x --test a --test b",
    );
    check_restricted(
        "cargo +nightly test -- --nocapture",
        &parts[..1],
        "cargo +nightly test --test a -- --nocapture",
    );
    check_restricted("cargo test --lib", &parts, "-");
    check_restricted("cargo test", &[Selected::File("x".to_owned())], "-");
}

#[test]
fn go_takes_packages() {
    let package = |name: &str| Selected::Package(name.to_owned());
    let parts = [package("."), package("./a")];
    check_restricted("go test ./...", &parts, "go test . ./a");
    check_restricted(
        "go test -tags e2e ./... -v",
        &parts,
        "go test -tags e2e . ./a -v",
    );
    check_restricted("go test ./b", &parts, "-");
}
