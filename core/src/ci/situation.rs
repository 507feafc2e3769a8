//! What a host builds, in words that are the same for all of them.

/// Whether the base itself or its merge base with the head is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// Where the head left the base.
    MergeBase,
    /// The base as named: `--since`, or the commit that was there before a push.
    Exact,
}

/// Why a build was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Commits were pushed to a branch.
    Push,
    /// A pull or merge request.
    Request,
    /// A merge queue, group or train.
    Queue,
    /// A tag was pushed.
    Tag,
    /// The clock.
    Schedule,
    /// Somebody, or another program, asked for it.
    Manual,
}

impl Event {
    /// Returns the word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Request => "pull-request",
            Self::Queue => "merge-queue",
            Self::Tag => "tag",
            Self::Schedule => "schedule",
            Self::Manual => "manual",
        }
    }
}

/// A base as a host names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBase {
    /// Revisions to try, best first: `origin/main`, `main`.
    pub candidates: Vec<String>,
    /// For people: `GITHUB_BASE_REF`.
    pub source: String,
    /// What of it is compared with.
    pub fork: Fork,
}

impl HostBase {
    /// A branch: its merge base with the head counts.
    #[must_use]
    pub fn branch(name: &str, source: impl Into<String>) -> Self {
        let name = short(name);
        Self {
            candidates: vec![format!("origin/{name}"), name.to_owned()],
            source: source.into(),
            fork: Fork::MergeBase,
        }
    }

    /// A commit that is itself compared with.
    #[must_use]
    pub fn exact(commit: &str, source: impl Into<String>) -> Self {
        Self {
            candidates: vec![commit.to_owned()],
            source: source.into(),
            fork: Fork::Exact,
        }
    }

    /// Adds a commit to try when no candidate so far is here.
    #[must_use]
    pub fn or_commit(mut self, commit: Option<&str>) -> Self {
        self.candidates.extend(commit.map(ToOwned::to_owned));
        self
    }
}

/// What a host says of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Compare with this.
    Base(HostBase),
    /// By rule there is nothing to compare with, for this reason.
    Everything(String),
    /// There should be a base, but the host cannot name it, for this reason (B4).
    Unknown(String),
    /// The host does not say; configuration and the default branch may.
    Nothing,
}

/// What is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// Why.
    pub event: Event,
    /// The branch or tag that is built, where the host tells.
    pub branch: Option<String>,
    /// The commit that the host says it builds.
    pub head: Option<String>,
    /// What it is compared with.
    pub base: Said,
}

impl Situation {
    /// A tag: nothing was there before, and what is released is tested whole.
    #[must_use]
    pub fn tag(name: Option<&str>, head: Option<&str>) -> Self {
        let why = "a tag is built, which has nothing before it to compare with";
        Self::by_rule(Event::Tag, name, head, why)
    }

    /// The clock started it, so there is no change to look at.
    #[must_use]
    pub fn schedule(branch: Option<&str>, head: Option<&str>) -> Self {
        let why = "the build was started by a schedule, not by a change";
        Self::by_rule(Event::Schedule, branch, head, why)
    }

    fn by_rule(event: Event, branch: Option<&str>, head: Option<&str>, why: &str) -> Self {
        Self {
            event,
            branch: branch.map(|name| short(name).to_owned()),
            head: head.map(ToOwned::to_owned),
            base: Said::Everything(why.to_owned()),
        }
    }

    /// A request or a queue with a base of its own.
    #[must_use]
    pub fn against(event: Event, branch: Option<&str>, head: Option<&str>, base: HostBase) -> Self {
        Self {
            event,
            branch: branch.map(|name| short(name).to_owned()),
            head: head.map(ToOwned::to_owned),
            base: Said::Base(base),
        }
    }
}

/// What is known of a build of a branch.
#[derive(Debug, Clone, Default)]
pub struct Pushed<'a> {
    /// The branch that is built.
    pub branch: Option<&'a str>,
    /// The commit that is built.
    pub head: Option<&'a str>,
    /// The default branch, and who names it.
    pub default: Option<(&'a str, &'a str)>,
    /// What was there before, and who names it.
    pub before: Option<(&'a str, String)>,
}

impl Pushed<'_> {
    /// Applies the rules for pushes, and for builds that were started by hand.
    #[must_use]
    pub fn situation(self, event: Event) -> Situation {
        let branch = self.branch.map(short);
        let default = self.default.map(|(name, source)| (short(name), source));
        let base = match (branch, default, self.before) {
            (Some(branch), Some((default, source)), _) if branch != default => {
                Said::Base(HostBase::branch(default, source))
            }
            (_, _, Some((before, source))) => Said::Base(HostBase::exact(before, source)),
            (_, Some((default, _)), None) if event == Event::Manual => Said::Everything(format!(
                "the build of `{default}` was started by hand, not by a change"
            )),
            (_, Some((default, _)), None) => Said::Unknown(format!(
                "the host does not tell what was on `{default}` before this push"
            )),
            (_, None, None) => Said::Nothing,
        };
        Situation {
            event,
            branch: branch.map(ToOwned::to_owned),
            head: self.head.map(ToOwned::to_owned),
            base,
        }
    }
}

/// Takes `refs/heads/` and the like off a name.
pub(super) fn short(name: &str) -> &str {
    ["refs/heads/", "refs/tags/", "refs/"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}
