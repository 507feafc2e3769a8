//! Test files of JavaScript and TypeScript projects: which of them a change reaches, and that only they run.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// `lib` and `app`, which uses it; tests by node's own runner, which needs nothing but node.
fn workspace() -> Sandbox {
    let repo = Sandbox::new();
    let file = |path: &str, text: &str| repo.write(path, text);
    file(
        "package.json",
        r#"{"name":"root","private":true,"workspaces":["lib","app"]}"#,
    );
    file(
        "lib/package.json",
        r#"{"name":"lib","version":"1.0.0","scripts":{"test":"node --test"}}"#,
    );
    file("lib/index.js", "exports.price = require('./src/price')\n");
    file(
        "lib/src/price.js",
        "const money = require('./money')\nmodule.exports = () => 2 * money()\n",
    );
    file("lib/src/money.js", "module.exports = () => 100\n");
    file("lib/src/clock.js", "module.exports = () => 1\n");
    file("lib/test/price.js", &test("../src/price", "200"));
    file("lib/test/clock.js", &test("../src/clock", "1"));
    file(
        "lib/test/data.js",
        "const fs = require('fs')\nconst path = require('path')\nconst at = path.join(__dirname, '..', 'fixtures', 'a.json')\nrequire('assert').ok(JSON.parse(fs.readFileSync(at)).ok)\n",
    );
    file("lib/fixtures/a.json", "{\"ok\":true}\n");
    file(
        "app/package.json",
        r#"{"name":"app","version":"1.0.0","scripts":{"test":"node --test"},"dependencies":{"lib":"*"}}"#,
    );
    file("app/cart.js", "module.exports = require('lib').price\n");
    file("app/test/cart.js", &test("../cart", "200"));
    file("app/test/help.js", "require('assert').ok(true)\n");
    file(".gitignore", "node_modules\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

fn test(what: &str, expected: &str) -> String {
    format!("require('assert').strictEqual(require('{what}')(), {expected})\n")
}

/// Each test target with its files; `all` and why where it is not restricted.
fn told(list: &Value) -> BTreeMap<String, String> {
    let targets = list["targets"].as_array().unwrap().iter();
    let one = |target: &Value| match target["units"].as_array() {
        Some(units) => units
            .iter()
            .map(|unit| unit.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" "),
        None => format!("all: {}", target["widened"].as_str().unwrap_or_default()),
    };
    targets
        .map(|target| (target["target"].as_str().unwrap().to_owned(), one(target)))
        .collect()
}

#[track_caller]
fn expect(repo: &Sandbox, wanted: &[(&str, &str)]) {
    let found = told(&repo.list(&["--base", "main"]));
    let wanted = wanted
        .iter()
        .map(|(target, files)| ((*target).to_owned(), (*files).to_owned()));
    assert_eq!(found, wanted.collect());
}

fn again(repo: &Sandbox) {
    repo.git(&["checkout", "-q", "."]);
    repo.git(&["clean", "-fdq"]);
}

#[test]
fn s1_test_files_that_reach_a_change() {
    let repo = workspace();
    repo.write("lib/src/money.js", "module.exports = () => 50 + 50\n");
    expect(
        &repo,
        &[("lib:test", "test/price.js"), ("app:test", "test/cart.js")],
    );
    again(&repo);
    repo.write("lib/src/clock.js", "module.exports = () => 2 - 1\n");
    expect(&repo, &[("lib:test", "test/clock.js")]);
    again(&repo);
    repo.write("lib/fixtures/a.json", "{\"ok\":1}\n");
    expect(&repo, &[("lib:test", "test/data.js")]);
    again(&repo);
    // A new test, one that changed, and one that is gone.
    repo.write("lib/test/new.js", "require('assert').ok(true)\n");
    repo.write("lib/test/clock.js", &test("../src/clock", "1 + 0"));
    repo.remove("lib/test/price.js");
    expect(&repo, &[("lib:test", "test/clock.js test/new.js")]);
}

#[test]
fn s3_a_file_that_is_gone_selects_who_had_it() {
    let repo = workspace();
    repo.remove("lib/src/money.js");
    expect(
        &repo,
        &[("lib:test", "test/price.js"), ("app:test", "test/cart.js")],
    );
    // The import goes with it.
    repo.write("lib/src/price.js", "module.exports = () => 200\n");
    expect(
        &repo,
        &[("lib:test", "test/price.js"), ("app:test", "test/cart.js")],
    );
    again(&repo);
    // A file that takes the place of another one for the same name.
    repo.write("lib/src/money.json", "1\n");
    repo.write("lib/src/clock/index.js", "module.exports = () => 1\n");
    expect(
        &repo,
        &[
            ("lib:test", "test/clock.js test/price.js"),
            ("app:test", "test/cart.js"),
        ],
    );
}

#[test]
fn what_nobody_names_takes_the_project_and_whoever_imports_it() {
    let repo = workspace();
    repo.write("lib/fixtures/b.json", "{}\n");
    expect(
        &repo,
        &[
            (
                "lib:test",
                "all: nobody is known to use lib/fixtures/b.json",
            ),
            ("app:test", "test/cart.js"),
        ],
    );
    again(&repo);
    repo.write(
        "lib/package.json",
        r#"{"name":"lib","version":"1.0.1","scripts":{"test":"node --test"}}"#,
    );
    expect(
        &repo,
        &[
            ("lib:test", "all: `lib`: its manifest changed: version"),
            ("app:test", "test/cart.js"),
        ],
    );
}

#[test]
fn what_cannot_be_followed_always_runs_and_says_so() {
    let repo = workspace();
    repo.git(&["checkout", "-q", "main"]);
    repo.write(
        "lib/src/load.js",
        "module.exports = name => require('./' + name)\n",
    );
    repo.write("lib/test/load.js", "require('../src/load')\n");
    repo.commit("computed");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("lib/src/clock.js", "module.exports = () => 2 - 1\n");
    expect(&repo, &[("lib:test", "test/clock.js test/load.js")]);
    let list = repo.list(&["--base", "main"]);
    assert_eq!(
        list["targets"][0]["unproved"]["test/load.js"],
        "lib/src/load.js:1 requires what it computes"
    );
    repo.git(&["stash", "-q"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("affected.toml", "precision = \"static\"\n");
    repo.commit("trust");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.git(&["stash", "pop", "-q"]);
    expect(&repo, &[("lib:test", "test/clock.js")]);
}

#[test]
fn only_the_reached_test_files_run() {
    let repo = workspace();
    if std::process::Command::new("node")
        .arg("--version")
        .output()
        .is_err()
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "node is missing: https://nodejs.org"
        );
        return;
    }
    repo.git(&["checkout", "-q", "main"]);
    repo.write("lib/test/clock.js", &test("../src/clock", "7"));
    repo.commit("a test that fails");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    let run = |code: i32| {
        let home = repo.join("home");
        let home = home.to_str().unwrap();
        let answer = repo.affected_with(
            &["test", "--base", "main", "--filter", "lib"],
            &[("HOME", home)],
        );
        assert_eq!(
            answer.code,
            Some(code),
            "{}{}",
            answer.stdout,
            answer.stderr
        );
        answer
    };
    // One file out of many: the failing one is not reached.
    repo.write("lib/src/money.js", "module.exports = () => 99 + 1\n");
    assert!(run(0).stdout.contains("1 passed, 0 failed"));
    // It fails.
    repo.write("lib/src/money.js", "module.exports = () => 99\n");
    assert!(run(1).stdout.contains("test/price.js"));
    // It cannot be parsed.
    repo.write("lib/src/money.js", "module.exports = () => {{\n");
    assert!(run(1).stdout.contains("SyntaxError"));
    // The failing one is reached.
    again(&repo);
    repo.write("lib/src/clock.js", "module.exports = () => 2\n");
    assert!(run(1).stdout.contains("test/clock.js"));
}

/// Packages as others write them: the script, the files that run, and what is started; or why all run.
const SCRIPTS: &[(&str, &str, &str)] = &[
    (
        "vitest run",
        "src/a.test.ts",
        "npm run test -- src/a.test.ts --passWithNoTests",
    ),
    (
        "tsc && cross-env A=1 vitest",
        "src/a.test.ts",
        "npm run test -- src/a.test.ts --passWithNoTests",
    ),
    (
        "jest --coverage",
        "src/a.test.ts",
        "npm run test -- --passWithNoTests --runTestsByPath src/a.test.ts",
    ),
    (
        "node --experimental-vm-modules node_modules/jest/bin/jest.js",
        "src/a.test.ts",
        "npm run test -- --passWithNoTests --runTestsByPath src/a.test.ts",
    ),
    ("mocha", "", "all: nobody is known to use p/src/a.ts"),
    (
        "vitest related src/a.ts",
        "",
        "all: `vitest related src/a.ts` starts no test runner that is known",
    ),
    (
        "vitest run src",
        "",
        "all: `vitest run src` names its tests itself",
    ),
    (
        "vitest run --dir src",
        "",
        "all: `vitest run --dir src` has `--dir`",
    ),
    (
        "make check",
        "",
        "all: `make check` starts no test runner that is known",
    ),
];

#[test]
fn runners_get_files_as_they_take_them() {
    for (script, files, command) in SCRIPTS {
        let repo = Sandbox::new();
        let manifest = format!(
            "{{\"name\":\"p\",\"version\":\"1.0.0\",\"scripts\":{{\"test\":\"{script}\"}},\"devDependencies\":{{\"vitest\":\"1\",\"jest\":\"1\"}}}}"
        );
        repo.write("p/package.json", &manifest);
        repo.write("p/src/a.ts", "export const a = 1\n");
        repo.write("p/src/b.ts", "export const b = 1\n");
        repo.write(
            "p/src/a.test.ts",
            "import { a } from './a.js'\nimport { it } from 'vitest'\nit('', () => a)\n",
        );
        repo.write("p/src/b.test.ts", "import { b } from './b'\n");
        repo.commit("first");
        repo.git(&["checkout", "-q", "-b", "topic"]);
        repo.write("p/src/a.ts", "export const a = 2\n");
        let list = repo.list(&["--base", "main"]);
        let told = &told(&list)["p:test"];
        if files.is_empty() {
            assert_eq!(told, *command, "{script}");
            continue;
        }
        assert_eq!(told, *files, "{script}");
        let words = list["targets"][0]["command"].as_array().unwrap().iter();
        let words: Vec<_> = words.map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words.join(" "), *command, "{script}");
    }
}

/// What settings of jest make of names is followed where that is sure; else all run. Issue 5: nothing is missed.
#[test]
fn names_that_jest_maps_are_followed_or_take_all() {
    let mapped =
        |name: &str| format!("{{ moduleNameMapper: {{ '{name}': '<rootDir>/fake.js' }} }}");
    let plain = |settings: &str| format!("module.exports = {settings}\n");
    let base = "module.exports = { ...require('./jest.base') }\n".to_owned();
    let cases = [
        ("jest.config.js", plain(&mapped("^axios$")), "", "a.test.js"),
        (
            "jest.config.js",
            plain(&mapped("(.*)/env$")),
            "",
            "all: the settings of jest map names in a way that is not understood: (.*)/env$",
        ),
        (
            "jest.config.js",
            base,
            &plain(&mapped("^axios$")),
            "all: p/jest.base.js says what `^axios$` means",
        ),
        (
            "package.json",
            r#"{"name":"p","version":"1.0.0","scripts":{"test":"jest"},"jest":{"moduleNameMapper":{"^axios$":"<rootDir>/fake.js"}}}"#.to_owned(),
            "",
            "all: p/package.json says what `^axios$` means",
        ),
    ];
    for (file, settings, base, expected) in cases {
        let repo = Sandbox::new();
        let manifest = r#"{"name":"p","version":"1.0.0","scripts":{"test":"jest"}}"#;
        repo.write("p/package.json", manifest);
        repo.write("p/fake.js", "module.exports = 1\n");
        repo.write(
            "p/a.test.js",
            "const a = require('axios')\ntest('a', () => a)\n",
        );
        repo.write("p/b.test.js", "test('b', () => 1)\n");
        repo.write(&format!("p/{file}"), &settings);
        if !base.is_empty() {
            repo.write("p/jest.base.js", base);
        }
        repo.commit("first");
        repo.git(&["checkout", "-q", "-b", "topic"]);
        repo.write("p/fake.js", "module.exports = 2\n");
        let list = repo.list(&["--base", "main"]);
        assert_eq!(told(&list)["p:test"], expected, "{file}");
    }
}

/// Whoever reads data that names other data reads that, too, however many steps away.
#[test]
fn data_that_other_data_names_is_read_with_it() {
    let repo = workspace();
    repo.git(&["checkout", "-q", "main"]);
    repo.write(
        "lib/fixtures/a.json",
        "{\"ok\":true,\"$ref\":\"./deep/b.json#/x\"}\n",
    );
    repo.write("lib/fixtures/deep/b.json", "{\"$ref\":\"part.json\"}\n");
    repo.write("lib/fixtures/deep/part.json", "{\"x\":1}\n");
    let part = "require('assert').ok(require('../fixtures/deep/part.json').x)\n";
    repo.write("lib/test/part.js", part);
    repo.commit("data that names data");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("lib/fixtures/deep/part.json", "{\"x\":2}\n");
    expect(&repo, &[("lib:test", "test/data.js test/part.js")]);
}
