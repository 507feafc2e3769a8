//! Releases over the real binary, with real git and a real remote.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::sandbox::{Answer, Sandbox, projects};

pub(crate) fn release(shop: &Sandbox, arguments: &[&str]) -> Answer {
    shop.affected(&[&["release"], arguments].concat())
}

pub(crate) fn plan(shop: &Sandbox, arguments: &[&str]) -> Value {
    let answer = release(shop, &[&["plan", "--format", "json"], arguments].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    answer.json()
}

/// `name from to` of every release, joined by commas.
pub(crate) fn told(plan: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let all = plan["releases"].as_array().unwrap().iter();
    let one = |it: &Value| {
        format!(
            "{} {} {}",
            text(&it["project"]),
            text(&it["from"]),
            text(&it["to"])
        )
    };
    all.map(one).collect::<Vec<_>>().join(", ")
}

/// The shop on its trunk, every project tagged as it is.
pub(crate) fn released_shop() -> Sandbox {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let answer = release(&shop, &["tag"]);
    assert_eq!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    shop
}

/// The fix in a shared library: the graph that chose the tests chooses the releases.
#[test]
fn a_fix_in_a_library_releases_who_is_built_with_it() {
    let shop = released_shop();
    assert_eq!(told(&plan(&shop, &[])), "");
    shop.write("p/lib/index.js", "// fixed\n");
    shop.commit("fix(lib): rounding");
    let found = plan(&shop, &[]);
    // `qa` uses it in tests only.
    assert_eq!(
        told(&found),
        "api 1.0.0 1.0.1, job 1.0.0 1.0.1, lib 1.0.0 1.0.1, web 1.0.0 1.0.1"
    );
    let tested = projects(
        &shop.list(&["--since", "HEAD~1", "--head", "HEAD"]),
        |project| project["affected"] == true && project["name"] != "qa",
    );
    assert_eq!(tested, "api job lib web");
    let web = &found["releases"][3];
    assert_eq!(web["reasons"][0]["code"], "dependency-changed");
    assert_eq!(web["reasons"][0]["via"][0], "lib");
    assert_eq!(web["commits"].as_array().unwrap().len(), 0);
    assert_eq!(found["releases"][2]["commits"][0]["kind"], "fix");
    assert_eq!(found, plan(&shop, &[]), "the same question twice");
}

#[test]
fn each_service_counts_from_its_own_tag() {
    let shop = released_shop();
    shop.write("p/pay/index.js", "// more\n");
    shop.commit("feat: more");
    shop.git(&["tag", "pay@1.1.0"]);
    shop.write("p/lone/index.js", "// other\n");
    shop.commit("feat!: other");
    assert_eq!(told(&plan(&shop, &[])), "lone 1.0.0 2.0.0");
    // As if all had been released there.
    assert_eq!(
        told(&plan(&shop, &["--base", "HEAD~2"])),
        "lone 1.0.0 2.0.0, pay 1.0.0 1.1.0"
    );
}

#[test]
fn versions_are_written_then_tagged() {
    let shop = released_shop();
    shop.write("p/lib/index.js", "// new\n");
    shop.write(
        "p/web/package.json",
        "{\n\t\"name\": \"web\",\r\n\t\"version\": \"1.0.0\",\n\t\"dependencies\": {\"lib\": \"^1.0.0\"}\n}",
    );
    shop.write(".changes/more.md", "---\nlib: minor\n---\nMuch better.\n");
    shop.commit("fix: both");
    // A tag must say what the manifest says.
    let early = release(&shop, &["tag"]);
    assert_eq!(early.code, Some(2));
    assert!(
        early.stderr.contains("affected release version"),
        "{}",
        early.stderr
    );
    let written = release(&shop, &["version", "--format", "json"]).json();
    let files = written["files"].to_string();
    for file in [
        "p/lib/package.json",
        "p/lib/CHANGELOG.md",
        "p/web/package.json",
        ".changes/more.md",
    ] {
        assert!(files.contains(file), "{files}");
    }
    let web = std::fs::read_to_string(shop.join("p/web/package.json")).unwrap();
    let expected = "{\n\t\"name\": \"web\",\r\n\t\"version\": \"1.0.1\",\n\t\"dependencies\": {\"lib\": \"^1.1.0\"}\n}";
    assert_eq!(web, expected);
    let log = std::fs::read_to_string(shop.join("p/lib/CHANGELOG.md")).unwrap();
    assert!(
        log.contains("## 1.1.0 (2026-01-01)") && log.contains("Much better."),
        "{log}"
    );
    assert!(!shop.join(".changes/more.md").exists());
    shop.commit("chore: release");
    let before = told(&plan(&shop, &[]));
    assert!(
        before.contains("lib 1.0.0 1.1.0") && before.contains("web 1.0.0 1.0.1"),
        "{before}"
    );
    assert_eq!(release(&shop, &["check"]).code, Some(5));
    let tagged = release(&shop, &["tag"]);
    assert_eq!(tagged.code, Some(0), "{}", tagged.stderr);
    assert_eq!(release(&shop, &["check"]).code, Some(0));
    assert_eq!(told(&plan(&shop, &[])), "");
    let message = shop.git(&[
        "for-each-ref",
        "refs/tags/lib@1.1.0",
        "--format=%(objecttype) %(contents:subject)",
    ]);
    assert_eq!(message.trim(), "tag lib 1.1.0");
    // Again: all is done.
    assert_eq!(release(&shop, &["tag"]).code, Some(0));
}

/// Who only tests with a library has its new version written, and is not released for that: neither now nor later.
#[test]
fn a_release_releases_nobody_else() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let lock = "{\n  \"lockfileVersion\": 3,\n  \"packages\": {\n    \"\": { \"name\": \"root\", \"workspaces\": [\"p/*\"] },\n    \"node_modules/lib\": { \"resolved\": \"p/lib\", \"link\": true },\n    \"node_modules/qa\": { \"resolved\": \"p/qa\", \"link\": true },\n    \"p/lib\": { \"version\": \"1.0.0\" },\n    \"p/qa\": { \"version\": \"1.0.0\", \"devDependencies\": { \"lib\": \"1.0.0\" } }\n  }\n}\n";
    shop.write("package-lock.json", lock);
    shop.write(
        "p/qa/package.json",
        "{\"name\":\"qa\",\"version\":\"1.0.0\",\"devDependencies\":{\"lib\":\"1.0.0\"}}",
    );
    shop.commit("chore: pinned");
    assert_eq!(release(&shop, &["tag"]).code, Some(0));
    shop.write("p/lib/index.js", "// new\n");
    shop.commit("feat: more");
    assert_eq!(release(&shop, &["version"]).code, Some(0));
    let read = |path: &str| std::fs::read_to_string(shop.join(path)).unwrap();
    assert!(read("p/qa/package.json").contains("{\"lib\":\"1.1.0\"}"));
    let lock = read("package-lock.json");
    assert!(
        lock.contains("\"p/lib\": { \"version\": \"1.1.0\" }")
            && lock.contains("{ \"lib\": \"1.1.0\" }"),
        "{lock}"
    );
    shop.commit("chore: release");
    let tagged = release(&shop, &["tag"]);
    assert_eq!(tagged.code, Some(0), "{}", tagged.stderr);
    assert!(!tagged.stdout.contains("qa"), "{}", tagged.stdout);
    assert_eq!(told(&plan(&shop, &[])), "");
    // Something of its own is another matter.
    shop.write("p/qa/index.js", "// new\n");
    shop.commit("fix: a check");
    assert_eq!(told(&plan(&shop, &[])), "qa 1.0.0 1.0.1");
}

/// Q4. Two taggers in one clone: the second finds all done.
#[test]
fn q4_taggers_in_one_clone() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let start = || {
        let mut command = shop.command(&["release", "tag"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let started: Vec<_> = (0..6).map(|_| start()).collect();
    for child in started {
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{errors}");
    }
    assert_eq!(shop.git(&["tag", "--list"]).lines().count(), 7);
}

/// How this tool decides is part of nothing that is shipped.
#[test]
fn configuration_releases_nothing() {
    let shop = released_shop();
    shop.write(
        "affected.toml",
        "[release]\nlinked = [[\"web\", \"api\"]]\n",
    );
    shop.commit("chore: groups");
    assert_eq!(told(&plan(&shop, &[])), "");
    shop.write("p/web/index.js", "// more\n");
    shop.commit("feat: more");
    assert_eq!(told(&plan(&shop, &[])), "web 1.0.0 1.1.0");
}

/// Without history a project only seems to be new: it is told, and nothing is tagged.
#[test]
fn a_shallow_clone_is_no_first_release() {
    let shop = released_shop();
    shop.write("p/pay/index.js", "// more\n");
    shop.commit("feat: more");
    let clone = tempfile::tempdir().unwrap();
    let (from, to) = (
        format!("file://{}", shop.path().display()),
        clone.path().join("clone"),
    );
    shop.git(&["clone", "-q", "--depth", "1", &from, to.to_str().unwrap()]);
    let at = |arguments: &[&str]| {
        let mut command = shop.command(&["-C", to.to_str().unwrap(), "release"]);
        Answer::from(command.args(arguments).output().unwrap())
    };
    let found = at(&["plan", "--format", "json"]).json();
    assert_eq!(found["problems"][0]["code"], "shallow-clone", "{found}");
    let refused = at(&["tag"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("unshallow"), "{}", refused.stderr);
    run_git(&to, &["fetch", "-q", "--unshallow", "--tags"]);
    assert_eq!(
        told(&at(&["plan", "--format", "json"]).json()),
        "pay 1.0.0 1.1.0"
    );
}

/// X3. What a dry run prints does the same in a shell, byte for byte, whatever names git allows.
#[test]
#[cfg(unix)]
fn x3_a_dry_run_prints_what_a_shell_can_run() {
    let shop = Sandbox::new();
    shop.write("a;touch${IFS}x/go.mod", "module example.com/a\n");
    shop.write("b'$(touch${IFS}y)/go.mod", "module example.com/b\n");
    shop.write("affected.toml", "[release]\ntag = \"{path}-{version}\"\n");
    shop.commit("feat: first");
    let dry = release(&shop, &["tag", "--dry-run", "--format", "json"]).json();
    let commands = dry["commands"].as_array().unwrap();
    let script: Vec<_> = commands.iter().map(|it| it.as_str().unwrap()).collect();
    let ran = |script: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(shop.path());
        shell.env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["COMMITTER", "AUTHOR"] {
            shell.env(format!("GIT_{who}_NAME"), "a");
            shell.env(format!("GIT_{who}_EMAIL"), "a@example.com");
            shell.env(format!("GIT_{who}_DATE"), "2026-01-01T00:00:00Z");
        }
        let output = shell.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}\n{errors}");
    };
    ran(&script.join("\n"));
    let by_shell = shop.git(&["for-each-ref", "refs/tags"]);
    assert_eq!(by_shell.lines().count(), 2, "{by_shell}");
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    for tag in shop.git(&["tag", "--list"]).lines() {
        shop.git(&["tag", "-d", tag]);
    }
    assert_eq!(release(&shop, &["tag"]).code, Some(0));
    assert_eq!(shop.git(&["for-each-ref", "refs/tags"]), by_shell);
}

/// Q4. A tagger that was killed while it wrote leaves locks; its next call takes them away. Locks of others are not ours.
#[test]
fn q4_locks_of_the_killed_are_taken_away() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    shop.git(&["pack-refs", "--all"]);
    shop.write(".git/packed-refs.lock", "");
    let refused = release(&shop, &["tag"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(shop.join(".git/packed-refs.lock").exists());
    shop.write(".git/affected/tags.lock", "busy\n");
    shop.write(".git/refs/tags/lib@1.0.0.lock", "");
    let done = release(&shop, &["tag"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(shop.git(&["tag", "--list"]).lines().count(), 7);
}

/// What is under work is written as its release before it is tagged.
#[test]
fn a_snapshot_is_no_release() {
    let shop = Sandbox::new();
    let pom = "<project><groupId>g</groupId><artifactId>a</artifactId><version>1.2.0-SNAPSHOT</version></project>\n";
    shop.write("a/pom.xml", pom);
    shop.write("a/src/main/java/A.java", "class A {}\n");
    shop.commit("feat: first");
    assert_eq!(release(&shop, &["check"]).code, Some(0));
    let early = release(&shop, &["tag"]);
    assert_eq!(early.code, Some(2), "{}", early.stdout);
    assert_eq!(release(&shop, &["version"]).code, Some(0));
    let written = std::fs::read_to_string(shop.join("a/pom.xml")).unwrap();
    assert_eq!(written, pom.replace("1.2.0-SNAPSHOT", "1.2.0"));
    shop.commit("chore: release");
    assert_eq!(release(&shop, &["tag"]).code, Some(0));
    assert_eq!(shop.git(&["tag", "--list"]), "a/v1.2.0\n");
}

/// What is no word for a pre-release must not become a final one.
#[test]
fn a_wrong_word_for_a_pre_release_is_refused() {
    let shop = released_shop();
    for word in ["", "r c", "../x", "\u{fc}", "01", "a+b", "rc.1", "-x"] {
        let answer = release(&shop, &["plan", &format!("--pre={word}")]);
        assert_eq!(answer.code, Some(2), "{word}: {}", answer.stdout);
    }
    assert_eq!(release(&shop, &["plan", "--pre=rc-2"]).code, Some(0));
}

/// Q4. Nothing is moved, a name that is taken is told before anything is written.
#[test]
fn q4_a_taken_name_writes_nothing() {
    let shop = released_shop();
    shop.git(&["checkout", "-q", "--orphan", "other"]);
    shop.git(&["commit", "-q", "-m", "elsewhere"]);
    shop.git(&["tag", "lone@1.0.1"]);
    shop.git(&["checkout", "-q", "main"]);
    shop.write(
        "p/lone/package.json",
        "{\"name\":\"lone\",\"version\":\"1.0.1\"}",
    );
    shop.write(
        "p/pay/package.json",
        "{\"name\":\"pay\",\"version\":\"1.0.1\"}",
    );
    shop.commit("fix: both");
    let tags = shop.git(&["for-each-ref", "refs/tags"]);
    let answer = release(&shop, &["tag"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("lone@1.0.1"), "{}", answer.stderr);
    assert_eq!(shop.git(&["for-each-ref", "refs/tags"]), tags);
}

/// Q4. A push that was refused is told, and completed by the next call.
#[test]
fn q4_a_push_is_all_or_nothing_and_can_be_resumed() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let remote = tempfile::tempdir().unwrap();
    let place = remote.path().to_str().unwrap();
    shop.git(&["init", "-q", "--bare", place]);
    shop.git(&["remote", "add", "origin", place]);
    let hook = remote.path().join("hooks/update");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(
        &hook,
        "#!/bin/sh\ncase $1 in *lib*) echo no; exit 1;; esac\n",
    )
    .unwrap();
    make_executable(&hook);
    let refused = release(&shop, &["tag", "--push", "--format", "json"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    let states = refused.json()["tags"].to_string();
    assert!(
        states.contains("not-pushed") && !states.contains("\"pushed\""),
        "{states}"
    );
    assert_eq!(remote_tags(&shop), "");
    std::fs::remove_file(&hook).unwrap();
    let again = release(&shop, &["tag", "--push", "--format", "json"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(!again.json()["tags"].to_string().contains("not-pushed"));
    assert_eq!(remote_tags(&shop).lines().count(), 7);
    assert_eq!(release(&shop, &["tag", "--push"]).code, Some(0));
}

/// Q4. Of taggers at once one wins each name, the others say so; no tag moves and none is half there.
#[test]
fn q4_taggers_at_once() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let remote = tempfile::tempdir().unwrap();
    shop.git(&["init", "-q", "--bare", remote.path().to_str().unwrap()]);
    shop.git(&["remote", "add", "origin", remote.path().to_str().unwrap()]);
    shop.git(&["push", "-q", "origin", "main"]);
    let clones: Vec<_> = (0..6).map(|_| clone_of(remote.path())).collect();
    // Half of them have another commit, whose versions are the same.
    for clone in clones.iter().step_by(2) {
        run_git(
            clone.path(),
            &["commit", "-q", "--allow-empty", "-m", "other"],
        );
    }
    let started: Vec<_> = clones
        .iter()
        .map(|clone| {
            let mut command = shop.command(&["-C", clone.path().to_str().unwrap()]);
            command.args(["release", "tag", "--push", "--format", "json"]);
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let codes: Vec<_> = started
        .into_iter()
        .map(|child| child.wait_with_output().unwrap().status.code())
        .collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    let there = shop.git(&["ls-remote", "--tags", "origin", "refs/tags/*^{}"]);
    let commits: std::collections::BTreeSet<_> = there
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!((commits.len(), there.lines().count()), (1, 7), "{there}");
}

/// Q4. Killed at any moment, the next call completes it, once.
#[test]
#[cfg(unix)]
fn q4_killed_while_tagging() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let remote = tempfile::tempdir().unwrap();
    shop.git(&["init", "-q", "--bare", remote.path().to_str().unwrap()]);
    shop.git(&["remote", "add", "origin", remote.path().to_str().unwrap()]);
    for round in 0..24_u32 {
        let mut child = shop
            .command(&["release", "tag", "--push"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A busy wait of a growing length, so that every phase is met.
        let until =
            std::time::Instant::now() + std::time::Duration::from_millis(u64::from(round) * 3);
        while std::time::Instant::now() < until && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    let end = release(&shop, &["tag", "--push"]);
    assert_eq!(end.code, Some(0), "{}{}", end.stdout, end.stderr);
    assert_eq!(remote_tags(&shop).lines().count(), 7);
}

/// X3. Names that git refuses are told with the way out, and nothing is tagged.
#[test]
fn x3_hostile_names_are_refused() {
    let names = [
        "a b",
        "a..b",
        "-rf",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\\\b",
        "a@{b",
        "a.lock/",
        "/a",
        "a//b",
        "\\u001b[2J",
        "a\\nb",
    ];
    for name in names {
        let shop = Sandbox::new();
        shop.write(
            "svc/package.json",
            &format!("{{\"name\":\"{name}\",\"version\":\"1.0.0\"}}"),
        );
        shop.write("svc/Dockerfile", "FROM scratch\n");
        shop.commit("first");
        let answer = release(&shop, &["tag"]);
        let tags = shop.git(&["for-each-ref", "refs/tags", "--format=%(refname)"]);
        assert!(
            !answer.stderr.contains('\u{1b}') && !answer.stdout.contains('\u{1b}'),
            "{name}"
        );
        if answer.code == Some(0) {
            // Then the name was not one that a manifest may have, and the folder counts.
            assert_eq!(tags.trim(), "refs/tags/svc@1.0.0", "{name}");
        } else {
            assert_eq!(
                (answer.code, tags.as_str()),
                (Some(2), ""),
                "{name}: {}",
                answer.stderr
            );
        }
    }
}

/// Q5. Planning and notes need no right to write.
#[test]
#[cfg(unix)]
fn q5_a_clone_that_cannot_be_written_can_be_planned() {
    use std::os::unix::fs::PermissionsExt;
    let shop = released_shop();
    shop.write("p/pay/index.js", "// x\n");
    shop.commit("feat: <b>x</b>");
    for entry in walkdir::WalkDir::new(shop.path()).contents_first(true) {
        let entry = entry.unwrap();
        let mode = if entry.file_type().is_dir() {
            0o555
        } else {
            0o444
        };
        if !entry.file_type().is_symlink() {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    assert_eq!(told(&plan(&shop, &[])), "pay 1.0.0 1.1.0");
    let notes = release(&shop, &["notes"]);
    assert!(
        notes.stdout.contains("&lt;b&gt;x&lt;/b&gt;"),
        "{}",
        notes.stdout
    );
    for entry in walkdir::WalkDir::new(shop.path()) {
        let entry = entry.unwrap();
        if entry.file_type().is_dir() {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

/// Go resolves what was tagged, through a proxy of files made from the tags (go.dev/ref/mod#goproxy-protocol).
#[test]
fn tags_of_go_modules_are_versions_to_go() {
    if Command::new("go").arg("version").output().is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "a CI machine must have go"
        );
        eprintln!("skipped: go is missing");
        return;
    }
    let shop = Sandbox::new();
    shop.write(
        "libs/money/go.mod",
        "module example.com/shop/libs/money\n\ngo 1.21\n",
    );
    shop.write("libs/money/money.go", "package money\n");
    shop.write(
        "api/v2/go.mod",
        "module example.com/shop/api/v2\n\ngo 1.21\n",
    );
    shop.write("api/v2/api.go", "package api\n");
    shop.commit("first");
    shop.git(&["tag", "api/v2.0.0"]);
    shop.write("api/v2/api.go", "package api // more\n");
    shop.commit("feat: more");
    assert_eq!(release(&shop, &["tag"]).code, Some(0));
    let tags = shop.git(&["tag", "--list"]);
    assert_eq!(tags, "api/v2.0.0\napi/v2.1.0\nlibs/money/v0.1.0\n");
    let proxy = proxy_of(&shop);
    let resolved = |module: &str| latest(proxy.path(), module);
    assert_eq!(resolved("example.com/shop/libs/money"), "v0.1.0");
    assert_eq!(resolved("example.com/shop/api/v2"), "v2.1.0");
    // A major without its suffix is refused before anything is tagged.
    shop.write("libs/money/money.go", "package money // other\n");
    shop.commit("feat: x\n\nRelease-As: money 2.0.0\nRelease-As: libs/money 2.0.0");
    let refused = plan(&shop, &[]);
    assert_eq!(refused["problems"][0]["code"], "major-refused", "{refused}");
}

/// A proxy of files for what was tagged (go.dev/ref/mod#goproxy-protocol).
fn proxy_of(shop: &Sandbox) -> tempfile::TempDir {
    let proxy = tempfile::tempdir().unwrap();
    for (module, major, versions) in [
        ("example.com/shop/libs/money", "libs/money", &["v0.1.0"][..]),
        ("example.com/shop/api/v2", "api", &["v2.0.0", "v2.1.0"]),
    ] {
        let folder = proxy.path().join(module).join("@v");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("list"), versions.join("\n")).unwrap();
        for version in versions {
            let at = format!("{major}/{version}");
            let file = format!(
                "{at}:{}/go.mod",
                module.trim_start_matches("example.com/shop/")
            );
            std::fs::write(
                folder.join(format!("{version}.mod")),
                shop.git(&["show", &file]),
            )
            .unwrap();
            let info = format!("{{\"Version\":\"{version}\",\"Time\":\"2026-01-01T00:00:00Z\"}}");
            std::fs::write(folder.join(format!("{version}.info")), info).unwrap();
        }
    }
    proxy
}

/// The latest version of a module, as Go finds it.
fn latest(proxy: &std::path::Path, module: &str) -> String {
    let output = Command::new("go")
        .args([
            "list",
            "-m",
            "-f",
            "{{.Version}}",
            &format!("{module}@latest"),
        ])
        .current_dir(proxy)
        .env("GOPROXY", format!("file://{}", proxy.display()))
        .env("GONOSUMDB", "*")
        .env("GOFLAGS", "-mod=mod -modcacherw")
        .env("GOMODCACHE", proxy.join("cache"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn remote_tags(shop: &Sandbox) -> String {
    shop.git(&["ls-remote", "--tags", "--refs", "origin"])
}

fn clone_of(remote: &std::path::Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("git")
        .args(["clone", "-q", "-b", "main"])
        .arg(remote)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder
}

fn run_git(folder: &std::path::Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-C"])
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[cfg(unix)]
pub(crate) fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
