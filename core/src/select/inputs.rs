//! Which files each project answers for: what selection would say if each of them changed. The same code judges
//! both, so that what is affected and what a cache may not know agree.

use std::collections::BTreeMap;

use affected_graph::{Impact, ProjectGraph, ProjectIndex, RepoPath};
use globset::GlobSet;
use rustc_hash::FxHashMap;

use super::owner::{Owners, Rules, as_os_path, compile};
use super::readers::Readers;
use super::{Disposition, Hits, Question, judge, territory};
use crate::config::Affects;
use crate::diff::{Change, ChangeKind};
use crate::tree::Entry;

/// Files by whom their change would touch, and how hard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Places in the list of files, ascending.
    pub of: BTreeMap<(ProjectIndex, Impact), Vec<usize>>,
}

/// Asks of every file whom its change would touch. Files of a project that a rule of the tool calls inert count for
/// that project all the same: its tests may read them.
#[must_use]
pub fn inputs(question: &Question<'_>, files: &[Entry]) -> Inputs {
    let asked = Asked {
        question,
        owners: Owners::new(question.graph),
        rules: Rules::new(question.config),
        readers: Readers::new(question.graph),
        loud: loud(question),
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = files.len().div_ceil(cores).max(1);
    let mut all = Inputs::default();
    std::thread::scope(|scope| {
        let shares = files.chunks(share).enumerate();
        let workers: Vec<_> = shares
            .map(|(at, files)| {
                let asked = &asked;
                scope.spawn(move || asked.share(at * share, files))
            })
            .collect();
        for worker in workers {
            let found = worker.join().expect("judging a path does not panic");
            for (who, files) in found {
                all.of.entry(who).or_default().extend(files);
            }
        }
    });
    all
}

/// The tool's rules that select somebody.
fn loud(question: &Question<'_>) -> GlobSet {
    let rules = question.config.default_rules.iter();
    let loud = rules.filter(|rule| rule.affects != Affects::None);
    compile(loud.flat_map(|rule| rule.paths.iter().map(String::as_str)))
}

struct Asked<'q> {
    question: &'q Question<'q>,
    owners: Owners<'q>,
    rules: Rules<'q>,
    readers: Readers<'q>,
    loud: GlobSet,
}

type Found = FxHashMap<(ProjectIndex, Impact), Vec<usize>>;

/// What neighbours have in common.
#[derive(Default)]
struct Known<'f> {
    /// The folder of the last file, and the project that owns all of it.
    folder: Option<(RepoPath, Option<ProjectIndex>)>,
    /// Names of files, and whether some ecosystem shares files of that name.
    shared: FxHashMap<&'f [u8], bool>,
}

impl Asked<'_> {
    fn share(&self, first: usize, files: &[Entry]) -> Found {
        let mut found = Found::default();
        let mut known = Known::default();
        for (at, file) in files.iter().enumerate() {
            match self.plain_owner(file, &mut known) {
                Some(owner) => {
                    let owned = found.entry((owner, Impact::Rebuild)).or_default();
                    owned.push(first + at);
                }
                None => self.judged(first + at, file, &mut found),
            }
        }
        found
    }

    /// Most files are plain: no rule, no reader and no shared name means anything but their owner.
    fn plain_owner<'f>(&self, file: &'f Entry, known: &mut Known<'f>) -> Option<ProjectIndex> {
        let path = &file.path;
        let folder = path.parent()?;
        let owner = match &known.folder {
            Some((last, owner)) if *last == folder => *owner,
            _ => {
                let owner = self.owner_of_all(&folder);
                known.folder = Some((folder, owner));
                owner
            }
        }?;
        let is_shared = known
            .shared
            .entry(path.file_name())
            .or_insert_with(|| self.is_shared(path));
        let on_disk = as_os_path(path.as_bytes());
        let is_special = *is_shared
            || !self.question.config.rules.is_empty()
            || self.loud.is_match(on_disk)
            || self.readers.name(path);
        (!is_special).then_some(owner)
    }

    /// The project that owns every file of a folder; `None` where that has to be asked one by one.
    fn owner_of_all(&self, folder: &RepoPath) -> Option<ProjectIndex> {
        let graph: &ProjectGraph = self.question.graph;
        let deepest = graph.enclosing(folder).next()?;
        let project = graph.project(deepest);
        let is_plain = !super::is_partial(&project.ownership) && !project.root.is_root();
        (is_plain && !self.readers.read_all_of(folder)).then_some(deepest)
    }

    fn is_shared(&self, path: &RepoPath) -> bool {
        let mut ecosystems = self.question.ecosystems.iter();
        ecosystems.any(|ecosystem| {
            let mut shared = ecosystem.shared_files().iter();
            shared.any(|shared| shared.name.matches(path))
        })
    }

    fn judged(&self, at: usize, file: &Entry, found: &mut Found) {
        let change = Change {
            path: file.path.clone(),
            kind: ChangeKind::Modified,
            file: file.kind,
        };
        let mut hits = Hits::new();
        let disposition = judge(
            self.question,
            &self.owners,
            &self.rules,
            &self.readers,
            &change,
            &mut hits,
        );
        let mut touched: Vec<(ProjectIndex, Impact)> = hits
            .iter()
            .flat_map(|(project, hits)| hits.iter().map(|hit| (*project, hit.impact)))
            .collect();
        let owner = self.owners.of(&file.path);
        let here = territory(self.question.graph, owner);
        if let (Disposition::Ignored(_), Some(owner)) = (&disposition, owner)
            && self.rules.users(&file.path, here).is_none()
        {
            touched.push((owner, Impact::Rebuild));
        }
        touched.sort_unstable();
        touched.dedup();
        for who in touched {
            found.entry(who).or_default().push(at);
        }
    }
}
