//! Files that look like documentation or like notes of a tool, which default rules leave out: where a source of the same
//! project names one, it is data, and its changes count.

use affected_graph::{DependencyKind, Evidence, RepoPath};

use super::{Link, Reference, Scan};

/// Endings of documentation.
pub(crate) const ENDINGS: [&str; 4] = [".md", ".mdx", ".rst", ".adoc"];

/// Names of files without a telling ending; what follows `-` or `.` is part of some of them.
const NAMES: [&str; 12] = [
    "LICENSE",
    "LICENCE",
    "NOTICE",
    "AUTHORS",
    "CONTRIBUTORS",
    "MAINTAINERS",
    "CODEOWNERS",
    "OWNERS",
    "CHANGELOG",
    "CHANGES",
    "COPYING",
    "SECURITY",
];

/// Files of git and of editors, which templates of projects hold.
const DOTTED: [&str; 10] = [
    ".gitignore",
    ".gitattributes",
    ".gitkeep",
    ".keep",
    ".mailmap",
    ".git-blame-ignore-revs",
    ".editorconfig",
    ".prettierignore",
    ".eslintignore",
    ".npmignore",
];

/// Tells whether a default rule leaves out files of this name wherever they lie.
pub(super) fn is_prose(path: &RepoPath) -> bool {
    let name = String::from_utf8_lossy(path.file_name());
    let stem = name.split(['-', '.']).next().unwrap_or_default();
    NAMES.contains(&stem)
        || DOTTED.contains(&&*name)
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Finds the quoted words of a source that may name such files, each with its line.
pub(super) fn words(bytes: &[u8]) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let ends = ENDINGS.iter().chain(&NAMES);
    for end in ends {
        for at in memchr::memmem::find_iter(bytes, end.as_bytes()) {
            let is_quote = |byte: &u8| matches!(byte, b'"' | b'`' | b'\'' | b'\n');
            let start = bytes[..at].iter().rposition(is_quote);
            let stop = bytes[at..].iter().position(is_quote);
            let (Some(start), Some(stop)) = (start, stop) else {
                continue;
            };
            let is_word = bytes[start] != b'\n' && bytes[start] == bytes[at + stop];
            let word = std::str::from_utf8(&bytes[start + 1..at + stop]).ok();
            let fits = |word: &&str| word.len() < 256 && !word.contains(char::is_whitespace);
            if let Some(word) = word.filter(|_| is_word).filter(fits) {
                let line = memchr::memchr_iter(b'\n', &bytes[..start]).count() + 1;
                found.push((word.to_owned(), u32::try_from(line).unwrap_or(u32::MAX)));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Finds the files of the project at `root` that look like documentation and that a word of one of its sources means: a
/// path, a folder or a glob below one of `bases`.
pub(super) fn meant(
    scan: &Scan<'_>,
    root: &RepoPath,
    bases: &[RepoPath],
    word: &str,
) -> Vec<RepoPath> {
    let word = word.trim_start_matches('/');
    let is_glob = word.contains(['*', '?', '[', '{']);
    let mut found = Vec::new();
    for base in bases {
        if !is_glob {
            let Ok(path) = base.join(word) else { continue };
            let below = scan.files().below(&path).iter().map(|entry| &entry.path);
            let all = scan.files().get(&path).map(|entry| &entry.path);
            found.extend(all.into_iter().chain(below).cloned());
            continue;
        }
        let fixed = word
            .split('/')
            .take_while(|part| !part.contains(['*', '?', '[', '{']));
        let (Ok(glob), Ok(folder)) = (
            crate::glob::of_paths(word),
            base.join(fixed.collect::<Vec<_>>().join("/")),
        ) else {
            continue;
        };
        let glob = glob.compile_matcher();
        // What a pattern matches may be a folder, with all below it.
        let matches = |path: &RepoPath| {
            let inside = path
                .relative_to(base)
                .and_then(|inside| std::str::from_utf8(inside).ok());
            let ends = |inside: &str| {
                inside
                    .match_indices('/')
                    .map(|(at, _)| at)
                    .collect::<Vec<_>>()
            };
            inside.is_some_and(|inside| {
                glob.is_match(inside)
                    || ends(inside)
                        .into_iter()
                        .any(|at| glob.is_match(&inside[..at]))
            })
        };
        let below = scan.files().below(&folder).iter().map(|entry| &entry.path);
        found.extend(below.filter(|path| matches(path)).cloned());
    }
    found.retain(|path| path.is_within(root) && is_prose(path));
    found
}

/// The link of a project to one of its own files.
pub(super) fn link(
    root: &RepoPath,
    to: RepoPath,
    by: &RepoPath,
    line: u32,
    detail: String,
) -> Link {
    Link {
        from: root.clone(),
        to: Reference::Path(to),
        kind: DependencyKind::Link,
        evidence: Evidence {
            file: by.clone(),
            line: Some(line),
            detail,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).expect("a path")
    }

    #[test]
    fn words_are_quoted_names() {
        let found = words(b"a(\"x/help.md\", `*.rst`)\nb(\"LICENSE\"); // README.md is \"the manual\n\"see a.md for it\" 'z.md'");
        let found: Vec<_> = found
            .iter()
            .map(|(word, line)| format!("{word}:{line}"))
            .collect();
        assert_eq!(found, ["*.rst:1", "LICENSE:2", "x/help.md:1", "z.md:3"]);
    }

    #[test]
    fn prose_is_what_default_rules_leave_out_everywhere() {
        for name in [
            "a/x.md",
            "x.adoc",
            "LICENSE",
            "LICENSE-MIT",
            "t/.gitignore",
            "CHANGELOG.txt",
        ] {
            assert!(is_prose(&path(name)), "{name}");
        }
        assert!(!is_prose(&path("a/schema.sql")) && !is_prose(&path("src/LICENSED.rs")));
    }
}
