//! Gathers what is known of each project: its tags, what changed since the last one, its commits, its manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{Depth, Impact, Project, ProjectGraph, ProjectKind, RepoPath};

use super::super::{Comparison, Fetch, Judged, Names, OnUnknown, PipelineError, Request, judge};
use super::repeated::Repeated;
use super::{Planned, ReleaseRequest};
use crate::ci::Environment;
use crate::config::Config;
use crate::config::release::ProjectRelease;
use crate::diff::compare;
use crate::ecosystem;
use crate::release::change_file::{self, ChangeFile};
use crate::release::series::{self, Owner, Series};
use crate::release::{Candidate, Cause, Problem, Released, Work, manifest, message, version};
use crate::report::wire::v1;
use crate::select::{self, ReasonCode};
use crate::tree::Tree;
use crate::tree::revision::RevisionTree;
use crate::vcs::{Commit, CommitId, Repository, Tag};

/// Looks at the head, then at the head from each commit that a project was last released at.
pub(super) fn gather(
    request: &ReleaseRequest,
    env: &Environment,
) -> Result<Planned, PipelineError> {
    let repository = Arc::new(Repository::discover(&request.directory)?);
    let head_name = request.head.clone().unwrap_or_else(|| "HEAD".to_owned());
    let head = repository.resolve_commit(&head_name)?;
    let tags = repository.tags()?;
    let now = judge(&asked(request, &head, &head), env)?;
    let base = request
        .base
        .as_deref()
        .map(|base| repository.resolve_commit(base));
    let base = base.transpose()?;
    let mut history = History {
        repository: &repository,
        head: &head,
        touched: BTreeMap::new(),
    };
    let mut candidates = Vec::new();
    let mut since: BTreeMap<CommitId, Vec<usize>> = BTreeMap::new();
    let repeated = Repeated::new(&now);
    for (_, project) in now.head.graph.projects() {
        let Some((candidate, last)) = candidate(&now, project, &tags, &history, base.as_ref())?
        else {
            continue;
        };
        if let Some(last) = last {
            since.entry(last).or_default().push(candidates.len());
        }
        candidates.push(candidate);
    }
    for (commit, members) in since {
        let judged = judge(&asked(request, &commit, &head), env)?;
        let work = history.work(&judged, &now, &commit)?;
        for at in members {
            let candidate: &mut Candidate = &mut candidates[at];
            candidate.causes = causes(&judged, &candidate.path, &repeated);
            candidate.work = work.get(&candidate.path).cloned().unwrap_or_default();
        }
    }
    let (changes, warnings) = change_files(now.trees.head.as_ref(), &now.trees.config);
    Ok(Planned {
        repository: Arc::clone(&repository),
        head,
        head_name,
        tree: Arc::clone(&now.trees.head),
        graph: Arc::clone(&now.head.graph),
        config: now.trees.config,
        tags,
        candidates,
        changes,
        decision: Default::default(),
        warnings,
        shown: Names::new(&request.filter, &request.exclude)?,
    })
}

fn asked(request: &ReleaseRequest, since: &CommitId, head: &CommitId) -> Request {
    Request {
        directory: request.directory.clone(),
        comparison: Comparison::Head(head.to_string()),
        base: None,
        since: Some(since.to_string()),
        on_unknown: OnUnknown::All,
        depth: Depth::All,
        filter: Vec::new(),
        exclude: Vec::new(),
        stages: Vec::new(),
        until: None,
        shard: None,
        task: None,
        past: crate::pipeline::past::PastUse::Ignore,
        fetch: Fetch::Never,
    }
}

/// Looks at one project. With it the commit it was last released at.
fn candidate(
    now: &Judged,
    project: &Project,
    tags: &[Tag],
    history: &History<'_>,
    base: Option<&CommitId>,
) -> Result<Option<(Candidate, Option<CommitId>)>, PipelineError> {
    let settings = settings(&now.trees.config, project);
    if settings.enabled == Some(false) {
        return Ok(None);
    }
    let path = project.root.to_string();
    let owner = Owner {
        name: &project.name,
        path: if project.root.is_root() { "" } else { &path },
    };
    let read = |path: &RepoPath| String::from_utf8(now.trees.head.read(path).ok()?).ok();
    let place = manifest::version_of(&project.manifests, &read);
    let names = tags.iter().map(|tag| tag.name.as_str());
    let kept = series::existing(owner, names);
    let is_shipped = matches!(project.kind, ProjectKind::Service | ProjectKind::Library);
    let is_released =
        settings.enabled == Some(true) || is_shipped || place.is_some() || kept.is_some();
    if !is_released {
        return Ok(None);
    }
    let series = series_of(&now.trees.config, settings, project, owner, kept);
    let (last, commit) = match base {
        Some(base) => (None, Some(base.clone())),
        None => last(&series, tags, history)?.unzip(),
    };
    let written = place
        .as_ref()
        .and_then(|(_, spot)| version::parse(&spot.text));
    let nothing = semver::Version::new(0, 0, 0);
    let last = last.or_else(|| {
        base.map(|base| Released {
            tag: base.to_string(),
            version: written.clone().unwrap_or(nothing),
        })
    });
    let candidate = Candidate {
        name: project.name.clone(),
        path: project.root.clone(),
        taken: tags
            .iter()
            .filter_map(|tag| series.version(&tag.name))
            .collect(),
        series,
        last,
        written,
        place: place.map(|(file, spot)| (file, spot.range.start)),
        causes: Vec::new(),
        work: Vec::new(),
    };
    Ok(Some((candidate, commit)))
}

/// Returns what is configured for the releases of a project.
pub(super) fn settings<'c>(config: &'c Config, project: &Project) -> &'c ProjectRelease {
    static NONE: ProjectRelease = ProjectRelease {
        enabled: None,
        tag: None,
        file: None,
        pattern: None,
    };
    let path = project.root.to_string();
    let mut all = config.projects.iter();
    let own = all.find(|(name, it)| {
        it.path
            .as_ref()
            .map_or(**name == project.name || **name == path, |at| {
                *at == project.root
            })
    });
    own.map_or(&NONE, |(_, it)| &it.release)
}

fn series_of(
    config: &Config,
    settings: &ProjectRelease,
    project: &Project,
    owner: Owner<'_>,
    kept: Option<Series>,
) -> Series {
    let written = settings.tag.as_ref().or(config.release.tag.as_ref());
    let written = written.and_then(|pattern| Series::of(pattern, owner));
    let custom = || {
        let first = project.ecosystems.first();
        let known = ecosystem::ALL.iter();
        let own = known.copied().find(|it| first == Some(&it.id()));
        Series::of(
            own.map_or("{name}/v{version}", |own| own.tag_pattern()),
            owner,
        )
    };
    let fallback = || Series::of("{name}/v{version}", owner).expect("the pattern has one version");
    written.or(kept).or_else(custom).unwrap_or_else(fallback)
}

/// Finds the last final release that the head contains.
fn last(
    series: &Series,
    tags: &[Tag],
    history: &History<'_>,
) -> Result<Option<(Released, CommitId)>, PipelineError> {
    let named = |tag: &Tag| {
        let version = series
            .version(&tag.name)
            .filter(|version| version.pre.is_empty())?;
        Some((version, tag.clone()))
    };
    let mut known: Vec<_> = tags.iter().filter_map(named).collect();
    known.sort_by(|a, b| b.0.cmp(&a.0));
    for (version, tag) in known {
        if history.repository.is_ancestor(&tag.commit, history.head)? {
            let released = Released {
                tag: tag.name,
                version,
            };
            return Ok(Some((released, tag.commit)));
        }
    }
    Ok(None)
}

/// Why a project is affected over edges that build it. That others were released is no reason of its own, and neither is the
/// configuration of this tool, which nothing ships.
fn causes(judged: &Judged, root: &RepoPath, repeated: &Repeated<'_>) -> Vec<Cause> {
    let at = judged.union.at(root);
    let affected = at.and_then(|at| judged.affected.projects.get(&at));
    let rebuilt = affected.filter(|affected| affected.impact == Impact::Rebuild);
    let reasons = rebuilt.into_iter().flat_map(|affected| &affected.reasons);
    let ships_nothing = |reason: &select::Reason| {
        if reason.code == ReasonCode::ConfigChanged {
            return true;
        }
        let codes = [ReasonCode::ManifestChanged, ReasonCode::LockfileChanged];
        let file = reason.file.as_ref().filter(|_| reason.via.is_empty());
        let file = file.filter(|_| codes.contains(&reason.code));
        file.is_some_and(|file| repeated.is_all(judged, file))
    };
    reasons
        .filter(|reason| !ships_nothing(reason))
        .map(|reason| Cause {
            code: reason.code.as_str().to_owned(),
            via: reason.via.clone(),
            detail: reason.detail.clone(),
        })
        .collect()
}

/// Commits, and whom each touches; looked at once however many projects ask.
struct History<'r> {
    repository: &'r Repository,
    head: &'r CommitId,
    touched: BTreeMap<CommitId, BTreeSet<RepoPath>>,
}

impl History<'_> {
    /// Returns the commits since `base` by the project they touch. Merges bring what their commits brought.
    fn work(
        &mut self,
        judged: &Judged,
        now: &Judged,
        base: &CommitId,
    ) -> Result<BTreeMap<RepoPath, Vec<Work>>, PipelineError> {
        let mut work: BTreeMap<RepoPath, Vec<Work>> = BTreeMap::new();
        for commit in self.repository.commits(self.head, Some(base))? {
            if commit.parents > 1 {
                continue;
            }
            for root in self.roots(&commit, judged, now)? {
                work.entry(root).or_default().push(Work {
                    commit: commit.id.to_string(),
                    message: message::read(&commit.message),
                });
            }
        }
        Ok(work)
    }

    fn roots(
        &mut self,
        commit: &Commit,
        judged: &Judged,
        now: &Judged,
    ) -> Result<BTreeSet<RepoPath>, PipelineError> {
        if let Some(known) = self.touched.get(&commit.id) {
            return Ok(known.clone());
        }
        let roots = self.touches(commit, judged, now)?;
        self.touched.insert(commit.id.clone(), roots.clone());
        Ok(roots)
    }

    /// Whom a commit touches by files: the same selection as for tests, without dependents. What it does to a lockfile
    /// or a file of everybody is a reason to release, but no work of theirs.
    fn touches(
        &self,
        commit: &Commit,
        judged: &Judged,
        now: &Judged,
    ) -> Result<BTreeSet<RepoPath>, PipelineError> {
        let Ok(differences) = self.repository.changes_of(commit) else {
            // A shallow or partial clone ends somewhere.
            return Ok(BTreeSet::new());
        };
        let changes = compare::of_git(&differences);
        let graph: &ProjectGraph = &judged.union;
        let nothing = BTreeMap::new();
        let affected = select::determine(&select::Question {
            graph,
            changes: &changes,
            config: &now.trees.config,
            ecosystems: ecosystem::ALL,
            faults: &[],
            locks: &nothing,
            fields: &BTreeMap::new(),
            depth: Depth::None,
        });
        let mut roots = BTreeSet::new();
        for (index, touched) in &affected.touched {
            let project = graph.project(*index);
            let mut manifests = project.manifests.iter();
            let is_manifest = |path: &RepoPath| changes.changes().iter().any(|it| it.path == *path);
            if !touched.files.is_empty() || manifests.any(is_manifest) {
                roots.insert(project.root.clone());
            }
        }
        Ok(roots)
    }
}

/// Reads the change files of the head; one that is broken is told and left out.
fn change_files(tree: &dyn Tree, config: &Config) -> (Vec<ChangeFile>, Vec<v1::Warning>) {
    let Ok(folder) = RepoPath::new(config.release.changes.as_bytes()) else {
        return (Vec::new(), Vec::new());
    };
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for entry in tree.files().below(&folder) {
        let name = entry.path.file_name();
        if !name.ends_with(b".md") || name.eq_ignore_ascii_case(b"README.md") {
            continue;
        }
        let bytes = tree.read(&entry.path).unwrap_or_default();
        match change_file::read(&entry.path, &bytes) {
            Ok(file) => found.push(file),
            Err(error) => warnings.push(v1::Warning {
                code: "unreadable".to_owned(),
                message: error.to_string(),
                help: None,
            }),
        }
    }
    (found, warnings)
}

/// What stands against releases that only git and manifests can tell: names that git refuses, tags that are taken by
/// another commit, majors that an ecosystem refuses.
pub(super) fn faults(planned: &Planned) -> Vec<Problem> {
    let mut problems: Vec<Problem> = cut_off(planned).into_iter().collect();
    for release in planned.releases() {
        if !Repository::is_tag_name(&release.tag) {
            problems.push(Problem {
                code: "tag-name",
                message: format!(
                    "git refuses `{}` as the name of a tag",
                    release.tag.escape_debug()
                ),
                help:
                    "write a pattern for it: `release.tag` in the project's table of affected.toml"
                        .to_owned(),
            });
        }
        let taken = planned.tags.iter().find(|tag| tag.name == release.tag);
        if let Some(taken) = taken.filter(|tag| tag.commit != planned.head) {
            problems.push(Problem {
                code: "tag-taken",
                message: format!("the tag `{}` names {} already", release.tag, taken.commit),
                help: "a tag is never moved; ask for a higher version with `Release-As`".to_owned(),
            });
        }
        problems.extend(refused_major(planned, release));
    }
    problems
}

/// A clone that lacks history may lack the tag of each project that seems to be new.
fn cut_off(planned: &Planned) -> Option<Problem> {
    if !planned.repository.is_shallow() {
        return None;
    }
    let mut releases = planned.releases();
    let new = releases.find(|release| release.from.is_none())?;
    Some(Problem {
        code: "shallow-clone",
        message: format!(
            "this clone lacks history, and so perhaps the last release of `{}`",
            new.project
        ),
        help:
            "`git fetch --unshallow --tags`; in CI, check out the whole history (`fetch-depth: 0`)"
                .to_owned(),
    })
}

fn refused_major(planned: &Planned, release: &crate::release::Release) -> Option<Problem> {
    let project = planned.graph.project(planned.graph.at(&release.path)?);
    let of = |id| ecosystem::ALL.iter().copied().find(|it| it.id() == id);
    let own = of(*project.ecosystems.first()?)?;
    let mut manifests = project.manifests.iter();
    let refused = manifests.find_map(|path| {
        let text = planned.text(path)?;
        own.refuses_major(&text, release.to.major)
    })?;
    Some(Problem {
        code: "major-refused",
        message: format!("`{}` cannot be {}: {refused}", release.project, release.to),
        help: "change the manifest first, or ask for another version with `Release-As`".to_owned(),
    })
}

/// Reads a version at another commit, for `check`.
pub(super) fn written_at(
    planned: &Planned,
    commit: &CommitId,
    path: &RepoPath,
) -> Result<Option<semver::Version>, PipelineError> {
    let tree = RevisionTree::open(&planned.repository, commit)?;
    let read = |path: &RepoPath| String::from_utf8(tree.read(path).ok()?).ok();
    let Some(at) = planned.graph.at(path) else {
        return Ok(None);
    };
    let place = manifest::version_of(&planned.graph.project(at).manifests, &read);
    Ok(place.and_then(|(_, spot)| version::parse(&spot.text)))
}
