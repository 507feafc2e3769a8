//! What the process answers to its caller: one named constant for each exit code.

use std::process::ExitCode;

/// An exit code with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// All went well; also where nothing is affected.
    pub(crate) const OK: Self = Self(0);
    /// A task failed; `list --exit-code` found something affected; `doctor` found a fault; `hooks` left
    /// something to do by hand.
    pub(crate) const FAILED: Self = Self(1);
    /// Wrong usage or configuration, or no repository to look at.
    pub(crate) const USAGE: Self = Self(2);
    /// The selection cannot be decided, and `--on-unknown=fail` forbids to select everything.
    pub(crate) const UNKNOWN_BASE: Self = Self(3);
    /// There is nothing to run, and `--no-tasks=fail` asks for something.
    pub(crate) const NO_TASKS: Self = Self(4);
    /// A policy said no: `ci verdict` misses a planned task, `release check` finds a fault.
    pub(crate) const POLICY: Self = Self(5);
    /// The budget ended and work is left.
    pub(crate) const BUDGET_ENDED: Self = Self(6);
    /// A bug of ours.
    pub(crate) const BUG: Self = Self(70);
    /// Ended by Ctrl-C: 128 + SIGINT.
    pub(crate) const INTERRUPTED: Self = Self(130);

    /// Returns the code of a run that `signal` ended, as shells count.
    #[must_use]
    pub(crate) fn from_signal(signal: i32) -> Self {
        u8::try_from(signal)
            .ok()
            .and_then(|number| number.checked_add(128))
            .map_or(Self::INTERRUPTED, Self)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E5.
    #[test]
    fn signals_end_as_shells_count() {
        assert_eq!(Exit::from_signal(2), Exit::INTERRUPTED);
        assert_eq!(Exit::from_signal(15), Exit(143));
        assert_eq!(Exit::from_signal(-1), Exit::INTERRUPTED);
    }
}
