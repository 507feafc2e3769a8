//! Files as units: what narrowing asks an ecosystem whose tests are run file by file.
//!
//! None of it is asked while scanning: a scan that parsed all sources would make every first answer slow. `narrow` asks
//! for the affected projects only, and what is parsed is a fact like any other, kept by content: give [`Scan::parse_all`]
//! a [`crate::facts::Parser`] and a second run parses what changed.
//!
//! To follow the files of another language: implement [`FileLevel`] in its folder and return it from
//! [`super::Ecosystem::file_level`]. The rest (which projects, who is reached, what widens) is `narrow`'s.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Command, Project, ProjectGraph, RepoPath, Task};

use super::Scan;
use crate::runner::{self, Selected};

/// How an ecosystem follows changes from file to file.
pub trait FileLevel: Sync {
    /// Finds the files that an inferred test task of a project runs, and how it is restricted to some of them. The words
    /// of an error say what stands against it (`scripts.test starts "make", which is no known test runner`).
    ///
    /// Called once for each test task of each affected project. Look first whether [`Self::restricted`] can do anything
    /// with the task: it is cheaper.
    fn suite(&self, look: &Look<'_>, project: &Project, task: &Task) -> Result<Suite, String>;

    /// Tells what the files of `of` use, what those use in turn, and so on to the end: every file that is reached is in
    /// the answer, once, whatever project it belongs to.
    ///
    /// Called once, with the test, settings and setup files of all suites. A file of `of` that the head lacks was
    /// deleted: the base has it.
    fn sources(&self, look: &Look<'_>, of: &BTreeSet<RepoPath>) -> Vec<SourceFile>;

    /// Gives the command for some test files, named as [`Suite::tests`] says; `None` where the runner cannot be told.
    fn restricted(&self, task: &Task, names: &[String]) -> Option<Command> {
        let parts: Vec<Selected> = names.iter().cloned().map(Selected::File).collect();
        runner::restrict(task, &parts)
    }
}

/// What a [`FileLevel`] may look at.
pub struct Look<'a> {
    /// The head; no candidates.
    pub head: Scan<'a>,
    /// The base, where there is one.
    pub base: Option<Scan<'a>>,
    /// Projects and edges of base and head.
    pub graph: &'a ProjectGraph,
    /// Paths that differ.
    pub changed: &'a ChangedFiles,
}

/// Paths that differ between base and head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedFiles {
    /// In the head only.
    pub added: BTreeSet<RepoPath>,
    /// In the base only.
    pub deleted: BTreeSet<RepoPath>,
    /// In both.
    pub modified: BTreeSet<RepoPath>,
}

/// What one test task runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suite {
    /// Its test files, with the names that the runner takes for them; also those that were deleted
    /// ([`ChangedFiles::deleted`]), which are followed but not run.
    pub tests: BTreeMap<RepoPath, String>,
    /// Files that decide what runs and how, such as the runner's settings: a change that reaches one takes the whole
    /// task. What they do besides is no escape: whoever names them here has understood them.
    pub settings: BTreeSet<RepoPath>,
    /// Files that take part in every test, such as setup files: a change that reaches one takes the whole task, and so
    /// does an escape in what they reach.
    pub setup: BTreeSet<RepoPath>,
    /// Whether one process runs them all, so that what one file changes for others ([`SourceFile::spreads`]) counts for all.
    pub is_one_process: bool,
}

/// What one file uses.
///
/// Both trees count: a modified file has the uses of its base version as well, and what a name means is looked up among
/// the files of the head and among those of the base. So a file that was deleted, moved or shadowed selects whoever
/// had it (S3), and imports need not be followed through the base a second time: whatever led from a test to a changed
/// file at the base either stands unchanged or begins with a changed file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: RepoPath,
    /// Files that it imports or reads by a name that is written down, also such as are not there any more; a folder
    /// stands for everything below it.
    pub uses: BTreeSet<RepoPath>,
    /// What it does that cannot be followed, in words with the place: `src/load.ts:12 imports what it computes`.
    /// Tests that reach such a file always run, unless imports are trusted (`precision = "static"`).
    pub escape: Option<String>,
    /// Where that comes from which it changes for all others of its process, such as hooks around every test: itself, or
    /// what it uses for that.
    pub spreads: BTreeSet<RepoPath>,
}
