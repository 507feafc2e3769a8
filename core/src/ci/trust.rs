//! How far results of a build may be believed by others.

/// How far results of a build are believed (C9). The host says it, never the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// It builds what was reviewed and merged: a protected branch.
    Trusted,
    /// Anything else: a proposal, a laptop, a host that says nothing.
    #[default]
    Untrusted,
}

impl Trust {
    /// The level that is written.
    #[must_use]
    pub fn writes(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Untrusted => "untrusted",
        }
    }

    /// The levels that are read, best first.
    #[must_use]
    pub fn reads(self) -> &'static [&'static str] {
        match self {
            Self::Trusted => &["trusted"],
            Self::Untrusted => &["trusted", "untrusted"],
        }
    }
}
