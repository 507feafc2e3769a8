//! Which tracked files may have other bytes on disk than in their blob: line endings, encodings, filters.
//!
//! Attributes as in gitattributes(5). What is found here may be too much, never too little: a file that is named
//! is read instead of trusting its blob id.

use std::path::Path;

use affected_graph::RepoPath;
use bstr::ByteSlice;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Index, Repository, on_disk};

/// Attributes that make git convert content.
const CONVERT: [&str; 6] = [
    "text",
    "eol",
    "crlf",
    "filter",
    "ident",
    "working-tree-encoding",
];

/// Patterns of files that git may convert.
#[derive(Debug, Default)]
pub(crate) struct Conversions {
    /// The configuration converts line endings everywhere, or an attribute file says more than is understood.
    everywhere: bool,
    /// Patterns, and the folder that they apply to.
    patterns: Vec<(RepoPath, Gitignore)>,
}

impl Conversions {
    /// Reads git's configuration and every attribute file that counts for the work tree at `root`.
    pub(crate) fn of(repository: &Repository, root: &Path, index: &Index) -> Self {
        let mut found = Self {
            everywhere: repository.converts_line_endings(),
            patterns: Vec::new(),
        };
        let mut files: Vec<_> = index
            .named(b".gitattributes")
            .into_iter()
            .map(|path| (on_disk(root, &path), path.parent().unwrap_or_default()))
            .collect();
        let info = repository.common_dir().join("info/attributes");
        files.push((info, RepoPath::root()));
        files.push(("/etc/gitattributes".into(), RepoPath::root()));
        files.extend(
            repository
                .attributes_file()
                .map(|path| (path, RepoPath::root())),
        );
        for (file, folder) in files {
            if let Ok(bytes) = std::fs::read(file) {
                found.add(&bytes, folder);
            }
        }
        found
    }

    fn add(&mut self, bytes: &[u8], folder: RepoPath) {
        let mut builder = GitignoreBuilder::new("");
        let mut is_needed = false;
        for line in bytes.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(b"#") || !converts(line) {
                continue;
            }
            let pattern = line
                .to_str()
                .ok()
                .and_then(|line| line.split_whitespace().next());
            let pattern = pattern.filter(|pattern| !pattern.starts_with(['"', '[', '!']));
            match pattern.map(|pattern| builder.add_line(None, pattern)) {
                Some(Ok(_)) => is_needed = true,
                _ => self.everywhere = true,
            }
        }
        match builder.build() {
            Ok(patterns) if is_needed => self.patterns.push((folder, patterns)),
            Ok(_) => {}
            Err(_) => self.everywhere = true,
        }
    }

    /// Tells whether git may convert this file.
    pub(crate) fn may_change(&self, path: &RepoPath) -> bool {
        self.everywhere
            || self.patterns.iter().any(|(folder, patterns)| {
                path.relative_to(folder).is_some_and(|inside| {
                    inside
                        .to_path()
                        .map_or(true, |inside| patterns.matched(inside, false).is_ignore())
                })
            })
    }
}

/// Tells whether a line sets an attribute that converts.
fn converts(line: &[u8]) -> bool {
    let words = line.fields().skip(1);
    words
        .filter(|word| !word.starts_with(b"-") && !word.starts_with(b"!"))
        .any(|word| {
            let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
            CONVERT.iter().any(|known| known.as_bytes() == name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S8.
    #[test]
    fn s8_only_attributes_that_convert_make_a_file_doubtful() {
        let mut found = Conversions::default();
        let text = b"# all\n*.png -text\n*.bat eol=crlf\n/data/*.bin filter=lfs diff=lfs -text\n*.md diff\n";
        found.add(text, RepoPath::root());
        found.add(
            b"*.in working-tree-encoding=UTF-16\n",
            RepoPath::from_normalized("x"),
        );
        let may = |path: &str| found.may_change(&RepoPath::from_normalized(path));
        assert!(may("a/b.bat") && may("data/x.bin") && may("x/y.in"));
        assert!(!may("a.png") && !may("a/data/x.bin") && !may("y.in") && !may("a.md"));
        found.add(b"[attr]odd text\n", RepoPath::root());
        assert!(found.may_change(&RepoPath::from_normalized("a.md")));
    }
}
