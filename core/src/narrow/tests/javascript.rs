//! Which tests of JavaScript a change reaches: small repositories, narrowed as real ones are.

use std::collections::BTreeMap;

use affected_graph::{Dependency, Project, ProjectGraph, builder};

use super::{in_words, path};
use crate::config::Precision;
use crate::diff::{Change, ChangeKind, ChangeSet};
use crate::ecosystem::{Discovery, Ecosystem, Reads, Reference, Scan, npm::Npm};
use crate::facts::FactStore;
use crate::narrow::{Question, Sources, parts};
use crate::scan::units::Units;
use crate::select::{Affected, AffectedSet, Touched};
use crate::tree::{FileKind, Tree as _, memory::MemoryTree};

type Files<'f> = [(&'f str, &'f str)];

fn graph(tree: &MemoryTree) -> ProjectGraph {
    let (facts, reads) = (FactStore::default(), Reads::default());
    let candidates = tree
        .files()
        .entries()
        .iter()
        .map(|entry| entry.path.clone());
    let discovery = Npm.discover(&Scan {
        tree,
        facts: &facts,
        reads: &reads,
        candidates: candidates.collect(),
    });
    let Discovery {
        projects, links, ..
    } = discovery;
    let projects = projects.into_iter().map(|found| Project {
        root: found.root,
        name: found.name,
        kind: found.kind,
        ecosystems: vec![Npm.id()],
        manifests: vec![found.manifest],
        ownership: affected_graph::Ownership::Tree,
        tasks: found.tasks,
        inputs: Vec::new(),
    });
    let edges = links.into_iter().filter_map(|link| {
        let Reference::Path(to) = link.to else {
            return None;
        };
        Some(Dependency {
            from: link.from,
            to,
            kind: link.kind,
            source: Npm.id().0,
            evidence: link.evidence,
        })
    });
    // A member of a workspace depends on its root, which no test here is about.
    let edges = edges.filter(|edge| edge.to.file_name() != b"package.json");
    builder::build(projects.collect(), edges.collect()).0
}

/// What is run of each project with tests after a change: a text for each file that differs, `-` for one that is deleted.
#[track_caller]
fn check(files: &Files<'_>, changed: &Files<'_>, expect: &[&str]) {
    let before: BTreeMap<&str, &str> = files.iter().copied().collect();
    let mut after = before.clone();
    let mut changes = Vec::new();
    for (name, text) in changed {
        let kind = match (before.contains_key(name), *text) {
            (_, "-") => ChangeKind::Deleted,
            (true, _) => ChangeKind::Modified,
            (false, _) => ChangeKind::Added,
        };
        match kind {
            ChangeKind::Deleted => after.remove(name),
            _ => after.insert(name, text),
        };
        changes.push(Change {
            path: path(name),
            kind,
            file: FileKind::Regular,
        });
    }
    let (base, head) = (MemoryTree::new(before), MemoryTree::new(after));
    let graph = graph(&head);
    let mut touched: BTreeMap<_, Touched> = BTreeMap::new();
    for change in &changes {
        let owner = graph.enclosing(&change.path).next().unwrap();
        let files = &mut touched.entry(owner).or_default().files;
        files.insert(change.path.clone());
    }
    let affected = |_| Affected {
        impact: affected_graph::Impact::Rebuild,
        changed: true,
        reasons: Vec::new(),
    };
    let all = graph.projects().map(|(at, _)| (at, affected(at)));
    let affected = AffectedSet {
        projects: all.collect(),
        dispositions: Vec::new(),
        touched,
    };
    let found = parts(&Question {
        graph: &graph,
        affected: &affected,
        units: &Units::default(),
        sources: Sources {
            head: &head,
            base: Some(&base),
            facts: &FactStore::default(),
            changes: &ChangeSet::new(changes),
        },
        precision: Precision::Safe,
        ecosystems: &[&Npm],
    });
    let tested = graph
        .projects()
        .filter(|(_, project)| !project.tasks.is_empty() && project.name != "root");
    let told = tested.map(|(_, project)| {
        let part = in_words(found.of(&project.root, &project.tasks[0]));
        format!("{}: {part}", project.name)
    });
    assert_eq!(told.collect::<Vec<_>>(), expect);
}

/// A package with a script, two tests and a source for one of them.
fn package<'f>(manifest: &'f str, more: &Files<'f>) -> Vec<(&'f str, &'f str)> {
    let mut files = vec![
        ("package.json", manifest),
        ("a.test.js", "require('./a')\n"),
        ("b.test.js", "x()\n"),
        ("a.js", ""),
    ];
    files.extend(more);
    files
}

const JEST: &str = r#"{"name":"p","scripts":{"test":"jest"}}"#;

#[test]
fn what_jest_compiles_with_takes_all() {
    let config = |text: &'static str| {
        let more = [
            ("jest.config.js", text),
            ("tools/transform.js", "require('./inner')\n"),
            ("tools/inner.js", ""),
            ("tools/x.json", "{}"),
            // Known by a test of its own.
            ("t.test.js", "require('./tools/inner')\n"),
            ("u.test.js", "use('./tools/x.json')\n"),
        ];
        package(JEST, &more)
    };
    let by = |at: &str| format!("p: all: {at} takes part in all of it");
    for (text, at) in [
        (
            r"module.exports = { transform: { '\\.js$': './tools/transform.js' } }",
            "tools/transform.js",
        ),
        (
            r"module.exports = { transform: { '\\.js$': ['<rootDir>/tools/transform', { a: 1 }] } }",
            "tools/transform.js",
        ),
        (
            r"module.exports = { transform: { '\\.js$': require.resolve('./tools/transform.js') } }",
            "jest.config.js",
        ),
        (
            r"module.exports = { transform: { '\\.js$': ['ts-jest', { astTransformers: { before: ['./tools/transform.js'] } }] } }",
            "tools/transform.js",
        ),
    ] {
        check(&config(text), &[("tools/inner.js", "x")], &[&by(at)]);
        check(&config(text), &[("a.js", "x")], &["p: a.test.js"]);
    }
    let text =
        r"module.exports = { transform: { '\\.js$': ['babel-jest', { x: './tools/x.json' }] } }";
    check(
        &config(text),
        &[("tools/x.json", "[]")],
        &[&by("jest.config.js")],
    );
    for text in [
        r"module.exports = { transform: { '\\.js$': '@swc/jest', '\\.ts$': 'ts-jest' } }",
        "module.exports = { transform: {} }",
    ] {
        let manifest =
            r#"{"name":"p","scripts":{"test":"jest"},"devDependencies":{"@swc/jest":"1"}}"#;
        let mut files = config(text);
        files[0].1 = manifest;
        check(&files, &[("a.js", "x")], &["p: a.test.js"]);
    }
}

#[test]
fn transforms_of_jest_are_followed_or_take_all() {
    let more = [
        ("jest.config.js", "module.exports = { transform: made() }"),
        ("tools/transform.js", "require('./inner')\n"),
        ("tools/inner.js", ""),
        ("t.test.js", "require('./tools/inner')\n"),
    ];
    let all = "p: all: the settings of jest compute `transform`";
    check(&package(JEST, &more), &[("a.js", "x")], &[all]);
    let manifest = r#"{"name":"p","scripts":{"test":"jest"},"jest":{"transform":{"\\.js$":["./tools/transform.js",{}]}}}"#;
    let files = package(manifest, &more[1..]);
    let all = "p: all: tools/transform.js takes part in all of it";
    check(&files, &[("tools/inner.js", "x")], &[all]);
}

#[test]
fn what_babel_takes_in_takes_all() {
    let more = |name: &'static str, text: &'static str| {
        let more = [
            (name, text),
            ("tools/plugin.js", "require('./inner')\n"),
            ("tools/inner.js", ""),
            ("t.test.js", "require('./tools/inner')\n"),
        ];
        package(JEST, &more)
    };
    for (name, text) in [
        (
            "babel.config.js",
            "module.exports = { plugins: ['./tools/plugin'] }",
        ),
        (
            "babel.config.js",
            "module.exports = { plugins: [path.join(__dirname, 'tools/plugin.js')] }",
        ),
        (
            "babel.config.json",
            r#"{"presets":[["./tools/plugin.js",{}]]}"#,
        ),
        (".babelrc", "{plugins: ['./tools/plugin.js',]}"),
        (
            ".babelrc.cjs",
            "module.exports = { plugins: [require('./tools/plugin')] }",
        ),
    ] {
        let at = if text.contains("require(") {
            name
        } else {
            "tools/plugin.js"
        };
        let all = format!("p: all: {at} takes part in all of it");
        check(&more(name, text), &[("tools/inner.js", "x")], &[&all]);
        check(&more(name, text), &[("a.js", "x")], &["p: a.test.js"]);
    }
    let manifest =
        r#"{"name":"p","scripts":{"test":"jest"},"babel":{"plugins":["./tools/plugin"]}}"#;
    let mut files = more("x.txt", "");
    files[0].1 = manifest;
    let all = "p: all: tools/plugin.js takes part in all of it";
    check(&files, &[("tools/inner.js", "x")], &[all]);
}

#[test]
fn a_plugin_of_babel_may_be_a_package_of_the_workspace() {
    let files = [
        (
            "package.json",
            r#"{"name":"root","private":true,"workspaces":["p","q"]}"#,
        ),
        (
            "p/package.json",
            r#"{"name":"p","scripts":{"test":"jest"},"devDependencies":{"babel-plugin-mine":"*"}}"#,
        ),
        (
            "p/babel.config.js",
            "module.exports = { plugins: ['mine'] }",
        ),
        ("p/a.test.js", "x()\n"),
        ("p/b.test.js", "x()\n"),
        ("q/package.json", r#"{"name":"babel-plugin-mine"}"#),
        ("q/index.js", "require('./inner')\n"),
        ("q/inner.js", ""),
    ];
    let all = "p: all: q/index.js takes part in all of it";
    check(&files, &[("q/inner.js", "x")], &[all]);
}

#[test]
fn what_a_preset_of_jest_says_takes_all() {
    let files = |config: &'static str, name: &'static str, text: &'static str| {
        let more = [
            ("jest.config.js", config),
            (name, text),
            ("setup.js", "require('./tools/inner')\n"),
            ("tools/inner.js", ""),
            ("t.test.js", "require('./tools/inner')\n"),
        ];
        package(JEST, &more)
    };
    let folder = "module.exports = { preset: './preset' }";
    let json = files(
        folder,
        "preset/jest-preset.json",
        r#"{"setupFiles":["./setup.js"]}"#,
    );
    let all = "p: all: preset/jest-preset.json takes part in all of it";
    check(&json, &[("preset/jest-preset.json", "{}")], &[all]);
    let all = "p: all: setup.js takes part in all of it";
    check(&json, &[("tools/inner.js", "x")], &[all]);
    check(&json, &[("a.js", "x")], &["p: a.test.js"]);
    let code = files(
        folder,
        "preset/jest-preset.js",
        "require('../tools/inner')\nmodule.exports = { testMatch: ['**/*.test.js'] }",
    );
    let all = "p: all: preset/jest-preset.js takes part in all of it";
    check(&code, &[("tools/inner.js", "x")], &[all]);
    let file = files(
        "module.exports = { preset: './preset.js' }",
        "preset.js",
        "require('./tools/inner')",
    );
    let all = "p: all: preset.js takes part in all of it";
    check(&file, &[("tools/inner.js", "x")], &[all]);
    let files = [
        (
            "package.json",
            r#"{"name":"root","private":true,"workspaces":["p","q"]}"#,
        ),
        (
            "p/package.json",
            r#"{"name":"p","scripts":{"test":"jest"},"jest":{"preset":"q"},"devDependencies":{"q":"*"}}"#,
        ),
        ("p/a.test.js", "x()\n"),
        ("p/b.test.js", "x()\n"),
        ("q/package.json", r#"{"name":"q","main":"index.js"}"#),
        ("q/index.js", ""),
        ("q/jest-preset.js", "require('./inner')\n"),
        ("q/inner.js", ""),
    ];
    let all = "p: all: q/jest-preset.js takes part in all of it";
    check(&files, &[("q/inner.js", "x")], &[all]);
}

#[test]
fn what_a_script_names_takes_all() {
    let more = [
        ("setup.js", "require('./inner')\n"),
        ("inner.js", ""),
        ("x.mjs", "import './inner.js'\n"),
        (".env.test", "A=1"),
        ("conf/env", "A=1"),
        (
            "c.test.js",
            "require('./inner'); use('.env.test', 'conf/env')\n",
        ),
    ];
    for (script, at) in [
        ("NODE_OPTIONS='--require ./setup.js' jest", "setup.js"),
        ("NODE_OPTIONS=--require=./setup jest", "setup.js"),
        (
            "cross-env NODE_OPTIONS=\\\"--no-warnings --import ./x.mjs\\\" vitest run",
            "x.mjs",
        ),
        (
            "cross-env NODE_OPTIONS=--import=./x.mjs mocha --require ts-node/register",
            "x.mjs",
        ),
        ("node setup.js && vitest run", "setup.js"),
    ] {
        let manifest = format!(r#"{{"name":"p","scripts":{{"test":"{script}"}}}}"#);
        let files = package(&manifest, &more);
        let all = format!("p: all: {at} takes part in all of it");
        check(&files, &[("inner.js", "x")], &[&all]);
    }
    for script in ["vitest run", "jest", "dotenv -e .env.test -- vitest run"] {
        let manifest = format!(r#"{{"name":"p","scripts":{{"test":"{script}"}}}}"#);
        let files = package(&manifest, &more);
        let all = "p: all: .env.test takes part in all of it";
        check(&files, &[(".env.test", "A=2")], &[all]);
        check(&files, &[("a.js", "x")], &["p: a.test.js"]);
    }
    let manifest = r#"{"name":"p","scripts":{"test":"dotenv -e conf/env -- vitest run"}}"#;
    let all = "p: all: conf/env takes part in all of it";
    check(&package(manifest, &more), &[("conf/env", "A=2")], &[all]);
}

#[test]
fn folders_of_environments_take_all() {
    let manifest = r#"{"name":"p","scripts":{"test":"vitest run"}}"#;
    let more = [
        ("vite.config.ts", "export default { envDir: './env' }"),
        ("env/.env", "A=1"),
        ("c.test.js", "use('env/.env')\n"),
    ];
    let all = "p: all: env/.env takes part in all of it";
    check(&package(manifest, &more), &[("env/.env", "A=2")], &[all]);
}

#[test]
fn data_that_settings_read_takes_all() {
    for (config, text) in [
        (
            "jest.config.js",
            "const x = JSON.parse(fs.readFileSync('./data/x.json'))",
        ),
        (
            "jest.config.js",
            "const x = JSON.parse(fs.readFileSync(path.join(__dirname, 'data/x.json')))",
        ),
        ("jest.config.js", "const x = require('./data/x.json')"),
        (
            "jest.config.mjs",
            "import x from './data/x.json' with { type: 'json' }",
        ),
        ("jest.config.js", "require('./more')"),
    ] {
        let more = [
            (config, text),
            ("more.js", "readFileSync('data/x.json')"),
            ("data/x.json", "{}"),
            ("c.test.js", "require('./data/x.json')\n"),
        ];
        let all = format!("p: all: {config} takes part in all of it");
        check(&package(JEST, &more), &[("data/x.json", "[]")], &[&all]);
        check(&package(JEST, &more), &[("a.js", "x")], &["p: a.test.js"]);
    }
}

const MOCHA: &str =
    r#"{"name":"p","scripts":{"test":"mocha"},"devDependencies":{"chai":"4","m":"1"}}"#;

/// A run of mocha: `x` changes things for others.
fn mocha(text: &str) -> Vec<(&str, &str)> {
    vec![
        ("package.json", MOCHA),
        ("test/a.js", "const a = require('../a')\n"),
        ("test/b.js", "it('b')\n"),
        ("test/x.js", text),
        ("a.js", ""),
        ("b.js", ""),
        ("plugin.js", "require('./inner')\n"),
        ("inner.js", ""),
    ]
}

#[test]
fn what_a_file_changes_for_all_of_its_process_takes_all() {
    let inner = "p: all: plugin.js takes part in all of it";
    for text in [
        "const chai = require('chai')\nchai.use(require('../plugin'))\nconst b = require('../b')\n",
        "import chai from 'chai'\nimport plugin from '../plugin.js'\nimport '../b'\nchai.use(plugin)\n",
        "require('../plugin')\nconst b = require('../b')\n",
        "require('../plugin')()\nconst b = require('../b')\n",
        "const p = require('../plugin'), b = require('../b')\nbeforeEach(() => p.clean())\n",
        "const p = require('../plugin'), b = require('../b')\nbeforeEach(p.clean)\n",
        "const p = require('../plugin'), b = require('../b')\nglobal.fetch = p\n",
        "const p = require('../plugin'), b = require('../b')\nString.prototype.x = p\n",
        "const p = require('../plugin'), b = require('../b')\nObject.defineProperty(global, 'x', p)\n",
        "const c = require('chai'), p = require('../plugin'), b = require('../b')\nexports.x = () => c.use(p)\n",
        "const c = require('chai'), p = require('../plugin')\ndescribe('x', () => { c.use(p) })\nconst b = require('../b')\n",
    ] {
        let more = format!("{text}// more\n");
        let files = mocha(text);
        check(&files, &[("inner.js", "x")], &[inner]);
        check(&files, &[("test/x.js", &more)], &["p: test/x.js"]);
        // Where nothing more is changed, what else the file uses is its own.
        let side = if text.contains("import '../b'") {
            "p: all: b.js takes part in all of it"
        } else {
            "p: test/x.js"
        };
        check(&files, &[("b.js", "x")], &[side]);
        check(&files, &[("a.js", "x")], &["p: test/a.js"]);
    }
}

#[test]
fn changes_for_others_that_come_or_go_take_all() {
    let all = "p: all: test/x.js takes part in all of it";
    let plain = "it('x')\n";
    for text in [
        "const chai = require('chai')\nchai.should()\n",
        "const should = require('chai').should()\n",
        "require('m')\n",
        "before(() => {})\n",
        "process.env.A = '1'\n",
        "delete process.env.A\n",
        "require('m').y = 1\n",
    ] {
        check(&mocha(plain), &[("test/x.js", text)], &[all]);
        check(&mocha(text), &[("test/x.js", plain)], &[all]);
        check(&mocha(text), &[("test/x.js", "-")], &[all]);
        let mut files = mocha(text);
        files.remove(3);
        check(&files, &[("test/x.js", text)], &[all]);
        let more = format!("{text}{plain}");
        check(&mocha(text), &[("test/x.js", &more)], &["p: test/x.js"]);
    }
    // What it uses is the whole file.
    let text = "const b = require('../b')\nconst app = b()\nbefore(() => app.start())\n";
    check(&mocha(text), &[("b.js", "x")], &[all]);
}

#[test]
fn what_a_test_does_in_itself_is_its_own() {
    for text in [
        "const a = require('../b')\ndescribe('x', () => {\n  before(() => a())\n  it('y', () => { a.z = 1; global.c = 2 })\n})\n",
        "import { describe, it } from 'mocha'\nimport { expect } from 'chai'\nimport b from '../b'\ndescribe('x', () => it('y', () => expect(b).to.be.ok()))\n",
        "const b = require('../b')\nconst x = b()\nmodule.exports = x\nx.on('y', () => {})\nconst local = {}\nlocal.a = b\n",
        "const b = require('../b')\nfor (const x of b) it(x, () => { process.env.A = x })\nb.list.forEach(x => it(x))\n",
        "class C {}\nC.prototype.x = require('../b')\n",
    ] {
        check(&mocha(text), &[("b.js", "x")], &["p: test/x.js"]);
        check(
            &mocha(text),
            &[("test/x.js", "it('x')\n")],
            &["p: test/x.js"],
        );
    }
}

#[test]
fn runs_without_isolation_are_one_process() {
    let files = |script: &str, config: &'static str| {
        let manifest = format!(
            r#"{{"name":"p","scripts":{{"test":"{script}"}},"devDependencies":{{"m":"1"}}}}"#
        );
        let manifest: &'static str = manifest.leak();
        let more = [
            ("vitest.config.js", config),
            (
                "x.test.js",
                "import m from 'm'\nimport p from './plugin'\nm.use(p)\n",
            ),
            ("plugin.js", ""),
        ];
        package(manifest, &more)
    };
    let all = "p: all: plugin.js takes part in all of it";
    for (script, config, expect) in [
        ("vitest run", "", "p: x.test.js"),
        (
            "vitest run",
            "export default { test: { isolate: true } }",
            "p: x.test.js",
        ),
        (
            "vitest run",
            "export default { test: { isolate: false } }",
            all,
        ),
        (
            "vitest run",
            "export default { test: { isolate: !process.env.CI } }",
            all,
        ),
        (
            "vitest run",
            "export default { test: { poolOptions: { forks: { isolate: false } } } }",
            all,
        ),
        ("vitest run --no-isolate", "", all),
        ("vitest run --isolate=false", "", all),
        ("vitest run --poolOptions.threads.isolate=false", "", all),
        ("node --test", "", "p: x.test.js"),
        ("node --test --test-isolation=none", "", all),
        ("node --test --experimental-test-isolation=none", "", all),
        ("jest", "", "p: x.test.js"),
        ("jest --runInBand", "", "p: x.test.js"),
    ] {
        check(&files(script, config), &[("plugin.js", "x")], &[expect]);
    }
}
