//! Where is timed: a made repository, or one that is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use affected_fixtures::Shape;

use super::{Flavour, Truth};

/// A repository; a made one is gone when dropped.
pub(crate) struct Repository {
    folder: PathBuf,
    truth: Option<Truth>,
    words: String,
    _made: Option<tempfile::TempDir>,
}

impl Repository {
    /// Takes one that is there.
    pub(super) fn existing(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            truth: Truth::of(folder),
            words: folder.display().to_string(),
            _made: None,
        }
    }

    /// Makes one.
    pub(crate) fn made(flavour: Flavour, projects: usize, files: usize) -> Result<Self, String> {
        let made = tempfile::tempdir().map_err(|error| error.to_string())?;
        let flavour = affected_fixtures::Flavour::from(flavour);
        let shape = Shape {
            flavour,
            projects,
            files,
        };
        affected_fixtures::synthetic(made.path(), shape).map_err(|error| error.to_string())?;
        Ok(Self {
            folder: made.path().to_path_buf(),
            truth: Truth::of(made.path()),
            words: format!("{flavour:?}: {projects} projects with {files} sources each"),
            _made: Some(made),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn words(&self) -> &str {
        &self.words
    }

    pub(crate) fn truth(&self) -> Option<&Truth> {
        self.truth.as_ref()
    }

    /// Deletes all that is kept between runs.
    pub(crate) fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.folder.join(".git/affected"));
    }

    /// The changes that it has a branch for; `None` stands for what is checked out.
    pub(super) fn changes(&self, only: &[String]) -> Vec<Option<String>> {
        let all = ["leaf", "mid", "root", "many"].map(ToOwned::to_owned);
        let is_wanted = |name: &String| only.is_empty() || only.contains(name);
        let exists = |name: &String| {
            let branch = format!("change-{name}");
            self.git(&["rev-parse", "-q", "--verify", &branch]).is_ok()
        };
        let found: Vec<_> = all
            .into_iter()
            .filter(|name| is_wanted(name) && exists(name))
            .map(Some)
            .collect();
        if found.is_empty() { vec![None] } else { found }
    }

    /// Checks a change out, and lets git look at every file once, as its first `status` would.
    pub(crate) fn check_out(&self, change: &str) -> Result<(), String> {
        self.git(&["checkout", "-q", "-f", &format!("change-{change}")])?;
        self.git(&["update-index", "-q", "--refresh"])
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new("git")
            .current_dir(&self.folder)
            .args(arguments)
            .output();
        let output = output.map_err(|error| format!("git does not start: {error}"))?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or(errors)
    }
}
