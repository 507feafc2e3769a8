//! Lays out files of git in a folder of their own, with git itself: filters and line endings are its business. The
//! repository's work tree and index are only read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::fetch::{run_with, words_of};
use super::{CommitId, Repository};

/// What is laid out.
#[derive(Debug, Clone)]
pub enum Source {
    /// The index, or the other index file that git names to its hooks.
    Index(Option<PathBuf>),
    /// A commit's files.
    Commit(CommitId),
}

/// Where the files lie, below the folder.
const TREE: &str = "tree";
/// What git remembers of them, so that next time only what differs is written.
const INDEX: &str = "index";

impl Repository {
    /// Makes `folder/tree` hold exactly the files of `source`, and what git ignores there; returns that path. Only what
    /// differs from last time is written. Objects of trees may be added to git's store, as the commit would. The error is
    /// what git says.
    pub fn lay_out(&self, source: &Source, folder: &Path) -> Result<PathBuf, String> {
        let said = |error: io::Error| error.to_string();
        let tree = folder.join(TREE);
        fs::create_dir_all(&tree).map_err(said)?;
        let id = match source {
            Source::Commit(commit) => self.tree_of(commit).map_err(|error| error.to_string())?,
            Source::Index(other) => return self.lay_out_index(other.as_deref(), folder),
        };
        self.write(&id.to_string(), folder)?;
        Ok(tree)
    }

    fn lay_out_index(&self, other: Option<&Path>, folder: &Path) -> Result<PathBuf, String> {
        let judged = folder.join(format!("{INDEX}.judged"));
        let index = self.index_path(other);
        fs::copy(&index, &judged).map_err(|error| format!("`{}`: {error}", index.display()))?;
        // Git notes trees in the index that it reads, so it gets a copy.
        let id = self.with_index(&["write-tree"], &judged);
        // It lies in a folder of ours.
        drop(fs::remove_file(&judged));
        let id = String::from_utf8_lossy(&id?).trim().to_owned();
        self.write(&id, folder)?;
        Ok(folder.join(TREE))
    }

    fn write(&self, tree: &str, folder: &Path) -> Result<(), String> {
        let place = folder.join(TREE).display().to_string();
        let arguments = |rest: &[&str]| {
            let settings = [
                "-c",
                "core.sparseCheckout=false",
                "-c",
                "core.bare=false",
                "-c",
                "submodule.recurse=false",
                "--work-tree",
                &place,
            ];
            let all = settings.iter().chain(rest);
            all.map(|word| (*word).to_owned()).collect::<Vec<_>>()
        };
        let index = folder.join(INDEX);
        let read = arguments(&["read-tree", "--reset", "-u", tree]);
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        if self.with_index(&read, &index).is_err() {
            // A kill may have left it locked, or it is of another time.
            drop(fs::remove_file(folder.join(format!("{INDEX}.lock"))));
            drop(fs::remove_file(&index));
            self.with_index(&read, &index)?;
        }
        let clean = arguments(&["clean", "-q", "-f", "-f", "-d"]);
        let clean: Vec<&str> = clean.iter().map(String::as_str).collect();
        self.with_index(&clean, &index).map(drop)
    }

    fn with_index(&self, arguments: &[&str], index: &Path) -> Result<Vec<u8>, String> {
        let output = run_with(&self.place(), arguments, &[], Some(index));
        let output = output.map_err(|error| format!("git: {error}"))?;
        words_of(output)
    }
}
