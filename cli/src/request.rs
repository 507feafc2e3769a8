//! From what was typed to what was meant.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use affected_core::cache::{Session, Settings};
use affected_core::config::parse_duration;
use affected_core::pipeline::past::{Learnt, PastUse};
use affected_core::pipeline::{
    Answer, Comparison, Environment, Fetch, OnUnknown, Request, results,
};
use affected_core::run::{Batching, MissingTool, Orphans, Overrun, RunOptions, Stop, log_folder};
use affected_graph::{Depth, RepoPath, Stage};

use crate::app::Context;
use crate::args::{Dependents, Fetching, Missing, Running, Selection, Unknown};
use crate::diagnostic::CliError;

/// Resolves the selection flags.
pub(crate) fn resolve(
    selection: &Selection,
    task: Option<String>,
    context: &Context,
) -> Result<Request, CliError> {
    Ok(Request {
        directory: context.directory.clone(),
        comparison: comparison(selection)?,
        base: selection.base.clone(),
        since: selection.since.clone(),
        on_unknown: match selection.on_unknown {
            Unknown::All => OnUnknown::All,
            Unknown::Fail => OnUnknown::Fail,
        },
        fetch: match selection.fetch {
            Fetching::Auto => Fetch::Auto,
            Fetching::Never => Fetch::Never,
        },
        depth: match selection.dependents {
            Dependents::None => Depth::None,
            Dependents::Direct => Depth::Direct,
            Dependents::All => Depth::All,
        },
        filter: selection.filter.clone(),
        exclude: selection.exclude.clone(),
        stages: selection.stage.iter().map(Stage::new).collect(),
        until: selection.until.as_ref().map(Stage::new),
        shard: shard_of(selection)?,
        task,
        past: PastUse::Ignore,
    })
}

/// Finds the one thing that is compared; flags that ask for two are refused.
fn comparison(selection: &Selection) -> Result<Comparison, CliError> {
    let mut wanted: Vec<(&'static str, Comparison)> = Vec::new();
    if selection.all {
        wanted.push(("--all", Comparison::Everything));
    }
    if !selection.files.is_empty() {
        wanted.push(("--files", Comparison::Files(files(&selection.files)?)));
    }
    if selection.staged {
        wanted.push(("--staged", Comparison::Staged));
    }
    if selection.uncommitted {
        wanted.push(("--uncommitted", Comparison::Uncommitted));
    }
    if let Some(head) = &selection.head {
        wanted.push(("--head", Comparison::Head(head.clone())));
    }
    if let [(first, _), (second, _), ..] = wanted.as_slice() {
        return Err(CliError::Conflict { first, second });
    }
    if selection.base.is_some() && selection.since.is_some() {
        return Err(CliError::Conflict {
            first: "--base",
            second: "--since",
        });
    }
    Ok(wanted
        .pop()
        .map_or(Comparison::WorkTree, |(_, comparison)| comparison))
}

fn files(typed: &[String]) -> Result<Vec<RepoPath>, CliError> {
    let mut bytes = Vec::new();
    let mut paths = Vec::new();
    for path in typed {
        if path == "-" {
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(CliError::io("read standard input"))?;
            let separator = if bytes.contains(&0) { 0 } else { b'\n' };
            paths.extend(
                bytes
                    .split(|byte| *byte == separator)
                    .filter(|path| !path.is_empty())
                    .map(<[u8]>::to_vec),
            );
        } else {
            paths.push(path.clone().into_bytes());
        }
    }
    paths
        .into_iter()
        .map(|path| {
            RepoPath::new(&path).map_err(|error| CliError::Value {
                flag: "--files",
                value: String::from_utf8_lossy(&path).into_owned(),
                help: error.to_string(),
            })
        })
        .collect()
}

/// Returns which part of how many is wanted, if one is.
pub(crate) fn shard_of(selection: &Selection) -> Result<Option<(usize, usize)>, CliError> {
    selection.shard.as_deref().map(shard).transpose()
}

fn shard(text: &str) -> Result<(usize, usize), CliError> {
    let parsed = text.split_once('/').and_then(|(index, count)| {
        let (index, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
        (1..=count).contains(&index).then_some((index, count))
    });
    parsed.ok_or_else(|| CliError::Value {
        flag: "--shard",
        value: text.to_owned(),
        help: "write which part of how many, such as `2/4`".to_owned(),
    })
}

/// Resolves the flags of a run; tasks start in `root`, as `answer` says.
pub(crate) fn run_options(
    running: &Running,
    root: std::path::PathBuf,
    answer: &Answer,
) -> Result<RunOptions, CliError> {
    let state = answer.store.as_deref();
    let watchdog = std::env::current_exe()
        .ok()
        .map(|program| vec![program.into(), "__watchdog".into()]);
    Ok(RunOptions {
        jobs: jobs(running.jobs.as_deref())?,
        default_timeout: running
            .timeout
            .as_deref()
            .map(|text| time("--timeout", text))
            .transpose()?,
        missing_tool: match running.missing_tool {
            Missing::Fail => MissingTool::Fail,
            Missing::Skip => MissingTool::Skip,
        },
        batching: if running.no_batch {
            Batching::Single
        } else {
            Batching::Join
        },
        stop: match (running.fail_fast, running.max_fail) {
            (true, _) => Stop::AfterFailures(1),
            (_, Some(most)) => Stop::AfterFailures(most.get()),
            (_, None) => Stop::Never,
        },
        budget: running
            .budget
            .as_deref()
            .map(|text| time("--budget", text))
            .transpose()?,
        overrun: match running.hard_budget {
            true => Overrun::Stop,
            false => Overrun::Finish,
        },
        quarantine: answer.quarantine.clone(),
        retries: running.retries.unwrap_or(answer.retries),
        order: Some(Arc::new(Learnt(answer.ranking.clone()))),
        environment: environment(&root)?,
        root,
        logs: state.map(log_folder),
        reports: state.map(|state| state.join("reports")),
        watchdog,
        orphans: Orphans::Adopt,
        ..RunOptions::default()
    })
}

/// Opens the caches for a run, unless they are not wanted.
pub(crate) fn cache(
    running: &Running,
    answer: &Answer,
    options: &RunOptions,
) -> Option<Arc<Session>> {
    if running.no_cache || answer.plan.actions.is_empty() {
        return None;
    }
    let settings = Settings::of(&Environment::from_process());
    let session = results::session(answer, &settings, &options.root, &options.environment);
    Some(Arc::new(session))
}

/// The work trees of the runs that this one was started by, as in `PATH`.
const WITHIN: &str = "AFFECTED_WITHIN";

/// E7. What tasks inherit. A run that was started by a run of the same work tree, which was itself started by one, would
/// go on for ever.
fn environment(root: &Path) -> Result<Vec<(OsString, OsString)>, CliError> {
    let within = std::env::var_os(WITHIN).unwrap_or_default();
    let outer: Vec<_> = std::env::split_paths(&within).collect();
    if outer.iter().filter(|outer| *outer == root).count() >= 2 {
        return Err(CliError::Nested);
    }
    let all = outer.iter().map(PathBuf::as_path).chain([root]);
    let mut variables: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| name != WITHIN)
        .collect();
    // A folder with a colon in its name is not followed.
    variables.extend(std::env::join_paths(all).map(|within| (WITHIN.into(), within)));
    Ok(variables)
}

fn time(flag: &'static str, text: &str) -> Result<Duration, CliError> {
    parse_duration(text).ok_or_else(|| CliError::Value {
        flag,
        value: text.to_owned(),
        help: "write a time such as `90s`, `5m` or `1h30m`".to_owned(),
    })
}

/// A number, or a share of the cores that this process may use: the standard library looks at its affinity and, on
/// Linux, at the quota of its cgroup (`cpu.max` of version 2, `cpu.cfs_quota_us` of version 1).
fn jobs(text: Option<&str>) -> Result<usize, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let Some(text) = text else { return Ok(cores) };
    let parsed = match text.strip_suffix('%') {
        Some(share) => share
            .parse()
            .ok()
            .map(|share: usize| (cores * share.min(1000) / 100).max(1)),
        None => text.parse().ok().filter(|jobs| *jobs > 0),
    };
    parsed.ok_or_else(|| CliError::Value {
        flag: "--jobs",
        value: text.to_owned(),
        help: "write how many tasks may run at once, such as `4` or `50%`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_questions_at_once_are_refused() {
        let selection = Selection {
            all: true,
            staged: true,
            ..Selection::default()
        };
        assert!(matches!(
            comparison(&selection),
            Err(CliError::Conflict { .. })
        ));
        let selection = Selection {
            staged: true,
            ..Selection::default()
        };
        assert_eq!(comparison(&selection).unwrap(), Comparison::Staged);
    }

    #[test]
    fn numbers_are_checked() {
        assert_eq!(shard("2/4").unwrap(), (2, 4));
        for wrong in ["0/4", "5/4", "2", "a/b"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
        assert_eq!(jobs(Some("3")).unwrap(), 3);
        assert!(jobs(Some("0")).is_err() && jobs(Some("x")).is_err());
    }
}
