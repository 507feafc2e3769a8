//! Parts of projects: which packages a change reaches, against the go tool's own answer and in real runs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Two modules. In `lib`, `price` uses `money`, the tests of `report` use `price`, `clock` stands alone, `tool` starts
/// programs in its test; in `app`, `cart` uses `lib/price` and `help` uses nothing.
fn modules() -> Sandbox {
    let repo = Sandbox::new();
    repo.write("lib/go.mod", "module ex.org/lib\n\ngo 1.22\n");
    let file = |path: &str, text: &str| repo.write(path, text);
    file(
        "lib/money/money.go",
        "package money\n\nfunc Cents() int { return 100 }\n",
    );
    file(
        "lib/money/money_test.go",
        &test("money", "", "Cents() != 100"),
    );
    file(
        "lib/price/price.go",
        "package price\n\nimport \"ex.org/lib/money\"\n\nfunc Price() int { return 2 * money.Cents() }\n",
    );
    file(
        "lib/price/price_test.go",
        &test("price", "", "Price() < 100"),
    );
    file(
        "lib/report/report.go",
        "package report\n\nfunc Head() string { return \"r\" }\n",
    );
    file(
        "lib/report/report_test.go",
        &test(
            "report_test",
            "import \"ex.org/lib/price\"\n",
            "price.Price() == 0",
        ),
    );
    file(
        "lib/clock/clock.go",
        "package clock\n\nfunc Now() int { return 1 }\n",
    );
    file("lib/clock/clock_test.go", &test("clock", "", "Now() != 1"));
    file(
        "app/go.mod",
        "module ex.org/app\n\ngo 1.22\n\nrequire ex.org/lib v0.0.0\n\nreplace ex.org/lib => ../lib\n",
    );
    file(
        "app/cart/cart.go",
        "package cart\n\nimport \"ex.org/lib/price\"\n\nfunc Sum() int { return price.Price() }\n",
    );
    file("app/cart/cart_test.go", &test("cart", "", "Sum() == 0"));
    file(
        "app/help/help.go",
        "package help\n\nfunc Text() string { return \"h\" }\n",
    );
    file(
        "app/help/help_test.go",
        &test("help", "", "Text() != \"h\""),
    );
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

fn test(package: &str, import: &str, wrong: &str) -> String {
    format!(
        "package {package}\n\nimport \"testing\"\n{import}\nfunc TestIt(t *testing.T) {{\n\tif {wrong} {{\n\t\tt.Fail()\n\t}}\n}}\n"
    )
}

/// Each test target with its units; `all` where it is not restricted.
fn units(list: &Value) -> BTreeMap<String, String> {
    let targets = list["targets"].as_array().unwrap().iter();
    let unit = |target: &Value| {
        let units = target["units"].as_array();
        let words = units.map(|units| units.iter().map(|unit| unit.as_str().unwrap()));
        words.map_or("all".to_owned(), |words| {
            words.collect::<Vec<_>>().join(" ")
        })
    };
    targets
        .map(|target| (target["target"].as_str().unwrap().to_owned(), unit(target)))
        .collect()
}

fn expect(repo: &Sandbox, wanted: &[(&str, &str)]) {
    let found = units(&repo.list(&["--base", "main"]));
    let wanted = wanted
        .iter()
        .map(|(target, units)| ((*target).to_owned(), (*units).to_owned()));
    assert_eq!(found, wanted.collect());
}

fn go(repo: &Sandbox, folder: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("go");
    command.current_dir(repo.join(folder)).args(arguments);
    let Ok(output) = command
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .output()
    else {
        assert!(
            std::env::var_os("CI").is_none(),
            "go is missing: https://go.dev/dl"
        );
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "go {arguments:?}: {errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What each package of a module is tested with, as `go list` says it.
fn tested_with(repo: &Sandbox, folder: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let form = "{{.ImportPath}}|{{join .Deps \",\"}}";
    let text = go(repo, folder, &["list", "-test", "-f", form, "./..."])?;
    let plain = |name: &str| name.split(' ').next().unwrap().to_owned();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines() {
        let (name, uses) = line.split_once('|').unwrap();
        let name = plain(name);
        let of = name.trim_end_matches(".test").trim_end_matches("_test");
        let uses = uses.split(',').map(plain);
        found.entry(of.to_owned()).or_default().extend(uses);
    }
    Some(found)
}

#[test]
fn s1_packages_are_those_that_go_list_names() {
    let repo = modules();
    let modules = [("lib", "ex.org/lib"), ("app", "ex.org/app")];
    let mut oracle = BTreeMap::new();
    for (folder, _) in modules {
        let Some(found) = tested_with(&repo, folder) else {
            return;
        };
        oracle.insert(folder, found);
    }
    let sources = repo.git(&["ls-files", "*.go"]);
    for path in sources.lines() {
        repo.git(&["checkout", "-q", "-B", "topic", "main"]);
        let text = std::fs::read_to_string(repo.join(path)).unwrap();
        repo.write(path, &format!("{text}\n// changed\n"));
        let found = units(&repo.list(&["--base", "main"]));
        let changed = format!("ex.org/{}", path.rsplit_once('/').unwrap().0);
        for (folder, module) in modules {
            let reached = oracle[folder].iter().filter(|(name, uses)| {
                **name == changed || (!path.ends_with("_test.go") && uses.contains(&changed))
            });
            let reached: Vec<_> = reached
                .map(|(name, _)| format!(".{}", name.strip_prefix(module).unwrap()))
                .collect();
            let ours = found
                .get(&format!("{folder}:test"))
                .cloned()
                .unwrap_or_default();
            let all = reached.len() == oracle[folder].len();
            let wanted = if all {
                "all".to_owned()
            } else {
                reached.join(" ")
            };
            assert_eq!(ours, wanted, "{path} in {folder}");
        }
        repo.git(&["checkout", "-q", "."]);
    }
}

#[test]
fn what_is_no_source_of_a_package_takes_the_whole_module() {
    let repo = modules();
    for path in [
        "lib/clock/zones.txt",
        "lib/clock/testdata/in.go",
        "lib/vendor/ex.com/x/x.go",
    ] {
        repo.git(&["checkout", "-q", "-B", "topic", "main"]);
        repo.write(path, "package x\n");
        let list = repo.list(&["--base", "main"]);
        let found = units(&list);
        assert_eq!(
            found.get("lib:test").map(String::as_str),
            Some("all"),
            "{path}"
        );
        let because = list["targets"][0]["widened"].as_str().unwrap_or_default();
        assert!(because.contains(path), "{because}");
        repo.remove(path);
    }
    repo.write("lib/go.mod", "module ex.org/lib\n\ngo 1.23\n");
    expect(&repo, &[("lib:test", "all"), ("app:test", "all")]);
}

#[test]
fn what_escapes_the_compiler_always_runs_unless_imports_are_trusted() {
    let repo = modules();
    repo.git(&["checkout", "-q", "main"]);
    repo.write("lib/tool/tool.go", "package tool\n");
    let runs = "package tool\n\nimport (\n\t\"os/exec\"\n\t\"testing\"\n)\n\nfunc TestIt(t *testing.T) { exec.Command(\"go\", \"build\", \"../clock\") }\n";
    repo.write("lib/tool/tool_test.go", runs);
    repo.write(
        "lib/scan/scan.go",
        "package scan\n\nconst Source = \"../clock/clock.go\"\n",
    );
    repo.commit("tools");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write(
        "lib/clock/clock.go",
        "package clock\n\nfunc Now() int { return 2 - 1 }\n",
    );
    expect(&repo, &[("lib:test", "./clock ./scan ./tool")]);
    repo.write("affected.toml", "precision = \"static\"\n");
    repo.git(&["add", "-A"]);
    repo.git(&["stash", "-q"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("affected.toml", "precision = \"static\"\n");
    repo.commit("trust");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write(
        "lib/clock/clock.go",
        "package clock\n\nfunc Now() int { return 3 - 2 }\n",
    );
    expect(&repo, &[("lib:test", "./clock")]);
    repo.git(&["checkout", "-q", "."]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("affected.toml", "precision = \"project\"\n");
    repo.commit("never");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write(
        "lib/clock/clock.go",
        "package clock\n\nfunc Now() int { return 3 - 2 }\n",
    );
    let found = units(&repo.list(&["--base", "main"]));
    assert_eq!(found["lib:test"], "all");
}

#[test]
fn s3_a_deleted_package_selects_who_imports_it() {
    let repo = modules();
    repo.remove("lib/money");
    expect(
        &repo,
        &[("lib:test", "./price ./report"), ("app:test", "./cart")],
    );
}

#[test]
fn a_package_for_some_platforms_only_takes_the_whole_module() {
    let repo = modules();
    repo.git(&["checkout", "-q", "main"]);
    repo.write("lib/clock/only_windows.go", "package clock\n");
    repo.write(
        "lib/gen/gen.go",
        "//go:build ignore\n\npackage main\n\nfunc main() {}\n",
    );
    repo.commit("platforms");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("lib/clock/only_windows.go", "package clock\n\n// more\n");
    expect(&repo, &[("lib:test", "./clock")]);
    repo.write(
        "lib/gen/gen.go",
        "//go:build ignore\n\npackage main\n\nfunc main() { }\n",
    );
    expect(&repo, &[("lib:test", "all")]);
}

#[test]
fn only_the_reached_packages_are_run() {
    let repo = modules();
    if go(&repo, "lib", &["version"]).is_none() {
        return;
    }
    repo.git(&["checkout", "-q", "main"]);
    repo.write("lib/clock/clock_test.go", &test("clock", "", "Now() == 1"));
    repo.commit("a test that fails");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    let environment = [("GOFLAGS", "-mod=mod"), ("GOPROXY", "off")];
    let run = |code: i32| {
        let answer = repo.affected_with(&["test", "--base", "main"], &environment);
        assert_eq!(
            answer.code,
            Some(code),
            "{}{}",
            answer.stdout,
            answer.stderr
        );
        answer
    };
    // One package out of many: the failing one is not reached.
    repo.write(
        "lib/report/report.go",
        "package report\n\nfunc Head() string { return \"s\" }\n",
    );
    assert!(run(0).stdout.contains("1 passed, 0 failed"));
    // The failing one is reached.
    repo.write(
        "lib/clock/clock.go",
        "package clock\n\nfunc Now() int { return 1 }\n\nvar X = 1\n",
    );
    assert!(run(1).stdout.contains("--- FAIL: TestIt"));
    // It does not compile: who imports it fails too, in the other module as well.
    repo.git(&["checkout", "-q", "."]);
    repo.write(
        "lib/money/money.go",
        "package money\n\nfunc Cents() int { return \"1\" }\n",
    );
    assert!(run(1).stdout.contains("0 passed, 2 failed"));
    // No test is reached: a changed file of a package without tests is still compiled.
    repo.git(&["checkout", "-q", "."]);
    repo.write(
        "lib/bare/bare.go",
        "package bare\n\nfunc Wrong() int { return \"\" }\n",
    );
    assert!(run(1).stdout.contains("bare.go"));
}

/// `kit` has a library and integration tests: `one` alone, `two` and `three` with `common`, `four` takes `one` in as a
/// module; `app` uses `kit`.
fn packages() -> Sandbox {
    let repo = Sandbox::new();
    let file = |path: &str, text: &str| repo.write(path, text);
    file(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"kit\", \"app\"]\n",
    );
    file(
        "kit/Cargo.toml",
        "[package]\nname = \"kit\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    file("kit/src/lib.rs", "pub fn one() -> u8 {\n    1\n}\n");
    let check = "#[test]\nfn works() {\n    assert_eq!(kit::one(), 1);\n}\n";
    file("kit/tests/one.rs", check);
    for name in ["two", "three"] {
        let uses = "mod common;\n\n#[test]\nfn works() {\n    common::check();\n}\n";
        file(&format!("kit/tests/{name}.rs"), uses);
    }
    file(
        "kit/tests/common/mod.rs",
        "pub fn check() {\n    assert_eq!(kit::one(), 1);\n}\n",
    );
    file("kit/tests/four/main.rs", check);
    file("kit/tests/four/more.rs", "");
    file(
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nkit = { path = \"../kit\" }\n",
    );
    file(
        "app/src/lib.rs",
        "#[test]\nfn works() {\n    assert_eq!(kit::one(), 1);\n}\n",
    );
    file(".gitignore", "target\nCargo.lock\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

#[test]
fn an_integration_test_is_run_alone_and_nobody_depends_on_it() {
    let repo = packages();
    let changed = |paths: &[&str], wanted: &[(&str, &str)]| {
        repo.git(&["checkout", "-q", "."]);
        repo.git(&["clean", "-fdq"]);
        for path in paths {
            let text = std::fs::read_to_string(repo.join(path)).unwrap_or_default();
            repo.write(path, &format!("{text}// changed\n"));
        }
        expect(&repo, wanted);
    };
    changed(&["kit/tests/one.rs"], &[("kit:test", "one")]);
    changed(&["kit/tests/common/mod.rs"], &[("kit:test", "three two")]);
    changed(&["kit/tests/four/more.rs"], &[("kit:test", "four")]);
    changed(
        &["kit/tests/one.rs", "kit/tests/four/main.rs"],
        &[("kit:test", "four one")],
    );
    changed(
        &["kit/src/lib.rs"],
        &[("kit:test", "all"), ("app:test", "all")],
    );
    changed(
        &["kit/tests/data.json"],
        &[("kit:test", "all"), ("app:test", "all")],
    );
    // A new test, and a file that no test names.
    changed(&["kit/tests/new.rs"], &[("kit:test", "new")]);
    changed(
        &["kit/tests/lost/mod.rs"],
        &[("kit:test", "all"), ("app:test", "all")],
    );
}

#[test]
fn integration_tests_that_others_read_take_those_along() {
    let repo = packages();
    repo.git(&["checkout", "-q", "main"]);
    // A module in another test, one by path, and one that the library takes in.
    repo.write("kit/tests/five.rs", "pub(crate) mod one;\n");
    repo.write("kit/tests/six.rs", "#[path = \"one.rs\"]\nmod other;\n");
    repo.write("kit/tests/seven.rs", "pub fn seven() {}\n");
    repo.write(
        "kit/src/lib.rs",
        "pub fn one() -> u8 {\n    1\n}\n#[path = \"../tests/seven.rs\"]\npub mod seven;\n",
    );
    repo.commit("more");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("kit/tests/one.rs", "#[test]\nfn works() {}\n");
    expect(&repo, &[("kit:test", "five one six")]);
    repo.git(&["checkout", "-q", "."]);
    repo.write("kit/tests/seven.rs", "pub fn seven() -> u8 {\n    7\n}\n");
    expect(&repo, &[("kit:test", "all"), ("app:test", "all")]);
    repo.git(&["checkout", "-q", "."]);
    // Written-down targets may have other names, or want features.
    repo.git(&["checkout", "-q", "main"]);
    let manifest = std::fs::read_to_string(repo.join("kit/Cargo.toml")).unwrap();
    repo.write(
        "kit/Cargo.toml",
        &format!("{manifest}\n[[test]]\nname = \"uno\"\npath = \"tests/one.rs\"\n"),
    );
    repo.commit("written down");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("kit/tests/one.rs", "#[test]\nfn works() {}\n");
    expect(&repo, &[("kit:test", "all"), ("app:test", "all")]);
}

#[test]
fn only_the_reached_integration_tests_are_run() {
    let repo = packages();
    repo.git(&["checkout", "-q", "main"]);
    repo.write(
        "kit/tests/two.rs",
        "#[test]\nfn works() {\n    panic!(\"two\");\n}\n",
    );
    repo.commit("a test that fails");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    let run = |code: i32, says: &str| {
        // The tests' own cargo tells which toolchain it is of.
        let names = ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME"];
        let told = names.map(|name| (name, std::env::var(name).unwrap_or_default()));
        let told = told.iter().filter(|(_, value)| !value.is_empty());
        let environment: Vec<_> = told.map(|(name, value)| (*name, value.as_str())).collect();
        let answer = repo.affected_with(&["test", "--base", "main"], &environment);
        let all = format!("{}{}", answer.stdout, answer.stderr);
        assert_eq!(answer.code, Some(code), "{all}");
        assert!(answer.stdout.contains(says), "{all}");
    };
    repo.write("kit/tests/one.rs", "#[test]\nfn works() {}\n");
    run(0, "1 passed, 0 failed");
    repo.write(
        "kit/tests/two.rs",
        "#[test]\nfn works() {\n    panic!(\"two again\");\n}\n",
    );
    run(1, "two again");
    repo.write("kit/tests/two.rs", "#[test]\nfn works() {\n    1\n}\n");
    run(1, "mismatched types");
}

#[test]
fn a_dry_run_tells_the_parts_and_why_something_is_whole() {
    let repo = modules();
    repo.write(
        "lib/clock/clock.go",
        "package clock\n\nfunc Now() int { return 2 - 1 }\n",
    );
    repo.write("app/help/text.txt", "help\n");
    let answer = repo.affected(&["test", "--dry-run", "--verbose", "--base", "main"]);
    assert!(
        answer.stdout.contains("go test ./clock\n"),
        "{}",
        answer.stdout
    );
    assert!(
        answer
            .stdout
            .contains("all of it: app/help/text.txt is read by no compiler"),
        "{}",
        answer.stdout
    );
}

fn pom(name: &str, rest: &str) -> String {
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>ex</groupId><artifactId>{name}</artifactId><version>1</version>{rest}</project>"
    )
}

/// Test classes that say what they take in run alone; support takes those that name it, and what loads by name always runs.
#[test]
fn maven_test_classes_that_a_change_reaches() {
    let repo = Sandbox::new();
    let test = |name: &str, body: &str| {
        format!(
            "package ex;\n\npublic class {name} {{\n    public void testIt() {{ {body} }}\n}}\n"
        )
    };
    let place = |name: &str| format!("kit/src/test/java/ex/{name}.java");
    let support = "package ex;\nclass Support { static void holds() {} }\n";
    for (path, text) in [
        ("kit/pom.xml", pom("kit", "")),
        (
            "kit/src/main/java/ex/Part.java",
            "package ex;\nclass Part {}\n".to_owned(),
        ),
        (place("ATest").as_str(), test("ATest", "Support.holds();")),
        (place("BTest").as_str(), test("BTest", "")),
        (place("CTest").as_str(), test("CTest", "")),
        (place("Support").as_str(), support.to_owned()),
        ("kit/src/test/resources/x.txt", "1\n".to_owned()),
    ] {
        repo.write(path, &text);
    }
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    let change = |path: &str, text: &str, expected: &str| {
        repo.git(&["reset", "-q", "--hard"]);
        repo.git(&["clean", "-q", "-fd"]);
        repo.write(path, text);
        expect(&repo, &[("kit:test", expected)]);
    };
    change(&place("BTest"), &test("BTest", "int x;"), "ex.BTest");
    let list = repo.list(&["--base", "main"]);
    let mut command = list["targets"][0]["command"].as_array().unwrap().iter();
    assert!(command.any(|word| word == "-Dtest=ex.BTest"), "{list}");
    change(&place("Support"), &support.replace("{}", "{ }"), "ex.ATest");
    // It may load any of them, and any may be loaded by it.
    change(&place("BTest"), &test("BTest", "Class.forName(x);"), "all");
    // It comes before the main class.
    change(&place("Part"), "package ex;\nclass Part {}\n", "all");
    change("kit/src/test/resources/x.txt", "2\n", "all");
    change(
        "kit/src/main/java/ex/Part.java",
        "package ex;\nclass Part { }\n",
        "all",
    );
    change("kit/pom.xml", &pom("kit", "<!-- x -->"), "all");
}

#[test]
fn the_tests_of_a_maven_module_are_no_matter_of_its_dependents() {
    let repo = Sandbox::new();
    let uses = |kind: &str| {
        let rest = format!(
            "<dependencies><dependency><groupId>ex</groupId><artifactId>base</artifactId><version>1</version>{kind}</dependency></dependencies>"
        );
        pom("user", &rest)
    };
    repo.write("base/pom.xml", &pom("base", ""));
    repo.write("base/src/main/java/A.java", "class A {}\n");
    repo.write("base/src/test/java/ATest.java", "class ATest {}\n");
    repo.write("user/pom.xml", &uses(""));
    repo.write("user/src/test/java/BTest.java", "class BTest {}\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo.write("base/src/test/java/ATest.java", "class ATest { }\n");
    expect(&repo, &[("base:test", "all")]);
    assert_eq!(repo.names(&["--base", "main"]), "base user");
    repo.write("base/src/main/java/A.java", "class A { }\n");
    expect(&repo, &[("base:test", "all"), ("user:test", "all")]);
    repo.git(&["checkout", "-q", "main", "."]);
    // Attached tests are what a dependent is tested with.
    repo.git(&["stash", "-q"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write(
        "user/pom.xml",
        &uses("<type>test-jar</type><scope>test</scope>"),
    );
    repo.commit("attached tests");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("base/src/test/java/ATest.java", "class ATest { }\n");
    expect(&repo, &[("base:test", "all"), ("user:test", "all")]);
}

/// npm gives a package of a registry the member of the workspace that it asks for: whoever imports that package runs all.
#[test]
fn what_a_package_of_others_brings_cannot_be_followed() {
    let repo = Sandbox::new();
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
    let tree = std::path::Path::new(here).join("ecosystems/npm/brought/tree");
    affected_fixtures::copy(&tree, repo.path()).unwrap();
    let manifest = "{\"name\":\"a\",\"version\":\"1.0.0\",\"scripts\":{\"test\":\"node --test\"},\"dependencies\":{\"is-odd\":\"3.0.1\"}}\n";
    repo.write("packages/a/package.json", manifest);
    repo.write(
        "packages/a/index.js",
        "module.exports = require('is-odd')\n",
    );
    repo.write("packages/a/a.test.js", "require('./index')\n");
    repo.write("packages/a/b.test.js", "\n");
    repo.write("packages/b/index.js", "module.exports = () => 1\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo.write("packages/b/index.js", "module.exports = () => 2\n");
    expect(&repo, &[("a:test", "all")]);
}
