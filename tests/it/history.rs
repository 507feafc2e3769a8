//! What earlier runs say, over the real binary.

use std::os::unix::fs::PermissionsExt;

use crate::sandbox::{Answer, Sandbox};

/// `lone` runs this line, everything else passes.
fn shop(line: &str) -> Sandbox {
    let shop = Sandbox::shop();
    set(&shop, line);
    shop.commit("tasks");
    shop
}

fn set(shop: &Sandbox, line: &str) {
    let line = serde_json::to_string(line).unwrap();
    shop.write(
        "affected.toml",
        &format!("[project.lone]\ntest.unit = {line}\n"),
    );
}

fn test(shop: &Sandbox, arguments: &[&str]) -> Answer {
    shop.affected(&[&["test", "--format", "json"], arguments].concat())
}

/// `target outcome`, joined by commas.
fn told(answer: &Answer) -> String {
    let run = answer.json();
    let tasks = run["tasks"].as_array().unwrap().iter();
    let lines = tasks.map(|task| {
        let text = |key: &str| task[key].as_str().unwrap().to_owned();
        format!("{} {}", text("target"), text("outcome"))
    });
    lines.collect::<Vec<_>>().join(", ")
}

/// A target that did not pass runs again until it passes, although nothing reaches it any more; `list` does not know (S15).
#[test]
fn what_did_not_pass_runs_again() {
    let shop = shop("exit 1");
    shop.write("p/lone/index.js", "// broken\n");
    shop.commit("broken");
    let first = test(&shop, &["--base", "HEAD~1"]);
    assert_eq!(
        (first.code, told(&first).as_str()),
        (Some(1), "lone:test failed")
    );
    shop.write("p/pay/index.js", "// other\n");
    let list = || shop.affected(&["list", "--base", "HEAD", "--format", "json"]);
    let before = list().stdout;
    let second = test(&shop, &["--base", "HEAD"]);
    assert!(
        told(&second).contains("lone:test failed"),
        "{}",
        told(&second)
    );
    let again = second.json();
    let lone = again["tasks"].as_array().unwrap().iter();
    let lone = lone.clone().find(|task| task["project"] == "lone").unwrap();
    assert_eq!(lone["reasons"][0], "requested");
    assert!(
        second.stderr.contains("did not pass last time: lone:test"),
        "{}",
        second.stderr
    );
    assert_eq!(list().stdout, before, "S15");
    assert!(!told(&test(&shop, &["--base", "HEAD", "--exclude", "lone"])).contains("lone"));
    let ci = ["test", "--base", "HEAD", "--format", "json"];
    let ci = shop.affected_with(&ci, &[("CI", "true")]);
    assert!(
        !told(&ci).contains("lone"),
        "not on a CI host: {}",
        told(&ci)
    );
    assert_eq!(
        told(&test(&shop, &["--base", "HEAD", "--last-failed"])),
        "lone:test failed"
    );
    set(&shop, "true");
    assert!(told(&test(&shop, &["--base", "HEAD"])).contains("lone:test passed"));
    assert_eq!(told(&test(&shop, &["--base", "HEAD", "--last-failed"])), "");
}

/// Another branch has another past.
#[test]
fn branches_have_their_own_past() {
    let shop = shop("exit 1");
    test(&shop, &["--all", "--filter", "lone"]);
    shop.git(&["checkout", "-q", "-b", "elsewhere"]);
    assert_eq!(told(&test(&shop, &["--last-failed"])), "");
}

/// The file is private, and one that is damaged or cannot be written changes no verdict: one warning, same exit code (C7).
#[test]
fn c7_a_history_that_cannot_be_used_changes_nothing() {
    let shop = shop("exit 1");
    let run = || test(&shop, &["--all", "--filter", "lone"]);
    assert_eq!(run().code, Some(1));
    let file = shop.join(".git/affected/history.db");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "X6: private");
    std::fs::write(&file, "damaged ".repeat(1000)).unwrap();
    let damaged = run();
    assert_eq!(
        (damaged.code, told(&damaged).as_str()),
        (Some(1), "lone:test failed")
    );
    assert_eq!(
        damaged.stderr.matches("warning:").count(),
        1,
        "{}",
        damaged.stderr
    );
    assert!(
        damaged.stderr.contains("history.db.damaged"),
        "{}",
        damaged.stderr
    );
    assert!(shop.join(".git/affected/history.db.damaged").exists());
    assert!(!run().stderr.contains("damaged"), "only once");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    // Neither there nor in the user's cache folder.
    let flags = ["test", "--all", "--filter", "lone", "--format", "json"];
    let blocked = shop.affected_with(&flags, &[("XDG_CACHE_HOME", "/dev/null")]);
    assert_eq!(blocked.code, Some(1));
    assert_eq!(
        blocked.stderr.matches("warning:").count(),
        1,
        "{}",
        blocked.stderr
    );
}

/// It can be switched off, or kept elsewhere.
#[test]
fn the_place_is_configurable() {
    let shop = shop("true");
    shop.write("affected.toml", "history = false\n");
    test(&shop, &["--all", "--filter", "lone"]);
    assert!(!shop.join(".git/affected/history.db").exists());
    shop.write("affected.toml", "history = \"elsewhere.db\"\n");
    test(&shop, &["--all", "--filter", "lone"]);
    assert!(shop.join("elsewhere.db").exists());
}

/// Q6: a nightly run names what failed and had been left out, and the change that may have broken it.
#[test]
fn q6_nightly_names_what_was_missed() {
    let shop = shop("test ! -e ../pay/broken");
    assert_eq!(shop.affected(&["nightly"]).code, Some(0));
    // `lone` reads a file of `pay`, and nobody said so.
    shop.write("p/pay/broken", "x");
    let commit = shop.commit("pay breaks lone");
    let day = test(&shop, &["--base", "HEAD~1"]);
    assert_eq!((day.code, told(&day).contains("lone")), (Some(0), false));
    let night = shop.affected(&["nightly", "--format", "json"]);
    assert_eq!(night.code, Some(1));
    let missed = night.json()["missed"].clone();
    assert_eq!(missed[0]["target"], "lone:test");
    let by = &missed[0]["left_out_by"][0];
    assert_eq!(
        (by["commit"].as_str(), by["changed"][0].as_str()),
        (Some(commit.as_str()), Some("p/pay/broken"))
    );
    assert!(
        night.stderr.contains("missed: lone:test fails"),
        "{}",
        night.stderr
    );
    let again = shop.affected(&["nightly", "--format", "json"]).json();
    assert!(again.get("missed").is_none(), "it is known by now");
}

/// B3: the last green commit as the base; a red trunk stays red until what failed passes, and never is it silently HEAD~1.
#[test]
fn b3_the_base_is_the_last_green_commit() {
    let shop = shop("test ! -e broken");
    let green = shop.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let flags = ["--base", "last-green"];
    let list = shop.list(&flags);
    assert_eq!(
        (list["mode"].as_str(), list["warnings"][0]["code"].as_str()),
        (Some("all"), Some("base-missing"))
    );
    let fail = shop.affected(&["list", "--base", "last-green", "--on-unknown", "fail"]);
    assert_eq!(fail.code, Some(3));
    assert_eq!(shop.affected(&["nightly"]).code, Some(0));
    shop.write("p/lone/broken", "x");
    shop.commit("red");
    assert_eq!(test(&shop, &flags).code, Some(1));
    shop.write("p/pay/index.js", "// other\n");
    shop.commit("unrelated");
    let still = test(&shop, &flags);
    assert_eq!(still.json()["base"]["commit"], green.as_str());
    assert!(
        told(&still).contains("lone:test failed"),
        "{}",
        told(&still)
    );
    shop.remove("p/lone/broken");
    let mended = shop.commit("mended");
    assert_eq!(test(&shop, &flags).code, Some(0));
    shop.write("p/pay/index.js", "// next\n");
    assert_eq!(shop.list(&flags)["base"]["commit"], mended.as_str());
}

/// What was recorded can be asked for.
#[test]
fn history_and_flaky_tell_what_was_recorded() {
    let shop = shop("test -e tried || { touch tried; exit 3; }");
    assert!(
        shop.affected(&["history"])
            .stderr
            .contains("no run was recorded")
    );
    test(&shop, &["--all", "--filter", "lone"]);
    test(&shop, &["--all", "--filter", "lone"]);
    let runs = shop.affected(&["history", "--format", "json"]).json();
    assert_eq!(runs["schema"], "affected.history/1");
    assert_eq!(
        (&runs["runs"][1]["failed"], &runs["runs"][0]["passed"]),
        (&1.into(), &1.into())
    );
    let story = shop
        .affected(&["history", "lone:test", "--format", "json"])
        .json();
    let story = &story["stories"][0];
    assert_eq!(
        (story["recent"].as_str(), &story["results"][1]["exit"]),
        (Some("FP"), &3.into())
    );
    assert!(
        shop.affected(&["history", "lone"])
            .stdout
            .contains("lone:test: 2 runs, 1 failed")
    );
    assert_eq!(
        shop.affected(&["flaky"]).stdout,
        "",
        "the tree was another one: `tried` is untracked"
    );
    shop.remove("p/lone/tried");
    test(&shop, &["--all", "--filter", "lone", "--retries", "1"]);
    let flaky = shop.affected(&["flaky", "--format", "json"]).json();
    assert_eq!(flaky["flaky"][0]["target"], "lone:test");
}

/// C6, C5: many at once, some of them killed: what was told is there, and the next run is right.
#[test]
fn c6_many_at_once_and_killed_ones_lose_nothing() {
    let shop = shop("exit 1");
    let flags = ["test", "--all", "--filter", "lone", "--format", "json"];
    let start = || {
        let mut command = shop.command(&flags);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let mut all: Vec<_> = (0..8).map(|_| start()).collect();
    for tool in all.iter_mut().step_by(4) {
        tool.kill().unwrap();
    }
    let outputs: Vec<_> = all
        .into_iter()
        .map(|tool| tool.wait_with_output().unwrap())
        .collect();
    let said = outputs
        .iter()
        .filter(|output| String::from_utf8_lossy(&output.stderr).contains("FAIL"));
    let said = said.count();
    for output in &outputs {
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("warning"),
            "{output:?}"
        );
    }
    let story = shop
        .affected(&["history", "lone:test", "--format", "json"])
        .json();
    let known = story["stories"][0]["runs"].as_u64().unwrap();
    assert!(said >= 6 && known >= said as u64, "{known} of {said}");
    assert_eq!(shop.affected(&flags).code, Some(1));
}

/// Q3: a failure in quarantine is told and fails no run, until its day has passed.
#[test]
fn q3_quarantine_forgives_until_its_day() {
    let shop = shop("exit 1");
    let flags = ["test", "--all", "--filter", "lone", "--format", "json"];
    let with = |until: &str| {
        let entry =
            format!("[[quarantine]]\ntest = \"lone:*\"\nowner = \"ann\"\nuntil = {until}\n");
        shop.write(
            "affected.toml",
            &format!("{entry}[project.lone]\ntest.unit = \"exit 1\"\ntest.e2e = \"true\"\n"),
        );
        shop.affected(&flags)
    };
    let forgiven = with("9999-01-01");
    assert_eq!(forgiven.code, Some(0), "{}", forgiven.stderr);
    assert_eq!(told(&forgiven), "lone:test failed, lone:test:e2e passed");
    let summary = forgiven.json()["summary"].clone();
    assert_eq!(
        (&summary["quarantined"], &summary["failed"]),
        (&1.into(), &0.into())
    );
    assert!(
        forgiven.json()["tasks"][0]["quarantined"]
            .as_str()
            .unwrap()
            .contains("ann")
    );
    let report = format!("junit={}", shop.join("q.xml").display());
    shop.affected(&[&flags[..], &["--report", &report]].concat());
    let junit = std::fs::read_to_string(shop.join("q.xml")).unwrap();
    assert!(
        junit.contains("failures=\"0\"") && junit.contains("in quarantine: ann"),
        "{junit}"
    );
    let expired = with("\"2001-01-01\"");
    assert_eq!(expired.code, Some(1));
    assert!(
        expired.stderr.contains("error:") && expired.stderr.contains("2001-01-01"),
        "{}",
        expired.stderr
    );
    assert_eq!(with("\"soon\"").code, Some(2));
}
