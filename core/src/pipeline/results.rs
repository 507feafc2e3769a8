//! Opens the caches for a plan, and explains what they know.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::keys::Keyed;
use super::{Answer, PipelineError};
use crate::cache::local::Folder;
use crate::cache::{self, Asked, Session, Settings};
use crate::digest::Digest;
use crate::plan::digest::{ActionDigest, Part, differences};
use crate::report::wire::v1;

/// Opens the caches for the plan of an answer; tasks start in `root` with the variables `inherited`.
#[must_use]
pub fn session(
    answer: &Answer,
    settings: &Settings,
    root: &std::path::Path,
    inherited: &[(OsString, OsString)],
) -> Session {
    let keys = answer.keyring.keys(&answer.plan, inherited);
    let asked = answer.plan.actions.iter().zip(&keys.of).zip(&keys.outputs);
    let asked = asked.map(|((action, keyed), outputs)| {
        let digest = keyed.digest().cloned();
        let parts = digest.iter().flat_map(|digest| &digest.parts);
        let lists =
            parts.filter_map(|part| Some((part.digest, keys.lists.get(&part.digest)?.clone())));
        Asked {
            target: action.target.clone(),
            lists: lists.collect(),
            digest,
            outputs: outputs.clone(),
        }
    });
    let asked = asked.collect();
    let (ring, plan, variables) = (
        answer.keyring.clone(),
        answer.plan.clone(),
        inherited.to_vec(),
    );
    let again = move || {
        let now = ring.again().map_err(|error| error.to_string())?;
        let keys = now.keys(&plan, &variables).of.into_iter();
        Ok(keys.map(|keyed| Some(keyed.digest()?.digest)).collect())
    };
    Session::open(settings, absolute(root), inherited, asked, Box::new(again))
}

/// The name of a checkout does not depend on the folder that one stands in.
fn absolute(root: &std::path::Path) -> std::path::PathBuf {
    root.canonicalize().unwrap_or_else(|_| root.to_path_buf())
}

/// Tells what the cache knows of a target, and what makes its digest another than that of the last result kept.
pub fn explain(
    answer: &Answer,
    target: &str,
    settings: &Settings,
    inherited: &[(OsString, OsString)],
) -> Result<v1::CacheExplain, PipelineError> {
    let usage = |message: String, help: &str| PipelineError::Usage {
        message,
        help: Some(help.to_owned()),
    };
    let at = answer
        .plan
        .actions
        .iter()
        .position(|action| action.target == target);
    let at = at.ok_or_else(|| {
        usage(
            format!("there is no test task `{target}`"),
            "`affected test --all --dry-run` lists them, as `project:task`",
        )
    })?;
    let folder = Folder::open(settings);
    let folder = folder.map_err(|fault| {
        usage(
            fault.to_string(),
            "set AFFECTED_CACHE_DIR to a folder of yours",
        )
    })?;
    let root = answer.work_tree.clone().unwrap_or_default();
    let mut told = v1::CacheExplain {
        schema: "affected.cache-explain/1".to_owned(),
        target: target.to_owned(),
        state: "never".to_owned(),
        detail: None,
        digest: None,
        differences: Vec::new(),
    };
    let keys = answer.keyring.keys(&answer.plan, inherited);
    let digest = match &keys.of[at] {
        Keyed::Never(why) => {
            told.detail = Some(why.clone());
            return Ok(told);
        }
        Keyed::Under(digest) => digest,
    };
    told.digest = Some(digest.digest.to_string());
    let mut levels = settings.trust.reads().iter();
    if levels.any(|level| folder.found(&digest.at_level(level)).is_some()) {
        told.state = "hit".to_owned();
        return Ok(told);
    }
    let last = folder.last(&cache::target(&absolute(&root), target));
    let Some((_, last)) = last else {
        told.state = "new".to_owned();
        return Ok(told);
    };
    told.state = "changed".to_owned();
    let now = |part: &Part| {
        let known = keys.lists.get(&part.digest);
        known
            .map(|list| cache::local::files_of(list))
            .or_else(|| folder.list(part))
    };
    told.differences = differing(&last.parts, &digest.parts, &|part| folder.list(part), &now);
    Ok(told)
}

/// Compares two results that were kept: each a target (its last one) or the `digest` of a run's document.
pub fn compare(
    settings: &Settings,
    root: &std::path::Path,
    [one, other]: [&str; 2],
) -> Result<v1::CacheExplain, PipelineError> {
    let usage = |message: String| PipelineError::Usage {
        message,
        help: Some(
            "name two targets, or digests as `affected test --format json` shows them".to_owned(),
        ),
    };
    let folder = Folder::open(settings).map_err(|fault| usage(fault.to_string()))?;
    let find = |name: &str| {
        let by_digest = Digest::from_hex(name).and_then(|digest| {
            let digest = ActionDigest {
                digest,
                parts: Vec::new(),
            };
            let mut levels = ["trusted", "untrusted"].iter();
            levels.find_map(|level| folder.found(&digest.at_level(level)))
        });
        let last = || folder.last(&cache::target(&absolute(root), name));
        by_digest
            .or_else(|| Some(last()?.1))
            .ok_or_else(|| usage(format!("no result of `{name}` is kept")))
    };
    let (first, second) = (find(one)?, find(other)?);
    let list = |part: &Part| folder.list(part);
    let differences = differing(&first.parts, &second.parts, &list, &list);
    Ok(v1::CacheExplain {
        schema: "affected.cache-explain/1".to_owned(),
        target: other.to_owned(),
        state: if differences.is_empty() {
            "same"
        } else {
            "changed"
        }
        .to_owned(),
        detail: None,
        digest: None,
        differences,
    })
}

type List<'l> = dyn Fn(&Part) -> Option<BTreeMap<String, String>> + 'l;

fn differing(
    before: &[Part],
    after: &[Part],
    old: &List<'_>,
    new: &List<'_>,
) -> Vec<v1::CacheDifference> {
    let list = |name: &str, digest: Option<Digest>, of: &List<'_>| {
        let part = |digest| Part {
            name: name.into(),
            digest,
        };
        digest
            .and_then(|digest| of(&part(digest)))
            .unwrap_or_default()
    };
    let word = |before: bool, after: bool| match (before, after) {
        (false, _) => "added",
        (_, false) => "removed",
        _ => "changed",
    };
    let told = differences(before, after).into_iter().map(|difference| {
        let old = list(&difference.name, difference.before, old);
        let new = list(&difference.name, difference.after, new);
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let files = paths
            .into_iter()
            .filter(|path| old.get(*path) != new.get(*path));
        let files = files.map(|path| v1::CacheFile {
            path: path.clone(),
            change: word(old.contains_key(path), new.contains_key(path)).to_owned(),
        });
        let files = files.collect();
        v1::CacheDifference {
            change: word(difference.before.is_some(), difference.after.is_some()).to_owned(),
            part: difference.name,
            files,
        }
    });
    told.collect()
}

/// What is done to the local folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// It is counted.
    Count,
    /// What was not used for longest is removed until the rest fits.
    Collect,
    /// What is damaged is removed.
    Verify,
}

/// Looks after the local folder.
pub fn look_after(settings: &Settings, upkeep: Upkeep) -> Result<v1::CacheStats, PipelineError> {
    let folder = Folder::open(settings).map_err(|fault| PipelineError::Usage {
        message: fault.to_string(),
        help: Some("set AFFECTED_CACHE_DIR to a folder of yours".to_owned()),
    })?;
    let census = match upkeep {
        Upkeep::Count => folder.census(),
        Upkeep::Collect => folder.collect(),
        Upkeep::Verify => folder.verify(),
    };
    Ok(v1::CacheStats {
        schema: "affected.cache-stats/1".to_owned(),
        records: census.records,
        blobs: census.blobs,
        bytes: census.bytes,
        limit: settings.limit,
        removed: census.removed,
    })
}

/// Finds the work tree that a folder is in; the folder itself where there is none.
#[must_use]
pub fn work_tree(directory: &std::path::Path) -> std::path::PathBuf {
    let repository = crate::vcs::Repository::discover(directory).ok();
    let root = repository.and_then(|repository| Some(repository.work_tree()?.to_path_buf()));
    root.unwrap_or_else(|| directory.to_path_buf())
}
