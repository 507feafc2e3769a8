//! S9: what a hook checks is exactly the index or the pushed commit, and nothing in the work tree or the index changes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::sandbox::{Answer, Sandbox};

/// `lone` passes if its file says so, and so does `lib`, which `web`, `api` and `qa` use; stages above are for CI.
fn shop() -> Sandbox {
    let shop = Sandbox::shop();
    shop.write(
        "affected.toml",
        "[project.lone]\ntest.unit = \"grep -q good value.txt\"\ntest.e2e = \"false\"\n\
         [project.lib]\ntest.unit = \"grep -q good value.txt\"\n",
    );
    shop.write("p/lone/value.txt", "good\n");
    shop.write("p/lib/value.txt", "good\n");
    shop.commit("values");
    shop
}

/// Everything that a hook must leave alone: the index file, and every file with its content and time.
fn state(shop: &Sandbox) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let index = std::fs::read(shop.join(".git/index")).unwrap();
    found.insert(".git/index".to_owned(), format!("{index:?}"));
    let mut open = vec![shop.path().to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if entry.file_name() == ".git" {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
                continue;
            }
            let time = std::fs::symlink_metadata(&path)
                .unwrap()
                .modified()
                .unwrap();
            let text = std::fs::read(&path).unwrap_or_default();
            found.insert(path.display().to_string(), format!("{time:?} {text:?}"));
        }
    }
    found
}

/// Checks, and demands that nothing was touched.
fn check(shop: &Sandbox, more: &[&str], env: &[(&str, &str)]) -> (Option<i32>, Value) {
    let before = state(shop);
    let mut arguments = vec!["check", "--format", "json"];
    arguments.extend(more);
    let answer = shop.affected_with(&arguments, env);
    assert_eq!(state(shop), before, "{}", answer.stderr);
    let document = answer.json();
    (answer.code, document)
}

fn outcomes(document: &Value) -> String {
    let tasks = document["tasks"].as_array().unwrap().iter();
    let words: Vec<_> = tasks
        .map(|task| format!("{}={}", task["project"], task["outcome"]).replace('"', ""))
        .collect();
    words.join(" ")
}

#[test]
fn s9_a_partly_staged_file_is_judged_as_it_is_staged() {
    let shop = shop();
    shop.write("p/lone/value.txt", "good, and more\n");
    shop.git(&["add", "-A"]);
    shop.write("p/lone/value.txt", "bad\n");
    let (code, document) = check(&shop, &[], &[]);
    assert_eq!(
        (code, outcomes(&document).as_str()),
        (Some(0), "lone=passed")
    );

    shop.git(&["add", "-A"]);
    shop.write("p/lone/value.txt", "good again\n");
    shop.write("p/lib/value.txt", "bad, but not staged\n");
    shop.write("p/web/untracked.js", "// nobody staged it\n");
    let (code, document) = check(&shop, &[], &[]);
    assert_eq!(
        (code, outcomes(&document).as_str()),
        (Some(1), "lone=failed")
    );

    shop.git(&["reset", "-q"]);
    let (code, document) = check(&shop, &[], &[]);
    assert_eq!((code, outcomes(&document).as_str()), (Some(0), ""));
}

/// Git does not look at such a file, so it hides a change.
#[test]
fn s9_a_file_that_nobody_looks_at_is_judged_as_it_is_staged() {
    for mark in ["--skip-worktree", "--assume-unchanged"] {
        let shop = shop();
        shop.write("p/lone/value.txt", "bad\n");
        shop.commit("bad");
        shop.git(&["update-index", mark, "p/lone/value.txt"]);
        shop.write("p/lone/value.txt", "good\n");
        shop.write("p/lone/other.txt", "staged\n");
        shop.git(&["add", "p/lone/other.txt"]);
        let (code, document) = check(&shop, &[], &[]);
        assert_eq!(
            (code, outcomes(&document).as_str()),
            (Some(1), "lone=failed"),
            "{mark}"
        );
    }
}

#[test]
fn s9_staged_deletes_and_renames_are_judged() {
    let shop = shop();
    shop.git(&["rm", "-q", "--cached", "p/lone/value.txt"]);
    let (code, document) = check(&shop, &[], &[]);
    assert_eq!(
        (code, outcomes(&document).as_str()),
        (Some(1), "lone=failed")
    );

    shop.git(&["reset", "-q", "--hard"]);
    shop.git(&["mv", "p/lone/value.txt", "p/lib/other.txt"]);
    let (code, document) = check(&shop, &[], &[]);
    assert_eq!(code, Some(1));
    let told = outcomes(&document);
    assert!(
        told.contains("lib=passed") && told.contains("lone=failed"),
        "{told}"
    );
    assert!(told.contains("web=passed"), "dependents come along: {told}");
}

/// What the hook is told by git counts: the index of `git commit -a` or `git commit FILE` is another one.
#[test]
fn s9_another_index_file_is_judged() {
    let shop = shop();
    shop.write("p/lone/value.txt", "bad\n");
    shop.git(&["add", "-A"]);
    let other = shop.cache().join("other.index");
    std::fs::copy(shop.join(".git/index"), &other).unwrap();
    shop.git(&["reset", "-q", "--hard"]);
    let other = other.display().to_string();
    let (code, document) = check(&shop, &[], &[("GIT_INDEX_FILE", &other)]);
    assert_eq!(
        (code, outcomes(&document).as_str()),
        (Some(1), "lone=failed")
    );
    assert_eq!(check(&shop, &[], &[]).0, Some(0));
}

/// A relative one lies where git seeks it: below the top of the work tree, wherever the command starts.
#[test]
fn s9_a_relative_index_file_is_sought_from_the_top() {
    let shop = shop();
    shop.write("p/lone/value.txt", "bad\n");
    shop.git(&["add", "-A"]);
    std::fs::copy(shop.join(".git/index"), shop.join(".git/other")).unwrap();
    shop.git(&["reset", "-q", "--hard"]);
    for folder in [".", "p/lone"] {
        let folder = shop.join(folder).display().to_string();
        let here = ["-C", folder.as_str()];
        let (code, document) = check(&shop, &here, &[("GIT_INDEX_FILE", ".git/other")]);
        assert_eq!(
            (code, outcomes(&document).as_str()),
            (Some(1), "lone=failed"),
            "{folder}"
        );
    }
}

/// In the middle of a merge nobody knows what will be committed: what is in conflict counts as changed, and that is told.
#[test]
fn s9_an_index_in_conflict_counts_as_changed() {
    let shop = shop();
    shop.git(&["checkout", "-q", "-b", "theirs"]);
    shop.write("p/lone/value.txt", "good, theirs\n");
    shop.commit("theirs");
    shop.git(&["checkout", "-q", "topic"]);
    shop.write("p/lone/value.txt", "good, ours\n");
    shop.commit("ours");
    let merge = std::process::Command::new("git")
        .args(["merge", "-q", "theirs"])
        .current_dir(shop.path())
        .output()
        .unwrap();
    assert!(!merge.status.success());
    let answer = shop.affected(&["list", "--staged", "--format", "names"]);
    assert_eq!(answer.stdout, "lone\n", "{}", answer.stderr);
    assert!(
        answer
            .stderr
            .contains("several sides of a conflict of `p/lone/value.txt`"),
        "{}",
        answer.stderr
    );
}

/// The line that judges a failure again judges the same, not what lies in the work tree.
#[test]
fn what_failed_is_judged_again_by_its_line() {
    let shop = shop();
    shop.write("p/lone/value.txt", "bad\n");
    shop.git(&["add", "-A"]);
    shop.write("p/lone/value.txt", "good\n");
    let answer = shop.affected(&["check"]);
    let told = format!("{}{}", answer.stdout, answer.stderr);
    let line = "again: affected check --staged --filter lone";
    assert!(told.contains(line), "{told}");
    shop.git(&["commit", "-q", "-m", "bad"]);
    let answer = shop.affected(&["check", "--head", "HEAD", "--since", "HEAD~1"]);
    let told = format!("{}{}", answer.stdout, answer.stderr);
    let line = "again: affected check --head HEAD --since 'HEAD~1' --filter lone";
    assert!(told.contains(line), "{told}");
}

/// Installed packages come along, and packages of the workspace lead to what is staged.
#[test]
fn s9_what_is_installed_comes_along() {
    let shop = shop();
    shop.write(".gitignore", "node_modules/\n");
    shop.commit("ignore");
    shop.write("node_modules/left/value.txt", "good\n");
    std::os::unix::fs::symlink("../p/lib", shop.join("node_modules/lib")).unwrap();
    shop.write(
        "affected.toml",
        "[project.web]\ntest.unit = \"cat ../../node_modules/*/value.txt\"\n",
    );
    shop.write("p/lib/value.txt", "staged\n");
    shop.git(&["add", "-A"]);
    shop.write("p/lib/value.txt", "not staged\n");
    let answer = shop.affected(&["check", "--verbose", "--filter", "web"]);
    let told = format!("{}{}", answer.stdout, answer.stderr);
    assert_eq!(answer.code, Some(0), "{told}");
    assert!(
        told.contains("staged\n") && !told.contains("not staged"),
        "{told}"
    );
    assert!(told.contains("good"), "{told}");
}

/// A budget that ends is no failure: what is left is told. What changed itself comes first.
#[test]
fn a_check_ends_with_its_budget_and_names_what_is_left() {
    let shop = shop();
    shop.write(
        "affected.toml",
        "[project.lib]\ntest.unit = \"true\"\ntest.e2e = \"false\"\n[project.api]\ntest.smoke = \"sleep 60\"\n",
    );
    shop.commit("slow");
    shop.write("p/lib/index.js", "// changed\n");
    shop.git(&["add", "-A"]);
    let began = std::time::Instant::now();
    let (code, document) = check(&shop, &["--budget", "1s", "-j", "1"], &[]);
    assert!(began.elapsed().as_secs() < 20);
    assert_eq!(code, Some(0), "{document}");
    let tasks = document["tasks"].as_array().unwrap();
    let of = |name: &str| tasks.iter().find(|task| task["target"] == name).unwrap();
    assert_eq!(of("lib:test")["outcome"], "passed");
    let start = |name: &str| of(name)["start"].as_u64();
    assert!(start("lib:test") < start("api:test:smoke"), "{document}");
    assert_eq!(of("api:test:smoke")["outcome"], "skipped");
    assert!(document["summary"]["deferred"].as_u64() > Some(0));
    assert!(
        tasks.iter().all(|task| task["stage"] != "e2e"),
        "{document}"
    );
    let answer = shop.affected(&["check", "--budget", "200ms"]);
    assert!(
        answer.stderr.contains("left to CI: lib:test:e2e"),
        "{}",
        answer.stderr
    );
}

fn push(shop: &Sandbox, lines: &str) -> Answer {
    let mut command = shop.command(&["check", "--push"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    Answer::from(child.wait_with_output().unwrap())
}

/// The lines of `pre-push`: an update, a new branch, a deletion, and commits that are not checked out.
#[test]
fn s9_what_is_pushed_is_judged() {
    let shop = shop();
    let zeros = "0".repeat(40);
    let old = shop.git(&["rev-parse", "HEAD"]).trim().to_owned();
    shop.write("p/lone/value.txt", "bad\n");
    let bad = shop.commit("bad");
    shop.write("p/lone/value.txt", "good\n");
    shop.write("p/pay/index.js", "// changed\n");
    let good = shop.commit("good");
    shop.write("p/lone/value.txt", "unfinished\n");
    let before = state(&shop);
    let line =
        |head: &str, since: &str| format!("refs/heads/topic {head} refs/heads/topic {since}\n");

    let answer = push(&shop, &line(&good, &old));
    assert_eq!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    let answer = push(&shop, &line(&bad, &old));
    assert_eq!(answer.code, Some(1), "{}{}", answer.stdout, answer.stderr);
    // A new branch is compared with the default branch; where what the remote has is not here, everything counts.
    for since in [zeros.as_str(), "1234567890123456789012345678901234567890"] {
        let answer = push(&shop, &line(&bad, since));
        assert_eq!(answer.code, Some(1), "{}{}", answer.stdout, answer.stderr);
    }
    let answer = push(&shop, &format!("{}{}", line(&good, &old), line(&bad, &old)));
    assert_eq!(answer.code, Some(1), "one of two is enough");
    // The default branch itself, which no remote is known to have: everything, instead of itself with itself.
    shop.git(&["branch", "-f", "main", &bad]);
    let answer = push(
        &shop,
        &format!("refs/heads/main {bad} refs/heads/main {zeros}\n"),
    );
    assert_eq!(answer.code, Some(1), "{}{}", answer.stdout, answer.stderr);
    assert!(
        answer.stderr.contains("everything is selected"),
        "{}",
        answer.stderr
    );
    let answer = push(&shop, &line(&zeros, &bad));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stderr.contains("nothing is pushed"));
    assert_eq!(push(&shop, "what is this\n").code, Some(2));
    assert_eq!(state(&shop), before);
}
