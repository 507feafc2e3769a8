//! Symbolic links from one project into another, or to a file that several share: whoever holds the link reads
//! what it leads to.

use affected_graph::{DependencyKind, EcosystemId, Evidence, RepoPath};

use super::{Discovery, Ecosystem, FileName, Link, Reference, Scan};
use crate::tree::FileKind;

/// Symbolic links.
pub struct Symlinks;

const ID: EcosystemId = EcosystemId("symlinks");
/// As many links as Linux follows for one path.
const MOST: usize = 40;

impl Ecosystem for Symlinks {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let entries = scan.files().entries().iter();
        for entry in entries.filter(|entry| entry.kind == FileKind::Symlink) {
            let link = &entry.path;
            let Some(to) = destination(scan, link).filter(|to| !is_words(to)) else {
                continue;
            };
            let folder = link.parent().unwrap_or_default();
            // A link up to a folder around itself says nothing.
            if link.is_within(&to) {
                continue;
            }
            discovery.links.push(Link {
                from: folder,
                evidence: Evidence {
                    file: link.clone(),
                    line: None,
                    detail: format!("links to {to}"),
                },
                to: Reference::Path(to),
                kind: DependencyKind::Link,
            });
        }
        discovery
    }
}

/// Licences and descriptions are linked from every package, and nobody's tests read them.
fn is_words(path: &RepoPath) -> bool {
    const STARTS: &[&str] = &[
        "licen",
        "notice",
        "readme",
        "changelog",
        "contributing",
        "authors",
    ];
    let name = String::from_utf8_lossy(path.file_name()).to_lowercase();
    STARTS.iter().any(|start| name.starts_with(start)) || name.ends_with(".md")
}

/// Follows a link, and the links on the way, to what is there; `None` for loops, for what does not exist, and for
/// what lies outside of the repository.
fn destination(scan: &Scan<'_>, link: &RepoPath) -> Option<RepoPath> {
    let files = scan.files();
    let mut path = link.clone();
    for _ in 0..MOST {
        let mut above: Vec<RepoPath> = path.ancestors().collect();
        above.reverse();
        let is_link = |path: &&RepoPath| {
            files
                .get(path)
                .is_some_and(|entry| entry.kind == FileKind::Symlink)
        };
        let Some(next) = above.iter().find(is_link) else {
            let is_there = files.is_file(&path) || files.is_folder(&path);
            return is_there.then_some(path);
        };
        let target = scan.read(next).ok()?;
        if target.starts_with(b"/") {
            return None;
        }
        let rest = path.relative_to(next).unwrap_or_default().to_vec();
        let to = next.parent().unwrap_or_default().join(&target).ok()?;
        path = if rest.is_empty() {
            to
        } else {
            to.join(rest).ok()?
        };
    }
    None
}
