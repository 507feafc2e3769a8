//! Tags of releases: series that are there, names that cannot be, and remotes that lack some.

use super::release::{make_executable, plan, release, released_shop, remote_tags, told};
use super::sandbox::Sandbox;

/// A shop with a remote, nothing tagged.
fn shop_with_remote() -> (Sandbox, tempfile::TempDir) {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let remote = tempfile::tempdir().unwrap();
    let place = remote.path().to_str().unwrap();
    shop.git(&["init", "-q", "--bare", place]);
    shop.git(&["remote", "add", "origin", place]);
    (shop, remote)
}

fn refuse(remote: &tempfile::TempDir) -> std::path::PathBuf {
    let hook = remote.path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    make_executable(&hook);
    hook
}

fn states(shop: &Sandbox, arguments: &[&str]) -> Vec<(String, String)> {
    let answer = release(shop, &[&["tag", "--format", "json"], arguments].concat());
    let word = |it: &serde_json::Value| it.as_str().unwrap().to_owned();
    let document = answer.json();
    let tags = document["tags"].as_array().unwrap();
    tags.iter()
        .map(|tag| (word(&tag["name"]), word(&tag["state"])))
        .collect()
}

/// Q4. Tags of a push that was refused are pushed by the next call, whatever was committed since; `check` tells them.
#[test]
#[cfg(unix)]
fn q4_tags_left_behind_are_pushed_later() {
    let (shop, remote) = shop_with_remote();
    let hook = refuse(&remote);
    assert_eq!(release(&shop, &["tag", "--push"]).code, Some(1));
    std::fs::remove_file(hook).unwrap();
    shop.commit("docs: later");
    let told = release(&shop, &["check"]);
    assert_eq!(told.code, Some(5), "{}", told.stdout);
    assert!(
        told.stdout.contains("lacks the tag `lone@1.0.0`"),
        "{}",
        told.stdout
    );
    assert_eq!(release(&shop, &["check", "--offline"]).code, Some(0));
    let dry = release(&shop, &["tag", "--push", "--dry-run"]);
    assert!(
        dry.stdout.contains("git push --atomic -- origin")
            && dry.stdout.contains("refs/tags/lone@1.0.0"),
        "{}",
        dry.stdout
    );
    assert_eq!(remote_tags(&shop), "");
    // Without a push, or for another project, they stay.
    assert_eq!(states(&shop, &[]), []);
    assert_eq!(
        states(&shop, &["--push", "--filter", "pay"]),
        [("pay@1.0.0".to_owned(), "pushed".to_owned())]
    );
    let pushed = states(&shop, &["--push"]);
    assert_eq!(pushed.len(), 6);
    assert!(
        pushed.iter().all(|(_, state)| state == "pushed"),
        "{pushed:?}"
    );
    assert_eq!(remote_tags(&shop).lines().count(), 7);
    assert_eq!(release(&shop, &["check"]).code, Some(0));
    assert_eq!(states(&shop, &["--push"]), []);
}

/// Q4. They are pushed, too, where nothing new can be tagged yet.
#[test]
#[cfg(unix)]
fn q4_tags_left_behind_need_no_new_release() {
    let (shop, remote) = shop_with_remote();
    let hook = refuse(&remote);
    assert_eq!(release(&shop, &["tag", "--push"]).code, Some(1));
    std::fs::remove_file(hook).unwrap();
    shop.write("p/lone/index.js", "// fixed\n");
    shop.commit("fix: lone");
    let answer = release(&shop, &["tag", "--push"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stdout);
    let words = &answer.stderr;
    assert!(
        words.contains("`web@1.0.0`, left behind by an earlier call")
            && words.contains("not 1.0.1"),
        "{words}"
    );
    assert_eq!(remote_tags(&shop).lines().count(), 7);
    let again = release(&shop, &["tag", "--push"]);
    assert!(
        again.stderr.contains("nothing was written"),
        "{}",
        again.stderr
    );
}

/// What the remote had is not said to be pushed.
#[test]
fn what_was_there_is_present() {
    let (shop, _remote) = shop_with_remote();
    let first = states(&shop, &["--push"]);
    assert!(
        first.iter().all(|(_, state)| state == "pushed"),
        "{first:?}"
    );
    let again = states(&shop, &["--push"]);
    assert_eq!(again.len(), 7);
    assert!(
        again.iter().all(|(_, state)| state == "present"),
        "{again:?}"
    );
}

/// A remote that does not answer leaves `check` with what is here; one that was named must answer.
#[test]
fn check_needs_no_remote() {
    let (shop, remote) = shop_with_remote();
    assert_eq!(release(&shop, &["tag", "--push"]).code, Some(0));
    drop(remote);
    let told = release(&shop, &["check"]);
    assert_eq!(told.code, Some(0), "{}", told.stdout);
    assert!(told.stderr.contains("is not known"), "{}", told.stderr);
    assert_eq!(
        release(&shop, &["check", "--remote", "origin"]).code,
        Some(2)
    );
    let other = release(&shop, &["check", "--remote", "origin", "--offline"]);
    assert_eq!(other.code, Some(2));
}

/// A tag that the remote has on another commit is told.
#[test]
fn check_tells_tags_that_differ() {
    let (shop, _remote) = shop_with_remote();
    assert_eq!(release(&shop, &["tag", "--push"]).code, Some(0));
    shop.git(&["tag", "-d", "pay@1.0.0"]);
    shop.commit("docs: x");
    shop.git(&["tag", "pay@1.0.0"]);
    let told = release(&shop, &["check"]);
    assert_eq!(told.code, Some(5));
    assert!(told.stdout.contains("`pay@1.0.0` names"), "{}", told.stdout);
}

#[test]
fn an_existing_series_is_kept() {
    for (tag, next) in [
        ("lone_1.0", "lone_1.0.1"),
        ("release/lone/1.0", "release/lone/1.0.1"),
        ("lone.v1.0", "lone.v1.0.1"),
        ("p/lone@v1.0.0", "p/lone@v1.0.1"),
        ("p/lone@1.0.0", "p/lone@1.0.1"),
        ("release-lone-1.0.0", "release-lone-1.0.1"),
    ] {
        let shop = Sandbox::shop();
        shop.git(&["checkout", "-q", "main"]);
        shop.git(&["tag", tag]);
        shop.write("p/lone/index.js", "// fixed\n");
        shop.commit("fix: lone");
        let found = plan(&shop, &["--filter", "lone"]);
        assert_eq!(found["releases"][0]["tag"], next, "{found}");
        assert_eq!(told(&found), "lone 1.0.0 1.0.1");
    }
}

/// Two series of one service: the one with the highest version goes on, and that it is a guess is told.
#[test]
fn several_series_of_one_service_are_told() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    for tag in ["lone-v1.4.0", "lone/v1.2.0", "lone/v1.1.0"] {
        shop.git(&["tag", tag]);
    }
    shop.write("p/lone/index.js", "// fixed\n");
    shop.commit("fix: lone");
    let found = plan(&shop, &["--filter", "lone"]);
    assert_eq!(found["releases"][0]["tag"], "lone-v1.4.1", "{found}");
    assert_eq!(found["warnings"][0]["code"], "several-series", "{found}");
    shop.write(
        "affected.toml",
        "[project.lone]\nrelease = { tag = \"{name}/v{version}\" }\n",
    );
    shop.commit("chore: which");
    let found = plan(&shop, &["--filter", "lone"]);
    assert_eq!(found["releases"][0]["tag"], "lone/v1.2.1", "{found}");
    assert_eq!(found["warnings"].as_array().unwrap().len(), 0, "{found}");
}

/// Patterns that name no version, or something that nobody fills, are refused, whoever reads the file.
#[test]
fn patterns_of_tags_are_checked() {
    let shop = released_shop();
    for pattern in [
        "x",
        "{name}",
        "{bad}/v{version}",
        "{name/v{version}",
        "{version}{version}",
        "}{version}",
    ] {
        for text in [
            format!("[release]\ntag = \"{pattern}\"\n"),
            format!("[project.lone]\nrelease = {{ tag = \"{pattern}\" }}\n"),
        ] {
            shop.write("affected.toml", &text);
            shop.commit("chore: pattern");
            let refused = release(&shop, &["plan"]);
            assert_eq!(refused.code, Some(2), "{pattern}: {}", refused.stdout);
            assert!(
                refused.stderr.contains("`release.tag` is"),
                "{}",
                refused.stderr
            );
        }
    }
}

/// A tag names a commit: what lies beside it in the work tree is not in it.
#[test]
fn a_dirty_work_tree_is_told() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    shop.write("p/lone/index.js", "// not committed\n");
    shop.write("p/lone/new.js", "// not known to git\n");
    let told = release(&shop, &["tag"]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(
        told.stderr
            .contains("`p/lone/index.js` of the work tree differs"),
        "{}",
        told.stderr
    );
    let again = release(&shop, &["tag"]);
    assert!(!again.stderr.contains("differs"), "{}", again.stderr);
}

/// Q4. Git keeps a tag as a file: `lone/v1.0.0` cannot be beside `lone`. That is told before anything is written, here and there.
#[test]
fn q4_a_tag_in_the_way_is_told() {
    let (shop, _remote) = shop_with_remote();
    shop.write("affected.toml", "[release]\ntag = \"{name}/v{version}\"\n");
    shop.commit("chore: pattern");
    shop.git(&["tag", "lone"]);
    let found = plan(&shop, &[]);
    assert_eq!(found["problems"][0]["code"], "tag-blocked", "{found}");
    let refused = release(&shop, &["tag"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("`lone` leaves no room for"),
        "{}",
        refused.stderr
    );
    assert_eq!(shop.git(&["tag", "--list"]), "lone\n");
    shop.git(&["push", "-q", "origin", "refs/tags/lone"]);
    shop.git(&["tag", "-d", "lone"]);
    let refused = release(&shop, &["tag", "--push"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("`lone` leaves no room for"),
        "{}",
        refused.stderr
    );
    assert_eq!(shop.git(&["tag", "--list"]), "");
}

/// Errors say what is missing, not what a parser met.
#[test]
fn nothing_to_release_from_is_said_plainly() {
    let empty = Sandbox::new();
    let answer = release(&empty, &["plan"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.contains("there is no commit yet"),
        "{}",
        answer.stderr
    );
    let shop = released_shop();
    for wrong in ["nope", "HEAD~99", "a..b", "no such"] {
        let answer = release(&shop, &["plan", "--head", wrong]);
        assert_eq!(answer.code, Some(2), "{wrong}");
        let words = &answer.stderr;
        assert!(
            words.contains(&format!("`{wrong}` names nothing in this repository\n")),
            "{words}"
        );
    }
}

/// The document says where the commit was named.
#[test]
fn the_head_has_its_source() {
    let shop = released_shop();
    let source = |arguments: &[&str]| plan(&shop, arguments)["head"]["source"].clone();
    assert_eq!(source(&[]), "HEAD");
    assert_eq!(source(&["--head", "main"]), "--head");
}
