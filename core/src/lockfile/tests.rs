//! Each format in small, and what a change of it means.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn lock(name: &str, text: &str) -> Lock {
    format_of(name.as_bytes()).unwrap().parse(text).unwrap()
}

fn words(members: &BTreeSet<Member>) -> String {
    let word = |member: &Member| match member {
        Member::Folder(folder) => format!("/{folder}"),
        Member::Named(name) => name.clone(),
    };
    members.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn told(name: &str, base: &str, head: &str) -> (String, String) {
    let changed = compare(&lock(name, base), &lock(name, head));
    (words(&changed.direct), words(&changed.reach))
}

const CARGO: &str = r#"
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["lib", "serde 1.0.0"]
[[package]]
name = "lib"
version = "0.1.0"
dependencies = ["rand"]
[[package]]
name = "lone"
version = "0.1.0"
dependencies = ["serde 2.0.0"]
[[package]]
name = "rand"
version = "0.8.0"
source = "registry"
checksum = "a"
dependencies = ["libc"]
[[package]]
name = "libc"
version = "0.2.0"
source = "registry"
checksum = "b"
[[package]]
name = "serde"
version = "1.0.0"
source = "registry"
[[package]]
name = "serde"
version = "2.0.0"
source = "registry"
"#;

#[test]
fn cargo_tells_who_asks_and_who_is_reached() {
    let same = (String::new(), String::new());
    assert_eq!(told("Cargo.lock", CARGO, CARGO), same);
    let deep = CARGO.replace("\"0.2.0\"", "\"0.2.1\"");
    assert_eq!(
        told("Cargo.lock", CARGO, &deep),
        (String::new(), "app lib".to_owned())
    );
    let direct = CARGO.replace("checksum = \"a\"", "checksum = \"z\"");
    assert_eq!(
        told("Cargo.lock", CARGO, &direct),
        ("lib".to_owned(), "app lib".to_owned())
    );
    let second = CARGO.replace("2.0.0", "2.0.9");
    assert_eq!(
        told("Cargo.lock", CARGO, &second),
        ("lone".to_owned(), "lone".to_owned())
    );
}

#[test]
fn npm_looks_for_packages_as_node_does() {
    let base = r#"{"lockfileVersion":3,"packages":{
        "":{"workspaces":["p/*"]},
        "p/a":{"dependencies":{"x":"^1"}},
        "p/b":{"devDependencies":{"x":"^2","a":"*"}},
        "node_modules/a":{"resolved":"p/a","link":true},
        "node_modules/x":{"version":"1.0.0","integrity":"i","dependencies":{"y":"*"}},
        "node_modules/y":{"version":"1.0.0"},
        "p/b/node_modules/x":{"version":"2.0.0"}}}"#;
    let deep = base.replace(
        "\"node_modules/y\":{\"version\":\"1.0.0\"",
        "\"node_modules/y\":{\"version\":\"1.0.1\"",
    );
    assert_eq!(
        told("package-lock.json", base, &deep),
        (String::new(), "/p/a".to_owned())
    );
    let own = base.replace("2.0.0", "2.0.1");
    assert_eq!(
        told("package-lock.json", base, &own),
        ("/p/b".to_owned(), "/p/b".to_owned())
    );
    let old = r#"{"lockfileVersion":1,"dependencies":{"x":{"version":"1.0.0","requires":{"y":"1"}},"y":{"version":"1.0.0"}}}"#;
    let new = old.replace(
        "\"y\":{\"version\":\"1.0.0\"",
        "\"y\":{\"version\":\"1.0.1\"",
    );
    assert_eq!(told("package-lock.json", old, &new).1, "/");
}

#[test]
fn pnpm_of_every_age() {
    let nine = "lockfileVersion: '9.0'\nimporters:\n  p/a:\n    dependencies:\n      x:\n        specifier: ^1\n        version: 1.0.0(y@1.0.0)\n  p/b:\n    devDependencies:\n      a:\n        specifier: workspace:*\n        version: link:../a\npackages:\n  x@1.0.0:\n    resolution: {integrity: sha512-a}\n  y@1.0.0:\n    resolution: {integrity: sha512-b}\nsnapshots:\n  x@1.0.0(y@1.0.0):\n    dependencies:\n      y: 1.0.0\n  y@1.0.0: {}\n";
    assert_eq!(
        told(
            "pnpm-lock.yaml",
            nine,
            &nine.replace("sha512-b", "sha512-c")
        ),
        (String::new(), "/p/a".to_owned())
    );
    assert_eq!(
        told(
            "pnpm-lock.yaml",
            nine,
            &nine.replace("sha512-a", "sha512-c")
        ),
        ("/p/a".to_owned(), "/p/a".to_owned())
    );
    let six = "lockfileVersion: '6.0'\nimporters:\n  .:\n    dependencies:\n      x:\n        specifier: ^1\n        version: 1.0.0\npackages:\n  /x@1.0.0:\n    resolution: {integrity: a}\n    dependencies:\n      y: 2.0.0\n  /y@2.0.0:\n    resolution: {integrity: b}\n";
    assert_eq!(
        told(
            "pnpm-lock.yaml",
            six,
            &six.replace("integrity: b", "integrity: c")
        ),
        (String::new(), "/".to_owned())
    );
    let five = "lockfileVersion: 5.4\nspecifiers:\n  x: ^1\ndependencies:\n  x: 1.0.0_y@2.0.0\npackages:\n  /x/1.0.0_y@2.0.0:\n    resolution: {integrity: a}\n    dependencies:\n      y: 2.0.0\n  /y/2.0.0:\n    resolution: {integrity: b}\n";
    assert_eq!(
        told(
            "pnpm-lock.yaml",
            five,
            &five.replace("integrity: b", "integrity: c")
        ),
        (String::new(), "/".to_owned())
    );
}

#[test]
fn yarn_of_both_kinds() {
    let classic = "# yarn lockfile v1\n\n\"@s/x@^1\", \"@s/x@^1.0\":\n  version \"1.0.0\"\n  resolved \"https://r/x#a\"\n  dependencies:\n    y \"^2\"\n\ny@^2:\n  version \"2.0.0\"\n";
    let member = |text: &str| {
        let mut lock = lock("yarn.lock", text);
        lock.add_member("p/a", [("@s/x".to_owned(), "^1".to_owned())]);
        lock
    };
    let changed = compare(
        &member(classic),
        &member(&classic.replace("\"2.0.0\"", "\"2.0.1\"")),
    );
    assert_eq!(
        (words(&changed.direct), words(&changed.reach)),
        (String::new(), "/p/a".to_owned())
    );
    let berry = "__metadata:\n  version: 8\n\n\"a@workspace:p/a\":\n  version: 0.0.0-use.local\n  resolution: \"a@workspace:p/a\"\n  dependencies:\n    x: \"npm:^1\"\n\n\"b@workspace:p/b\":\n  resolution: \"b@workspace:p/b\"\n  dependencies:\n    a: \"workspace:*\"\n\n\"x@npm:^1, x@npm:^1.0\":\n  version: 1.0.0\n  resolution: \"x@npm:1.0.0\"\n  checksum: c1\n";
    assert_eq!(
        told("yarn.lock", berry, &berry.replace("c1", "c2")),
        ("/p/a".to_owned(), "/p/a".to_owned())
    );
}

#[test]
fn bun_and_uv() {
    let bun = "{\n  \"lockfileVersion\": 1,\n  \"workspaces\": {\n    \"\": {\"name\": \"root\",},\n    \"p/a\": {\"name\": \"a\", \"dependencies\": {\"x\": \"^1\",},},\n    \"p/b\": {\"name\": \"b\", \"dependencies\": {\"a\": \"workspace:*\", \"x\": \"^2\"},},\n  },\n  \"packages\": {\n    \"a\": [\"a@workspace:p/a\"],\n    \"x\": [\"x@1.0.0\", \"\", {\"dependencies\": {\"y\": \"*\"}}, \"sha-x\"],\n    \"b/x\": [\"x@2.0.0\", \"\", {}, \"sha-bx\"],\n    \"y\": [\"y@1.0.0\", \"\", {}, \"sha-y\"],\n  }\n}\n";
    assert_eq!(
        told("bun.lock", bun, &bun.replace("sha-y", "sha-z")),
        (String::new(), "/p/a".to_owned())
    );
    assert_eq!(
        told("bun.lock", bun, &bun.replace("sha-bx", "sha-z")),
        ("/p/b".to_owned(), "/p/b".to_owned())
    );
    let uv = "version = 1\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\nsource = { editable = \"p/a\" }\ndependencies = [{ name = \"x\" }]\n[package.dev-dependencies]\ndev = [{ name = \"y\" }]\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"a\" }]\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = { registry = \"https://r\" }\n[[package]]\nname = \"y\"\nversion = \"1.0.0\"\nsource = { registry = \"https://r\" }\nsdist = { hash = \"h\" }\n";
    assert_eq!(
        told("uv.lock", uv, &uv.replace("\"h\"", "\"i\"")),
        ("/p/a".to_owned(), "/p/a".to_owned())
    );
}
