//! Whether the answers are true: warm, cold, between two revisions, with all that is kept deleted meanwhile, and from
//! several processes at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::repository::Repository;

/// Processes that ask at once.
const AT_ONCE: usize = 8;

/// What is true of a repository that was made.
pub(crate) struct Truth(Value);

impl Truth {
    /// Reads what the generator wrote down: this project's own, or another one that writes `.git/genrepo.json`.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let places = [".git/truth.json", ".git/genrepo.json"];
        let read = |place: &&str| std::fs::read(folder.join(place)).ok();
        let bytes = places.iter().find_map(read)?;
        serde_json::from_slice(&bytes).ok().map(Self)
    }

    /// Compares an answer. Edges that only some tools see (`affected_with_soft`) may count or not.
    pub(crate) fn check(&self, change: &str, found: &BTreeSet<String>) -> Result<(), String> {
        let list = |key: &str| {
            let items = self.0["changes"][change][key].as_array();
            let items = items.into_iter().flatten();
            items
                .filter_map(|item| item.as_str().map(ToOwned::to_owned))
                .collect::<BTreeSet<String>>()
        };
        let must = list("affected");
        let may = &must | &list("affected_with_soft");
        let missed: Vec<_> = must.difference(found).take(5).collect();
        let more: Vec<_> = found.difference(&may).take(5).collect();
        if must.is_empty() {
            return Err(format!("nothing is known of the change `{change}`"));
        }
        if missed.is_empty() && more.is_empty() {
            return Ok(());
        }
        Err(format!("`{change}`: missed {missed:?}, wrongly {more:?}"))
    }
}

/// Takes the affected projects from a list, by path.
pub(crate) fn affected(document: &[u8]) -> Result<BTreeSet<String>, String> {
    let document: Value = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    let projects = document["projects"].as_array().into_iter().flatten();
    let affected = projects.filter(|project| project["affected"] == true);
    let paths = affected.filter_map(|project| project["path"].as_str().map(ToOwned::to_owned));
    Ok(paths.collect())
}

/// A question about what is checked out.
pub(super) struct Asked<'a> {
    pub(super) program: &'a Path,
    pub(super) repository: &'a Repository,
    pub(super) base: &'a str,
}

impl Asked<'_> {
    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command
            .args(["list", "--base", self.base, "--format", "json"])
            .args(more)
            .current_dir(self.repository.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    fn answer(&self, more: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.command(more).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(format!("`list` ended with {}", output.status))
        }
    }

    /// Asks in every way and compares; where nothing is known to be true, answers are compared with one another.
    pub(super) fn check(&self, change: Option<&str>) -> Result<(), String> {
        for more in [&[][..], &["--head", "HEAD"][..]] {
            let warm = self.answer(more)?;
            self.repository.forget();
            let cold = self.answer(more)?;
            self.repository.forget();
            let mut all = self.at_once(more)?;
            all.extend([cold, self.answer(more)?]);
            if all.iter().any(|other| *other != warm) {
                return Err(format!(
                    "{change:?} {more:?}: what is kept changes the answer"
                ));
            }
            let truth = self.repository.truth().zip(change);
            truth.map_or(Ok(()), |(truth, change)| {
                truth.check(change, &affected(&warm)?)
            })?;
        }
        Ok(())
    }

    /// Several processes begin with nothing at once.
    fn at_once(&self, more: &[&str]) -> Result<Vec<Vec<u8>>, String> {
        let start = |_| {
            self.command(more)
                .spawn()
                .map_err(|error| error.to_string())
        };
        let started: Result<Vec<_>, String> = (0..AT_ONCE).map(start).collect();
        let finish = |child: std::process::Child| -> Result<Vec<u8>, String> {
            let output = child
                .wait_with_output()
                .map_err(|error| error.to_string())?;
            Ok(output.stdout)
        };
        std::thread::scope(|scope| {
            let children = started?.into_iter();
            let all: Vec<_> = children
                .map(|child| scope.spawn(move || finish(child)))
                .collect();
            all.into_iter()
                .map(|one| one.join().map_err(|_| "a reader ended early".to_owned())?)
                .collect()
        })
    }
}
