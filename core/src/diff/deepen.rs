//! Fetches a base that a CI clone lacks, only as far as needed.

use crate::ci::{Fork, HostBase};
use crate::vcs::{CommitId, Reach, Repository};

/// Whether missing history may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fetch {
    /// On a CI host; nowhere else does anybody expect a question to change the clone.
    #[default]
    Auto,
    /// Never.
    Never,
}

/// Commits added to a shallow clone, step by step; then all.
const STEPS: [usize; 4] = [50, 250, 1_000, 5_000];

/// Tries to bring the base and, where it is asked for, history down to the merge base. Returns what was done.
pub(super) fn bring(repository: &Repository, base: &HostBase, head: &CommitId) -> Vec<String> {
    let mut told = Vec::new();
    for candidate in &base.candidates {
        let Some(wanted) = refspec(candidate) else {
            continue;
        };
        let found = match (repository.is_shallow(), base.fork) {
            (false, _) => repository
                .fetch(&[wanted], Reach::Whole)
                .map(|()| format!("fetched `{candidate}`")),
            (true, Fork::Exact) => repository
                .fetch(&[wanted], Reach::Commits(1))
                .map(|()| format!("fetched `{candidate}` alone, without contents of files")),
            (true, Fork::MergeBase) => deepen(repository, candidate, &wanted, head),
        };
        match found {
            Ok(done) => {
                told.push(done);
                told.extend(contents(repository, candidate, base.fork, head));
                break;
            }
            Err(said) => told.push(format!("failed to fetch `{candidate}`: {said}")),
        }
    }
    told
}

/// Deepens both sides until they meet. A host that does not give commits by id gives the branch at least.
fn deepen(
    repository: &Repository,
    candidate: &str,
    wanted: &str,
    head: &CommitId,
) -> Result<String, String> {
    let here = repository.depth_of(head);
    let both = [wanted.to_owned(), head.to_string()];
    let reaches = STEPS.iter().map(|step| Reach::Commits(here + step));
    for reach in reaches.chain([Reach::Unshallow]) {
        repository
            .fetch(&both, reach)
            .or_else(|_| repository.fetch(&both[..1], reach))?;
        let meet = repository
            .resolve_commit(candidate)
            .and_then(|base| repository.merge_base(&base, head));
        if matches!(meet, Ok(Some(_))) || !repository.is_shallow() {
            let how_far = match reach {
                Reach::Commits(depth) => format!("{depth} commits deep"),
                _ => "with all history".to_owned(),
            };
            return Ok(format!(
                "fetched `{candidate}` {how_far}, without contents of files"
            ));
        }
    }
    Ok(format!(
        "fetched `{candidate}` with all history, without contents of files"
    ))
}

/// Brings what the comparison will read of the base.
fn contents(
    repository: &Repository,
    candidate: &str,
    fork: Fork,
    head: &CommitId,
) -> Option<String> {
    let base = repository.resolve_commit(candidate).ok()?;
    let base = match fork {
        Fork::Exact => base,
        Fork::MergeBase => repository.merge_base(&base, head).ok()??,
    };
    match repository.fetch_old_contents(&base, head) {
        Ok(0) => None,
        Ok(count) => Some(format!("fetched the old contents of {count} changed files")),
        Err(said) => Some(format!(
            "failed to fetch old contents of changed files: {said}"
        )),
    }
}

/// Returns what git is asked for: a branch of the remote into its usual place, or a commit.
fn refspec(candidate: &str) -> Option<String> {
    if let Some(branch) = candidate.strip_prefix("origin/") {
        let plain = !branch.contains(['*', ':', '+', '^', '~', '?', '[', ' ', '\\']);
        return plain.then(|| format!("+refs/heads/{branch}:refs/remotes/origin/{branch}"));
    }
    let is_id = matches!(candidate.len(), 40 | 64);
    let is_id = is_id && candidate.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| candidate.to_owned())
}
