//! Answers a request again whenever a file that can change the answer is saved.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Answer, Comparison, Environment, PipelineError, Request, answer};
use crate::vcs::{Repository, on_disk};
use crate::watch::{Burst, Watch};

/// A request that is answered again and again.
pub struct Watching {
    request: Request,
    watch: Watch,
    root: PathBuf,
    git: Vec<PathBuf>,
    /// New folders without files that are not ignored: something may come into them.
    empty: BTreeSet<PathBuf>,
    started: bool,
}

impl Watching {
    /// Prepares to watch the work tree that `request` is about.
    pub fn new(request: Request) -> Result<Self, PipelineError> {
        if matches!(request.comparison, Comparison::Head(_)) {
            return Err(PipelineError::Usage {
                message: "a revision does not change, so there is nothing to watch".to_owned(),
                help: Some("leave `--head` out to watch the work tree".to_owned()),
            });
        }
        let repository = Repository::discover(&request.directory);
        let (root, git) = match &repository {
            Ok(repository) => {
                let root = repository.work_tree().map(Path::to_path_buf);
                (root, git_folders(repository))
            }
            Err(_) => (None, Vec::new()),
        };
        let root = root.unwrap_or_else(|| request.directory.clone());
        Ok(Self {
            root: root.canonicalize().unwrap_or(root),
            git,
            request,
            watch: Watch::new(),
            empty: BTreeSet::new(),
            started: false,
        })
    }

    /// Answers now; the first time, begins to watch before, so that nothing is missed in between.
    pub fn answer(&mut self, env: &Environment) -> Result<Answer, PipelineError> {
        let first = answer(&self.request, env)?;
        if self.started {
            return Ok(first);
        }
        self.started = true;
        self.follow(&first);
        answer(&self.request, env)
    }

    /// Answers after a burst; where folders came, as often as it takes until all of them are watched.
    pub fn answer_to(&mut self, burst: &Burst, env: &Environment) -> Result<Answer, PipelineError> {
        for folder in &burst.folders {
            self.watch.add(folder);
            self.empty.insert(folder.clone());
        }
        let mut found = self.answer(env)?;
        while burst.is_structural && self.follow(&found) {
            found = answer(&self.request, env)?;
        }
        Ok(found)
    }

    /// Waits until something was saved.
    pub fn wait(&self) -> Burst {
        self.watch.wait()
    }

    /// Says why the system cannot watch, the first time that it is asked.
    pub fn fault(&mut self) -> Option<String> {
        self.watch.fault()
    }

    /// Names paths as they are seen from the root, with `/`; those of git are left out.
    #[must_use]
    pub fn shown(&self, burst: &Burst) -> Vec<String> {
        let inner = burst
            .paths
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok());
        let inner = inner.filter(|path| !path.starts_with(".git"));
        inner
            .map(|path| {
                path.to_string_lossy()
                    .replace(std::path::MAIN_SEPARATOR, "/")
            })
            .collect()
    }

    /// Watches the folders of all files that are not ignored.
    fn follow(&mut self, answer: &Answer) -> bool {
        let mut folders: BTreeSet<PathBuf> = self.git.iter().cloned().collect();
        folders.insert(self.root.clone());
        let tree = answer.keyring.tree();
        for entry in tree.files().entries() {
            // Files of one folder stand together, and most folders have been seen.
            let mut at = entry.path.parent();
            while let Some(folder) = at {
                if !folders.insert(on_disk(&self.root, &folder)) {
                    break;
                }
                at = folder.parent();
            }
        }
        // One that has files, but none in the tree, is ignored.
        self.empty
            .retain(|folder| folder.is_dir() && !has_files(folder));
        folders.extend(self.empty.iter().cloned());
        self.watch.follow(folders)
    }
}

fn has_files(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_file = |entry: std::fs::DirEntry| entry.file_type().is_ok_and(|kind| !kind.is_dir());
    entries.into_iter().any(is_file)
}

/// Where git notes a checkout, a commit and a changed index.
fn git_folders(repository: &Repository) -> Vec<PathBuf> {
    let mut folders = vec![repository.common_dir()];
    folders.extend(repository.index_folder());
    let real = folders
        .into_iter()
        .filter_map(|folder| folder.canonicalize().ok());
    real.collect()
}
