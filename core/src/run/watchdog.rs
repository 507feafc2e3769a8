//! A small process beside a run: if the tool itself is killed, it ends the groups that are left.
//!
//! The run writes `+GROUP` when a group starts, `-GROUP` when it is gone and `done` at the end. The end of
//! the pipe without `done` means that the writer died.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::nap;
use super::descendants::{self, Leftover};
use super::group::Group;

/// From SIGTERM to SIGKILL, and for the watchdog itself to go. E1 allows five seconds in total.
const GRACE: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// The writing side, held by the run.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
    state: Mutex<State>,
    mark: String,
}

#[derive(Debug)]
struct State {
    /// `None` once it does not listen any more.
    pipe: Option<ChildStdin>,
    groups: BTreeSet<i32>,
    /// A fault met before there was anybody to tell it to.
    early: Option<String>,
}

impl Watchdog {
    /// Starts the watchdog in a group of its own, where Ctrl-C does not reach it.
    pub(super) fn start(
        argv: &[OsString],
        environment: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let pipe = child.stdin.take();
        // One that does not read must not block the run.
        #[cfg(unix)]
        if let Some(pipe) = &pipe {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        // Unique among runs that are alive, which is all that counts.
        let mark = format!("{}-{}", std::process::id(), child.id());
        let mut state = State {
            pipe,
            groups: BTreeSet::new(),
            early: None,
        };
        state.early = state.tell(&format!("={mark}\n"));
        Ok(Self {
            child,
            state: Mutex::new(state),
            mark,
        })
    }

    /// What the processes of this run are known by.
    pub(super) fn mark(&self) -> &str {
        &self.mark
    }

    /// The number of its process.
    pub(super) fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    /// Has it end this group if we are killed; returns the first fault in words.
    pub(super) fn watch(&self, group: Group) -> Option<String> {
        let mut state = self.lock();
        state.groups.insert(group.id());
        let fault = state.tell(&format!("+{}\n", group.id()));
        state.early.take().or(fault)
    }

    /// Has it forget a group that is gone; returns the first fault in words.
    pub(super) fn release(&self, group: Group) -> Option<String> {
        let mut state = self.lock();
        state.groups.remove(&group.id());
        state.tell(&format!("-{}\n", group.id()))
    }

    /// Sends it away; it does its work now if a group could not be ended.
    pub(super) fn finish(mut self) {
        let all_gone = {
            let mut state = self.lock();
            if state.groups.is_empty() {
                state.tell("done\n");
            }
            state.pipe = None;
            state.groups.is_empty()
        };
        let until = Instant::now() + GRACE;
        while all_gone && matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= until {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            nap(LOOK / 10);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&mut self, line: &str) -> Option<String> {
        let fault = self.pipe.as_mut()?.write_all(line.as_bytes()).err()?;
        self.pipe = None;
        Some(format!(
            "the watchdog has ended ({fault}); if this run is killed, its tasks stay"
        ))
    }
}

/// Does the work of the watchdog process: reads groups from `input` and ends those left at its end.
///
/// The process must be in a group of its own. Signals meant for the run do not end it.
pub fn watchdog_main(input: impl Read) {
    ignore_signals();
    guard(input, GRACE);
}

/// The watchdog goes when the run does, so whoever ends both must not end it first.
#[cfg(unix)]
fn ignore_signals() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        // Without a handler it is only less robust.
        let _ = signal_hook::flag::register(signal, std::sync::Arc::default());
    }
}

#[cfg(not(unix))]
fn ignore_signals() {}

fn guard(input: impl Read, grace: Duration) {
    let rest = read_rest(input);
    let groups = || rest.groups.iter().copied().filter(|group| group.is_alive());
    groups().for_each(Group::terminate);
    marked(&rest.mark).iter().for_each(Leftover::terminate);
    let until = Instant::now() + grace;
    while Instant::now() < until && (groups().next().is_some() || !marked(&rest.mark).is_empty()) {
        nap(LOOK);
    }
    groups().for_each(Group::kill);
    marked(&rest.mark).iter().for_each(Leftover::kill);
}

/// What a run that was killed left behind.
#[derive(Default)]
struct Rest {
    groups: Vec<Group>,
    /// Empty where nobody is to be looked for.
    mark: String,
}

/// The processes that inherited the mark and still run.
fn marked(mark: &str) -> Vec<Leftover> {
    if mark.is_empty() {
        return Vec::new();
    }
    let prefix = format!("{mark}.");
    descendants::marked(|mark| mark.starts_with(&prefix))
}

/// Returns what is left when `input` ends; nothing after `done`.
fn read_rest(input: impl Read) -> Rest {
    let mut groups = BTreeSet::new();
    let mut mark = String::new();
    // A cut last line is no number to trust: `+12` may have been meant as `+1234`.
    let mut lines = BufReader::new(input);
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let Some(text) = line.strip_suffix(b"\n") else {
            break;
        };
        match text.split_first() {
            Some((b'+', number)) => groups.extend(parse(number)),
            Some((b'-', number)) => {
                parse(number).map(|id| groups.remove(&id));
            }
            Some((b'=', name)) => mark = String::from_utf8_lossy(name).into_owned(),
            _ if text == b"done" => return Rest::default(),
            _ => {}
        }
    }
    let groups = groups.into_iter().filter_map(Group::from_raw).collect();
    Rest { groups, mark }
}

fn parse(number: &[u8]) -> Option<i32> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};

    use super::*;

    #[test]
    fn reads_lines_and_trusts_nothing_else() {
        let cases: [(&[u8], &[i32]); 7] = [
            (b"+12\n+13\n-12\n", &[13]),
            (b"+12\n+13\ndone\n", &[]),
            (b"+12\n+13", &[12]),
            (b"+1\n+0\n+-5\n++7\n+\n\n\xff\n+99999999999\n", &[7]),
            (b"+12\ndone", &[12]),
            (b"-12\n", &[]),
            (b"", &[]),
        ];
        for (input, expected) in cases {
            let groups = read_rest(input).groups;
            let ids: Vec<i32> = groups.into_iter().map(Group::id).collect();
            assert_eq!(ids, expected, "{:?}", String::from_utf8_lossy(input));
        }
    }

    /// E1. The end of the pipe without `done` ends every group left, also one that ignores SIGTERM.
    #[test]
    fn e1_ends_the_groups_left_at_the_end_of_the_pipe() {
        let (mut ready, signal) = io::pipe().unwrap();
        let start = |script: &str| {
            let mut command = Command::new("sh");
            command
                .args(["-c", script])
                .stdin(Stdio::null())
                .stdout(signal.try_clone().unwrap());
            command.process_group(0).spawn().unwrap()
        };
        let mut polite = start("echo; exec sleep 20");
        let mut rude = start("trap '' TERM; echo; while :; do sleep 1; done");
        let mut released = start("echo; exec sleep 20");
        ready.read_exact(&mut [0; 3]).unwrap();
        let lines = format!(
            "+{}\n+{}\n+{}\n-{2}\n",
            polite.id(),
            rude.id(),
            released.id()
        );
        guard(lines.as_bytes(), Duration::from_millis(100));
        assert_eq!(polite.wait().unwrap().signal(), Some(15));
        assert_eq!(rude.wait().unwrap().signal(), Some(9));
        assert!(
            released.try_wait().unwrap().is_none(),
            "a released group is left alone"
        );
        released.kill().unwrap();
        released.wait().unwrap();
    }

    /// E1. A task that was started but not told of, in a session of its own, is found by what it inherited.
    #[cfg(target_os = "linux")]
    #[test]
    fn e1_ends_a_task_that_it_was_not_told_of() {
        let mark = format!("test-{}", std::process::id());
        let (mut ready, signal) = io::pipe().unwrap();
        let mut command = Command::new("setsid");
        command
            .args(["sh", "-c", "echo; exec sleep 20"])
            .env(descendants::MARK, format!("{mark}.0"))
            .stdout(signal);
        let mut task = command.spawn().unwrap();
        drop(command);
        ready.read_exact(&mut [0; 1]).unwrap();
        guard(format!("={mark}\n").as_bytes(), Duration::from_millis(500));
        assert!(task.wait().unwrap().signal().is_some());
    }

    /// E1. A watchdog that is gone or does not read costs one warning and no time.
    #[test]
    fn e1_a_watchdog_that_is_gone_is_one_warning() {
        let environment = [("PATH".into(), std::env::var_os("PATH").unwrap())];
        assert!(Watchdog::start(&[], &environment).is_err());
        assert!(Watchdog::start(&["/nowhere/at/all".into()], &environment).is_err());
        let mut watchdog = Watchdog::start(&["true".into()], &environment).unwrap();
        watchdog.child.wait().unwrap();
        let group = Group::from_raw(999_999_999).unwrap();
        // A process that another test is just starting may hold the pipe open until it has become itself.
        let until = Instant::now() + GRACE;
        let mut faults = std::iter::repeat_with(|| watchdog.watch(group));
        assert!(
            faults
                .find(|fault| fault.is_some() || Instant::now() > until)
                .flatten()
                .is_some()
        );
        assert!(watchdog.release(group).is_none());
        watchdog.finish();
    }
}
