//! Tags a release and pushes the tags. Nothing is moved or deleted; what was left half done is completed by the next call (Q4).

use std::collections::BTreeMap;

use super::super::PipelineError;
use super::{Planned, ReleaseError, remote};
use crate::release::Release;
use crate::report::wire::release::{self as wire, TagState};
use crate::report::wire::v1;
use crate::tree::worktree::WorkTree;
use crate::vcs::{CommitId, NewTag, Push, Signing};

/// How tags are made.
#[derive(Debug, Clone, Default)]
pub struct Publishing {
    /// The remote they are pushed to; none keeps them here.
    pub remote: Option<String>,
    /// Whether they are signed.
    pub signing: Signing,
    /// Whether all is only told.
    pub is_dry: bool,
}

/// Makes the tags of all releases in one transaction, and pushes them, and those that earlier calls left behind, whatever
/// was committed since, in one atomic push.
///
/// # Errors
/// [`ReleaseError::Refused`] before anything is written, where something is unsettled or a version is not written yet;
/// [`ReleaseError::Earlier`] where that is so, and tags of an earlier call were pushed.
pub fn publish(planned: &Planned, how: &Publishing) -> Result<wire::ReleaseTags, PipelineError> {
    if let Err(error) = planned.settled().and_then(|()| unwritten(planned)) {
        return Err(earlier(planned, how, error)?.into());
    }
    let mut desk = Desk::default();
    for tag in remote::own_tags(planned).filter(|tag| tag.commit == planned.head) {
        desk.set(&tag.name, &tag.commit, TagState::Present);
    }
    let is_fresh = |it: &&Release| !desk.states.contains_key(&it.tag);
    let fresh: Vec<&Release> = planned.releases().filter(is_fresh).collect();
    let mut warnings = planned.warnings.clone();
    if !fresh.is_empty() {
        warnings.extend(dirty(planned)?);
    }
    let known = how.remote.as_deref();
    let known = known.map(|remote| planned.repository.remote_tags(remote));
    let known = known.transpose()?;
    if let Some(known) = &known {
        let names = desk.states.keys().map(String::as_str);
        let names = names.chain(fresh.iter().map(|it| it.tag.as_str()));
        remote::taken(planned, known, names)?;
        for tag in remote::missing(planned, known)? {
            desk.set(&tag.name, &tag.commit, TagState::NotPushed);
        }
    }
    let new = tags_of(planned, &fresh)?;
    if how.is_dry {
        for tag in &new {
            desk.set(&tag.name, &planned.head, TagState::Planned);
        }
        let sent = desk.lacking(known.as_ref());
        let commands = commands(how, &planned.head.to_string(), &new, &sent);
        return Ok(desk.report(planned, None, commands, warnings));
    }
    planned
        .repository
        .create_tags(&new, &planned.head, how.signing)?;
    for tag in &new {
        desk.set(&tag.name, &planned.head, TagState::Created);
    }
    let mut refusal = None;
    if let (Some(remote), Some(known)) = (how.remote.as_deref(), &known) {
        refusal = push(planned, remote, known, &mut desk)?;
    }
    Ok(desk.report(planned, refusal, Vec::new(), warnings))
}

/// Completes what was tagged before, though nothing new can be: those tags are whole, and the reader of the error should not
/// have to release again for them.
fn earlier(
    planned: &Planned,
    how: &Publishing,
    error: ReleaseError,
) -> Result<ReleaseError, PipelineError> {
    let (ReleaseError::Refused { message, help }, Some(remote), false) =
        (&error, &how.remote, how.is_dry)
    else {
        return Ok(error);
    };
    let known = planned.repository.remote_tags(remote)?;
    let missing = remote::missing(planned, &known)?;
    let names: Vec<String> = missing.iter().map(|tag| tag.name.clone()).collect();
    if names.is_empty() || planned.repository.push_tags(remote, &names)? != Push::Done {
        return Ok(error);
    }
    let told: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Ok(ReleaseError::Earlier {
        pushed: told.join(", "),
        message: message.clone(),
        help: help.clone(),
    })
}

/// What became of each tag, and what it names.
#[derive(Default)]
struct Desk {
    states: BTreeMap<String, TagState>,
    commits: BTreeMap<String, String>,
}

impl Desk {
    fn set(&mut self, name: &str, commit: &CommitId, state: TagState) {
        self.states.insert(name.to_owned(), state);
        self.commits.insert(name.to_owned(), commit.to_string());
    }

    /// Those that a remote has not.
    fn lacking(&self, known: Option<&BTreeMap<String, String>>) -> Vec<String> {
        let Some(known) = known else {
            return Vec::new();
        };
        let names = self.states.keys();
        names
            .filter(|tag| !known.contains_key(*tag))
            .cloned()
            .collect()
    }

    fn report(
        self,
        planned: &Planned,
        refusal: Option<String>,
        commands: Vec<String>,
        warnings: Vec<v1::Warning>,
    ) -> wire::ReleaseTags {
        wire::tags(planned.revision(), self.states, refusal, commands, warnings)
    }
}

/// Pushes what the remote has not. Returns its words where it refused.
fn push(
    planned: &Planned,
    remote: &str,
    known: &BTreeMap<String, String>,
    desk: &mut Desk,
) -> Result<Option<String>, PipelineError> {
    let missing = desk.lacking(Some(known));
    let sent = match missing.is_empty() {
        true => Push::Done,
        false => planned.repository.push_tags(remote, &missing)?,
    };
    let Push::Refused(words) = sent else {
        for (tag, state) in &mut desk.states {
            *state = match known.contains_key(tag) {
                true => TagState::Present,
                false => TagState::Pushed,
            };
        }
        return Ok(None);
    };
    // Somebody may have been faster: the same commit under the same name is as good as ours.
    let there = planned.repository.remote_tags(remote)?;
    for (tag, state) in &mut desk.states {
        *state = match there.get(tag) {
            Some(commit) if desk.commits.get(tag) == Some(commit) => TagState::Present,
            Some(_) => TagState::Taken,
            None => TagState::NotPushed,
        };
    }
    let mut states = desk.states.values();
    let all = states.all(|state| *state == TagState::Present);
    Ok((!all).then_some(words))
}

/// A tag names a commit, and not what lies beside it.
fn dirty(planned: &Planned) -> Result<Option<v1::Warning>, PipelineError> {
    let repository = &planned.repository;
    if repository.work_tree().is_none() || repository.head()?.as_ref() != Some(&planned.head) {
        return Ok(None);
    }
    let tree = repository.tree_of(&planned.head)?;
    let differences = WorkTree::open(repository)?.changes_since(&tree)?;
    // What git does not know yet is left out, as `git describe --dirty` does.
    let changed = differences
        .iter()
        .filter(|(_, (before, _))| before.is_some());
    let changed: Vec<String> = changed.map(|(path, _)| format!("`{path}`")).collect();
    let Some(first) = changed.first() else {
        return Ok(None);
    };
    let (more, differs) = match changed.len() - 1 {
        0 => (String::new(), "differs"),
        more => (format!(" and {more} more"), "differ"),
    };
    Ok(Some(v1::Warning {
        code: "dirty".to_owned(),
        message: format!("{first}{more} of the work tree {differs} from the commit that is tagged"),
        help: Some("commit what belongs to the release, and tag that".to_owned()),
    }))
}

fn tags_of(planned: &Planned, fresh: &[&Release]) -> Result<Vec<NewTag>, PipelineError> {
    let (day, url) = (
        planned.repository.day_of(&planned.head)?,
        planned.commit_url(),
    );
    let tag = |release: &&Release| NewTag {
        name: release.tag.clone(),
        message: format!(
            "{} {}\n\n{}",
            release.project.escape_debug(),
            release.to,
            planned.words(release, &day, &url)
        ),
    };
    Ok(fresh.iter().map(tag).collect())
}

/// A tag says what the manifest says, or the build of the tag would say something else.
fn unwritten(planned: &Planned) -> Result<(), ReleaseError> {
    let mut wrong: Vec<String> = Vec::new();
    for release in planned.releases() {
        if let Some(written) = release
            .written
            .as_ref()
            .filter(|written| **written != release.to)
        {
            wrong.push(format!(
                "`{}` is {written} in its manifest, not {}",
                release.project, release.to
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let mut written = planned.releases().filter_map(|it| it.written.as_ref());
    let is_pre = planned.request.pre.is_none() && written.any(|it| !it.pre.is_empty());
    let also = match is_pre {
        true => "; a pre-release is tagged with the word it was written with: `--pre rc`",
        false => "",
    };
    Err(ReleaseError::Refused {
        message: wrong.join("; "),
        help: Some(format!(
            "run `affected release version`, commit what it wrote, then tag{also}"
        )),
    })
}

/// The commands that would do the same in a shell, with every byte of what they write.
fn commands(how: &Publishing, commit: &str, new: &[NewTag], sent: &[String]) -> Vec<String> {
    let sign = match how.signing {
        Signing::AsConfigured => "-a",
        Signing::Always => "-s",
        Signing::Never => "-a --no-sign",
    };
    let one = |tag: &NewTag| {
        let message = tag.message.trim_end();
        let mut end = "END".to_owned();
        while message.lines().any(|line| line == end) {
            end.push('_');
        }
        let name = quoted(&tag.name);
        format!(
            "git tag {sign} --cleanup=verbatim -F - -- {name} {commit} <<'{end}'\n{message}\n{end}"
        )
    };
    let mut all: Vec<String> = new.iter().map(one).collect();
    if let Some(remote) = how.remote.as_deref().filter(|_| !sent.is_empty()) {
        let spec = |tag: &String| quoted(&format!("refs/tags/{tag}"));
        let specs: Vec<String> = sent.iter().map(spec).collect();
        let remote = quoted(remote);
        all.push(format!("git push --atomic -- {remote} {}", specs.join(" ")));
    }
    all
}

/// One word of a shell. Git allows names that a shell would run (X3).
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+%,".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
