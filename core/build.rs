//! Gives the program a mark of its own sources: what one build stored, another does not believe.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    // Cargo starts a build script in the folder of its package.
    let root = PathBuf::from(".");
    let mut files = BTreeMap::new();
    for folder in ["src", "../graph/src"] {
        println!("cargo:rerun-if-changed={folder}");
        collect(&root.join(folder), &mut files);
    }
    let mut hasher = DefaultHasher::new();
    for (path, content) in &files {
        let name = path.strip_prefix(&root).unwrap_or(path);
        (name, content).hash(&mut hasher);
    }
    println!("cargo:rustc-env=AFFECTED_SOURCES={:016x}", hasher.finish());
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if let Ok(content) = std::fs::read(&path) {
            files.insert(path, content);
        }
    }
}
