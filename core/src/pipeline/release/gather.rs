//! Gathers what is known of each project: its tags, what changed since the last one, its commits, its manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{Depth, Project, ProjectKind, RepoPath};
use semver::Version;

use super::super::{Comparison, Fetch, Judged, Names, OnUnknown, PipelineError, Request, judge};
use super::history::{History, Past};
use super::reach::{self, Causes};
use super::repeated::Repeated;
use super::{Planned, ReleaseRequest, requested};
use crate::ci::Environment;
use crate::config::Config;
use crate::config::release::ProjectRelease;
use crate::ecosystem;
use crate::release::change_file::{self, ChangeFile};
use crate::release::series::{self, Owner, Series};
use crate::release::{Candidate, Released, Since, manifest, version};
use crate::report::wire::v1;
use crate::tree::Tree;
use crate::tree::revision::RevisionTree;
use crate::vcs::{CommitId, Repository, Tag};

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
    let known = Known {
        now: &now,
        tags: &tags,
        repository: &repository,
        head: &head,
        base: base.transpose()?,
        pre: request.pre.as_deref(),
    };
    let mut warnings = Vec::new();
    let found = found(&known, &mut warnings)?;
    let bare: Vec<Candidate> = found.iter().map(|it| it.candidate.clone()).collect();
    let mut history = History {
        repository: &repository,
        head: &head,
        places: places(&now, &bare),
        seen: BTreeMap::new(),
    };
    let ranges = ranges(&found, &now, &mut history, |commit| {
        judge(&asked(request, commit, &head), env)
    })?;
    let (candidates, lines) = filled(&found, bare, &ranges, &history)?;
    warnings.extend(lines.warnings(&candidates));
    let (changes, broken) = change_files(now.trees.head.as_ref(), &now.trees.config);
    warnings.extend(broken);
    Ok(Planned {
        repository: Arc::clone(&repository),
        head,
        request: request.clone(),
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

/// Looks at every project.
fn found(known: &Known<'_>, warnings: &mut Vec<v1::Warning>) -> Result<Vec<Found>, PipelineError> {
    let names: Vec<&str> = known.tags.iter().map(|tag| tag.name.as_str()).collect();
    let projects = known.now.head.graph.projects();
    let projects: Vec<(&Project, String)> = projects.map(|(_, it)| (it, path_of(it))).collect();
    let owners = projects.iter().map(|(project, path)| Owner {
        name: &project.name,
        path,
    });
    let owners: Vec<Owner<'_>> = owners.collect();
    let kept = series::existing(&owners, &names);
    let mut found = Vec::new();
    for (((project, _), owner), kept) in projects.iter().zip(owners).zip(&kept) {
        found.extend(candidate(known, project, (owner, kept), warnings)?);
    }
    Ok(found)
}

/// Looks at what happened since each commit that a project was last released at, once.
fn ranges<'f>(
    found: &'f [Found],
    now: &Judged,
    history: &mut History<'_>,
    judged: impl Fn(&CommitId) -> Result<Judged, PipelineError>,
) -> Result<BTreeMap<&'f CommitId, Range>, PipelineError> {
    let mut ranges = BTreeMap::new();
    let repeated = Repeated::new(now);
    for commit in found.iter().flat_map(|it| [&it.last, &it.recent]).flatten() {
        if !ranges.contains_key(commit) {
            let range = range(&judged(commit)?, now, history, &repeated, commit)?;
            ranges.insert(commit, range);
        }
    }
    Ok(ranges)
}

/// Gives each candidate what happened since its releases. With it every `Release-As` that was seen.
fn filled(
    found: &[Found],
    mut candidates: Vec<Candidate>,
    ranges: &BTreeMap<&CommitId, Range>,
    history: &History<'_>,
) -> Result<(Vec<Candidate>, requested::Lines), PipelineError> {
    let mut lines = requested::Lines::default();
    for (at, found) in found.iter().enumerate() {
        let since = |commit: &Option<CommitId>| {
            let range = ranges.get(commit.as_ref()?)?;
            Some(range.of(&candidates, at))
        };
        let (since, recent) = (since(&found.last), since(&found.recent));
        candidates[at].since = since.unwrap_or_default();
        candidates[at].recent = recent;
    }
    let bases: BTreeSet<&CommitId> = found.iter().filter_map(|it| it.last.as_ref()).collect();
    for base in bases {
        lines.add(&ranges[base].past.asked);
    }
    if found.iter().any(|it| it.last.is_none()) {
        let asked = history.asked()?;
        for (at, _) in found.iter().enumerate().filter(|(_, it)| it.last.is_none()) {
            candidates[at].since.asked = requested::of(&candidates, at, &asked);
        }
        lines.add(&asked);
    }
    Ok((candidates, lines))
}

/// What candidates are looked for in.
struct Known<'k> {
    now: &'k Judged,
    tags: &'k [Tag],
    repository: &'k Repository,
    head: &'k CommitId,
    base: Option<CommitId>,
    pre: Option<&'k str>,
}

/// A candidate, and the commits of its last release and of a pre-release after that.
struct Found {
    candidate: Candidate,
    last: Option<CommitId>,
    recent: Option<CommitId>,
}

/// All that happened since a commit.
struct Range {
    causes: Causes,
    past: Past,
    heard: Vec<ChangeFile>,
}

impl Range {
    fn of(&self, candidates: &[Candidate], at: usize) -> Since {
        let path = &candidates[at].path;
        Since {
            causes: self.causes.get(path).cloned().unwrap_or_default(),
            work: self.past.work.get(path).cloned().unwrap_or_default(),
            heard: self.heard.clone(),
            spent: self.past.spent.clone(),
            asked: requested::of(candidates, at, &self.past.asked),
        }
    }
}

fn range(
    judged: &Judged,
    now: &Judged,
    history: &mut History<'_>,
    repeated: &Repeated<'_>,
    base: &CommitId,
) -> Result<Range, PipelineError> {
    let past = history.since(judged, now, base)?;
    let config = &now.trees.config;
    let before = judged.trees.base.as_deref();
    let heard = before.map(|tree| change_files(tree, config).0);
    Ok(Range {
        causes: reach::causes(judged, repeated, &past.work, &config.release),
        past,
        heard: heard.unwrap_or_default(),
    })
}

/// Files in which projects keep their versions.
fn places(now: &Judged, candidates: &[Candidate]) -> BTreeSet<RepoPath> {
    let manifests = candidates
        .iter()
        .filter_map(|it| Some(it.place.as_ref()?.0.clone()));
    let projects = now.head.graph.projects();
    let files = projects.filter_map(|(_, project)| {
        let file = settings(&now.trees.config, project).file.as_ref()?;
        project.root.join(file).ok()
    });
    manifests.chain(files).collect()
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

/// The folder as patterns have it: empty for the root.
fn path_of(project: &Project) -> String {
    match project.root.is_root() {
        true => String::new(),
        false => project.root.to_string(),
    }
}

/// Looks at one project; `None` if it is not released.
fn candidate(
    known: &Known<'_>,
    project: &Project,
    (owner, kept): (Owner<'_>, &[Series]),
    warnings: &mut Vec<v1::Warning>,
) -> Result<Option<Found>, PipelineError> {
    let config = &known.now.trees.config;
    let settings = settings(config, project);
    if settings.enabled == Some(false) {
        return Ok(None);
    }
    let head = &known.now.trees.head;
    let read = |path: &RepoPath| String::from_utf8(head.read(path).ok()?).ok();
    let place = manifest::version_of(&project.manifests, &read);
    let is_shipped = matches!(project.kind, ProjectKind::Service | ProjectKind::Library);
    let is_released =
        settings.enabled == Some(true) || is_shipped || place.is_some() || !kept.is_empty();
    if !is_released {
        return Ok(None);
    }
    let series = series_of(config, project, (owner, kept), warnings);
    let (last, commit) = match &known.base {
        Some(base) => (None, Some(base.clone())),
        None => known
            .newest(&series, |version| version.pre.is_empty())?
            .unzip(),
    };
    let written = place
        .as_ref()
        .and_then(|(_, spot)| version::parse(&spot.text));
    let last = last.or_else(|| {
        known.base.as_ref().map(|base| Released {
            tag: base.to_string(),
            version: written.clone().unwrap_or(Version::new(0, 0, 0)),
        })
    });
    let recent = known.recent(&series, last.as_ref())?;
    let versions = known
        .tags
        .iter()
        .filter_map(|tag| series.version(&tag.name));
    let candidate = Candidate {
        name: project.name.clone(),
        path: project.root.clone(),
        taken: versions.collect(),
        series,
        last,
        written,
        place: place.map(|(file, spot)| (file, spot.range.start)),
        since: Since::default(),
        recent: None,
    };
    Ok(Some(Found {
        candidate,
        last: commit,
        recent,
    }))
}

impl Known<'_> {
    /// Finds the highest version of a series that the head contains.
    fn newest(
        &self,
        series: &Series,
        is_wanted: impl Fn(&Version) -> bool,
    ) -> Result<Option<(Released, CommitId)>, PipelineError> {
        let named = |tag: &Tag| Some((series.version(&tag.name)?, tag.clone()));
        let all = self.tags.iter().filter_map(named);
        let mut known: Vec<_> = all.filter(|(version, _)| is_wanted(version)).collect();
        known.sort_by(|a, b| b.0.cmp(&a.0));
        for (version, tag) in known {
            if self.repository.is_ancestor(&tag.commit, self.head)? {
                let released = Released {
                    tag: tag.name,
                    version,
                };
                return Ok(Some((released, tag.commit)));
            }
        }
        Ok(None)
    }

    /// Finds the commit of the last pre-release with the word that is asked for, after the last release.
    fn recent(
        &self,
        series: &Series,
        last: Option<&Released>,
    ) -> Result<Option<CommitId>, PipelineError> {
        let (Some(word), None) = (self.pre, &self.base) else {
            return Ok(None);
        };
        let found = self.newest(series, |version| {
            let is_newer = last.is_none_or(|last| *version > last.version);
            is_newer && version::has_word(version, word)
        })?;
        Ok(found.map(|(_, commit)| commit))
    }
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
    project: &Project,
    (owner, kept): (Owner<'_>, &[Series]),
    warnings: &mut Vec<v1::Warning>,
) -> Series {
    let settings = settings(config, project);
    let written = settings.tag.as_ref().or(config.release.tag.as_ref());
    if let Some(written) = written.and_then(|pattern| Series::of(pattern, owner)) {
        return written;
    }
    if let [first, others @ ..] = kept {
        if !others.is_empty() {
            warnings.push(several(project, first, others));
        }
        return first.clone();
    }
    let first = project.ecosystems.first();
    let known = ecosystem::ALL.iter();
    let own = known.copied().find(|it| first == Some(&it.id()));
    let custom = Series::of(
        own.map_or("{name}/v{version}", |own| own.tag_pattern()),
        owner,
    );
    let fallback = || Series::of("{name}/v{version}", owner).expect("the pattern has one version");
    custom.unwrap_or_else(fallback)
}

/// Tags of two series may both have been releases; which one goes on is a guess.
fn several(project: &Project, first: &Series, others: &[Series]) -> v1::Warning {
    let others: Vec<String> = others.iter().map(|it| format!("`{it}`")).collect();
    v1::Warning {
        code: "several-series".to_owned(),
        message: format!(
            "`{}` has tags of several series: `{first}` has the highest version and goes on, not {}",
            project.name,
            others.join(", ")
        ),
        help: Some(
            "say which one it is: `release.tag` in the project's table of affected.toml".to_owned(),
        ),
    }
}

/// Reads the change files of a tree; one that is broken is told and left out.
fn change_files(tree: &dyn Tree, config: &Config) -> (Vec<ChangeFile>, Vec<v1::Warning>) {
    let Ok(folder) = RepoPath::new(config.release.changes.as_bytes()) else {
        return (Vec::new(), Vec::new());
    };
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for entry in tree.files().below(&folder) {
        if !change_file::is_name(&entry.path) {
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
