//! An inventory as it is kept for the next time, with what decided it: a tree that differs only in what no parser reads,
//! or reads the same in, has the same inventory. Deleting a snapshot changes no answer (S16).

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{Edge, GraphFault, Project, ProjectGraph, RepoPath};
use serde::{Deserialize, Serialize};

use super::{Inventory, UnknownName, outward, units::Units};
use crate::config::FILE_NAME;
use crate::digest::Digest;
use crate::ecosystem::{self, Reads};
use crate::facts::{AnyParser, Fault};
use crate::tree::{FileKind, Tree};
use crate::vcs::Differences;

/// A stored inventory.
#[derive(Debug)]
pub struct Snapshot {
    /// What was found.
    pub inventory: Arc<Inventory>,
    /// Configuration files of its tree.
    pub config_files: Vec<RepoPath>,
    reads: ReadSet,
}

/// Which files were read, with which parsers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ReadSet {
    /// `NUL path SOH number` for each file; one text, since most questions are about a few files of many thousands.
    files: Vec<u8>,
    /// What the numbers mean: ids of parsers.
    sets: Vec<Vec<String>>,
}

/// What is written; by reference, since there may be much of it.
#[derive(Serialize)]
struct Written<'s> {
    projects: Vec<&'s Project>,
    faults: &'s [Fault],
    graph_faults: &'s [GraphFault],
    unknown_names: &'s [UnknownName],
    units: Vec<u8>,
    config_files: &'s [RepoPath],
    reads: &'s ReadSet,
}

/// The same, read.
#[derive(Deserialize)]
struct Stored {
    projects: Vec<Project>,
    faults: Vec<Fault>,
    graph_faults: Vec<GraphFault>,
    unknown_names: Vec<UnknownName>,
    units: Vec<u8>,
    config_files: Vec<RepoPath>,
    reads: ReadSet,
}

const CHECK: usize = 16;
/// Bytes of the length of the edges.
const LENGTH: usize = 8;
/// From so many bytes on, edges and projects are read at the same time.
const LARGE: usize = 64 << 10;

impl Snapshot {
    /// Takes what a scan found and read.
    #[must_use]
    pub fn new(inventory: Inventory, reads: Reads, config_files: Vec<RepoPath>) -> Self {
        Self {
            inventory: Arc::new(inventory),
            config_files,
            reads: ReadSet::new(reads),
        }
    }

    /// Writes it as bytes: a check sum, the length of the edges, the edges, all else.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let (projects, edges) = self.inventory.graph.parts();
        let stored = Written {
            projects,
            faults: &self.inventory.faults,
            graph_faults: &self.inventory.graph_faults,
            unknown_names: &self.inventory.unknown_names,
            units: self.inventory.units.to_bytes()?,
            config_files: &self.config_files,
            reads: &self.reads,
        };
        let edges = bitcode::serialize(&edges).ok()?;
        let length = u64::try_from(edges.len()).ok()?.to_le_bytes();
        let body = [&length[..], &edges, &bitcode::serialize(&stored).ok()?].concat();
        Some([&check(&body)[..], &body].concat())
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sum, body) = bytes.split_at_checked(CHECK)?;
        if sum != check(body) {
            return None;
        }
        let (length, body) = body.split_first_chunk::<LENGTH>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (stored, edges) = read(body.split_at_checked(length)?)?;
        let graph = ProjectGraph::from_stored(stored.projects, edges)?;
        Some(Self {
            inventory: Arc::new(Inventory {
                graph: Arc::new(graph),
                faults: stored.faults,
                graph_faults: stored.graph_faults,
                unknown_names: stored.unknown_names,
                units: Units::kept(stored.units),
            }),
            config_files: stored.config_files,
            reads: stored.reads,
        })
    }

    /// Tells whether a tree that differs from this one's by `differences` has the same inventory. Files that came or
    /// went may be looked for by anybody, so they never do.
    #[must_use]
    pub fn holds_after(
        &self,
        differences: &Differences,
        before: &dyn Tree,
        after: &dyn Tree,
    ) -> bool {
        differences.iter().all(|(path, (old, new))| {
            let (Some(old), Some(new)) = (old, new) else {
                return false;
            };
            let plain = |kind| matches!(kind, FileKind::Regular | FileKind::Executable);
            if path.file_name() == FILE_NAME.as_bytes() || !(plain(old.kind) && plain(new.kind)) {
                return false;
            }
            if old.blob.is_some() && old.blob == new.blob {
                return true;
            }
            let read = match self.reads.parsers(path) {
                Readers::Nobody => Vec::new(),
                Readers::Unknown => return false,
                Readers::These(parsers) => parsers,
            };
            let mut parsers = read.into_iter().chain(outward::parser_of(path)).peekable();
            if parsers.peek().is_none() {
                return true;
            }
            match (before.read(path), after.read(path)) {
                (Ok(before), Ok(after)) => {
                    parsers.all(|parser| parser.finds_the_same(&before, &after))
                }
                _ => false,
            }
        })
    }
}

fn read((edges, rest): (&[u8], &[u8])) -> Option<(Stored, Vec<Edge<'static>>)> {
    if edges.len() + rest.len() < LARGE {
        return bitcode::deserialize(rest)
            .ok()
            .zip(bitcode::deserialize(edges).ok());
    }
    std::thread::scope(|scope| {
        let edges = scope.spawn(|| bitcode::deserialize(edges).ok());
        let stored = bitcode::deserialize(rest).ok();
        stored.zip(edges.join().ok()?)
    })
}

fn check(body: &[u8]) -> [u8; CHECK] {
    let mut sum = [0; CHECK];
    sum.copy_from_slice(&Digest::of_fields([body]).as_bytes()[..CHECK]);
    sum
}

/// Who read a file.
enum Readers {
    Nobody,
    These(Vec<&'static dyn AnyParser>),
    /// Somebody whose view of it cannot be compared.
    Unknown,
}

impl ReadSet {
    fn new(reads: Reads) -> Self {
        let mut numbers: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        let mut set = Self::default();
        for reads in reads.into_sorted().chunk_by(|a, b| a.0 == b.0) {
            let path = &reads[0].0;
            let ids: Vec<String> = reads.iter().map(|(_, id)| (*id).to_owned()).collect();
            let next = numbers.len();
            let number = *numbers.entry(ids.clone()).or_insert(next);
            if number == set.sets.len() {
                set.sets.push(ids);
            }
            set.files.push(0);
            set.files.extend_from_slice(path.as_bytes());
            set.files
                .extend_from_slice(format!("\u{1}{number}").as_bytes());
        }
        set.files.push(0);
        set
    }

    fn parsers(&self, path: &RepoPath) -> Readers {
        let needle = [b"\0", path.as_bytes(), b"\x01"].concat();
        let Some(at) = memchr::memmem::find(&self.files, &needle) else {
            return Readers::Nobody;
        };
        let rest = &self.files[at + needle.len()..];
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        let number = std::str::from_utf8(&rest[..end]).ok();
        let set = number.and_then(|number| self.sets.get(number.parse::<usize>().ok()?));
        let all = || {
            ecosystem::ALL
                .iter()
                .flat_map(|ecosystem| ecosystem.parsers())
        };
        let parser = |id: &String| all().find(|parser| parser.id() == id).copied();
        let parsers: Option<Vec<_>> = set.and_then(|set| set.iter().map(parser).collect());
        parsers.map_or(Readers::Unknown, Readers::These)
    }
}
