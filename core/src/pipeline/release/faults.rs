//! What stands against releases that only git and manifests can tell.

use super::Planned;
use crate::ecosystem;
use crate::release::Problem;
use crate::vcs::Repository;

/// Finds names that git refuses, tags that are taken by another commit, majors that an ecosystem refuses.
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
        let known = planned.tags.iter().map(|tag| tag.name.as_str());
        let coming = planned.releases().map(|it| it.tag.as_str());
        if let Some(other) = in_the_way(&release.tag, known.chain(coming)) {
            problems.push(Problem {
                code: "tag-blocked",
                message: blocked(&release.tag, other),
                help: UNBLOCK.to_owned(),
            });
        }
        problems.extend(refused_major(planned, release));
    }
    problems
}

/// What to do about it; this tool deletes no tag.
pub(super) const UNBLOCK: &str = "write a pattern beside it, such as `release.tag = \"{name}-v{version}\"`, or delete that tag by hand";

/// Finds a tag that git cannot have beside another one: it keeps each as a file, and `a/v1` needs `a` as a folder.
pub(super) fn in_the_way<'t>(
    tag: &str,
    mut known: impl Iterator<Item = &'t str>,
) -> Option<&'t str> {
    let is_above = |above: &str, below: &str| {
        let rest = below.strip_prefix(above);
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    known.find(|other| is_above(other, tag) || is_above(tag, other))
}

pub(super) fn blocked(tag: &str, other: &str) -> String {
    format!("the tag `{other}` leaves no room for `{tag}`: to git one of them is a folder")
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
