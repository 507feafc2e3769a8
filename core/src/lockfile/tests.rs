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
        lock.add_member("p/a", &BTreeSet::from(["@s/x@^1".to_owned()]));
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

/// Formats that lock one environment: a changed package reaches the project beside it, a changed remark nobody.
#[test]
fn one_environment_changes_with_its_packages_only() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            "poetry.lock",
            "# by 1.8\n[[package]]\nname = \"a\"\nversion = \"1\"\n[metadata]\nlock-version = \"2.0\"\ncontent-hash = \"x\"\n",
            "version = \"1\"|version = \"2\"",
            "content-hash = \"x\"|content-hash = \"y\"",
        ),
        (
            "pdm.lock",
            "[metadata]\nlock_version = \"4.4\"\ncontent_hash = \"x\"\n[[package]]\nname = \"a\"\nversion = \"1\"\ngroups = [\"default\"]\n",
            "version = \"1\"\n|version = \"2\"\n",
            "content_hash = \"x\"|content_hash = \"y\"",
        ),
        (
            "Pipfile.lock",
            r#"{"_meta":{"pipfile-spec":6,"hash":{"sha256":"x"}},"default":{"a":{"version":"==1"}},"develop":{}}"#,
            "==1|==2",
            r#""sha256":"x"|"sha256":"y""#,
        ),
        (
            "composer.lock",
            r#"{"content-hash":"x","packages":[{"name":"a/a","version":"1","time":"t"}],"packages-dev":[]}"#,
            r#""version":"1"|"version":"2""#,
            r#""time":"t"|"time":"u""#,
        ),
        (
            "Gemfile.lock",
            "GEM\n  remote: https://rubygems.org/\n  specs:\n    a (1)\n      b\n    b (1)\n\nDEPENDENCIES\n  a\n\nBUNDLED WITH\n   2.4\n",
            "    b (1)|    b (2)",
            "   2.4|   2.5",
        ),
        (
            "gradle.lockfile",
            "# made by Gradle\norg.a:a:1=compileClasspath\nempty=\n",
            ":a:1|:a:2",
            "made by|written by",
        ),
        (
            "packages.lock.json",
            r#"{"version":1,"dependencies":{"net8.0":{"A":{"type":"Direct","requested":"[1, )","resolved":"1","contentHash":"h"}}}}"#,
            r#""resolved":"1"|"resolved":"2""#,
            r#""requested":"[1, )"|"requested":"[1, 2)""#,
        ),
    ];
    for (name, base, package, remark) in cases {
        let edited = |edit: &str| {
            let (from, to) = edit.split_once('|').unwrap();
            assert!(base.contains(from), "{name}: {from}");
            base.replace(from, to)
        };
        assert_eq!(told(name, base, &edited(package)).1, "/", "{name}");
        assert_eq!(told(name, base, &edited(remark)).1, "", "{name}");
    }
}

#[test]
fn folders_in_a_lockfile_are_members_with_their_own_needs() {
    let poetry = "[[package]]\nname = \"My.Lib\"\nversion = \"1\"\n[package.dependencies]\nUsed = \"*\"\n[package.source]\ntype = \"directory\"\nurl = \"../libs/my\"\n[[package]]\nname = \"used\"\nversion = \"1\"\n[[package]]\nname = \"other\"\nversion = \"7\"\n";
    assert_eq!(
        told(
            "poetry.lock",
            poetry,
            &poetry.replace("\"used\"\nversion = \"1\"", "\"used\"\nversion = \"2\"")
        )
        .1,
        "/ /../libs/my"
    );
    assert_eq!(
        told("poetry.lock", poetry, &poetry.replace("\"7\"", "\"8\"")).1,
        "/"
    );
    let gems = "PATH\n  remote: engines/shop\n  specs:\n    shop (0.1)\n      rack\n\nGEM\n  specs:\n    rack (3.0)\n    rake (13)\n";
    let members = |edit: &str, to: &str| told("Gemfile.lock", gems, &gems.replace(edit, to)).1;
    assert_eq!(members("(3.0)", "(3.1)"), "/ shop");
    assert_eq!(members("(13)", "(14)"), "/");
}

#[test]
fn a_member_that_a_lockfile_comes_to_know_has_changed() {
    let before = r#"{"lockfileVersion":3,"packages":{"":{"workspaces":["a","b"]},"a":{"dependencies":{"x":"1"}},"node_modules/x":{"version":"1.0.0"}}}"#;
    let x = r#""node_modules/x""#;
    let after = before.replace(x, &format!(r#""b":{{"dependencies":{{"x":"1"}}}},{x}"#));
    assert_eq!(told("package-lock.json", before, &after).1, "/b");
    assert_eq!(told("package-lock.json", &after, before).1, "/b");
}

/// Adds who asks for what, as the manifests say.
fn asked(name: &str, text: &str, manifests: &[(&str, &str)]) -> Lock {
    let format = format_of(name.as_bytes()).unwrap();
    let mut lock = format.parse(text).unwrap();
    for (folder, manifest) in manifests {
        lock.add_member(folder, &(format.asking().unwrap().read)(manifest));
    }
    lock
}

fn reached(name: &str, base: &str, edit: (&str, &str), manifests: &[(&str, &str)]) -> String {
    assert!(base.contains(edit.0), "{name}: {}", edit.0);
    let before = asked(name, base, manifests);
    let after = asked(name, &base.replace(edit.0, edit.1), manifests);
    words(&compare(&before, &after).reach)
}

#[test]
fn shared_values_of_cargo_and_pnpm_reach_who_asks() {
    let cargo = "[workspace]\nmembers = [\"a\"]\n[workspace.package]\nedition = \"2021\"\n[workspace.dependencies]\nserde = \"1\"\nrand = { version = \"0.8\" }\n[profile.release]\nlto = true\n";
    let crates = [
        (
            "a",
            "[package]\nname = \"a\"\nedition.workspace = true\n[dependencies]\nserde.workspace = true\n",
        ),
        (
            "b",
            "[package]\nname = \"b\"\n[target.'cfg(unix)'.dev-dependencies]\nrand = { workspace = true }\n",
        ),
    ];
    let cargo = |from, to| reached("Cargo.toml", cargo, (from, to), &crates);
    assert_eq!(cargo("serde = \"1\"", "serde = \"2\""), "/a");
    assert_eq!(cargo("0.8", "0.9"), "/b");
    assert_eq!(cargo("2021", "2024"), "/a");
    assert_eq!(cargo("lto = true", "lto = false"), "/a /b");
    assert_eq!(cargo("[\"a\"]", "[\"a\", \"c\"]"), "");

    let pnpm = "packages: ['a']\ncatalog:\n  react: ^18\ncatalogs:\n  old:\n    react: ^16\n";
    let packages = [
        ("a", r#"{"dependencies":{"react":"catalog:"}}"#),
        ("b", r#"{"devDependencies":{"react":"catalog:old"}}"#),
        ("c", r#"{"dependencies":{"react":"^17"}}"#),
    ];
    let pnpm = |from, to| reached("pnpm-workspace.yaml", pnpm, (from, to), &packages);
    assert_eq!(pnpm("^18", "^19"), "/a");
    assert_eq!(pnpm("^16", "^15"), "/b");
    assert_eq!(pnpm("['a']", "['a', 'd']"), "");
}

#[test]
fn shared_versions_of_nuget_and_gradle_reach_who_asks() {
    let nuget = "<Project><PropertyGroup><V>1</V><Unused>1</Unused></PropertyGroup><ItemGroup><PackageVersion Include=\"A\" Version=\"$(V)\"/><PackageVersion Include=\"B\" Version=\"7\"/></ItemGroup></Project>";
    let projects = [
        (
            "a",
            "<Project><ItemGroup><PackageReference Include=\"a\"/></ItemGroup></Project>",
        ),
        (
            "b",
            "<Project><ItemGroup><PackageReference Include=\"B\"/></ItemGroup></Project>",
        ),
    ];
    let nuget = |from, to| reached("Directory.Packages.props", nuget, (from, to), &projects);
    assert_eq!(nuget("<V>1", "<V>2"), "/a");
    assert_eq!(nuget("\"7\"", "\"8\""), "/b");
    assert_eq!(nuget("<Unused>1", "<Unused>2"), "/a /b");

    let catalog = "[versions]\nboot = \"3.0\"\n[libraries]\nspring-boot_web = { module = \"o.s:web\", version.ref = \"boot\" }\njunit = \"junit:junit:4\"\n[bundles]\nall = [\"junit\"]\n[plugins]\nkt = { id = \"k\", version = \"1\" }\n";
    let scripts = [
        ("a", "implementation(libs.spring.boot.web)"),
        ("b", "testImplementation libs.bundles.all"),
        ("c", "plugins { alias(libs.plugins.kt) }"),
        ("logic", "plugins { `kotlin-dsl` }"),
        ("d", "implementation project(':a')"),
    ];
    let catalog = |from, to| reached("libs.versions.toml", catalog, (from, to), &scripts);
    assert_eq!(catalog("3.0", "3.1"), "/a /logic");
    assert_eq!(catalog("junit:4", "junit:5"), "/b /logic");
    assert_eq!(catalog("version = \"1\"", "version = \"2\""), "/c /logic");
}

#[test]
fn modules_of_go_and_mix_reach_who_asks() {
    let work = "m.org/a v1.0.0 h1:x=\nm.org/a v1.0.0/go.mod h1:y=\n";
    let modules = [
        (
            "a",
            "module a\n\ngo 1.22\n\nrequire (\n\tm.org/a v0.9.0 // indirect\n)\n",
        ),
        ("b", "module b\n\ngo 1.22.1\n\nrequire m.org/b v1.0.0\n"),
        ("old", "module old\n\ngo 1.14\n"),
    ];
    let work = |from, to| reached("go.work.sum", work, (from, to), &modules);
    assert_eq!(work("h1:x=", "h1:z="), "/a /old");
    assert_eq!(work("h1:y=", "h1:z="), "");

    let mix = "%{\n  \"plug\": {:hex, :plug, \"1.0\", \"h\", [:mix], [{:mime, \"~> 1.0\", [hex: :mime]}], \"hexpm\"},\n  \"mime\": {:hex, :mime, \"1.2\", \"i\", [:mix], [], \"hexpm\"},\n  \"jason\": {:hex, :jason, \"1.4\", \"j\", [:mix], [], \"hexpm\"},\n}\n";
    let apps = [
        ("", "def project, do: [apps_path: \"apps\"]"),
        ("apps/web", "defp deps, do: [{:plug, \"~> 1.0\"}]"),
        (
            "apps/data",
            "defp deps, do: [{:jason, \"~> 1.0\"}, {:web, in_umbrella: true}]",
        ),
    ];
    let mix = |from, to| reached("mix.lock", mix, (from, to), &apps);
    assert_eq!(mix("\"1.2\"", "\"1.3\""), "/ /apps/web");
    assert_eq!(mix("\"1.4\"", "\"1.5\""), "/ /apps/data");
}

/// What registries' packages bring of the workspace itself, for each format that has workspaces and an `a` that asks for `r`,
/// which asks for `b`.
#[test]
fn packages_of_others_bring_members() {
    let brought = |name: &str, text: &str, of: Member| {
        let brought = lock(name, text).brought(&of);
        let all: BTreeSet<Member> = brought.into_iter().collect();
        words(&all)
    };
    let a = || Member::Folder("p/a".to_owned());
    let npm = r#"{"packages": {
        "p/a": {"dependencies": {"r": "1", "c": "1"}}, "p/b": {}, "p/c": {"dependencies": {"b": "1"}},
        "node_modules/r": {"version": "1", "dependencies": {"b": "1"}},
        "node_modules/b": {"resolved": "p/b", "link": true}, "node_modules/c": {"resolved": "p/c", "link": true}}}"#;
    assert_eq!(brought("package-lock.json", npm, a()), "/p/b");
    assert_eq!(
        brought("package-lock.json", npm, Member::Folder("p/c".to_owned())),
        ""
    );
    let berry = "__metadata:\n  version: 8\n\"a@workspace:p/a\":\n  resolution: \"a@workspace:p/a\"\n  dependencies:\n    r: \"npm:^1\"\n\"b@npm:^1, b@workspace:p/b\":\n  resolution: \"b@workspace:p/b\"\n\"r@npm:^1\":\n  resolution: \"r@npm:1.0.0\"\n  checksum: x\n  dependencies:\n    b: \"npm:^1\"\n";
    assert_eq!(brought("yarn.lock", berry, a()), "/p/b");
    let pnpm = "lockfileVersion: '9.0'\nimporters:\n  p/a:\n    dependencies:\n      r:\n        specifier: ^1\n        version: 1.0.0\n  p/b: {}\npackages:\n  r@1.0.0:\n    resolution: {integrity: x}\nsnapshots:\n  r@1.0.0:\n    dependencies:\n      b: link:p/b\n";
    assert_eq!(brought("pnpm-lock.yaml", pnpm, a()), "/p/b");
    let bun = r#"{"workspaces": {"p/a": {"name": "a", "dependencies": {"r": "1"}}, "p/b": {"name": "b"}},
        "packages": {"a": ["a@workspace:p/a"], "b": ["b@workspace:p/b"], "r": ["r@1.0.0", "", {"dependencies": {"b": "1"}}, "x"]}}"#;
    assert_eq!(brought("bun.lock", bun, a()), "/p/b");
    // Yarn 1 tells neither members nor what they answer.
    let classic = "r@^1:\n  version \"1.0.0\"\n  integrity x\n  dependencies:\n    b \"^1\"\n";
    let mut lock = lock("yarn.lock", classic);
    lock.add_member("p/a", &BTreeSet::from(["r@^1".to_owned()]));
    assert_eq!(words(&lock.brought(&a())), "b");
    assert!(lock.members.len() == 1);
}
