//! B: the base.

use crate::sandbox::Sandbox;

/// B1: the flag is above the variable, the variable above the CI host, that above the default branch.
#[test]
fn b1_order_of_bases() {
    let shop = Sandbox::shop();
    let first = shop.git(&["rev-parse", "main"]).trim().to_owned();
    shop.write("p/pay/index.js", "// 2\n");
    let second = shop.commit("second");
    shop.write("p/lone/index.js", "// 3\n");
    shop.commit("third");
    shop.git(&["branch", "release", &second]);
    let source = |arguments: &[&str], env: &[(&str, &str)]| {
        let mut all = vec!["list", "--format", "json"];
        all.extend(arguments);
        let base = shop.affected_with(&all, env).json()["base"].clone();
        (
            base["source"].as_str().unwrap().to_owned(),
            base["commit"].as_str().unwrap().to_owned(),
        )
    };
    let host = [("GITHUB_ACTIONS", "true"), ("GITHUB_BASE_REF", "release")];
    let mut both = host.to_vec();
    both.push(("AFFECTED_BASE", "main"));
    assert_eq!(source(&["--base", "HEAD"], &both).0, "--base");
    assert_eq!(
        source(&[], &both),
        ("AFFECTED_BASE".to_owned(), first.clone())
    );
    assert_eq!(source(&[], &host), ("GITHUB_BASE_REF".to_owned(), second));
    assert_eq!(
        source(&[], &[("AFFECTED_BASE", "")]),
        ("default-branch".to_owned(), first)
    );
}

/// B1: all zeros mean "not given".
#[test]
fn b1_zeros_mean_not_given() {
    let shop = Sandbox::shop();
    let zeros = "0".repeat(40);
    let list = shop.list(&["--base", &zeros]);
    assert_eq!(list["base"]["source"], "default-branch");
}

/// B2: a name that parses, but is no commit here, is no base.
#[test]
fn b2_the_base_is_verified() {
    let shop = Sandbox::shop();
    let blob = shop.git(&["rev-parse", "HEAD:package.json"]);
    for wrong in [
        blob.trim(),
        "HEAD^{tree}",
        "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
        "nowhere",
    ] {
        let list = shop.list(&["--base", wrong]);
        assert_eq!(list["mode"], "all", "{wrong}");
        assert_eq!(list["warnings"][0]["code"], "base-missing", "{wrong}");
        assert!(list["base"].is_null());
    }
}

/// B2: the merge base is used and shown.
#[test]
fn b2_the_merge_base_counts() {
    let shop = Sandbox::shop();
    let fork = shop.git(&["rev-parse", "main"]).trim().to_owned();
    shop.write("p/lone/index.js", "// topic\n");
    shop.commit("topic");
    shop.git(&["checkout", "-q", "main"]);
    shop.write("p/pay/index.js", "// main moved on\n");
    shop.commit("main");
    shop.git(&["checkout", "-q", "topic"]);
    let list = shop.list(&["--base", "main"]);
    assert_eq!(list["base"]["commit"], fork);
    assert_eq!(shop.names(&["--base", "main"]), "lone");
    assert_eq!(shop.names(&["--since", "main"]), "lone pay");
}

/// B4: without a base everything is selected, the first line says so, with the command that helps.
#[test]
fn b4_an_unknown_base_selects_all() {
    let shop = Sandbox::shop();
    let answer = shop.affected(&["list", "--base", "gone"]);
    assert_eq!(answer.code, Some(0));
    let first = answer.stderr.lines().next().unwrap_or_default();
    assert!(
        first.contains("everything is selected") && first.contains("gone"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("git fetch origin gone"),
        "{}",
        answer.stderr
    );
}

/// B4: a switch turns it into a failure of its own.
#[test]
fn b4_on_unknown_fail() {
    let shop = Sandbox::shop();
    let answer = shop.affected(&["list", "--base", "gone", "--on-unknown", "fail"]);
    assert_eq!(answer.code, Some(3), "{}", answer.stderr);
    assert_eq!(answer.stdout, "");
}

/// B4: unrelated histories, a shallow clone, and no commit at all.
#[test]
fn b4_unrelated_shallow_and_unborn() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "--orphan", "other"]);
    shop.commit("unrelated");
    assert_eq!(shop.list(&["--base", "main"])["mode"], "all");

    let unborn = Sandbox::new();
    unborn.package("solo", &[], &[]);
    assert_eq!(unborn.list(&[])["mode"], "all");
    assert_eq!(unborn.names(&[]), "solo");

    let shop = Sandbox::shop();
    shop.write("p/pay/index.js", "// 2\n");
    shop.commit("second");
    let clone = Sandbox::new();
    let url = format!("file://{}", shop.path().display());
    clone.git(&[
        "clone", "-q", "--depth", "1", "--branch", "topic", &url, "copy",
    ]);
    let answer = clone.affected(&["-C", "copy", "list", "--base", "origin/main"]);
    assert!(
        answer.stderr.contains("git fetch --unshallow"),
        "{}",
        answer.stderr
    );
}
