//! Words of a source that may be paths, taken from its bytes: reading every source with the parser of its language would
//! make first answers slow, and what no language tells apart (scripts, settings) is read the same way.

use std::collections::BTreeSet;

use affected_graph::RepoPath;
use serde::{Deserialize, Serialize};

use crate::ecosystem::prose;
use crate::facts::{Broken, Parser};

/// What a source names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    /// Paths that leave a folder: `../money/rates.json`.
    pub(super) climbing: BTreeSet<String>,
    /// Paths below a folder that the program works out: `money/rates.json`.
    pub(super) inner: BTreeSet<String>,
    /// Names of documentation.
    pub(super) prose: BTreeSet<String>,
    /// Names of packages and modules that are imported, without what lies in them.
    pub(super) modules: BTreeSet<String>,
}

const CODE: Parser<Words> = Parser {
    id: "sources/code",
    version: 1,
    parse: |bytes| Ok::<_, Broken>(read(bytes).0),
};
const SCRIPT: Parser<Words> = Parser {
    id: "sources/script",
    version: 1,
    parse: |bytes| {
        let (mut found, quoted) = read(bytes);
        packages(bytes, &quoted, &mut found);
        Ok::<_, Broken>(found)
    },
};
const PYTHON: Parser<Words> = Parser {
    id: "sources/python",
    version: 1,
    parse: |bytes| {
        let (mut found, _) = read(bytes);
        imports(bytes, &mut found);
        Ok::<_, Broken>(found)
    },
};
/// Settings and scripts, where paths stand without quotes.
const PLAIN: Parser<Words> = Parser {
    id: "sources/plain",
    version: 2,
    parse: |bytes| {
        let mut found = Words::default();
        climbing(bytes, &mut found);
        variables(bytes, &mut found);
        Ok::<_, Broken>(found)
    },
};

/// Endings of what imports packages of npm.
const WEB: &[&str] = &[
    ".cjs", ".cts", ".js", ".jsx", ".mjs", ".mts", ".svelte", ".ts", ".tsx", ".vue",
];
/// Endings of sources.
const SOURCES: &[&str] = &[
    ".c", ".cc", ".cjs", ".cpp", ".cs", ".cts", ".cxx", ".dart", ".ex", ".exs", ".fs", ".go",
    ".groovy", ".h", ".hpp", ".java", ".js", ".jsx", ".kt", ".mjs", ".mts", ".php", ".py", ".rb",
    ".rs", ".scala", ".svelte", ".swift", ".ts", ".tsx", ".vue",
];
const SETTINGS: &[&str] = &[
    "CMakeLists.txt",
    "GNUmakefile",
    "Makefile",
    "Taskfile.yaml",
    "Taskfile.yml",
    "justfile",
    "makefile",
    "package.json",
    "pom.xml",
    "pytest.ini",
    "setup.cfg",
    "tox.ini",
];
const SCRIPTS: &[&str] = &[".bash", ".cmake", ".gradle", ".kts", ".mk", ".sh"];
/// What these read of documentation is for a package's page and not for its tests.
const PACKAGING: &[&[u8]] = &[b"setup.py", b"conf.py"];

/// The kind of symbol that a source imports by name, see [`crate::ecosystem::Symbol`].
pub(super) fn space_of(path: &RepoPath) -> Option<&'static str> {
    match () {
        () if ends(path, WEB) => Some("npm"),
        () if ends(path, &[".py"]) => Some("python module"),
        () => None,
    }
}

/// Tells whether a file is a source.
pub(super) fn is_source(path: &RepoPath) -> bool {
    ends(path, SOURCES)
}

/// Tells whether what a file names of its own documentation is read by tests.
pub(super) fn is_of_tests(path: &RepoPath) -> bool {
    is_source(path) && !PACKAGING.contains(&path.file_name())
}

fn ends(path: &RepoPath, endings: &[&str]) -> bool {
    let name = path.file_name();
    endings
        .iter()
        .any(|ending| name.ends_with(ending.as_bytes()))
}

/// The parser of a file; `None` for what names nothing.
pub(super) fn parser_of(path: &RepoPath) -> Option<&'static Parser<Words>> {
    let name = path.file_name();
    let is_settings =
        SETTINGS.iter().any(|own| name == own.as_bytes()) || name.starts_with(b"tsconfig");
    match () {
        () if ends(path, WEB) => Some(&SCRIPT),
        () if ends(path, &[".py"]) => Some(&PYTHON),
        () if is_source(path) => Some(&CODE),
        () if is_settings || ends(path, SCRIPTS) => Some(&PLAIN),
        () => None,
    }
}

/// Longer paths are none that people write.
const MOST: usize = 200;
/// So many words in a row may be the parts of one path.
const PARTS: usize = 8;
/// So far before a word is looked for the folder that it is joined to.
const NEAR: usize = 48;

/// Reads a source: what it names, and its words between quotes.
fn read(bytes: &[u8]) -> (Words, Vec<Span>) {
    let mut found = Words::default();
    climbing(bytes, &mut found);
    let all = quoted(bytes);
    let mut rest = &all[..];
    while !rest.is_empty() {
        let mut length = 1;
        while length < rest.len() && is_joined(bytes, &rest[length - 1..=length]) {
            length += 1;
        }
        let (chain, after) = rest.split_at(length);
        joined(bytes, chain, &mut found);
        for word in chain {
            single(bytes, word, chain.len() == 1, &mut found);
        }
        rest = after;
    }
    (found, all)
}

/// A word between quotes: where it begins, and where it ends.
type Span = (usize, usize);

/// Words between quotes, each on one line.
fn quoted(bytes: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    // Up to where no word ends with the quote of its place: nothing is looked through twice.
    let mut open = [0; 3];
    while let Some(start) = memchr::memchr3(b'"', b'\'', b'`', &bytes[at..]).map(|skip| at + skip) {
        at = start + 1;
        let open = &mut open[match bytes[start] {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        }];
        if start < *open {
            continue;
        }
        match end_of_word(bytes, start) {
            Ok(end) => {
                found.push((at, end));
                at = end + 1;
            }
            Err(end) => *open = end,
        }
    }
    found
}

/// Where the word that begins with a quote ends, or else its line.
fn end_of_word(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let mut end = start + 1;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        let Some(skip) = memchr::memchr3(bytes[start], b'\\', b'\n', rest) else {
            return Err(bytes.len());
        };
        end += skip;
        match bytes[end] {
            b'\n' => return Err(end),
            b'\\' => end += 2,
            _ => return Ok(end),
        }
    }
}

/// Tells whether two words stand as parts of one path: `"a", "b"`, `"a" / "b"`, `.join("a").join("b")`.
fn is_joined(bytes: &[u8], pair: &[Span]) -> bool {
    let [(_, end), (start, _)] = pair else {
        return false;
    };
    let between = bytes.get(end + 1..start - 1).unwrap_or_default();
    matches!(
        between.trim_ascii(),
        b"," | b"/" | b").join(" | b").joinpath(" | b").resolve("
    )
}

/// Takes the words of a row as one path.
fn joined(bytes: &[u8], chain: &[Span], found: &mut Words) {
    if !(2..=PARTS).contains(&chain.len()) {
        return;
    }
    let parts: Option<Vec<&str>> = chain.iter().map(|word| plain(bytes, word)).collect();
    let Some(parts) = parts.filter(|parts| parts.iter().all(|part| !part.is_empty())) else {
        return;
    };
    let path = parts.join("/");
    if path.len() > MOST {
        return;
    }
    if parts
        .iter()
        .any(|part| part.split('/').any(|part| part == ".."))
    {
        found.climbing.insert(path);
    } else {
        found.inner.insert(path);
    }
}

/// Takes one word.
fn single(bytes: &[u8], word: &Span, is_alone: bool, found: &mut Words) {
    let Some(path) = plain(bytes, word).filter(|path| path.len() <= MOST) else {
        return;
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    let ending = ending.map_or("", |(_, ending)| ending);
    let has_ending = !ending.is_empty() && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if has_ending && prose::ENDINGS.iter().any(|prose| prose[1..] == *ending) {
        found.prose.insert(path.to_owned());
    }
    let (first, _) = path.split_once('/').unwrap_or_default();
    // `github.com/acme/shop` is a module.
    let is_module = first.starts_with('@') || first.find('.').is_some_and(|at| at > 0);
    let climbs = path.split('/').any(|part| part == "..");
    if climbs || is_module || first == "." {
        return;
    }
    let has_folder = has_ending && !first.is_empty();
    if has_folder || (is_alone && is_below_root(&bytes[..word.0 - 1])) {
        found.inner.insert(path.to_owned());
    }
}

/// The part of a word that may be a path: what follows the last thing that is filled in, up to a query.
fn plain<'b>(bytes: &'b [u8], (start, end): &Span) -> Option<&'b str> {
    let text = std::str::from_utf8(bytes.get(*start..*end)?).ok()?;
    let text = text.rsplit(['}', '%']).next().unwrap_or(text);
    let text = text.split(['?', '#']).next().unwrap_or(text);
    let text = text.trim_matches('/');
    text.bytes().all(is_of_path).then_some(text)
}

/// Tells whether what stands before a word looks like the top of the repository: `ROOT / "money"`.
fn is_below_root(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let (Some(b'/' | b',' | b'('), Some(at)) = (before.last(), before.len().checked_sub(1)) else {
        return false;
    };
    let line = &before[at.saturating_sub(NEAR)..at];
    let line = line
        .rsplit(|byte| matches!(byte, b'\n' | b';' | b'='))
        .next();
    let line = line.unwrap_or_default().to_ascii_lowercase();
    let has = |word: &[u8]| memchr::memmem::find(&line, word).is_some();
    (has(b"root") || has(b"repo") || has(b"parent") || has(b"workspace"))
        && !has(b"tmp")
        && !has(b"temp")
}

const fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@' | b'+')
        || byte >= 0x80
}

/// Takes the packages of npm that are imported: `@a/b/c` is of `@a/b`.
fn packages(bytes: &[u8], quoted: &[Span], found: &mut Words) {
    const BEFORE: &[&[u8]] = &[b"from", b"import", b"(", b"import type"];
    let mut line = Line::default();
    for (start, end) in quoted.iter().copied() {
        line.go_to(bytes, start - 1);
        let before = bytes[..start - 1].trim_ascii_end();
        let is_import = BEFORE.iter().any(|word| before.ends_with(word));
        let word = std::str::from_utf8(&bytes[start..end]).unwrap_or_default();
        let parts = if word.starts_with('@') { 2 } else { 1 };
        let name = word.split('/').take(parts).collect::<Vec<_>>().join("/");
        let is_name = !name.is_empty() && name.len() <= MOST && name.bytes().all(is_of_path);
        if is_import && is_name && !line.is_remark && !name.starts_with('.') && is_called(before) {
            found.modules.insert(name);
        }
    }
}

/// Tells whether a bracket before a word is that of a call which loads.
fn is_called(before: &[u8]) -> bool {
    const LOADS: &[&[u8]] = &[
        b"require", b"import", b"mock", b"Mock", b"resolve", b"Actual",
    ];
    let Some(before) = before.strip_suffix(b"(") else {
        return true;
    };
    LOADS.iter().any(|word| before.ends_with(word))
}

/// Takes the modules that Python imports, by their first part.
fn imports(bytes: &[u8], found: &mut Words) {
    for (key, many) in [(&b"import "[..], usize::MAX), (b"from ", 1)] {
        for at in memchr::memmem::find_iter(bytes, key) {
            let before = bytes[..at].iter().rev();
            let indent = before
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count();
            let is_first = matches!(bytes[..at - indent].last(), None | Some(b'\n'));
            if is_first {
                let rest = &bytes[at + key.len()..];
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let names = rest[..end].split(|byte| *byte == b',').take(many);
                found.modules.extend(names.filter_map(first_part));
            }
        }
    }
}

/// The first part of a module's name: `shop` of `shop.cart as cart`.
fn first_part(name: &[u8]) -> Option<String> {
    let name = name.trim_ascii();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let length = name.iter().take_while(|byte| is_name(byte)).count();
    let name = std::str::from_utf8(&name[..length]).ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// What stands before a folder that a manifest depends on.
const RANGES: &[&[u8]] = &[b"file:", b"link:", b"portal:", b"workspace:"];

/// Takes what climbs, also inside of longer texts and without quotes: `jest --config ../../jest.json`.
fn climbing(bytes: &[u8], found: &mut Words) {
    let mut after = 0;
    let mut line = Line::default();
    for at in memchr::memmem::find_iter(bytes, b"../") {
        // The second `../` of one path was read with the first.
        if at < after {
            continue;
        }
        let before = bytes[after..at].iter().rev();
        let start = at - before.take_while(|byte| is_of_path(**byte)).count();
        let end = bytes[at..].iter().take_while(|byte| is_of_path(**byte));
        let end = at + end.count();
        line.go_to(bytes, start);
        after = end;
        let word = std::str::from_utf8(&bytes[start..end]).unwrap_or_default();
        let word = word.trim_start_matches('/');
        let climbs = word.split('/').any(|part| part == "..");
        // `"b": "link:../b"` is for those who read manifests.
        let is_range = RANGES.iter().any(|range| bytes[..start].ends_with(range));
        if climbs && word.len() <= MOST && !is_range && !line.is_remark {
            found.climbing.insert(word.to_owned());
        }
    }
}

/// Parts of the names of variables that mean the top of the repository, and of those that mean a place outside of it.
const TOPS: &[&str] = &[
    "root",
    "repo",
    "parent",
    "workspace",
    "toplevel",
    "multimodule",
    "cmake_source",
];
const OUTSIDE: &[&str] = &[
    "tmp", "temp", "home", "dirname", "gopath", "cache", "output", "build",
];

/// Takes what settings and scripts say of a folder that a variable names: `${project.parent.basedir}/b/x`, `$(ROOT)/b/x`,
/// `"$REPO_ROOT"/b`.
fn variables(bytes: &[u8], found: &mut Words) {
    let mut line = Line::default();
    for at in memchr::memchr_iter(b'$', bytes) {
        line.go_to(bytes, at);
        let rest = &bytes[at + 1..];
        let Some(length) = length_of_variable(rest).filter(|_| !line.is_remark) else {
            continue;
        };
        let name = String::from_utf8_lossy(&rest[..length]).to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let after = &rest[length..];
        let after = after.strip_prefix(b"\"").unwrap_or(after);
        let end = after.iter().take_while(|byte| is_of_path(**byte)).count();
        let path = std::str::from_utf8(&after[..end]).unwrap_or_default();
        let Some(path) = path.strip_prefix('/').map(|path| path.trim_matches('/')) else {
            continue;
        };
        let is_path = !path.is_empty() && path.len() <= MOST;
        let climbs = path.split('/').any(|part| part == "..");
        if is_path && !climbs && (has(TOPS) || (path.contains('/') && !has(OUTSIDE))) {
            found.inner.insert(path.to_owned());
        }
    }
}

/// How long the name of a variable is, with its brackets, on one line.
fn length_of_variable(rest: &[u8]) -> Option<usize> {
    let close = match rest.first()? {
        b'{' => b'}',
        b'(' => b')',
        _ => {
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let length = rest.iter().take_while(|byte| is_name(byte)).count();
            return (length > 0).then_some(length);
        }
    };
    let near = &rest[..rest.len().min(NEAR)];
    let end = memchr::memchr2(close, b'\n', near)?;
    (near[end] == close).then_some(end + 1)
}

/// The line of a place in a text that is gone through once.
#[derive(Default)]
struct Line {
    /// Where the text before was looked through.
    seen: usize,
    /// Whether it only remarks: there, paths are those of pages.
    is_remark: bool,
}

impl Line {
    fn go_to(&mut self, bytes: &[u8], at: usize) {
        let (from, seen) = (self.seen, at.max(self.seen));
        self.seen = seen;
        let start = memchr::memrchr(b'\n', &bytes[from..seen]).map(|end| from + end + 1);
        if let Some(start) = start.or((from == 0).then_some(0)) {
            self.is_remark = is_remark(&bytes[start..seen]);
        }
    }
}

/// Tells whether a line that begins so is a remark.
fn is_remark(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let is_reference = memchr::memmem::find(line, b"<reference").is_some();
    let is_order = line.starts_with(b"//go:") || line.starts_with(b"#!");
    let starts = [&b"//"[..], b"* ", b"# ", b"/*", b"<!--"];
    starts.iter().any(|start| line.starts_with(start)) && !is_reference && !is_order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_taken_by_their_first_part() {
        let packages = |bytes: &[u8], found: &mut Words| packages(bytes, &quoted(bytes), found);
        let check = |take: fn(&[u8], &mut Words), text: &str, expect: &str| {
            let mut found = Words::default();
            take(text.as_bytes(), &mut found);
            let found: Vec<&str> = found.modules.iter().map(String::as_str).collect();
            assert_eq!(found.join(" "), expect, "{text}");
        };
        check(
            packages,
            "import a from 'a/b'\nexport * from \"@c/d/e\"",
            "@c/d a",
        );
        check(
            packages,
            "import 'a'; require(\"b\"); await import('c'); f('d')",
            "a b c",
        );
        check(
            packages,
            "jest.mock('a'); require.resolve('b/package.json')",
            "a b",
        );
        check(packages, "import './a'; const x = ['b']", "");
        check(packages, "// adds it from 'a'\nimport 'b'", "b");
        check(
            imports,
            "import a.b as c, d\n  from e.f import g\nfrom . import h",
            "a d e",
        );
        check(imports, "importlib.x()\n# import a\nx = 'from b'", "");
    }

    #[test]
    fn what_a_variable_stands_before_is_taken() {
        let check = |text: &str, inner: &str| {
            let mut found = Words::default();
            variables(text.as_bytes(), &mut found);
            let words: Vec<&str> = found.inner.iter().map(String::as_str).collect();
            assert_eq!(words.join(" "), inner, "{text}");
        };
        check(
            "<directory>${project.parent.basedir}/b/src</directory>",
            "b/src",
        );
        check(
            "source \"$REPO_ROOT\"/b ; . ${ROOT}/hack/lib.sh",
            "b hack/lib.sh",
        );
        check("$(ROOT)/b/x: $(OUT)/y", "b/x");
        check("cp $(git rev-parse --show-toplevel)/b/x $TMPDIR/b/y", "b/x");
        check("# see $ROOT/b/x\n$ROOT\n${unclosed/a/b\n$", "");
        check("$ROOT/../b $HOME/b/x ${x}b/y", "");
    }

    #[test]
    fn paths_are_taken_from_what_languages_write() {
        let check = |text: &str, climbing: &str, inner: &str| {
            let (found, _) = read(text.as_bytes());
            let join = |words: &BTreeSet<String>| {
                words
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            assert_eq!(join(&found.climbing), climbing, "{text}");
            assert_eq!(join(&found.inner), inner, "{text}");
        };
        check("require('../b/y')", "../b/y", "");
        check(
            "os.ReadFile(\"../../b/testdata/x\")",
            "../../b/testdata/x",
            "",
        );
        check(
            "path.join(__dirname, '..', '..', 'b', 'x.json')",
            "../../b/x.json",
            "",
        );
        check(
            "path.join(\n  __dirname,\n  \"..\",\n  \"b\",\n)",
            "../b",
            "",
        );
        check(
            "Path(__file__).parent / \"b\" / \"data/x.json\"",
            "",
            "b/data/x.json data/x.json",
        );
        check("dir.join(\"..\").join(\"b\").join(\"x\")", "../b/x", "");
        check(
            "concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../b/x\")",
            "../b/x",
            "",
        );
        check(
            "f\"{ROOT}/b/x.json\" `${root}/c/y.json`",
            "",
            "b/x.json c/y.json",
        );
        check("exec(\"python ../b/tool.py --out /x\")", "../b/tool.py", "");
        check(
            "// see ../b/x.md\n/// <reference path=\"../c.d.ts\" />",
            "../c.d.ts",
            "",
        );
        check(
            "import \"github.com/acme/shop/v2.x\"; from '@a/b/c.js'; 'https://a.b/c.js'",
            "",
            "",
        );
        check("don't say \"../b/x\" or isn't", "../b/x", "");
        check("join(repoRoot, \"b\"); tmp_path / \"b\"", "", "b");
        check("x = '.../a' + \"a/./b\"", "", "");
        check("\"unclosed\n'\\'' \"../é/x.json\"", "../é/x.json", "");
    }
}
