//! One part of many, by the choice of a real change and the work of a real runner: those runners that `runners` does not try,
//! and those where it names the part itself.

use std::path::{Path, PathBuf};

use crate::runners::{
    RUST_PASS, can_run, has, java_class, java_module, maven_is_ready, maven_module, rust_package,
    told,
};
use crate::sandbox::Sandbox;

/// The folder of `cargo-nextest`: that of the machine, or the one that `cargo xtask ci` installs.
fn nextest() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = here.join("../target/tools/cargo-nextest/bin");
    let mut folders = std::env::split_paths(&paths).chain([own]);
    let found = folders.find(|folder| folder.join("cargo-nextest").is_file());
    let missing = "`cargo-nextest`, which `cargo xtask ci` installs, is not here";
    can_run(found.is_some(), missing);
    found
}

/// Pass, failure of one binary of two, what does not compile, no tests.
#[test]
fn nextest_tests_are_told_one_by_one() {
    let Some(folder) = nextest() else { return };
    let folder = folder.canonicalize().unwrap();
    let repo = rust_package();
    repo.git(&["checkout", "-q", "main"]);
    // cargo finds what it is asked to do among the programs of the path.
    let line = format!(
        "PATH={}:$PATH cargo nextest run {{filter}}",
        folder.display()
    );
    let config = format!("[project.kit]\ntest.unit = {line:?}\n");
    repo.write("affected.toml", &config);
    repo.commit("nextest");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    assert_eq!(told(&repo, &["--all"]), ["kit:test passed 2/0/0"]);
    let failing = RUST_PASS.replace("fn one() {}", "fn one() { assert_eq!(1, 2, \"want 1\"); }");
    repo.write("kit/tests/a.rs", &failing);
    let lines = told(&repo, &["--base", "main"]);
    assert_eq!(lines, ["kit:test failed 0/1/0 [kit::a one: ]"]);
    repo.write("kit/tests/a.rs", "#[test]\nfn one() { 1 }\n");
    assert_eq!(told(&repo, &["--base", "main"]), ["kit:test failed"]);
    repo.write("kit/tests/a.rs", "");
    let lines = told(&repo, &["--base", "main"]);
    assert_eq!(lines, ["kit:test passed 0/0/0", "no-tests"]);
}

const GRADLE: &str = "apply plugin: 'java'\nsourceCompatibility = '8'\ntargetCompatibility = '8'\nrepositories { maven { url '/usr/share/maven-repo' } }\ndependencies { testCompile 'junit:junit:4.x' }\n";

/// Debian's packages: a release of Gradle that is old, and JUnit in its folder, so that nothing is fetched.
fn gradle() -> bool {
    let junit = Path::new("/usr/share/maven-repo/junit/junit/4.x/junit-4.x.pom");
    has("gradle", &["--version"]) && can_run(junit.is_file(), "Debian's `junit4` is not installed")
}

/// Pass, failure of one class of two, what does not compile, no tests.
#[test]
fn gradle_tests_are_told_one_by_one() {
    if !gradle() {
        return;
    }
    let repo = java_module(&[
        ("kit/settings.gradle", "rootProject.name = 'kit'\n"),
        ("kit/build.gradle", GRADLE),
    ]);
    let set = |line: &str| {
        let config = format!("[project.kit]\ntest.unit = {line:?}\n");
        repo.write("affected.toml", &config);
    };
    set("gradle --offline test");
    assert_eq!(told(&repo, &["--all"]), ["kit:test passed 2/0/2"]);
    let failing =
        java_class("ATest").replace("one() {}", "one() { org.junit.Assert.fail(\"want 1\"); }");
    repo.write("kit/src/test/java/ex/ATest.java", &failing);
    let lines = told(&repo, &["--all"]);
    let start = "kit:test failed 1/1/2 [ex.ATest one: ";
    assert!(
        lines[0].starts_with(start) && lines[0].contains("want 1"),
        "{lines:?}"
    );
    set("gradle --offline test --tests ex.BTest");
    assert_eq!(told(&repo, &["--all"]), ["kit:test passed 1/0/1"]);
    set("gradle --offline test");
    repo.write("kit/src/test/java/ex/ATest.java", "class ATest { x }\n");
    let lines = told(&repo, &["--all"]);
    assert!(lines[0].starts_with("kit:test failed"), "{lines:?}");
    for name in ["ATest", "BTest"] {
        let none = format!("package ex;\n\npublic class {name} {{}}\n");
        repo.write(&format!("kit/src/test/java/ex/{name}.java"), &none);
    }
    // No test leaves no result, as when all is up to date: nothing is told.
    assert_eq!(told(&repo, &["--all"]), ["kit:test passed"]);
}

/// The class that changed, of two.
#[test]
fn maven_runs_one_class_of_two() {
    let repo = maven_module();
    if !maven_is_ready(&repo.join("kit")) {
        return;
    }
    let changed = java_class("ATest").replace("one() {}", "one() { int changed = 1; }");
    repo.write("kit/src/test/java/ex/ATest.java", &changed);
    assert_eq!(told(&repo, &["--base", "main"]), ["kit:test passed 1/0/1"]);
}

/// The file that changed, of two, by pytest and by unittest.
#[test]
fn python_runs_one_file_of_two() {
    let plain =
        "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_one(self):\n        pass\n";
    let runners: [(&[&str], &str); 2] = [
        (
            &["-m", "pytest", "--version"],
            "python3 -m pytest -q {tests}",
        ),
        (&["--version"], "python3 -m unittest {tests}"),
    ];
    for (version, line) in runners {
        if !has("python3", version) {
            continue;
        }
        let repo = Sandbox::new();
        repo.write(
            "p/pyproject.toml",
            "[project]\nname = \"p\"\nversion = \"1\"\n[tool.pytest.ini_options]\naddopts = \"-p no:cacheprovider\"\n",
        );
        repo.write("p/tests/__init__.py", "");
        repo.write("p/tests/test_a.py", plain);
        repo.write("p/tests/test_b.py", plain);
        repo.write(".gitignore", "__pycache__\n");
        let config = format!("[project.p]\ntest.unit = \"{line}\"\n");
        repo.write("affected.toml", &config);
        repo.commit("first");
        repo.git(&["checkout", "-q", "-b", "topic"]);
        let more = format!("{plain}\n    def test_two(self):\n        pass\n");
        repo.write("p/tests/test_a.py", &more);
        let lines = told(&repo, &["--base", "main"]);
        assert_eq!(lines, ["p:test passed 2/0/0"], "{line}");
        let failing = plain.replace("        pass", "        self.assertEqual(1, 2)");
        repo.write("p/tests/test_a.py", &failing);
        let lines = told(&repo, &["--base", "main"]);
        assert!(lines[0].starts_with("p:test failed 0/1/0"), "{lines:?}");
    }
}
