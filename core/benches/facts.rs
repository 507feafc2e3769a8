//! Parsers over the manifests of the fixtures, and the store of what they found: `cargo bench -p affected-core`.
#![allow(missing_docs, reason = "benchmarks are called by their runner only")]

use std::collections::BTreeMap;
use std::path::Path;

use affected_core::ecosystem;
use affected_core::facts::{AnyParser, Broken, FactStore, Parser};
use affected_core::tree::{BlobId, Entry, FileKind, FileSet, Tree, TreeError};
use affected_graph::RepoPath;
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// Every parser that reads some manifest of the fixtures, by its id, with what it reads.
fn parsers() -> BTreeMap<&'static str, (&'static dyn AnyParser, Vec<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    for ecosystem in ecosystem::ALL {
        let manifests = manifests(ecosystem.id().0, ecosystem.reads());
        for parser in ecosystem.parsers() {
            let is_read = |bytes: &&Vec<u8>| parser.finds_the_same(bytes, bytes);
            let read: Vec<_> = manifests.iter().filter(is_read).cloned().collect();
            if !read.is_empty() {
                found.insert(parser.id(), (*parser, read));
            }
        }
    }
    found
}

fn manifests(id: &str, names: &[ecosystem::FileName]) -> Vec<Vec<u8>> {
    let cases = affected_fixtures::cases();
    let mut found = Vec::new();
    for case in cases.iter().filter(|case| case.ecosystem == id) {
        collect(&case.tree, names, &mut found);
    }
    found
}

fn collect(folder: &Path, names: &[ecosystem::FileName], found: &mut Vec<Vec<u8>>) {
    let mut items: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| item.path())
        .collect();
    items.sort();
    for item in items {
        let name = item.file_name().unwrap_or_default().as_encoded_bytes();
        let path = RepoPath::from_normalized(name);
        if item.is_dir() {
            collect(&item, names, found);
        } else if names.iter().any(|name| name.matches(&path)) {
            found.extend(std::fs::read(&item));
        }
    }
}

/// Parses all manifests that a parser understands, twice each, and compares what was found.
#[divan::bench(args = parsers().into_keys())]
fn parse(bencher: Bencher<'_, '_>, id: &str) {
    let mut all = parsers();
    let (parser, manifests) = all.remove(id).expect("it was listed");
    let bytes: usize = manifests.iter().map(Vec::len).sum();
    bencher.counter(BytesCount::new(2 * bytes)).bench(|| {
        let same = |bytes: &&Vec<u8>| parser.finds_the_same(bytes, bytes);
        manifests.iter().filter(same).count()
    });
}

/// Files whose content is their number.
struct Numbered(FileSet);

impl Numbered {
    fn new(files: usize) -> Self {
        let entry = |number: usize| {
            let mut id = [7; 20];
            id[..8].copy_from_slice(&number.to_le_bytes());
            Entry {
                path: RepoPath::from_normalized(format!("src/f{number:07}.js").into_bytes()),
                kind: FileKind::Regular,
                blob: BlobId::from_bytes(&id),
            }
        };
        Self(FileSet::new((0..files).map(entry).collect()))
    }
}

impl Tree for Numbered {
    fn label(&self) -> String {
        "numbers".to_owned()
    }

    fn files(&self) -> &FileSet {
        &self.0
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        Ok(path.as_bytes().repeat(4))
    }
}

fn found(bytes: &[u8]) -> Result<Vec<u8>, Broken> {
    Ok(bytes.to_vec())
}

static PARSER: Parser<Vec<u8>> = Parser {
    id: "bench/bytes",
    version: 1,
    parse: found,
};

fn fill(store: &FactStore, tree: &Numbered) -> usize {
    let entries = tree.files().entries().iter();
    let facts = entries.filter_map(|entry| store.get(tree, &entry.path, &PARSER).ok());
    let count = facts.count();
    store.save();
    count
}

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// The first run: everything is read, and written down.
#[divan::bench(args = SIZES, sample_count = 10)]
fn store_cold(bencher: Bencher<'_, '_>, files: usize) {
    let tree = Numbered::new(files);
    bencher
        .with_inputs(|| tempfile::tempdir().expect("a folder for a while"))
        .bench_values(|folder| fill(&FactStore::at(folder.path().join("facts")), &tree));
}

/// A run after it: everything is known.
#[divan::bench(args = SIZES, sample_count = 10)]
fn store_warm(bencher: Bencher<'_, '_>, files: usize) {
    let tree = Numbered::new(files);
    let folder = tempfile::tempdir().expect("a folder for a while");
    let path = folder.path().join("facts");
    fill(&FactStore::at(path.clone()), &tree);
    bencher.bench(|| fill(&FactStore::at(path.clone()), &tree));
}
