//! A made repository: it is changed, its tests are run, and it is put back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::language::{Language, Outcomes, TestUnit, relink, set_mode};
use super::model::Model;
use super::{Soundness, change, git, write};
use affected_fixtures::Random;

/// One repository.
pub(super) struct Made<'l> {
    folder: tempfile::TempDir,
    language: &'l dyn Language,
    base: Model,
    random: Random,
    /// How the tests end before any change.
    pub(super) before: Outcomes,
    readers: BTreeMap<(String, How), BTreeSet<TestUnit>>,
}

/// What was done, and how the tests ended after it.
pub(super) struct Changed {
    /// The kind of the change.
    pub(super) kind: &'static str,
    /// The part.
    pub(super) part: usize,
    /// How the tests ended.
    pub(super) after: Outcomes,
}

/// A changed file.
pub(super) struct Place {
    path: String,
    how: How,
    /// What it held, if it was added.
    added: Option<Vec<u8>>,
}

/// How a file is made unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Text,
    Mode,
    Link,
}

impl<'l> Made<'l> {
    /// Makes the repository of this number and runs its tests.
    pub(super) fn new(
        wanted: &Soundness,
        number: usize,
        language: &'l dyn Language,
    ) -> Result<Self, String> {
        let seed = wanted.seed.wrapping_mul(1_000_003);
        let mut random = Random(seed.wrapping_add(number as u64));
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let root = folder.path();
        let base = Model::random(&mut random);
        language.lay_out(root, &base)?;
        git(root, &["init", "-q", "-b", "none"])?;
        // A branch for each precision, so that its setting is no change; the first stays.
        for precision in wanted.precision.iter().rev() {
            let config = format!("precision = \"{precision}\"\n");
            write(root, "affected.toml", &config)?;
            git(root, &["checkout", "-q", "--orphan", precision])?;
            git(root, &["add", "-A"])?;
            git(root, &["commit", "-q", "-m", "first"])?;
        }
        let before = language.run(root)?;
        if let Some((unit, _)) = before.iter().find(|(_, passed)| !**passed) {
            return Err(format!("{unit:?} fails before any change"));
        }
        Ok(Self {
            folder,
            language,
            base,
            random,
            before,
            readers: BTreeMap::new(),
        })
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Makes the next change and runs all tests.
    pub(super) fn change(&mut self) -> Result<Changed, String> {
        let root = self.folder.path();
        let (kind, part) = change::apply(root, self.language, &self.base, &mut self.random)?;
        let after = self.language.run(root)?;
        Ok(Changed { kind, part, after })
    }

    /// Goes to the branch of a precision and leaves the work tree as it is.
    pub(super) fn set_precision(&self, precision: &str) -> Result<(), String> {
        let head = format!("refs/heads/{precision}");
        if git(self.root(), &["symbolic-ref", "HEAD"])?.trim() == head {
            return Ok(());
        }
        git(self.root(), &["symbolic-ref", "HEAD", &head])?;
        git(self.root(), &["reset", "-q"])?;
        git(self.root(), &["checkout", "-q", "--", "affected.toml"])?;
        Ok(())
    }

    /// Puts everything back, and tells which files were different.
    pub(super) fn undo(&self) -> Result<Vec<Place>, String> {
        let root = self.root();
        git(root, &["add", "-A"])?;
        let raw = ["diff", "--cached", "--raw", "--no-renames", "--no-abbrev"];
        let told = git(root, &raw)?;
        let places = told.lines().filter_map(|line| place(root, line)).collect();
        git(root, &["reset", "-q", "--hard"])?;
        git(root, &["clean", "-fdq"])?;
        Ok(places)
    }

    /// Which tests fail if one of these files alone is unusable. Manifests and lockfiles say too much at once: without
    /// them a whole repository fails, so nobody counts as their reader.
    pub(super) fn readers(&mut self, places: &[Place]) -> Result<BTreeSet<TestUnit>, String> {
        let mut all = BTreeSet::new();
        for place in places {
            let name = place.path.rsplit('/').next().unwrap_or_default();
            if self.language.manifests().contains(&name) {
                continue;
            }
            let key = (place.path.clone(), place.how);
            if !self.readers.contains_key(&key) {
                let found = self.readers_of(place)?;
                self.readers.insert(key.clone(), found);
            }
            all.extend(self.readers.get(&key).into_iter().flatten().cloned());
        }
        Ok(all)
    }

    fn readers_of(&self, place: &Place) -> Result<BTreeSet<TestUnit>, String> {
        let at = self.root().join(&place.path);
        match place.how {
            How::Text => {
                let held = std::fs::read(&at).ok().or_else(|| place.added.clone());
                let mut text = held.unwrap_or_default();
                text.extend(b"\n}{ broken\n");
                write(self.root(), &place.path, &String::from_utf8_lossy(&text))?;
            }
            How::Mode => set_mode(&at, 0o644)?,
            How::Link => relink(&at, "nowhere")?,
        }
        let after = self.language.run(self.root())?;
        self.undo()?;
        let flipped = self.before.iter();
        let flipped = flipped.filter(|(unit, passed)| after.get(*unit) != Some(*passed));
        Ok(flipped.map(|(unit, _)| unit.clone()).collect())
    }
}

/// Reads a line of `git diff --raw`: modes, ids and a letter, then the path.
fn place(root: &Path, line: &str) -> Option<Place> {
    let (words, path) = line.split_once('\t')?;
    let words: Vec<&str> = words.split(' ').collect();
    let (old, new) = (words.first()?.trim_start_matches(':'), *words.get(1)?);
    let same = words.get(2) == words.get(3);
    let how = match (old, new) {
        ("120000", _) => How::Link,
        ("100755", "100644") if same => How::Mode,
        _ => How::Text,
    };
    let added = (old == "000000").then(|| std::fs::read(root.join(path)).unwrap_or_default());
    Some(Place {
        path: path.to_owned(),
        how,
        added,
    })
}
