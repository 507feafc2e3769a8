//! Files that Rust sources take in: `include_str!`, `include_bytes!`, `include!` and their like, `#[path]`, `#[folder]`,
//! and documentation that they name. Source: "Modules" of the Rust reference, and the documentation of these macros.

use std::collections::BTreeSet;
use std::sync::Arc;

use affected_graph::{DependencyKind, Evidence, RepoPath};
use serde::{Deserialize, Serialize};

use super::arguments::{Argument, argument, attributes, macros};
use crate::ecosystem::{FileName, Link, Reference, Scan, is_material, prose};
use crate::facts::{Broken, Parser};

pub(super) const INCLUDES: Parser<Includes> = Parser {
    id: "cargo/includes",
    version: 2,
    parse,
};

/// What a source says of files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Includes {
    taken: Vec<Include>,
    /// Quoted words that may name documentation, with the line.
    prose: Vec<(String, u32)>,
    /// Whether it reads files and names the folder of the tests.
    reads_tests: bool,
}

/// A path that a macro or an attribute takes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Include {
    path: String,
    base: Base,
    line: u32,
}

/// What a path is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Base {
    /// The folder of the source.
    Source,
    /// The package.
    Package,
    /// One of the two.
    Either,
}

/// A file or folder that a source takes in.
struct Taken {
    package: RepoPath,
    by: RepoPath,
    include: Include,
    file: RepoPath,
}

/// A source that takes in or reads anything.
pub(super) struct Reader {
    path: RepoPath,
    package: RepoPath,
    includes: Arc<Includes>,
}

/// The sources of all packages that take in or read anything.
pub(super) fn readers(scan: &Scan<'_>, packages: &[RepoPath]) -> Vec<Reader> {
    let packages: BTreeSet<&RepoPath> = packages.iter().collect();
    let sources = scan
        .named(FileName::EndsWith(".rs"))
        .filter(|path| !is_material(path));
    let parsed = scan.parse_all(sources.cloned().collect(), &INCLUDES);
    let readers = parsed.into_iter().filter_map(|(path, parsed)| {
        let includes = parsed.ok().filter(|found| **found != Includes::default())?;
        let package = path.ancestors().find(|above| packages.contains(above))?;
        Some(Reader {
            path,
            package,
            includes,
        })
    });
    readers.collect()
}

pub(super) fn links(
    scan: &Scan<'_>,
    packages: &[RepoPath],
    readers: &[Reader],
    links: &mut Vec<Link>,
) {
    let roots: BTreeSet<&RepoPath> = packages.iter().collect();
    for taken in taken_in(scan, readers) {
        let owner = taken.file.ancestors().find(|above| roots.contains(above));
        let (package, by, line) = (&taken.package, &taken.by, taken.include.line);
        let detail = format!("includes {}", taken.include.path);
        if owner.as_ref() == Some(package) {
            let inside = prose::meant(scan, package, &[RepoPath::root()], &taken.file.to_string());
            for file in inside {
                links.push(prose::link(package, file, by, line, detail.clone()));
            }
        } else if !package.is_within(&taken.file) {
            links.push(Link {
                from: taken.package,
                to: Reference::Path(taken.file),
                kind: DependencyKind::Build,
                evidence: Evidence {
                    file: taken.by,
                    line: Some(line),
                    detail,
                },
            });
        }
    }
    for reader in readers {
        let package = &reader.package;
        let folder = reader.path.parent().unwrap_or_default();
        let bases = [folder, package.clone()];
        for (word, line) in &reader.includes.prose {
            for to in prose::meant(scan, package, &bases, word) {
                let detail = format!("names {word}");
                links.push(prose::link(package, to, &reader.path, *line, detail));
            }
        }
    }
}

/// Files of a package that other files of it take in: package, reader, read.
pub(super) fn inner(
    scan: &Scan<'_>,
    readers: &[Reader],
) -> impl Iterator<Item = (RepoPath, RepoPath, RepoPath)> {
    let taken = taken_in(scan, readers).into_iter();
    let inside = taken.filter(|taken| taken.file.is_within(&taken.package));
    inside.map(|taken| (taken.package, taken.by, taken.file))
}

/// Packages with a source outside of the tests that may read what lies there.
pub(super) fn read_tests(readers: &[Reader]) -> BTreeSet<RepoPath> {
    let readers = readers.iter().filter(|reader| {
        let tests = reader.package.join("tests");
        let is_test = tests.is_ok_and(|tests| reader.path.is_within(&tests));
        reader.includes.reads_tests && !is_test
    });
    readers.map(|reader| reader.package.clone()).collect()
}

fn taken_in(scan: &Scan<'_>, readers: &[Reader]) -> Vec<Taken> {
    let mut found = Vec::new();
    for reader in readers {
        let (package, folder) = (&reader.package, reader.path.parent().unwrap_or_default());
        for include in &reader.includes.taken {
            let bases = match include.base {
                Base::Source => &[&folder][..],
                Base::Package => &[package],
                Base::Either => &[&folder, package],
            };
            for file in bases
                .iter()
                .filter_map(|base| base.join(&include.path).ok())
            {
                if scan.files().is_file(&file) || scan.files().is_folder(&file) {
                    found.push(Taken {
                        package: package.clone(),
                        by: reader.path.clone(),
                        include: include.clone(),
                        file,
                    });
                }
            }
        }
    }
    found
}

/// Calls that read files of any name.
const READS: [&str; 7] = [
    "include_dir",
    "read_dir",
    "read_to_string",
    "fs::read",
    "File::open",
    "WalkDir",
    "glob",
];

fn parse(bytes: &[u8]) -> Result<Includes, Broken> {
    let has = |what: &str| memchr::memmem::find(bytes, what.as_bytes()).is_some();
    let mut taken = Vec::new();
    for (name, at) in macros(bytes) {
        let base = match name {
            "include" | "include_str" | "include_bytes" => Base::Source,
            "migrate" | "embed_migrations" | "include_dir" => Base::Package,
            name if name.contains("include") => Base::Either,
            _ => continue,
        };
        taken.extend(include(bytes, at, &argument(&bytes[at..]), base));
    }
    for (key, at) in attributes(bytes, &["path", "folder"]) {
        let base = if key == "folder" {
            Base::Package
        } else {
            Base::Source
        };
        taken.extend(include(bytes, at, &argument(&bytes[at..]), base));
    }
    Ok(Includes {
        taken,
        prose: prose::words(bytes),
        reads_tests: ["\"tests/", "\"tests\"", "/tests/"].into_iter().any(has)
            && READS.into_iter().any(has),
    })
}

fn include(bytes: &[u8], at: usize, found: &Argument, base: Base) -> Option<Include> {
    let path = found.path.trim_start_matches('/');
    let line = memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1;
    (!path.is_empty()).then(|| Include {
        path: path.to_owned(),
        base: if found.from_package {
            Base::Package
        } else {
            base
        },
        line: u32::try_from(line).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecosystem::cargo::Cargo;
    use crate::ecosystem::{Ecosystem, Reads};
    use crate::facts::FactStore;
    use crate::tree::{Tree, memory::MemoryTree};

    /// What the sources of `a` are linked to.
    fn linked(text: &str) -> String {
        let package = |name: &str| format!("[package]\nname = \"{name}\"\n");
        let (a, nested) = (package("a"), package("nested"));
        let tree = MemoryTree::new([
            ("a/Cargo.toml", &*a),
            ("a/nested/Cargo.toml", &nested),
            ("a/nested/x.txt", ""),
            ("a/src/lib.rs", text),
            ("a/src/help.md", ""),
            ("a/README.md", ""),
            ("a/assets/own.txt", ""),
            ("a/assets/deep/LICENSE", ""),
            ("shared/x.sql", ""),
        ]);
        let paths = tree.files().entries().iter().map(|entry| &entry.path);
        let wanted = paths.filter(|path| Cargo.reads().iter().any(|name| name.matches(path)));
        let scan = Scan {
            candidates: wanted.cloned().collect(),
            tree: &tree,
            facts: &FactStore::default(),
            reads: &Reads::default(),
        };
        let links = Cargo.discover(&scan).links.into_iter();
        let paths: BTreeSet<String> = links
            .filter_map(|link| match link.to {
                Reference::Path(path) => Some(path.to_string()),
                _ => None,
            })
            .collect();
        paths.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn links_are_for_what_is_not_counted_as_own() {
        let check = |text: &str, expect: &str| assert_eq!(linked(text), expect, "{text}");
        check("include_str!(\"help.md\")", "a/src/help.md");
        check("#![doc = include_str!(\"../README.md\")]", "a/README.md");
        check("cases().case(\"README.md\")", "a/README.md");
        check("cases().case(\"*/*.md\")", "a/src/help.md");
        check("// see README.md", "");
        check("include_str!(\"../assets/own.txt\")", "");
        check(
            "include_dir!(\"$CARGO_MANIFEST_DIR/assets\")",
            "a/assets/deep/LICENSE",
        );
        check("include_dir!(\"../shared\")", "shared");
        check("include_str!(concat!(\"../../shared/\", $x))", "shared");
        check("include_str!(\"../nested/x.txt\")", "a/nested/x.txt");
        check("include_dir!(\"..\")", "");
    }

    fn taken(text: &str) -> String {
        let found = parse(text.as_bytes()).expect("a source").taken;
        let words = found.iter().map(|taken| {
            let base = match taken.base {
                Base::Source => "",
                Base::Package => "@",
                Base::Either => "?",
            };
            format!("{base}{}:{}", taken.path, taken.line)
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn paths_are_read_in_every_form() {
        let check = |text: &str, expect: &str| assert_eq!(taken(text), expect, "{text}");
        check("include_str!(\"help.md\")", "help.md:1");
        check("#![doc = include_str!(\"../README.md\")]", "../README.md:1");
        check("\ninclude_bytes!(\n    \"../a.bin\",\n)", "../a.bin:2");
        check("include_str!(r#\"../a \"b\".txt\"#)", "../a \"b\".txt:1");
        check("include_str! { r\"../a.txt\" }", "../a.txt:1");
        let package = "env!(\"CARGO_MANIFEST_DIR\")";
        check(
            &format!("include_str!(concat!({package}, \"/\", \"../b/x.txt\"))"),
            "@../b/x.txt:1",
        );
        check(
            &format!("include_str!(concat!(\n    {package},\n    \"/../x\"\n))"),
            "@../x:1",
        );
        check("sqlx::migrate!(\"../migrations\")", "@../migrations:1");
        check(
            "include_dir!(\"$CARGO_MANIFEST_DIR/../assets\")",
            "@../assets:1",
        );
        check("#[path = \"../b/c.rs\"]\nmod c;", "../b/c.rs:1");
        check("#[folder = \"../web/dist\"]", "@../web/dist:1");
        check("include_proto!(\"../a\")", "?../a:1");
    }

    #[test]
    fn what_is_filled_in_is_a_folder_and_what_is_generated_nothing() {
        let check = |text: &str, expect: &str| assert_eq!(taken(text), expect, "{text}");
        check(
            "include_str!(concat!(\"../data/\", $name, \".txt\"))",
            "../data/:1",
        );
        check("include_str!(concat!(\"../data/x-\", $name))", "../data/:1");
        check("include!(concat!(env!(\"OUT_DIR\"), \"/gen.rs\"))", "");
        check("include_dir!(\"$OUT_DIR/x\")", "");
        check("include_str!($path)", "");
        check("let include = !\"x\";", "");
        check("include_str!(\"", "");
    }
}
