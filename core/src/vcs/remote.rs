//! Pushing, by git itself, since it wants the user's own credentials and transports; everything that could be taken for an option stands
//! behind `--` (X2).

use std::collections::BTreeMap;
use std::process::Output;

use super::{Repository, VcsError, fetch};

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Push {
    /// Every tag is there now; those that were there before are.
    Done,
    /// The remote refused; nothing was written where it knows atomic pushes. With git's words.
    Refused(String),
}

impl Repository {
    /// Returns the tags that a remote has, by name, with the object ids it gives: of an annotated tag the peeled one.
    ///
    /// # Errors
    /// [`VcsError::Git`] where git does not start or the remote cannot be reached.
    pub fn remote_tags(&self, remote: &str) -> Result<BTreeMap<String, String>, VcsError> {
        let output = self.talk(&["ls-remote", "--tags", "--", remote])?;
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            let words = fetch::without_credentials(&words);
            return Err(VcsError::git(remote, words.as_bytes()));
        }
        let mut tags = BTreeMap::new();
        for line in words.lines() {
            let Some((id, name)) = line.split_once('\t') else {
                continue;
            };
            let Some(name) = name.strip_prefix("refs/tags/") else {
                continue;
            };
            // The peeled line follows the plain one, and counts.
            let name = name.strip_suffix("^{}").unwrap_or(name);
            tags.insert(name.to_owned(), id.to_owned());
        }
        Ok(tags)
    }

    /// Pushes tags in one atomic transaction. None is forced: what exists with another id is refused.
    ///
    /// # Errors
    /// [`VcsError::Git`] where git does not start.
    pub fn push_tags(&self, remote: &str, tags: &[String]) -> Result<Push, VcsError> {
        let specs: Vec<String> = tags
            .iter()
            .map(|tag| format!("refs/tags/{tag}:refs/tags/{tag}"))
            .collect();
        let mut arguments = vec![
            "push",
            "--atomic",
            "--no-verify",
            "--porcelain",
            "--",
            remote,
        ];
        arguments.extend(specs.iter().map(String::as_str));
        let output = self.talk(&arguments)?;
        if output.status.success() {
            return Ok(Push::Done);
        }
        let words = [output.stdout, output.stderr].concat();
        let words = String::from_utf8_lossy(&words).into_owned();
        Ok(Push::Refused(fetch::without_credentials(words.trim())))
    }

    /// Returns the address of a remote, if it is configured.
    #[must_use]
    pub fn remote_url(&self, remote: &str) -> Option<String> {
        let repository = self.local();
        let key = format!("remote.{remote}.url");
        let url = repository.config_snapshot().string(key.as_str())?;
        Some(url.to_string())
    }

    fn talk(&self, arguments: &[&str]) -> Result<Output, VcsError> {
        self.git(arguments, &[])
            .map_err(|words| VcsError::git("git", words.as_bytes()))
    }
}
