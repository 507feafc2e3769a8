//! Test classes of Maven modules, as Surefire runs them.
//!
//! What main sources do to one another is not followed: a change of any reaches every test of its module, and of those that
//! are built with it. Sources of tests are compiled for their module only. Between them, a source that is plain says by name
//! whatever it takes in: everything that it imports is known, and so are its annotations, and it loads nothing by name. Any
//! other source takes in all, and is taken in by all. Sources: "Inclusions and Exclusions of Tests" and "Running a Single
//! Test" of Surefire; "The Java Language Specification", chapters 3 (tokens) and 7 (packages).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{Command, DependencyKind, Project, ProjectIndex, RepoPath, Task};
use serde::{Deserialize, Serialize};

use super::{Maven, POM};
use crate::config::defects;
use crate::ecosystem::{FileLevel, Look, SourceFile, Suite};
use crate::facts::{Broken, Parser};
use crate::runner::{self, Selected};

pub(super) const TEST_SOURCE: Parser<TestSource> = Parser {
    id: "maven/test-source",
    version: 2,
    parse: parse_source,
};

/// What a source of tests says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TestSource {
    /// Every word that may be a name, also those in texts and comments.
    words: BTreeSet<String>,
    /// Types that it declares.
    types: BTreeSet<String>,
    /// Names that it imports; a package ends with `.*`.
    imports: BTreeSet<String>,
    /// Annotations, loading by name, and process-wide settings that keep it from being plain.
    is_odd: bool,
    /// Whether it may hold tests.
    may_test: bool,
}

/// Libraries that find no classes but those they are given.
const KNOWN: &[&str] = &[
    "java.",
    "javax.",
    "org.junit.",
    "junit.framework.",
    "org.assertj.",
    "org.hamcrest.",
    "org.mockito.",
    "org.slf4j.",
    "com.google.common.",
];

/// Annotations that let nobody find the class, and do not let it find others.
const ANNOTATIONS: &[&str] = &[
    "After",
    "AfterAll",
    "AfterClass",
    "AfterEach",
    "Before",
    "BeforeAll",
    "BeforeClass",
    "BeforeEach",
    "Captor",
    "CsvSource",
    "Deprecated",
    "Disabled",
    "DisplayName",
    "EnumSource",
    "FunctionalInterface",
    "Ignore",
    "InjectMocks",
    "MethodSource",
    "Mock",
    "Nested",
    "NullAndEmptySource",
    "NullSource",
    "Order",
    "Override",
    "ParameterizedTest",
    "RepeatedTest",
    "Rule",
    "SafeVarargs",
    "Spy",
    "SuppressWarnings",
    "Tag",
    "TempDir",
    "Test",
    "TestFactory",
    "Timeout",
    "ValueSource",
    "interface",
];

/// Words of code that loads by name, looks at what is there, starts programs, or sets what all tests share.
const ODD: &[&str] = &[
    "ClassLoader",
    "Lookup",
    "ProcessBuilder",
    "Runtime",
    "ServiceLoader",
    "exec",
    "findClass",
    "forName",
    "getResource",
    "getResources",
    "listFiles",
    "loadClass",
    "mockStatic",
    "newDirectoryStream",
    "setDefault",
    "setProperties",
    "setProperty",
    "src",
    "walk",
    "walkFileTree",
];

/// Files of a module's settings in which one of these words may change which tests run.
const SETTINGS: &[&str] = &[
    "<include>",
    "<exclude>",
    "<includes>",
    "<excludes>",
    "suiteXmlFile",
    "<groups>",
    "<excludedGroups>",
    "dependenciesToScan",
    "testClassesDirectory",
    "add-test-source",
    "<test>",
];

impl FileLevel for Maven {
    fn suite(&self, look: &Look<'_>, project: &Project, task: &Task) -> Result<Suite, String> {
        let call = runner::recognise(&task.command, task.script.as_deref());
        let any = [Selected::Class("x".to_owned())];
        let takes = call.and_then(|(runner, call)| runner.restrict(&call, &any));
        takes.ok_or_else(|| format!("`{}` takes no test classes", task.name))?;
        takes_no_tests(look)?;
        let mut suite = Suite {
            setup: mains(look, &project.root),
            ..Suite::default()
        };
        let why = odd_settings(look, &project.root);
        let data = below(look, &project.root).filter(|path| !is_source(path));
        suite.setup.extend(data.cloned());
        for (path, source) in sources(look, &project.root) {
            let name = class_name(&project.root, &path);
            match name.filter(|_| why.is_none()) {
                Some(name) if is_test_name(&path) => drop(suite.tests.insert(path, name)),
                // What settings elsewhere may let run, or nobody can tell.
                None => drop(suite.setup.insert(path)),
                Some(_) if source.may_test => drop(suite.setup.insert(path)),
                Some(_) => {}
            }
        }
        Ok(suite)
    }

    fn sources(&self, look: &Look<'_>, of: &BTreeSet<RepoPath>) -> Vec<SourceFile> {
        let modules: BTreeSet<RepoPath> = of.iter().filter_map(module_of).collect();
        let mut found = BTreeMap::new();
        for module in modules {
            of_module(look, &module, &mut found);
        }
        // Tests are nothing to other modules, also where their own is run as a whole.
        let changed = [
            &look.changed.added,
            &look.changed.modified,
            &look.changed.deleted,
        ];
        for path in changed.into_iter().flatten() {
            let is_module = |root: &RepoPath| {
                let tests = root
                    .join("src/test")
                    .is_ok_and(|tests| path.is_within(&tests));
                let pom = root.join("pom.xml");
                tests && pom.is_ok_and(|pom| look.head.files().is_file(&pom))
            };
            if path.ancestors().skip(1).any(|root| is_module(&root)) {
                found.entry(path.clone()).or_insert_with(|| SourceFile {
                    path: path.clone(),
                    ..SourceFile::default()
                });
            }
        }
        found.into_values().collect()
    }

    fn restricted(&self, task: &Task, names: &[String]) -> Option<Command> {
        let parts: Vec<Selected> = names.iter().cloned().map(Selected::Class).collect();
        runner::restrict(task, &parts)
    }
}

/// What the sources of one module's tests take in.
fn of_module(look: &Look<'_>, module: &RepoPath, found: &mut BTreeMap<RepoPath, SourceFile>) {
    let all = sources(look, module);
    let plain: BTreeMap<&RepoPath, bool> = all
        .iter()
        .map(|(path, source)| (path, is_plain(look, module, path, source)))
        .collect();
    // Where only support changed that no test takes in, one test is run all the same: it shows that all still compiles.
    let first = all
        .iter()
        .map(|(path, _)| path)
        .find(|path| is_test_name(path));
    for (path, source) in &all {
        let others = all.iter().filter(|(other, _)| other != path);
        let used = others.filter(|(other, theirs)| {
            let named = theirs.types.iter().any(|name| source.words.contains(name));
            let shown = first == Some(path) && !is_test_name(other);
            let named = named && !defects::is("forget-test-support");
            named || shown || !plain[path] || !plain[other]
        });
        let file = SourceFile {
            path: path.clone(),
            uses: used.map(|(other, _)| other.clone()).collect(),
            escape: None,
            ..SourceFile::default()
        };
        found.insert(path.clone(), file);
    }
}

/// Where a module takes in the tests of another, or a pom cannot be read, nothing is known of any.
fn takes_no_tests(look: &Look<'_>) -> Result<(), String> {
    let entries = look.head.files().entries().iter();
    let poms = entries.filter(|entry| entry.path.file_name() == b"pom.xml");
    for entry in poms.filter(|entry| !crate::ecosystem::is_material(&entry.path)) {
        match look.head.parse(&entry.path, &POM) {
            Ok(pom) if !pom.takes_tests => {}
            Ok(_) => return Err(format!("{} may take in tests of others", entry.path)),
            Err(fault) => return Err(fault.to_string()),
        }
    }
    Ok(())
}

/// The folders of main sources that a module is built with: its own, and those of every project below it.
fn mains(look: &Look<'_>, root: &RepoPath) -> BTreeSet<RepoPath> {
    let own = look.graph.enclosing(root).next();
    let mut open: Vec<ProjectIndex> = own.into_iter().collect();
    let mut met: BTreeSet<ProjectIndex> = open.iter().copied().collect();
    while let Some(at) = open.pop() {
        for (below, edge) in look.graph.dependencies(at) {
            if edge.kind != DependencyKind::Runtime && met.insert(below) {
                open.push(below);
            }
        }
    }
    let roots = met.into_iter().map(|at| &look.graph.project(at).root);
    roots
        .filter_map(|root| root.join("src/main").ok())
        .collect()
}

/// Why any file of a module's tests may decide about all of them.
fn odd_settings(look: &Look<'_>, root: &RepoPath) -> Option<String> {
    for folder in root.ancestors() {
        let Some(pom) = folder.join("pom.xml").ok() else {
            continue;
        };
        let text = look.head.read(&pom).unwrap_or_default();
        let has = |word: &&&str| memchr::memmem::find(&text, word.as_bytes()).is_some();
        if let Some(word) = SETTINGS.iter().find(has) {
            return Some(format!("{pom} has `{word}`"));
        }
    }
    let of_java = root.join("src/test/java").ok()?;
    let mut all = below(look, root);
    let odd = all.find(|path| {
        let name = path.file_name();
        let is_language = [&b".kt"[..], b".groovy", b".scala"]
            .iter()
            .any(|end| name.ends_with(end));
        let is_service = path.components().any(|part| part == b"META-INF");
        let is_java = name.ends_with(b".java") && !path.is_within(&of_java);
        is_language || is_service || is_java || name == b"junit-platform.properties"
    });
    odd.map(|path| format!("{path} may name any of them"))
}

/// All files of a module's tests, in both trees.
fn below<'l>(look: &'l Look<'_>, root: &RepoPath) -> impl Iterator<Item = &'l RepoPath> {
    let tests = root.join("src/test").unwrap_or_default();
    let here = look
        .head
        .files()
        .below(&tests)
        .iter()
        .map(|entry| &entry.path);
    let gone = look.changed.deleted.iter();
    here.chain(gone.filter(move |path| path.is_within(&tests)))
}

fn is_source(path: &RepoPath) -> bool {
    path.file_name().ends_with(b".java")
}

/// The sources of a module's tests, in both trees; what was said before counts as well.
fn sources(look: &Look<'_>, root: &RepoPath) -> Vec<(RepoPath, Arc<TestSource>)> {
    let Ok(folder) = root.join("src/test/java") else {
        return Vec::new();
    };
    let here = look
        .head
        .files()
        .below(&folder)
        .iter()
        .map(|entry| &entry.path);
    let here: Vec<RepoPath> = here.filter(|path| is_source(path)).cloned().collect();
    let changed = look.changed.modified.iter().chain(&look.changed.deleted);
    let before: Vec<RepoPath> = changed
        .filter(|path| path.is_within(&folder) && is_source(path))
        .cloned()
        .collect();
    let odd = || {
        Arc::new(TestSource {
            is_odd: true,
            may_test: true,
            ..TestSource::default()
        })
    };
    let mut found: BTreeMap<RepoPath, Arc<TestSource>> = BTreeMap::new();
    for (path, parsed) in look.head.parse_all(here, &TEST_SOURCE) {
        found.insert(path, parsed.unwrap_or_else(|_| odd()));
    }
    let base = look.base.iter();
    for (path, parsed) in base.flat_map(|base| base.parse_all(before.clone(), &TEST_SOURCE)) {
        let old = parsed.unwrap_or_else(|_| odd());
        found
            .entry(path)
            .and_modify(|now| *now = Arc::new(joined(now, &old)))
            .or_insert(old);
    }
    found.into_iter().collect()
}

fn joined(now: &TestSource, old: &TestSource) -> TestSource {
    TestSource {
        words: &now.words | &old.words,
        types: &now.types | &old.types,
        imports: &now.imports | &old.imports,
        is_odd: now.is_odd || old.is_odd,
        may_test: now.may_test || old.may_test,
    }
}

/// Tells whether a source names whatever it takes in, and stands in the way of no main class.
fn is_plain(look: &Look<'_>, module: &RepoPath, path: &RepoPath, source: &TestSource) -> bool {
    if defects::is("trust-reflection") {
        return true;
    }
    let mut types = source.types.iter();
    if types.any(|name| hides_main(look, module, path, name)) {
        return false;
    }
    let mut imports = source.imports.iter();
    !source.is_odd
        && imports.all(|import| is_known_library(import) || is_here(look, module, import))
}

/// Tells whether a main source of the same package declares a type of this name: test classes come first.
fn hides_main(look: &Look<'_>, module: &RepoPath, path: &RepoPath, name: &str) -> bool {
    let tests = module.join("src/test/java").unwrap_or_default();
    let package = path.parent().unwrap_or_default();
    let package = package.relative_to(&tests).map(String::from_utf8_lossy);
    let package = package.unwrap_or_default();
    mains(look, module).iter().any(|main| {
        let file = main.join(format!("java/{package}/{name}.java"));
        file.is_ok_and(|file| look.head.files().is_file(&file))
    })
}

/// Tells whether a name means a source of the module's tests, or one of its own or another module's main sources.
fn is_here(look: &Look<'_>, module: &RepoPath, import: &str) -> bool {
    let mut roots = mains(look, module);
    roots.extend(module.join("src/test"));
    let folders = roots.iter().filter_map(|root| root.join("java").ok());
    let files = look.head.files();
    let mut name = import.trim_end_matches(".*");
    loop {
        let path = name.replace('.', "/");
        let mut folders = folders.clone();
        let is_there = folders.any(|folder| {
            let file = folder.join(format!("{path}.java"));
            let package = folder.join(&path);
            file.is_ok_and(|file| files.is_file(&file) || look.changed.deleted.contains(&file))
                || (import.ends_with(".*") && package.is_ok_and(|at| files.is_folder(&at)))
        });
        // Members and inner types stand behind the name of a type.
        match name.rsplit_once('.') {
            _ if is_there => return true,
            Some((above, _)) => name = above,
            None => return false,
        }
    }
}

/// The module of a source of tests.
fn module_of(path: &RepoPath) -> Option<RepoPath> {
    path.ancestors().find_map(|folder| {
        let test = folder.parent().filter(|_| folder.file_name() == b"java")?;
        let source = test.parent().filter(|_| test.file_name() == b"test")?;
        let module = source.parent();
        module.filter(|_| source.file_name() == b"src")
    })
}

fn class_name(root: &RepoPath, path: &RepoPath) -> Option<String> {
    let folder = root.join("src/test/java").ok()?;
    let inside = std::str::from_utf8(path.relative_to(&folder)?).ok()?;
    let name = inside.strip_suffix(".java")?.replace('/', ".");
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_');
    name.chars().all(is_plain).then_some(name)
}

/// What Surefire runs where nothing else is said.
fn is_test_name(path: &RepoPath) -> bool {
    let name = path.file_name();
    let name = name.strip_suffix(b".java").unwrap_or(name);
    let ends = [&b"Test"[..], b"Tests", b"TestCase"];
    name.starts_with(b"Test") || ends.iter().any(|end| name.ends_with(end))
}

fn parse_source(bytes: &[u8]) -> Result<TestSource, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = TestSource::default();
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$');
    let mut before = "";
    for word in text
        .split(|letter| !is_name(letter))
        .filter(|word| !word.is_empty())
    {
        if matches!(before, "class" | "interface" | "enum" | "record") {
            found.types.insert(word.to_owned());
        }
        found.words.insert(word.to_owned());
        before = word;
    }
    for line in text.lines() {
        let Some(name) = line.trim_start().strip_prefix("import ") else {
            continue;
        };
        let name = name.trim_start().strip_prefix("static ").unwrap_or(name);
        let (name, _) = name.split_once(';').unwrap_or((name, ""));
        found.imports.insert(name.split_whitespace().collect());
    }
    let annotations = text.match_indices('@').map(|(at, sign)| {
        let rest = &text[at + sign.len()..];
        let end = rest.find(|letter| !is_name(letter) && letter != '.');
        &rest[..end.unwrap_or(rest.len())]
    });
    let mut unknown = annotations.filter(|name| !name.is_empty() && !is_known_annotation(name));
    // An escaped letter may write any name.
    found.is_odd = unknown.next().is_some()
        || text.contains("\\u")
        || ODD.iter().any(|word| found.words.contains(*word));
    found.may_test = text.contains("Test") || found.words.contains("extends");
    Ok(found)
}

/// Tells whether an annotation is one of those that are known, by its name alone or with its package before it.
fn is_known_annotation(name: &str) -> bool {
    let (package, last) = name.rsplit_once('.').unwrap_or(("", name));
    ANNOTATIONS.contains(&last) && (package.is_empty() || is_known_library(name))
}

fn is_known_library(name: &str) -> bool {
    KNOWN.iter().any(|known| name.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> TestSource {
        parse_source(text.as_bytes()).expect("a source")
    }

    #[test]
    fn sources_say_what_they_name() {
        let found = read(
            "package a;\nimport static org.junit.Assert.*;\nimport a.b.Cart;\n\npublic class CartTest {\n    @Test public void adds() { Support.holds(); }\n    enum Kind {}\n}\n",
        );
        let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&found.types), "CartTest Kind");
        assert_eq!(names(&found.imports), "a.b.Cart org.junit.Assert.*");
        assert!(found.words.contains("Support") && !found.is_odd && found.may_test);
    }

    #[test]
    fn what_is_found_or_finds_otherwise_is_odd() {
        for text in [
            "@SpringBootTest class A {}",
            "class A { Object x = Class.forName(\"b\"); }",
            "class A { static { System.setProperty(\"a\", \"b\"); } }",
            "class \\u0041 {}",
            "@ExtendWith(X.class) class A {}",
            "class A { @com.acme.Test void one() {} }",
        ] {
            assert!(read(text).is_odd, "{text}");
        }
        assert!(!read("class A { @org.junit.Test public void one() {} }").is_odd);
        assert!(!read("class A { @Override public String toString() { return \"\"; } }").is_odd);
    }

    #[test]
    fn names_are_those_of_surefire() {
        let name = |path: &str| is_test_name(&RepoPath::new(path).expect("a path"));
        for path in ["ATest.java", "TestA.java", "ATests.java", "ATestCase.java"] {
            assert!(name(path), "{path}");
        }
        assert!(!name("AIT.java") && !name("Support.java"));
    }
}
