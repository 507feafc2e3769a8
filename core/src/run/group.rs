//! Signals to a process group; elsewhere to the one process that is known.

use std::process::Child;

/// The group that a task leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group(i32);

impl Group {
    /// Returns the group of a child that was started as the leader of its own.
    pub(super) fn of(child: &Child) -> Option<Self> {
        Self::from_raw(i32::try_from(child.id()).ok()?)
    }

    /// Takes a number from text; 0 and 1 would mean ourselves or everybody.
    pub(super) fn from_raw(id: i32) -> Option<Self> {
        (id > 1).then_some(Self(id))
    }

    /// Returns the number.
    pub(super) fn id(self) -> i32 {
        self.0
    }
}

#[cfg(unix)]
impl Group {
    /// Asks every member to end; stopped ones are woken, or they would never hear it.
    pub(super) fn terminate(self) {
        self.signal(rustix::process::Signal::TERM);
        self.signal(rustix::process::Signal::CONT);
    }

    /// Ends every member.
    pub(super) fn kill(self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// Stops every member.
    pub(super) fn stop(self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets every member go on.
    pub(super) fn wake(self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// Tells whether a member is left that is more than an unread exit status.
    pub(super) fn is_alive(self) -> bool {
        let exists = rustix::process::Pid::from_raw(self.0).is_some_and(|group| {
            rustix::process::test_kill_process_group(group) != Err(rustix::io::Errno::SRCH)
        });
        // Where process 1 does not collect orphans, dead members stay for ever.
        exists && running_members(self.0).unwrap_or(true)
    }

    fn signal(self, signal: rustix::process::Signal) {
        if let Some(group) = rustix::process::Pid::from_raw(self.0) {
            // It may be gone already, which is what is wanted.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}

/// Looks for a member that is not a zombie; `None` where there is no `/proc` to look at.
#[cfg(unix)]
fn running_members(group: i32) -> Option<bool> {
    let mut seen = false;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        if !entry
            .file_name()
            .as_encoded_bytes()
            .first()
            .is_some_and(u8::is_ascii_digit)
        {
            continue;
        }
        let Ok(stat) = std::fs::read(entry.path().join("stat")) else {
            continue;
        };
        let Some((state, member_of)) = state_and_group(&stat) else {
            continue;
        };
        seen = true;
        if member_of == group && !matches!(state, b'Z' | b'X') {
            return Some(true);
        }
    }
    seen.then_some(false)
}

/// Reads `pid (name) state parent group …`, where the name may hold anything.
#[cfg(unix)]
fn state_and_group(stat: &[u8]) -> Option<(u8, i32)> {
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[close + 1..])
        .ok()?
        .split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    Some((state, fields.nth(1)?.parse().ok()?))
}

#[cfg(not(unix))]
impl Group {
    /// There is no such request here; [`super::process`] kills the leader after the grace time.
    pub(super) fn terminate(self) {}

    /// Only the leader is known here.
    pub(super) fn kill(self) {}

    /// Nothing is stopped here.
    pub(super) fn stop(self) {}

    /// Nothing is stopped here.
    pub(super) fn wake(self) {}

    /// Only the leader is known here, and it has ended.
    pub(super) fn is_alive(self) -> bool {
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn reads_names_with_brackets_and_spaces() {
        assert_eq!(
            state_and_group(b"7 (a) b (c) Z 1 42 42 0"),
            Some((b'Z', 42))
        );
        for bad in [&b""[..], b"7 (a", b"7 (a) S", b"7 (a) S 1 x", b"\xff) \xff"] {
            assert_eq!(state_and_group(bad), None);
        }
    }

    #[test]
    fn never_means_everybody() {
        for id in [i32::MIN, -1, 0, 1] {
            assert_eq!(Group::from_raw(id), None);
        }
    }
}
