//! Tags, and the commits between them. Tags are only ever added: nothing here moves or deletes one (Q4).

use std::io::Write as _;

use affected_graph::RepoPath;
use gix::bstr::ByteSlice;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};

use super::{CommitId, Differences, Repository, VcsError};

/// How long a lock of git is respected while no tagger of ours lives.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// A tag that names a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Without `refs/tags/`.
    pub name: String,
    /// What it names, peeled.
    pub commit: CommitId,
}

/// A commit, as far as a release looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// The whole message; what is not UTF-8 is replaced.
    pub message: String,
    /// How many parents it has.
    pub parents: usize,
    /// The first parent.
    pub parent: Option<CommitId>,
}

/// A tag to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Without `refs/tags/`.
    pub name: String,
    /// The annotation.
    pub message: String,
}

/// Whether a tag is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    /// As `tag.gpgSign` says.
    #[default]
    AsConfigured,
    /// Always, with the user's key.
    Always,
    /// Never.
    Never,
}

/// The lock of taggers; its mark goes with it.
struct Alone(std::fs::File);

impl Drop for Alone {
    fn drop(&mut self) {
        drop(self.0.set_len(0));
    }
}

impl Repository {
    /// Returns every tag that names a commit and whose name is text, sorted by name.
    pub fn tags(&self) -> Result<Vec<Tag>, VcsError> {
        let repository = self.local();
        let failed = |error: &dyn std::fmt::Display| VcsError::store("list the tags", error);
        let platform = repository.references().map_err(|error| failed(&error))?;
        let all = platform.tags().map_err(|error| failed(&error))?;
        let mut tags = Vec::new();
        for reference in all {
            let mut reference = reference.map_err(|error| failed(&error))?;
            let Ok(name) = reference.name().shorten().to_str().map(ToOwned::to_owned) else {
                continue;
            };
            // A tag of a blob or a tree, or of an object that is not here, is no release.
            let Ok(commit) = reference.peel_to_commit() else {
                continue;
            };
            let commit = CommitId(commit.id);
            tags.push(Tag { name, commit });
        }
        tags.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tags)
    }

    /// Tells whether `ancestor` is `of`, or one of its ancestors.
    pub fn is_ancestor(&self, ancestor: &CommitId, of: &CommitId) -> Result<bool, VcsError> {
        Ok(self.merge_base(ancestor, of)?.as_ref() == Some(ancestor))
    }

    /// Returns the commits that `head` has and `base` has not, newest first. Without a base, all.
    pub fn commits(
        &self,
        head: &CommitId,
        base: Option<&CommitId>,
    ) -> Result<Vec<Commit>, VcsError> {
        self.walked(head, base, usize::MAX)
    }

    /// Returns the newest commits of `head`, at most so many.
    pub fn newest_commits(&self, head: &CommitId, most: usize) -> Result<Vec<Commit>, VcsError> {
        self.walked(head, None, most)
    }

    fn walked(
        &self,
        head: &CommitId,
        base: Option<&CommitId>,
        most: usize,
    ) -> Result<Vec<Commit>, VcsError> {
        let repository = self.local();
        let failed = |error: &dyn std::fmt::Display| VcsError::store("walk the history", error);
        let walk = repository
            .rev_walk([head.0])
            .with_hidden(base.map(|base| base.0))
            .sorting(gix::revision::walk::Sorting::ByCommitTime(
                Default::default(),
            ))
            .all()
            .map_err(|error| failed(&error))?;
        let mut commits = Vec::new();
        for step in walk.take(most) {
            let step = step.map_err(|error| failed(&error))?;
            let commit = step.object().map_err(|error| failed(&error))?;
            let message = commit.message_raw().map_err(|error| failed(&error))?;
            let mut parents = step.parent_ids();
            let parent = parents.next().map(|id| CommitId(id.detach()));
            commits.push(Commit {
                id: CommitId(step.id),
                message: message.to_str_lossy().into_owned(),
                parents: step.parent_ids().count(),
                parent,
            });
        }
        Ok(commits)
    }

    /// Returns the day of a commit as its committer saw it: `2026-01-31`.
    pub fn day_of(&self, commit: &CommitId) -> Result<String, VcsError> {
        let repository = self.local();
        let failed = |error: &dyn std::fmt::Display| VcsError::store("read a commit", error);
        let commit = repository.find_commit(commit.0);
        let commit = commit.map_err(|error| failed(&error))?;
        let time = commit.time().map_err(|error| failed(&error))?;
        time.format(gix::date::time::format::SHORT)
            .map_err(|error| failed(&error))
    }

    /// Returns what a commit changed, seen from its first parent.
    pub fn changes_of(&self, commit: &Commit) -> Result<Differences, VcsError> {
        let tree = self.tree_of(&commit.id)?;
        match &commit.parent {
            Some(parent) => self.compare_trees(&self.tree_of(parent)?, &tree),
            None => Ok(self
                .files_of_tree(&tree)?
                .into_iter()
                .map(|entry| (entry.path.clone(), (None, Some(entry))))
                .collect()),
        }
    }

    /// Tells whether git would take this as the name of a tag.
    #[must_use]
    pub fn is_tag_name(name: &str) -> bool {
        !name.starts_with('-')
            && gix::validate::reference::name(format!("refs/tags/{name}").as_str().into()).is_ok()
    }

    /// Writes annotated tags of `commit`, all or none. A name that exists already with this commit is left as it is: another tagger
    /// was faster. With another commit it is an error, before and while writing; nothing is moved.
    ///
    /// # Errors
    /// [`VcsError::Tag`] where there is no committer, where signing fails, or where a name is taken.
    pub fn create_tags(
        &self,
        tags: &[NewTag],
        commit: &CommitId,
        signing: Signing,
    ) -> Result<(), VcsError> {
        if tags.is_empty() {
            return Ok(());
        }
        let repository = self.local();
        let failed = |error: &dyn std::fmt::Display| VcsError::tag(error);
        let tagger = match repository.committer() {
            Some(tagger) => tagger.map_err(|error| failed(&error))?,
            None => return Err(failed(&"git knows no `user.name` and `user.email`")),
        };
        let tagger = tagger.to_owned().map_err(|error| failed(&error))?;
        let _alone = self.alone(tags);
        let known = self.tags()?;
        let mut edits = Vec::new();
        for new in tags {
            match known.iter().find(|tag| tag.name == new.name) {
                Some(tag) if tag.commit == *commit => continue,
                Some(tag) => return Err(failed(&taken(tag))),
                None => {}
            }
            let tag = gix::objs::Tag {
                target: commit.0,
                target_kind: gix::object::Kind::Commit,
                name: new.name.as_str().into(),
                tagger: Some(tagger.clone()),
                message: format!("{}\n", new.message.trim_end()).into(),
                signature: None,
            };
            let tag = self.signed(tag, signing)?;
            let id = repository
                .write_object(&tag)
                .map_err(|error| failed(&error))?;
            let name = format!("refs/tags/{}", new.name);
            let name = gix::refs::FullName::try_from(name).map_err(|error| failed(&error))?;
            let change = Change::Update {
                log: LogChange {
                    mode: RefLog::AndReference,
                    force_create_reflog: false,
                    message: Default::default(),
                },
                expected: PreviousValue::MustNotExist,
                new: gix::refs::Target::Object(id.detach()),
            };
            edits.push(RefEdit::new(name, change));
        }
        let written = repository.edit_references(edits);
        written.map(drop).map_err(|error| failed(&error))
    }

    /// Keeps other taggers out as long as the result lives; the system lets go of a lock whose holder died. A holder that died while it
    /// wrote left its mark, and perhaps lock files for which git would refuse these tags for ever (Q4).
    fn alone(&self, tags: &[NewTag]) -> Option<Alone> {
        let folder = self.common_dir();
        std::fs::create_dir_all(folder.join("affected")).ok()?;
        let mut options = std::fs::File::options();
        options.write(true).create(true).truncate(false);
        let mut file = options.open(folder.join("affected/tags.lock")).ok()?;
        file.lock().ok()?;
        if file.metadata().is_ok_and(|known| known.len() > 0) {
            let mut left: Vec<_> = tags
                .iter()
                .map(|tag| folder.join(format!("refs/tags/{}.lock", tag.name)))
                .collect();
            left.push(folder.join("packed-refs.lock"));
            let until = std::time::Instant::now() + PATIENCE;
            for path in left {
                // Git itself may be at it; it is quick.
                while path.exists() && std::time::Instant::now() < until {
                    std::thread::sleep(PATIENCE / 50);
                }
                drop(std::fs::remove_file(&path));
            }
        }
        file.write_all(b"busy\n").ok()?;
        Some(Alone(file))
    }

    fn signed(&self, tag: gix::objs::Tag, signing: Signing) -> Result<gix::objs::Tag, VcsError> {
        let repository = self.local();
        let configured = repository.config_snapshot().boolean("tag.gpgSign");
        let wanted = match signing {
            Signing::Always => true,
            Signing::Never => false,
            Signing::AsConfigured => configured.unwrap_or(false),
        };
        if !wanted {
            return Ok(tag);
        }
        let failed = |error: &dyn std::fmt::Display| VcsError::tag(error);
        let options = repository
            .commit_signing_options()
            .map_err(|error| failed(&error))?;
        tag.sign(options).map_err(|error| failed(&error))
    }

    /// Reads one file as a commit has it; `None` if it has none there.
    pub fn file_at(&self, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>, VcsError> {
        let tree = self.tree_of(commit)?;
        let blob = self.file_of_tree(&tree, path)?.and_then(|entry| entry.blob);
        let failed = |error: &dyn std::fmt::Display| VcsError::store("read a file", error);
        blob.map(|blob| self.blob(&blob).map_err(|error| failed(&error)))
            .transpose()
    }
}

fn taken(tag: &Tag) -> String {
    format!(
        "`{}` names {} already, and is never moved",
        tag.name, tag.commit
    )
}
