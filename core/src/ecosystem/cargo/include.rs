//! Files that Rust sources take in from outside of their package: `include_str!`, `include_bytes!`, `include!`
//! and `#[path]`. Source: "Modules" of the Rust reference, and the documentation of these macros.

use std::collections::BTreeSet;

use affected_graph::{DependencyKind, Evidence, RepoPath};
use serde::{Deserialize, Serialize};

use crate::ecosystem::{FileName, Link, Reference, Scan, is_material};
use crate::facts::{Broken, Parser};

pub(super) const INCLUDES: Parser<Vec<Include>> = Parser {
    id: "cargo/includes",
    version: 1,
    parse,
};

/// A path that leaves the folder of its source file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Include {
    path: String,
    /// Whether the path is relative to the package rather than to the source file.
    from_package: bool,
    line: u32,
}

/// A file that a source takes in.
struct Taken {
    package: RepoPath,
    by: RepoPath,
    include: Include,
    file: RepoPath,
}

pub(super) fn links(scan: &Scan<'_>, packages: &[RepoPath], links: &mut Vec<Link>) {
    for taken in taken_in(scan, packages) {
        let is_own = taken.file.is_within(&taken.package) && !is_prose(&taken.file);
        if !scan.files().is_file(&taken.file) || is_own {
            continue;
        }
        let detail = format!("includes {}", taken.include.path);
        let evidence = Evidence {
            file: taken.by,
            line: Some(taken.include.line),
            detail,
        };
        links.push(Link {
            from: taken.package,
            to: Reference::Path(taken.file),
            kind: DependencyKind::Build,
            evidence,
        });
    }
}

/// Tells whether a file looks like documentation, whose changes count where somebody takes it in: the examples of a README
/// become tests of the crate.
fn is_prose(path: &RepoPath) -> bool {
    let name = path.file_name();
    [&b".md"[..], b".mdx", b".rst", b".adoc"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Files of a package that other files of it take in: package, reader, read.
pub(super) fn inner(
    scan: &Scan<'_>,
    packages: &[RepoPath],
) -> impl Iterator<Item = (RepoPath, RepoPath, RepoPath)> {
    let taken = taken_in(scan, packages).into_iter();
    let inside = taken.filter(|taken| taken.file.is_within(&taken.package));
    inside.map(|taken| (taken.package, taken.by, taken.file))
}

fn taken_in(scan: &Scan<'_>, packages: &[RepoPath]) -> Vec<Taken> {
    let packages: BTreeSet<&RepoPath> = packages.iter().collect();
    let sources = scan
        .named(FileName::EndsWith(".rs"))
        .filter(|path| !is_material(path));
    let mut found = Vec::new();
    for (path, parsed) in scan.parse_all(sources.cloned().collect(), &INCLUDES) {
        let Some(includes) = parsed.ok().filter(|includes| !includes.is_empty()) else {
            continue;
        };
        let Some(package) = path.ancestors().find(|above| packages.contains(above)) else {
            continue;
        };
        let folder = path.parent().unwrap_or_default();
        for include in includes.iter() {
            let base = if include.from_package {
                &package
            } else {
                &folder
            };
            if let Ok(file) = base.join(&include.path) {
                found.push(Taken {
                    package: package.clone(),
                    by: path.clone(),
                    include: include.clone(),
                    file,
                });
            }
        }
    }
    found
}

fn parse(bytes: &[u8]) -> Result<Vec<Include>, Broken> {
    let mut found = Vec::new();
    // Only a path that climbs can leave the package; sources without one are not looked at further.
    for at in memchr::memmem::find_iter(bytes, b"../") {
        let start = bytes[..at].iter().rposition(|byte| *byte == b'"');
        let end = memchr::memchr(b'"', &bytes[at..]).map(|end| at + end);
        let (Some(start), Some(end)) = (start, end) else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(&bytes[start + 1..end]) else {
            continue;
        };
        // The second `../` of one string was read with the first.
        let is_first = !text[..at - start - 1].contains("../");
        if !is_first || text.contains('\n') {
            continue;
        }
        let before = bytes[..start].trim_ascii_end();
        let window = &bytes[start.saturating_sub(96)..start];
        // Not the statement before.
        let window = window
            .rsplit(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        let includes = memchr::memmem::rfind(window, b"include")
            .is_some_and(|at| window[at..].contains(&b'!'));
        let is_path = before.ends_with(b"=")
            && before[..before.len() - 1]
                .trim_ascii_end()
                .ends_with(b"path");
        if includes || is_path {
            let line = u32::try_from(memchr::memchr_iter(b'\n', &bytes[..start]).count() + 1)
                .unwrap_or(u32::MAX);
            let from_package =
                includes && memchr::memmem::find(window, b"CARGO_MANIFEST_DIR").is_some();
            let path = text.trim_start_matches('/').to_owned();
            found.push(Include {
                path,
                from_package,
                line,
            });
        }
    }
    Ok(found)
}
