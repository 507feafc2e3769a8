//! Releases from the plan to the tag, again and again: nothing is lost and nothing counts twice on the way.

use super::release::{plan, release, released_shop, told};
use super::sandbox::Sandbox;

/// Writes versions, commits them, and tags.
fn released(shop: &Sandbox, arguments: &[&str]) {
    let written = release(shop, &[&["version"], arguments].concat());
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    shop.commit("chore: release");
    tagged(shop, arguments);
}

fn tagged(shop: &Sandbox, arguments: &[&str]) {
    let tagged = release(shop, &[&["tag"], arguments].concat());
    assert_eq!(tagged.code, Some(0), "{}{}", tagged.stdout, tagged.stderr);
}

fn change_file(shop: &Sandbox, head: &str, words: &str) {
    shop.write(".changes/a.md", &format!("---\n{head}\n---\n\n{words}\n"));
    shop.commit("docs: a change file");
}

fn text(shop: &Sandbox, path: &str) -> String {
    std::fs::read_to_string(shop.join(path)).unwrap()
}

fn message(shop: &Sandbox, tag: &str) -> String {
    let format = "--format=%(contents)";
    shop.git(&["for-each-ref", &format!("refs/tags/{tag}"), format])
}

/// What changed in a library since a service's own last tag reaches the service, though the library was tagged in between.
#[test]
fn a_library_that_was_tagged_alone_still_releases_who_is_built_with_it() {
    let shop = released_shop();
    shop.write("p/lib/index.js", "// fixed\n");
    shop.commit("fix: rounding");
    released(&shop, &["--filter", "lib"]);
    let rest = plan(&shop, &[]);
    assert_eq!(
        told(&rest),
        "api 1.0.0 1.0.1, job 1.0.0 1.0.1, web 1.0.0 1.0.1"
    );
    assert_eq!(rest["releases"][0]["reasons"][0]["via"][0], "lib");
    released(&shop, &["--filter", "web"]);
    assert_eq!(told(&plan(&shop, &[])), "api 1.0.0 1.0.1, job 1.0.0 1.0.1");
    released(&shop, &[]);
    assert_eq!(told(&plan(&shop, &[])), "");
    // By hand it is the same.
    shop.write("p/lib/index.js", "// again\n");
    shop.commit("fix: more rounding");
    shop.git(&["tag", "lib@1.0.2"]);
    let rest = told(&plan(&shop, &[]));
    assert_eq!(rest, "api 1.0.1 1.0.2, job 1.0.1 1.0.2, web 1.0.1 1.0.2");
}

/// A type that raises nothing releases nobody who is built with it, either.
#[test]
fn what_raises_nothing_reaches_nobody() {
    let shop = released_shop();
    shop.write("affected.toml", "[release]\ntypes = { chore = \"none\" }\n");
    shop.write("p/lib/index.js", "// tidied\n");
    shop.commit("chore: tidy");
    assert_eq!(told(&plan(&shop, &[])), "");
}

/// The change file waits for the final release, which is as high as the pre-release promised and has its words.
#[test]
fn a_pre_release_from_a_change_file_becomes_final() {
    let shop = released_shop();
    shop.write("p/lone/index.js", "// c\n");
    change_file(&shop, "lone: minor", "Big thing.");
    shop.commit("fix: c");
    assert_eq!(
        told(&plan(&shop, &["--pre", "rc"])),
        "lone 1.0.0 1.1.0-rc.1"
    );
    released(&shop, &["--pre", "rc"]);
    assert_eq!(told(&plan(&shop, &["--pre", "rc"])), "");
    let last = plan(&shop, &[]);
    assert_eq!(told(&last), "lone 1.0.0 1.1.0");
    assert_eq!(last["problems"].as_array().unwrap().len(), 0, "{last}");
    // Something new is another one, and so is another word.
    assert_eq!(
        told(&plan(&shop, &["--pre", "beta"])),
        "lone 1.0.0 1.1.0-beta.1"
    );
    shop.write("p/lone/index.js", "// d\n");
    shop.commit("fix: d");
    released(&shop, &["--pre", "rc"]);
    assert_eq!(
        shop.git(&["tag", "--points-at", "HEAD"]),
        "lone@1.1.0-rc.2\n"
    );
    released(&shop, &[]);
    assert_eq!(shop.git(&["tag", "--points-at", "HEAD"]), "lone@1.1.0\n");
    assert!(!shop.join(".changes/a.md").exists());
    let log = text(&shop, "p/lone/CHANGELOG.md");
    let headings: Vec<_> = log
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(
        headings,
        [
            "1.1.0 (2026-01-01)",
            "1.1.0-rc.2 (2026-01-01)",
            "1.1.0-rc.1 (2026-01-01)"
        ]
    );
    assert_eq!(log.matches("Big thing.").count(), 3, "{log}");
    assert_eq!(release(&shop, &["check"]).code, Some(0));
    assert_eq!(told(&plan(&shop, &[])), "");
}

/// A pre-release of a library is one of those that are built with it; idle calls make no further ones.
#[test]
fn a_pre_release_without_anything_new_is_none() {
    let shop = released_shop();
    shop.write("p/lib/index.js", "// fixed\n");
    shop.commit("fix: rounding");
    released(&shop, &["--pre", "rc"]);
    let tags = shop.git(&["tag", "--points-at", "HEAD"]);
    assert_eq!(
        tags,
        "api@1.0.1-rc.1\njob@1.0.1-rc.1\nlib@1.0.1-rc.1\nweb@1.0.1-rc.1\n"
    );
    shop.commit("docs: nothing");
    assert_eq!(told(&plan(&shop, &["--pre", "rc"])), "");
    shop.write("p/web/index.js", "// fixed\n");
    shop.commit("fix: web");
    assert_eq!(told(&plan(&shop, &["--pre", "rc"])), "web 1.0.0 1.0.1-rc.2");
    assert_eq!(
        told(&plan(&shop, &[])),
        "api 1.0.0 1.0.1, job 1.0.0 1.0.1, lib 1.0.0 1.0.1, web 1.0.0 1.0.1"
    );
}

/// Who is built with a project that only a change file releases is released with it, before and after that is committed.
#[test]
fn a_change_file_alone_releases_dependents() {
    let shop = released_shop();
    change_file(&shop, "lib: minor", "Promised.");
    let expected = "api 1.0.0 1.0.1, job 1.0.0 1.0.1, lib 1.0.0 1.1.0, web 1.0.0 1.0.1";
    let before = plan(&shop, &[]);
    assert_eq!(told(&before), expected);
    assert_eq!(before["releases"][0]["reasons"][0]["via"][0], "lib");
    released(&shop, &[]);
    let words = message(&shop, "lib@1.1.0");
    assert!(
        words.contains("Promised.") && !words.contains("chore"),
        "{words}"
    );
    assert_eq!(told(&plan(&shop, &[])), "");
    assert_eq!(release(&shop, &["check"]).code, Some(0));
}

/// Where no manifest has a version, the change file still counts after the commit that took it away.
#[test]
fn a_change_file_counts_for_projects_without_a_version() {
    let shop = Sandbox::new();
    shop.write("a/go.mod", "module example.com/a\n\ngo 1.21\n");
    shop.write("a/a.go", "package a\n");
    shop.commit("feat: first");
    tagged(&shop, &[]);
    shop.write("a/a.go", "package a // fixed\n");
    shop.commit("fix: a");
    change_file(&shop, "a: minor", "Promised.");
    assert_eq!(told(&plan(&shop, &[])), "a 0.1.0 0.1.1");
    shop.write("affected.toml", "[release]\nzero = \"strict\"\n");
    shop.commit("chore: strict");
    released(&shop, &[]);
    assert_eq!(shop.git(&["tag", "--points-at", "HEAD"]), "a/v0.2.0\n");
    let words = message(&shop, "a/v0.2.0");
    assert!(words.contains("Promised."), "{words}");
    assert_eq!(told(&plan(&shop, &[])), "");
}

/// A file that is not taken away counts once.
#[test]
fn a_change_file_that_stays_counts_once() {
    let shop = released_shop();
    change_file(&shop, "lone: minor\npay: patch", "Both.");
    released(&shop, &["--filter", "lone"]);
    assert!(shop.join(".changes/a.md").exists());
    assert_eq!(told(&plan(&shop, &[])), "pay 1.0.0 1.0.1");
}

/// A group rises with whoever of it changed, and who is built with any of them follows; its section says why.
#[test]
fn a_fixed_group_releases_its_dependents() {
    let shop = released_shop();
    shop.write(
        "affected.toml",
        "[release]\nfixed = [[\"lone\", \"lib\"]]\n",
    );
    shop.commit("chore: a group");
    shop.write("p/lone/index.js", "// fixed\n");
    shop.commit("fix: lone");
    let expected =
        "api 1.0.0 1.0.1, job 1.0.0 1.0.1, lib 1.0.0 1.0.1, lone 1.0.0 1.0.1, web 1.0.0 1.0.1";
    assert_eq!(told(&plan(&shop, &[])), expected);
    released(&shop, &[]);
    assert_eq!(shop.git(&["tag", "--points-at", "HEAD"]).lines().count(), 5);
    let log = text(&shop, "p/lib/CHANGELOG.md");
    assert!(log.contains("- it has one version with `lone`\n"), "{log}");
    assert_eq!(told(&plan(&shop, &[])), "");
}

/// What a tag says is what the changelog says.
#[test]
fn a_tag_has_the_words_of_its_changelog() {
    let shop = released_shop();
    shop.write("p/lone/index.js", "// fixed\n");
    shop.commit("fix: lone");
    shop.write(".changes/a.md", "---\nlone: minor\n---\nBig thing.\n");
    shop.commit("docs: words");
    assert_eq!(release(&shop, &["version"]).code, Some(0));
    let log = text(&shop, "p/lone/CHANGELOG.md");
    shop.write(
        "p/lone/CHANGELOG.md",
        &log.replace("Big thing.", "Big thing.\n- By hand."),
    );
    shop.commit("chore: release");
    let notes = release(&shop, &["notes", "--format", "json"]).json();
    let words = notes["notes"][0]["markdown"].as_str().unwrap().to_owned();
    assert!(
        words.contains("By hand.") && words.contains("Big thing."),
        "{words}"
    );
    assert!(!words.contains("release ("), "{words}");
    let found = plan(&shop, &[]);
    let commits = found["releases"][0]["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 1, "{found}");
    tagged(&shop, &[]);
    assert_eq!(
        message(&shop, "lone@1.1.0").trim_end(),
        format!("lone 1.1.0\n\n{}", words.trim_end())
    );
}

/// What was written and never tagged is part of the next release, and of no section of its own.
#[test]
fn a_version_without_a_tag_leaves_no_section() {
    let shop = released_shop();
    let headings = || {
        let log = text(&shop, "p/lone/CHANGELOG.md");
        let all = log.lines().filter_map(|line| line.strip_prefix("## "));
        all.map(|line| line.split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    shop.write("p/lone/index.js", "// one\n");
    shop.commit("fix: one");
    assert_eq!(release(&shop, &["version"]).code, Some(0));
    shop.commit("chore: release");
    // The same version, and something more.
    shop.write("p/lone/index.js", "// two\n");
    shop.commit("fix: two");
    assert_eq!(release(&shop, &["version"]).code, Some(0));
    shop.commit("chore: release");
    assert_eq!(headings(), ["1.0.1"]);
    let log = text(&shop, "p/lone/CHANGELOG.md");
    assert!(log.contains("- one (") && log.contains("- two ("), "{log}");
    // Another version.
    shop.write("p/lone/index.js", "// three\n");
    shop.commit("feat: three");
    released(&shop, &[]);
    assert_eq!(headings(), ["1.1.0"]);
    shop.write("p/lone/index.js", "// four\n");
    shop.commit("fix: four");
    released(&shop, &[]);
    assert_eq!(headings(), ["1.1.1", "1.1.0"]);
}

/// `Release-As` counts in every commit that comes after the service's last tag; one that cannot count is told.
#[test]
fn release_as_acts_or_is_told() {
    let shop = released_shop();
    let asked = |line: &str| {
        shop.commit(&format!("chore: x\n\nRelease-As: {line}"));
        let found = plan(&shop, &[]);
        let warnings = found["warnings"].as_array().unwrap();
        let of = warnings.iter().filter(|it| it["code"] == "release-as");
        let answer = (told(&found), of.count());
        shop.git(&["reset", "-q", "--hard", "HEAD~1"]);
        answer
    };
    let nothing = String::new();
    for line in ["lone 4.0.0", "lone v4", "lone@4.0", "p/lone 4.0.0"] {
        assert_eq!(asked(line), ("lone 1.0.0 4.0.0".to_owned(), 0), "{line}");
    }
    assert_eq!(
        asked("lone 4.0.0-rc.1"),
        ("lone 1.0.0 4.0.0-rc.1".to_owned(), 0)
    );
    for line in [
        "9.0.0",
        "nope 9.0.0",
        "lone soon",
        "lone",
        "lone 99999999999999999999.0.0",
    ] {
        assert_eq!(asked(line), (nothing.clone(), 1), "{line}");
    }
    // Another service's commit asks for it as well.
    shop.write("p/pay/index.js", "// fixed\n");
    shop.commit("fix: pay\n\nRelease-As: lone 2.0.0");
    assert_eq!(told(&plan(&shop, &[])), "lone 1.0.0 2.0.0, pay 1.0.0 1.0.1");
    released(&shop, &[]);
    assert_eq!(told(&plan(&shop, &[])), "");
    // What was told at its release is told no more.
    shop.commit("chore: y\n\nRelease-As: 3.0.0");
    shop.write("p/pay/index.js", "// more\n");
    shop.commit("fix: pay");
    let told_by = |answer: &str| answer.matches("has no effect").count();
    assert_eq!(told_by(&release(&shop, &["plan"]).stderr), 1);
}

/// The first version can be asked for, too.
#[test]
fn release_as_names_the_first_version() {
    let shop = Sandbox::new();
    shop.write("a/go.mod", "module example.com/a\n\ngo 1.21\n");
    shop.write("a/a.go", "package a\n");
    shop.commit("feat: first\n\nRelease-As: 1.0.0");
    assert_eq!(told(&plan(&shop, &[])), "a - 1.0.0");
    released(&shop, &[]);
    assert_eq!(
        text(&shop, "a/CHANGELOG.md"),
        "# Changelog\n\n## 1.0.0 (2026-01-01)\n\nThe first release.\n"
    );
}
