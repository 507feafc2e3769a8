//! Test runners, through the command line: what each is asked for, and how its single tests are told. Where the runner is
//! not on the machine its test is skipped by name; in CI that is a failure.

use std::process::Command;

use serde_json::Value;

use crate::sandbox::{Answer, Sandbox};

/// Tells whether a test can run; what is missing is said by name, and is a failure in CI.
#[expect(clippy::print_stdout, reason = "a skipped test is told by name")]
pub(crate) fn can_run(found: bool, missing: &str) -> bool {
    let needed = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(found || !needed, "{missing}");
    if !found {
        println!("skipped: {missing}");
    }
    found
}

/// Tells whether `program` is here; says so if not.
pub(crate) fn has(program: &str, arguments: &[&str]) -> bool {
    let found = Command::new(program).args(arguments).output();
    let found = found.is_ok_and(|output| output.status.success());
    can_run(found, &format!("`{program}` is not installed"))
}

/// Runs with the variables that the toolchains of this machine want.
pub(crate) fn run(repo: &Sandbox, arguments: &[&str]) -> Answer {
    run_with(repo, arguments, &[])
}

/// The same, with more variables.
fn run_with(repo: &Sandbox, arguments: &[&str], more: &[(String, String)]) -> Answer {
    let names = ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "GOPATH"];
    let told = names.map(|name| (name, std::env::var(name).unwrap_or_default()));
    // The tests' own caches: without them the standard library is built each time.
    let cache = Command::new("go").args(["env", "GOCACHE"]).output();
    let cache = cache.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let cache = cache.unwrap_or_default();
    // npm writes its logs there.
    let home = repo.cache().display().to_string();
    let mut environment: Vec<(&str, &str)> = vec![("GOCACHE", &cache), ("HOME", &home)];
    let given = told.iter().filter(|(_, value)| !value.is_empty());
    environment.extend(given.map(|(name, value)| (*name, value.as_str())));
    let more = more.iter();
    environment.extend(more.map(|(name, value)| (name.as_str(), value.as_str())));
    repo.affected_with(arguments, &environment)
}

/// One line for each task: its outcome, the counts of its tests, and the failed ones.
pub(crate) fn told(repo: &Sandbox, arguments: &[&str]) -> Vec<String> {
    told_with(repo, arguments, &[])
}

/// The same, with more variables.
pub(crate) fn told_with(
    repo: &Sandbox,
    arguments: &[&str],
    more: &[(String, String)],
) -> Vec<String> {
    let all = [&["test", "--format", "json"], arguments].concat();
    let answer = run_with(repo, &all, more);
    let document = answer.json();
    let mut lines: Vec<String> = document["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect();
    let warnings = document["warnings"].as_array().unwrap().iter();
    let codes = warnings.map(|warning| warning["code"].as_str().unwrap());
    lines.extend(
        codes
            .filter(|code| *code != "base-missing")
            .map(ToOwned::to_owned),
    );
    lines
}

fn line(task: &Value) -> String {
    let word = |key: &str| task[key].as_str().unwrap_or_default();
    let mut line = format!("{} {}", word("target"), word("outcome"));
    let tests = &task["tests"];
    if tests.is_object() {
        let count = |key: &str| tests[key].as_u64().unwrap();
        let (passed, failed, skipped) = (count("passed"), count("failed"), count("skipped"));
        line.push_str(&format!(" {passed}/{failed}/{skipped}"));
        for failure in tests["failures"].as_array().unwrap() {
            let text = |key: &str| failure[key].as_str().unwrap();
            let message: Vec<_> = text("message").split_whitespace().collect();
            line.push_str(&format!(
                " [{} {}: {}]",
                text("place"),
                text("name"),
                message.join(" ")
            ));
        }
    }
    line
}

const GO_PASS: &str = "package a\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) {}\n\nfunc TestTwo(t *testing.T) { t.Skip(\"later\") }\n";

fn go_module() -> Sandbox {
    let repo = Sandbox::new();
    repo.write("m/go.mod", "module ex/m\n\ngo 1.21\n");
    repo.write("m/a/a_test.go", GO_PASS);
    repo.write("m/b/b_test.go", &GO_PASS.replace("package a", "package b"));
    repo.write("m/c/c.go", "package c\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

#[test]
fn go_tests_are_told_one_by_one() {
    if !has("go", &["version"]) {
        return;
    }
    let repo = go_module();
    assert_eq!(told(&repo, &["--all"]), ["m:test passed 2/0/2"]);
    // One package of many.
    let failing = GO_PASS.replace(
        "(t *testing.T) {}",
        "(t *testing.T) { t.Error(\"want 1\") }",
    );
    repo.write("m/a/a_test.go", &failing);
    let [line] = &told(&repo, &["--base", "main"])[..] else {
        panic!("one task");
    };
    let expected = "m:test failed 0/1/1 [ex/m/a TestOne: a_test.go:5: want 1";
    assert!(line.starts_with(expected), "{line}");
    // What does not compile, with what another package says.
    repo.write("m/a/a_test.go", &GO_PASS.replace("{}", "{ x }"));
    let lines = told(&repo, &["--all"]);
    assert!(
        lines[0].starts_with("m:test failed 1/1/1 [ex/m/a (package): FAIL ex/m/a [build failed]"),
        "{lines:?}"
    );
    repo.write("m/a/a_test.go", "package a\n");
    repo.write("m/b/b_test.go", "package b\n");
    assert_eq!(told(&repo, &["--all"]), ["m:test passed 0/0/0", "no-tests"]);
}

/// People see what the go tool tells people, although it is asked for events.
#[test]
fn go_output_is_for_people() {
    if !has("go", &["version"]) {
        return;
    }
    let repo = go_module();
    let noisy = "package a\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n)\n\nfunc TestOne(t *testing.T) { fmt.Println(\"loud\") }\n\nfunc TestTwo(t *testing.T) {\n\tt.Run(\"sub\", func(t *testing.T) { t.Error(\"want 1\") })\n}\n";
    repo.write("m/a/a_test.go", noisy);
    let answer = run(&repo, &["test", "--all"]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let seen: Vec<&str> = answer.stdout.lines().collect();
    let own = [
        "    a_test.go:11: want 1",
        "--- FAIL: TestTwo/sub (0.00s)",
        "FAIL",
        "?   \tex/m/c\t[no test files]",
        "--- 2 of 4 tests failed",
        "    ex/m/a TestTwo/sub",
        "    ex/m/a TestTwo",
    ];
    for line in own {
        assert!(seen.contains(&line), "{line}\n{}", answer.stdout);
    }
    assert!(!answer.stdout.contains("\"Action\"") && !answer.stdout.contains("=== RUN"));
}

pub(crate) const RUST_PASS: &str = "#[test]\nfn one() {}\n\n#[test]\n#[ignore]\nfn two() {}\n";

pub(crate) fn rust_package() -> Sandbox {
    let repo = Sandbox::new();
    repo.write(
        "kit/Cargo.toml",
        "[package]\nname = \"kit\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n",
    );
    repo.write("kit/src/lib.rs", "");
    repo.write("kit/tests/a.rs", RUST_PASS);
    repo.write("kit/tests/b.rs", RUST_PASS);
    // A lockfile that the first run writes would be an input that changed meanwhile.
    repo.write(
        "kit/Cargo.lock",
        "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\nversion = 4\n\n[[package]]\nname = \"kit\"\nversion = \"0.1.0\"\n",
    );
    repo.write(".gitignore", "target\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

#[test]
fn cargo_tests_are_told_one_by_one() {
    let repo = rust_package();
    assert_eq!(told(&repo, &["--all"]), ["kit:test passed 2/0/2"]);
    // One integration test of two.
    let failing = RUST_PASS.replace("fn one() {}", "fn one() { assert_eq!(1, 2, \"want 1\"); }");
    repo.write("kit/tests/a.rs", &failing);
    let lines = told(&repo, &["--base", "main"]);
    let (start, message) = ("kit:test failed 0/1/1 [tests/a.rs one: ", "want 1");
    assert!(
        lines[0].starts_with(start) && lines[0].contains(message),
        "{lines:?}"
    );
    let answer = run(&repo, &["test", "--base", "main"]);
    assert!(
        answer
            .stdout
            .contains("--- 1 of 1 tests failed\n    tests/a.rs one\n"),
        "{}",
        answer.stdout
    );
    // Each test is recorded as well.
    let story = run(&repo, &["history", "tests/a.rs one", "--format", "json"]).json();
    assert_eq!(story["stories"][0]["test"], "tests/a.rs one", "{story}");
    // Nothing was run, so nothing is told of tests.
    repo.write("kit/tests/a.rs", "#[test]\nfn one() { 1 }\n");
    assert_eq!(told(&repo, &["--base", "main"]), ["kit:test failed"]);
    repo.write("kit/tests/a.rs", "");
    assert_eq!(
        told(&repo, &["--base", "main"]),
        ["kit:test passed 0/0/0", "no-tests"]
    );
}

/// What a JavaScript runner is tried with: its script, a file whose tests are called `NAME`, one that is broken, and the name that
/// a broken file has.
struct Script {
    runner: &'static str,
    line: &'static str,
    file: &'static str,
    /// What stands before the name of a test.
    places: bool,
    /// What is told of a broken file, from the place on; nothing where only the exit code tells.
    broken: &'static str,
}

const SCRIPTS: [Script; 4] = [
    Script {
        runner: "jest",
        line: "jest",
        file: "describe('cart', () => {\n  it('NAME', () => { expect(VALUE).toBe(1) })\n  it.skip('later', () => {})\n})\n",
        places: true,
        broken: "[test/a.test.js (file): ",
    },
    Script {
        runner: "vitest",
        line: "vitest run",
        file: "import { describe, expect, it } from 'vitest'\ndescribe('cart', () => {\n  it('NAME', () => { expect(VALUE).toBe(1) })\n  it.skip('later', () => {})\n})\n",
        places: true,
        broken: "[test/a.test.js (file): ",
    },
    Script {
        runner: "mocha",
        line: "mocha",
        file: "describe('cart', () => {\n  it('NAME', () => { require('assert').strictEqual(VALUE, 1) })\n  it.skip('later', () => {})\n})\n",
        places: false,
        broken: "",
    },
    Script {
        runner: "node",
        line: "node --test",
        file: "const { describe, it } = require('node:test')\ndescribe('cart', () => {\n  it('NAME', () => { require('assert').strictEqual(VALUE, 1) })\n  it('later', { skip: true }, () => {})\n})\n",
        places: false,
        broken: "[test/a.test.js (file): ",
    },
];

/// The packages of npm that `cargo xtask ci` installs; said by name where they are not here.
fn packages() -> Option<std::path::PathBuf> {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../target/tools/node/node_modules");
    let found = folder.canonicalize().ok();
    let missing =
        "vitest, jest and mocha, which `cargo xtask ci` installs, are not in target/tools/node";
    can_run(found.is_some(), missing);
    found
}

/// Pass, failure, broken file, no tests, and one file out of several, by each runner itself.
#[cfg(unix)]
#[test]
fn javascript_tests_are_told_one_by_one() {
    if !has("node", &["--version"]) || !has("npm", &["--version"]) {
        return;
    }
    let Some(packages) = packages() else { return };
    for script in SCRIPTS {
        let repo = Sandbox::new();
        let manifest = format!(
            "{{\"name\":\"p\",\"version\":\"1.0.0\",\"scripts\":{{\"test\":\"{}\"}},\"devDependencies\":{{\"vitest\":\"3\"}}}}\n",
            script.line
        );
        let tests = |name: &str, value: &str| {
            let file = script.file.replace("NAME", name);
            file.replace("VALUE", value)
        };
        repo.write("p/package.json", &manifest);
        // The usual folder of mocha has this name, and the patterns of the others match it.
        repo.write("p/test/a.test.js", &tests("adds", "1"));
        repo.write("p/test/b.test.js", &tests("removes", "1"));
        repo.write(".gitignore", "node_modules\n");
        std::os::unix::fs::symlink(&packages, repo.join("p/node_modules")).unwrap();
        repo.commit("first");
        repo.git(&["checkout", "-q", "-b", "topic"]);
        let runner = script.runner;
        assert_eq!(told(&repo, &["--all"]), ["p:test passed 2/0/2"], "{runner}");
        // One file of two, which fails.
        repo.write("p/test/a.test.js", &tests("adds", "2"));
        let lines = told(&repo, &["--base", "main"]);
        let place = if script.places { "test/a.test.js" } else { "" };
        let start = format!("p:test failed 0/1/1 [{place} cart > adds: ");
        assert!(lines[0].starts_with(&start), "{runner}: {lines:?}");
        // What cannot be parsed.
        repo.write("p/test/a.test.js", "const x = ;\n");
        let lines = told(&repo, &["--all"]);
        assert!(lines[0].starts_with("p:test failed"), "{runner}: {lines:?}");
        assert!(lines[0].contains(script.broken), "{runner}: {lines:?}");
        // Every test is left out.
        for name in ["a", "b"] {
            let none = tests("adds", "1").replace("it('NAME'", "it.skip('NAME'");
            let none = none.replace("  it('adds', () =>", "  it.skip('adds', () =>");
            repo.write(&format!("p/test/{name}.test.js"), &none);
        }
        let expected = ["p:test passed 0/0/4", "no-tests"];
        assert_eq!(told(&repo, &["--all"]), expected, "{runner}");
    }
}

#[test]
fn pytest_tests_are_told_one_by_one() {
    if !has("python3", &["-m", "pytest", "--version"]) {
        return;
    }
    let repo = Sandbox::new();
    let pass = "import pytest\n\n\ndef test_one():\n    pass\n\n\n@pytest.mark.skip\ndef test_two():\n    pass\n";
    repo.write("p/pyproject.toml", "[project]\nname = \"p\"\nversion = \"1\"\n[tool.pytest.ini_options]\naddopts = \"-p no:cacheprovider\"\n");
    repo.write("p/tests/test_a.py", pass);
    repo.write("p/tests/test_b.py", pass);
    repo.write(".gitignore", "__pycache__\n");
    repo.write(
        "affected.toml",
        "[project.p]\ntest.unit = \"python3 -m pytest -q {tests}\"\n",
    );
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    assert_eq!(told(&repo, &["--all"]), ["p:test passed 2/0/2"]);
    let failing = pass.replace("test_one():\n    pass", "test_one():\n    assert 1 == 2");
    repo.write("p/tests/test_a.py", &failing);
    let lines = told(&repo, &["--all"]);
    let expected = "p:test failed 1/1/2 [tests/test_a.py test_one: assert 1 == 2";
    assert!(lines[0].starts_with(expected), "{lines:?}");
    // It cannot be collected.
    repo.write("p/tests/test_a.py", "def test_one(:\n");
    let lines = told(&repo, &["--all"]);
    assert!(lines[0].starts_with("p:test failed 0/1/0 ["), "{lines:?}");
    assert!(lines[0].contains("SyntaxError"), "{lines:?}");
    // A report that settings ask for stays theirs.
    repo.write(".gitignore", "__pycache__\n.pytest_cache\nown.xml\n");
    repo.write("p/tests/test_a.py", pass);
    repo.write("p/pytest.ini", "[pytest]\naddopts = --junitxml=own.xml\n");
    assert_eq!(told(&repo, &["--all"]), ["p:test passed"]);
    assert!(repo.join("p/own.xml").is_file());
    repo.remove("p/pytest.ini");
    repo.remove("p/tests/test_a.py");
    repo.write("p/tests/test_b.py", "");
    let lines = told(&repo, &["--all"]);
    assert!(lines.contains(&"no-tests".to_owned()), "{lines:?}");
}

#[test]
fn unittest_tests_are_told_one_by_one() {
    if !has("python3", &["--version"]) {
        return;
    }
    let repo = Sandbox::new();
    let pass = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_one(self):\n        pass\n\n    @unittest.skip('later')\n    def test_two(self):\n        pass\n";
    repo.write(
        "p/pyproject.toml",
        "[project]\nname = \"p\"\nversion = \"1\"\n",
    );
    repo.write("p/tests/__init__.py", "");
    repo.write("p/tests/test_a.py", pass);
    repo.write("p/tests/test_b.py", pass);
    repo.write(".gitignore", "__pycache__\n");
    let set = |line: &str| {
        repo.write(
            "affected.toml",
            &format!("[project.p]\ntest.unit = \"{line}\"\n"),
        );
    };
    set("python3 -m unittest discover");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    assert_eq!(told(&repo, &["--all"]), ["p:test passed 2/0/2"]);
    let failing = pass.replace(
        "(self):\n        pass\n\n",
        "(self):\n        print('noise')\n        self.assertEqual(1, 2)\n\n",
    );
    repo.write("p/tests/test_a.py", &failing);
    let lines = told(&repo, &["--all"]);
    let expected = "p:test failed 1/1/2 [tests.test_a.A test_one: Traceback";
    assert!(lines[0].starts_with(expected), "{lines:?}");
    assert!(lines[0].contains("1 != 2"), "{lines:?}");
    // One module of two.
    set("python3 -m unittest tests.test_b");
    assert_eq!(told(&repo, &["--all"]), ["p:test passed 1/0/1"]);
    set("python3 -m unittest discover");
    repo.write("p/tests/test_a.py", "import nothing_here\n");
    let lines = told(&repo, &["--all"]);
    assert!(
        lines[0].starts_with("p:test failed 1/1/1 [unittest.loader._FailedTest tests.test_a: "),
        "{lines:?}"
    );
    repo.remove("p/tests/test_a.py");
    repo.write("p/tests/test_b.py", "");
    let lines = told(&repo, &["--all"]);
    assert!(lines.contains(&"no-tests".to_owned()), "{lines:?}");
}

const JAVA_PASS: &str = "package ex;\n\npublic class NAME {\n    @org.junit.Test public void one() {}\n    @org.junit.Ignore @org.junit.Test public void two() {}\n}\n";

/// `cargo xtask ci` brings what it needs into the local repository; here nothing is fetched.
const POM: &str = include_str!("kit.pom.xml");

/// Tells whether the local repository has all that the POM wants; says so if not.
pub(crate) fn maven_is_ready(folder: &std::path::Path) -> bool {
    let mut build = Command::new("mvn");
    let output = build.args(["-q", "-o", "test"]).current_dir(folder);
    let ready = output.output().is_ok_and(|output| output.status.success());
    can_run(
        ready,
        "`mvn`, or what `cargo xtask ci` brings into its local repository, is not here",
    )
}

/// A source of two tests, one of them left out.
pub(crate) fn java_class(name: &str) -> String {
    JAVA_PASS.replace("NAME", name)
}

/// A module `kit` of two test classes, with its build files, all in one commit.
pub(crate) fn java_module(build: &[(&str, &str)]) -> Sandbox {
    let repo = Sandbox::new();
    for (path, text) in build {
        repo.write(path, text);
    }
    for name in ["ATest", "BTest"] {
        let path = format!("kit/src/test/java/ex/{name}.java");
        repo.write(&path, &java_class(name));
    }
    repo.write(".gitignore", "target\n.gradle\nbuild\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

/// The module as Maven builds it, offline.
pub(crate) fn maven_module() -> Sandbox {
    java_module(&[("kit/pom.xml", POM), ("kit/.mvn/maven.config", "-o\n")])
}

#[test]
fn maven_tests_are_told_one_by_one() {
    let repo = maven_module();
    if !maven_is_ready(&repo.join("kit")) {
        return;
    }
    let of = |run: &str| {
        let quoted = serde_json::to_string(run).unwrap();
        repo.write(
            "affected.toml",
            &format!("[project.kit]\ntest.unit = {quoted}\n"),
        );
        told(&repo, &["--all"])
    };
    assert_eq!(told(&repo, &["--all"]), ["kit:test passed 2/0/2"]);
    let failing =
        java_class("ATest").replace("one() {}", "one() { org.junit.Assert.fail(\"want 1\"); }");
    repo.write("kit/src/test/java/ex/ATest.java", &failing);
    let lines = told(&repo, &["--all"]);
    assert!(
        lines[0].starts_with("kit:test failed 1/1/2 [ex.ATest one: want 1"),
        "{lines:?}"
    );
    // One class of two, as a selection would ask for it.
    assert_eq!(
        of("mvn -q -B test -Dtest=ex.BTest"),
        ["kit:test passed 1/0/1"]
    );
    let none = of("mvn -q -B test -Dtest=ex.CTest -Dsurefire.failIfNoSpecifiedTests=false");
    assert_eq!(none, ["kit:test passed 0/0/0", "no-tests"]);
    repo.write(
        "kit/src/test/java/ex/ATest.java",
        "package ex; class ATest { x }\n",
    );
    assert_eq!(of("mvn -q -B test"), ["kit:test failed 0/0/0"]);
}

/// One Maven for several modules, which tells of each by itself; a failure is of the right one, and what nobody tells is run
/// again.
#[test]
fn maven_modules_are_done_in_one_go() {
    let repo = Sandbox::new();
    let modules = "<packaging>pom</packaging><modules><module>a</module><module>b</module><module>c</module></modules></project>";
    repo.write("pom.xml", &POM.replace("</project>", modules));
    repo.write(".mvn/maven.config", "-o\n");
    for name in ["a", "b", "c"] {
        let parent = format!(
            "<project><modelVersion>4.0.0</modelVersion><parent><groupId>ex</groupId><artifactId>kit</artifactId><version>1</version></parent><artifactId>{name}</artifactId></project>"
        );
        repo.write(&format!("{name}/pom.xml"), &parent);
        repo.write(
            &format!("{name}/src/test/java/ex/ATest.java"),
            &java_class("ATest"),
        );
    }
    repo.write(".gitignore", "target\n");
    repo.commit("first");
    if !maven_is_ready(repo.path()) {
        return;
    }
    // What passed before must run again to be compared.
    let all = ["--all", "--filter", "?", "--jobs", "2", "--no-cache"];
    let passed = |name: &str| format!("{name}:test passed 1/0/1");
    assert_eq!(told(&repo, &all), ["a", "b", "c"].map(passed));
    let failing =
        java_class("ATest").replace("one() {}", "one() { org.junit.Assert.fail(\"want 1\"); }");
    repo.write("a/src/test/java/ex/ATest.java", &failing);
    repo.write(
        "b/src/test/java/ex/ATest.java",
        "package ex; class ATest { x }\n",
    );
    for more in [&[][..], &["--no-batch"]] {
        let lines = told(&repo, &[&all[..], more].concat());
        assert!(
            lines[0].starts_with("a:test failed 0/1/1 [ex.ATest one: want 1"),
            "{lines:?}"
        );
        assert_eq!(lines[1..], ["b:test failed 0/0/0".to_owned(), passed("c")]);
    }
}

/// A command of the user's own is restricted at its placeholder; without one it is left alone.
#[test]
fn placeholders_take_the_reached_part() {
    let repo = go_module();
    repo.git(&["checkout", "-q", "main"]);
    repo.write(
        "affected.toml",
        "[project.m]\ntest.unit = \"go test -count=1 {packages}\"\ntest.smoke = \"sh smoke.sh {packages}\"\ntest.e2e = \"go test ./...\"\n",
    );
    repo.commit("own commands");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    let commands = |arguments: &[&str]| {
        let list = repo.list(arguments);
        let targets = list["targets"].as_array().unwrap().iter();
        let line = |target: &Value| target["command"][0].as_str().unwrap().to_owned();
        targets.map(line).collect::<Vec<_>>()
    };
    let whole = ["sh smoke.sh", "go test -count=1 ./...", "go test ./..."];
    assert_eq!(commands(&["--all"]), whole);
    repo.write("m/a/a_test.go", &GO_PASS.replace("later", "much later"));
    let part = ["sh smoke.sh ./a", "go test -count=1 ./a", "go test ./..."];
    assert_eq!(commands(&["--base", "main"]), part);
    repo.write("m/data.txt", "x");
    assert_eq!(commands(&["--base", "main"]), whole);
}
