//! Earlier runs, wired to the stages that learn from them: what did not pass, the order, the last green commit.
//! Without a history all of it says nothing, and the answers are the same (C7).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::trees::Trees;
use super::{Comparison, Environment, Request};
use crate::ci;
use crate::config::{Config, Place, RerunFailed};
use crate::diff::ChangeSet;
use crate::diff::range::{self, Base, NoBase, Search, Wish};
use crate::digest::Digest;
use crate::history::{self, History, Opened, Scope};
use crate::plan::Plan;
use crate::plan::order::{Distances, Past, Ranking};
use crate::report::wire::v1;
use crate::run::{Order, Outcome, Quarantine};
use crate::vcs::{CommitId, Repository};

/// The word behind `--base` for the last commit that is known green.
pub const LAST_GREEN: &str = "last-green";
/// The file, below git's common folder.
const FILE: &str = "affected/history.db";
/// Milliseconds.
const DAY: i64 = 86_400_000;

/// What earlier runs are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PastUse {
    /// Nothing: what `list` says never depends on them (S15).
    #[default]
    Ignore,
    /// Targets that did not pass last time are added, as the configuration says, and the order is learnt.
    Plan,
    /// The run is recorded and ordered; what it consists of was decided before, elsewhere.
    Record,
    /// Only targets that did not pass last time are wanted: `--last-failed`.
    OnlyFailed,
}

/// What earlier runs say about one request.
#[derive(Default)]
pub struct Recalled {
    /// The open history; `None` where there is none.
    pub(super) history: Option<History>,
    /// Why not, and what happened to it.
    pub(super) warnings: Vec<v1::Warning>,
    /// Targets to run again, with the units that are owed; none for all of them.
    pub(super) again: BTreeMap<String, Vec<String>>,
    /// What planning learns.
    pub(super) past: Past,
    pub(super) repository: Option<Arc<Repository>>,
    pub(super) about: About,
}

impl Recalled {
    /// Takes back that the run is all that was asked for: others run the rest, so it proves nothing for a commit.
    pub(super) fn is_part(&mut self) {
        self.about.scope = Some(Scope::Part);
    }

    /// Returns the targets that run again since they did not pass last time, with the units that are owed.
    #[must_use]
    pub fn again(&self) -> &BTreeMap<String, Vec<String>> {
        &self.again
    }
}

/// Where a run stands.
#[derive(Default)]
pub(super) struct About {
    pub(super) branch: Option<String>,
    pub(super) state: Option<String>,
    pub(super) clean: bool,
    pub(super) scope: Option<Scope>,
    pub(super) fallback: Option<String>,
}

/// Finds what earlier runs say of a request and its changes.
pub(super) fn recall(
    request: &Request,
    trees: &Trees,
    env: &Environment,
    changes: &ChangeSet,
) -> Recalled {
    if request.past == PastUse::Ignore {
        return Recalled::default();
    }
    let mut recalled = Recalled {
        about: about(request, trees, env),
        repository: trees.repository.clone(),
        ..Recalled::default()
    };
    recalled.warnings.extend(expired(&trees.config));
    let places = places(
        &trees.config,
        trees.repository.as_deref(),
        trees.work_tree.as_deref(),
        env,
    );
    if places.is_empty() {
        return recalled;
    }
    let read = history::open(&places).and_then(|Opened { history, warning }| {
        recalled
            .warnings
            .extend(warning.map(|text| told(text, None)));
        let changed = changes.changes().iter();
        let changed: Vec<String> = changed.map(|change| change.path.to_string()).collect();
        recalled.past = history.past(&changed)?;
        let branch = recalled.about.branch.as_deref();
        if let Some(branch) = branch.filter(|_| reruns(request, trees, env)) {
            recalled.again = history.unpassed(branch)?;
        }
        Ok(history)
    });
    match read {
        Ok(history) => recalled.history = Some(history),
        Err(error) => {
            let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
            recalled.warnings.push(told(error.to_string(), help));
        }
    }
    recalled
}

fn told(message: String, help: Option<String>) -> v1::Warning {
    let code = "history".to_owned();
    v1::Warning {
        code,
        message,
        help,
    }
}

/// Returns the entries of the quarantine that hold today.
pub(super) fn quarantine(config: &Config) -> Quarantine {
    let today = history::now() / DAY;
    let entries = config.history.quarantine.iter();
    let valid = entries.filter(|entry| entry.last_day >= today);
    Quarantine::new(valid.map(|entry| {
        let words = format!("{} mends it until {}", entry.owner, entry.until);
        (entry.test.as_str(), words)
    }))
}

/// Names the entries of the quarantine whose day has passed: their failures count again.
fn expired(config: &Config) -> impl Iterator<Item = v1::Warning> {
    let today = history::now() / DAY;
    let entries = config.history.quarantine.iter();
    entries
        .filter(move |entry| entry.last_day < today)
        .map(|entry| v1::Warning {
            code: "quarantine-expired".to_owned(),
            message: format!(
                "the quarantine of `{}` ended on {}: its failures count again",
                entry.test, entry.until
            ),
            help: Some(format!(
                "{} mends it, or gives it another day in affected.toml",
                entry.owner
            )),
        })
}

/// Tells whether what did not pass last time runs again.
fn reruns(request: &Request, trees: &Trees, env: &Environment) -> bool {
    let is_local = request.comparison == Comparison::WorkTree && env.get("CI").is_none();
    match (request.past, trees.config.history.rerun_failed) {
        (PastUse::Record, _) => false,
        (PastUse::OnlyFailed, _) | (_, RerunFailed::Always) => true,
        (_, RerunFailed::Local) => is_local,
        (_, RerunFailed::Never) => false,
    }
}

fn about(request: &Request, trees: &Trees, env: &Environment) -> About {
    let here = trees.repository.as_ref();
    let hosted = ci::here(env).and_then(|host| host.situation(env).branch);
    let own = here.and_then(|repository| repository.branch());
    let left_out = !request.filter.is_empty()
        || !request.exclude.is_empty()
        || !request.stages.is_empty()
        || request.shard.is_some()
        || request.past == PastUse::OnlyFailed
        || request.depth != affected_graph::Depth::All
        || matches!(
            request.comparison,
            Comparison::Files(_) | Comparison::Staged | Comparison::Uncommitted
        );
    let state = trees.head_state.as_ref();
    About {
        branch: own.or(hosted),
        state: state.map(digest_of),
        clean: state.is_some_and(|state| state.differences.is_empty()),
        scope: Some(if left_out { Scope::Part } else { Scope::Whole }),
        fallback: trees
            .everything_because()
            .filter(|_| trees.is_fallback())
            .map(|(code, _)| code.as_str().to_owned()),
    }
}

/// One word for all files: the tree of the commit and what differs from it.
fn digest_of(state: &super::memory::State) -> String {
    let mut fields = vec![state.tree.to_string().into_bytes()];
    for (path, (_, new)) in &state.differences {
        let blob = new
            .as_ref()
            .map(|entry| format!("{:?} {:?}", entry.kind, entry.blob));
        fields.push(path.as_bytes().to_vec());
        fields.push(blob.unwrap_or_default().into_bytes());
    }
    Digest::of_fields(fields.iter().map(Vec::as_slice)).to_string()
}

/// Returns where the history may be kept, best first; empty where it is switched off.
#[must_use]
pub fn places(
    config: &Config,
    repository: Option<&Repository>,
    work_tree: Option<&Path>,
    env: &Environment,
) -> Vec<PathBuf> {
    let common = repository.map(Repository::common_dir);
    let root = work_tree.or(common.as_deref());
    match &config.history.place {
        Place::Nowhere => Vec::new(),
        Place::File(file) => vec![root.map_or_else(|| file.into(), |root| root.join(file))],
        Place::Usual => {
            let own = common.as_ref().map(|common| common.join(FILE));
            let name = root.and_then(|root| std::path::absolute(root).ok());
            let cache = name.and_then(|name| {
                let digest = Digest::of_fields([name.as_os_str().as_encoded_bytes()]).to_string();
                Some(
                    cache_folder(env)?
                        .join("affected/history")
                        .join(format!("{}.db", &digest[..16])),
                )
            });
            own.into_iter().chain(cache).collect()
        }
    }
}

/// The user's cache folder, as the XDG base directory specification says.
fn cache_folder(env: &Environment) -> Option<PathBuf> {
    let named = |name: &str| {
        env.get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))
}

/// Opens the history that `history` and `flaky` tell of; `None` if nothing was recorded yet.
pub fn open(request: &Request, env: &Environment) -> Result<Option<Opened>, super::PipelineError> {
    let mut watch = super::Stopwatch::start();
    let (trees, _) = super::trees::open(request, env, &mut watch)?;
    let (repository, work_tree) = (trees.repository.as_deref(), trees.work_tree.as_deref());
    let places = places(&trees.config, repository, work_tree, env);
    Ok(history::open_existing(&places)?)
}

/// Finds the base: the last green commit where that was asked for, or else as `range` says.
pub(super) fn base(
    request: &Request,
    config: &Config,
    (repository, head): (&Arc<Repository>, Option<&CommitId>),
    env: &Environment,
) -> Search {
    if let Some(source) = wants_green(request, config, env) {
        let places = places(config, Some(repository), repository.work_tree(), env);
        return Search {
            base: green_base(repository, head, &places, source),
            fetched: Vec::new(),
        };
    }
    // Another base in the configuration counts unless a variable names one.
    let own = config.history.base.clone();
    let own = own.filter(|_| env.get("AFFECTED_BASE").is_none());
    let wish = Wish {
        base: request.base.clone().or(own),
        since: request.since.clone(),
        default_branch: config.default_branch.clone(),
        fetch: request.fetch,
    };
    range::base(repository, head, &wish, env)
}

/// Tells who asked for the last green commit as the base, if anybody did.
fn wants_green(request: &Request, config: &Config, env: &Environment) -> Option<&'static str> {
    let named = |name: &Option<String>| name.as_deref().is_some_and(|name| !name.is_empty());
    if named(&request.since) {
        return None;
    }
    if named(&request.base) {
        return (request.base.as_deref() == Some(LAST_GREEN)).then_some("--base");
    }
    if let Some(base) = env.get("AFFECTED_BASE") {
        return (base == LAST_GREEN).then_some("AFFECTED_BASE");
    }
    (config.history.base.as_deref() == Some(LAST_GREEN)).then_some("config")
}

/// B3: the newest commit known green that `head` stands on; never the one before in its stead.
fn green_base(
    repository: &Repository,
    head: Option<&CommitId>,
    places: &[PathBuf],
    source: &str,
) -> Result<Base, NoBase> {
    let head = head.ok_or(NoBase::Unborn)?;
    let unknown = |cause: String| NoBase::NotGreen {
        origin: source.to_owned(),
        cause,
    };
    let opened = history::open_existing(places).map_err(|error| unknown(error.to_string()))?;
    let known = opened.map(|opened| opened.history.green()).transpose();
    let known = known.map_err(|error| unknown(error.to_string()))?;
    for commit in known.unwrap_or_default() {
        let Ok(commit) = repository.resolve_commit(&commit) else {
            continue;
        };
        if repository.is_ancestor(&commit, head).unwrap_or(false) {
            return Ok(Base {
                reference: LAST_GREEN.to_owned(),
                commit,
                source: source.to_owned(),
            });
        }
    }
    Err(unknown(
        "no commit that the head stands on is known green".to_owned(),
    ))
}

/// Works out the order of a plan and how long its actions are expected to take; nothing where nothing is learnt.
pub(super) fn order(
    plan: &mut Plan,
    list: &v1::List,
    (request, trees): (&Request, &Trees),
    past: &Past,
) -> Ranking {
    if request.past == PastUse::Ignore {
        return Ranking::default();
    }
    for action in &mut plan.actions {
        action.expected = past
            .targets
            .get(&action.target)
            .and_then(|known| known.took);
    }
    let distance = |project: &v1::Project| {
        let chains = project.reasons.iter().map(|reason| reason.via.len());
        let nearest = chains.filter(|steps| *steps > 0).min();
        match project.reach.as_str() {
            "none" => None,
            "changed" => Some(0),
            _ => Some(nearest.unwrap_or(1)),
        }
    };
    let distances: Distances = list
        .projects
        .iter()
        .filter_map(|project| Some((project.name.clone(), distance(project)?)))
        .collect();
    Ranking::new(plan, &trees.config.stages, past, &distances)
}

/// The order learnt, for a run.
#[derive(Debug)]
pub struct Learnt(pub Ranking);

impl Order for Learnt {
    fn ranks(&self, _plan: &Plan, outcomes: &[Option<Outcome>]) -> Option<Vec<usize>> {
        let failed = outcomes.iter().enumerate();
        let failed = failed.filter(|(_, outcome)| outcome.is_some_and(Outcome::is_failure));
        let failed: Vec<usize> = failed.map(|(at, _)| at).collect();
        Some(self.0.ranks(&failed))
    }
}

/// Groups targets by project, for planning: `project:task` to the task's name.
pub(super) fn tasks_of(
    project: &str,
    targets: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<String>> {
    if targets.is_empty() {
        return BTreeMap::new();
    }
    let prefix = format!("{project}:");
    let after = targets.range(prefix.clone()..);
    after
        .map_while(|(target, units)| Some((target.strip_prefix(&prefix)?, units)))
        .map(|(task, units)| (task.to_owned(), units.clone()))
        .collect()
}
