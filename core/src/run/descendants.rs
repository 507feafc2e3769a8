//! Processes that left the group of their task: found by what they inherited, or because they became our children.
//!
//! On Linux a process whose parent has ended is given to the nearest ancestor that asked for such (`prctl(2)`,
//! `PR_SET_CHILD_SUBREAPER`); a run that does so sees everything that its tasks leave behind as its own child
//! (`/proc/PID/task/TID/children`, proc(5)).

/// The variable that every process of a run inherits: a task that was started but not told of when the run was
/// killed, and one that left its group, are found by it where the system shows environments (Linux).
pub(super) const MARK: &str = "AFFECTED_RUN";

/// A process that outlived its task.
#[derive(Debug)]
pub(super) struct Leftover {
    pub(super) process: i32,
    /// What it inherited, if that can be seen.
    pub(super) mark: Option<String>,
}

impl Leftover {
    /// Asks it to end, also if it is stopped.
    pub(super) fn terminate(&self) {
        system::signal(self.process, system::Kind::Terminate);
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        system::signal(self.process, system::Kind::Kill);
    }
}

pub(super) use system::{adopt, children, marked, reap};

#[cfg(target_os = "linux")]
mod system {
    use rustix::process::{
        Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, set_child_subreaper, waitid,
    };

    use super::{Leftover, MARK};

    pub(super) enum Kind {
        Terminate,
        Kill,
    }

    pub(super) fn signal(process: i32, kind: Kind) {
        let Some(pid) = Pid::from_raw(process) else {
            return;
        };
        // One that has ended by itself is what was wanted.
        let _ = match kind {
            Kind::Terminate => {
                kill_process(pid, Signal::TERM).and_then(|()| kill_process(pid, Signal::CONT))
            }
            Kind::Kill => kill_process(pid, Signal::KILL),
        };
    }

    /// Asks for the orphans of this process's descendants; without them less is found, and nothing breaks.
    pub(in super::super) fn adopt() {
        let _ = set_child_subreaper(Some(getpid()));
    }

    /// Lists the children of this process that run, without `except`; collects those that have ended.
    pub(in super::super) fn children(except: Option<i32>) -> Vec<Leftover> {
        reap(|process| except == Some(process));
        let running = numbers()
            .into_iter()
            .filter(|process| except != Some(*process) && is_running(*process));
        running
            .map(|process| Leftover {
                process,
                mark: mark_of(process),
            })
            .collect()
    }

    fn is_running(process: i32) -> bool {
        std::fs::read(format!("/proc/{process}/stat")).is_ok_and(|stat| {
            let close = stat.iter().rposition(|byte| *byte == b')');
            let state = close.and_then(|close| stat.get(close + 2));
            !matches!(state, Some(b'Z' | b'X') | None)
        })
    }

    /// Lists the running processes whose mark `is_wanted`.
    pub(in super::super) fn marked(is_wanted: impl Fn(&str) -> bool) -> Vec<Leftover> {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let leftover = |process: i32| {
            let mark = mark_of(process).filter(|mark| is_wanted(mark))?;
            is_running(process).then_some(Leftover {
                process,
                mark: Some(mark),
            })
        };
        let own = getpid().as_raw_nonzero().get();
        numbers
            .filter(|process| *process != own)
            .filter_map(leftover)
            .collect()
    }

    fn mark_of(process: i32) -> Option<String> {
        let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        let value = variables
            .find_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))?;
        String::from_utf8(value.to_vec()).ok()
    }

    /// Collects children that have ended, other than those that are `kept` for somebody else.
    pub(in super::super) fn reap(kept: impl Fn(i32) -> bool) {
        let peek = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        if !matches!(waitid(WaitId::All, peek), Ok(Some(_))) {
            return;
        }
        let ended = numbers()
            .into_iter()
            .filter(|process| !kept(*process) && !is_running(*process));
        for pid in ended.filter_map(Pid::from_raw) {
            let _ = waitid(
                WaitId::Pid(pid),
                WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
            );
        }
    }

    /// The numbers of all children, ended ones included.
    fn numbers() -> Vec<i32> {
        let threads = std::fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten();
        let lists = threads
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
        let parse = |list: String| -> Vec<i32> {
            list.split_ascii_whitespace()
                .filter_map(|number| number.parse().ok())
                .collect()
        };
        lists.flat_map(parse).collect()
    }
}

/// Nothing of this can be seen here.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::Leftover;

    pub(super) enum Kind {
        Terminate,
        Kill,
    }

    pub(super) fn signal(_process: i32, _kind: Kind) {}

    /// Orphans belong to process 1 here.
    pub(in super::super) fn adopt() {}

    /// Nobody is known.
    pub(in super::super) fn children(_except: Option<i32>) -> Vec<Leftover> {
        Vec::new()
    }

    /// Nobody is known.
    pub(in super::super) fn marked(_is_wanted: impl Fn(&str) -> bool) -> Vec<Leftover> {
        Vec::new()
    }

    /// Nobody is adopted.
    pub(in super::super) fn reap(_kept: impl Fn(i32) -> bool) {}
}
