//! Whether tags, versions and the remote agree.

use super::super::PipelineError;
use super::{Planned, gather, remote};
use crate::release::{Problem, version};
use crate::report::wire::release as wire;
use crate::report::wire::v1;
use crate::vcs::VcsError;

/// Which remote the tags are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Against {
    /// `origin`, if there is one and it answers.
    #[default]
    Origin,
    /// This one, which must answer.
    Remote(String),
    /// None: what is here is all that counts.
    Nothing,
}

/// Compares tags, manifests and a remote: a tag without its version, a version without its tag, a tag that was not pushed.
///
/// # Errors
/// Where git cannot be read, or the remote that was named does not answer.
pub fn check(planned: &Planned, against: &Against) -> Result<wire::ReleaseCheck, PipelineError> {
    let mut problems: Vec<Problem> = planned.decision.problems.clone();
    let mut warnings = planned.warnings.clone();
    problems.extend(versions(planned)?);
    let (name, must_answer) = match against {
        Against::Origin => ("origin", false),
        Against::Remote(name) => (name.as_str(), true),
        Against::Nothing => ("", false),
    };
    let is_there = planned.repository.remote_url(name).is_some();
    if must_answer || is_there {
        match planned.repository.remote_tags(name) {
            Ok(known) => problems.extend(remote::problems(planned, name, &known)?),
            Err(error) if must_answer => return Err(error.into()),
            Err(error) => warnings.push(unknown(&error)),
        }
    }
    problems.sort();
    problems.dedup();
    Ok(wire::check(planned.revision(), &problems, warnings))
}

fn unknown(error: &VcsError) -> v1::Warning {
    let words = error.to_string();
    let first = words.lines().next().unwrap_or_default();
    v1::Warning {
        code: "remote-unknown".to_owned(),
        message: format!("whether all tags are pushed is not known: {first}"),
        help: Some("`--offline` does not ask the remote".to_owned()),
    }
}

fn versions(planned: &Planned) -> Result<Vec<Problem>, PipelineError> {
    let mut problems = Vec::new();
    for candidate in &planned.candidates {
        let Some(written) = &candidate.written else {
            continue;
        };
        let is_done = version::to_come(written) == *written;
        let is_known = candidate.taken.contains(written);
        if is_done && !is_known && *written > semver::Version::new(0, 0, 0) {
            problems.push(Problem {
                code: "version-without-tag",
                message: format!(
                    "`{}` is {written} in its manifest, and there is no tag `{}`",
                    candidate.name,
                    candidate.series.tag(written)
                ),
                help: "tag it with `affected release tag`".to_owned(),
            });
        }
        let Some(last) = &candidate.last else {
            continue;
        };
        let Some(tag) = planned.tags.iter().find(|tag| tag.name == last.tag) else {
            continue;
        };
        let then = gather::written_at(planned, &tag.commit, &candidate.path)?;
        if let Some(then) = then.filter(|then| *then != last.version) {
            problems.push(Problem {
                code: "tag-without-version",
                message: format!(
                    "the tag `{}` names a commit in which `{}` is {then}",
                    last.tag, candidate.name
                ),
                help: "release it again with `affected release version` and `tag`".to_owned(),
            });
        }
    }
    Ok(problems)
}
