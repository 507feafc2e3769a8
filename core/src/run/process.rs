//! One process group: started, supervised, ended, and its output kept.
//!
//! The leader's exit status stays uncollected until the group was signalled for the last time on its behalf,
//! so its number can't be given to a stranger meanwhile.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::capture::Capture;
use super::group::Group;
use super::interrupt::{Interrupt, Urgency};
use super::results::Ear;
use super::watchdog::Watchdog;

/// How long a group killed with SIGKILL may take to go; more means it hangs in the kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(2);
/// How long the output of a process that left the group is still waited for.
const OUTPUT_PATIENCE: Duration = Duration::from_millis(500);
/// How long members may take to follow their leader before they count as left behind.
const FOLLOW_PATIENCE: Duration = Duration::from_millis(30);
/// Between two looks at something that can't be waited for.
const LOOK: Duration = Duration::from_millis(5);

/// What is started.
#[derive(Debug)]
pub(super) struct Launch {
    /// An absolute path.
    pub(super) program: PathBuf,
    /// As it was written, for the program to see.
    pub(super) name: String,
    /// The arguments after the name.
    pub(super) arguments: Vec<String>,
    /// Where.
    pub(super) cwd: PathBuf,
    /// All variables.
    pub(super) environment: BTreeMap<OsString, OsString>,
    /// Who listens to what it writes.
    pub(super) ear: Option<Ear>,
}

/// How long it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// In total.
    pub(super) timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL.
    pub(super) grace: Duration,
}

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody else.
    Ended,
    /// We did, after its time.
    TimedOut,
    /// We did, on request.
    Canceled,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// Who ended it.
    pub(super) verdict: Verdict,
    /// `None` where it could not be learned.
    pub(super) status: Option<ExitStatus>,
    /// What it wrote.
    pub(super) output: Vec<u8>,
    /// What the user should know, each to be read after the name of the task.
    pub(super) warnings: Vec<&'static str>,
    /// A fault of the watchdog, if this task was the one to meet it.
    pub(super) watchdog_fault: Option<String>,
}

/// Starts `launch` in a group of its own and returns when all of the group has gone.
pub(super) fn run(
    launch: &Launch,
    limits: Limits,
    interrupt: &Interrupt,
    watchdog: Option<&Watchdog>,
) -> io::Result<Ending> {
    let (sender, notices) = mpsc::channel();
    let closed = sender.clone();
    let (capture, writer) = Capture::start(launch.ear.clone(), move || {
        drop(closed.send(Notice::OutputClosed));
    })?;
    let child = spawn(launch, writer, watchdog.map(Watchdog::mark))?;
    let group = Group::of(&child);
    let watchdog_fault = watchdog
        .zip(group)
        .and_then(|(dog, group)| dog.watch(group));
    let look = match watch_leader(&child, sender.clone()) {
        Ok(()) => None,
        Err(_) => Some(LOOK),
    };
    let _subscription =
        interrupt.subscribe(move |urgency| drop(sender.send(Notice::Interrupt(urgency))));
    let mut supervisor = Supervisor {
        child,
        group,
        notices,
        grace: limits.grace,
        phase: Phase::Running {
            until: limits
                .timeout
                .and_then(|time| Instant::now().checked_add(time)),
        },
        verdict: Verdict::Ended,
        output_closed: false,
        leader_ended: false,
        look,
        warnings: Vec::new(),
    };
    let status = supervisor.wait_for_leader();
    let gone = supervisor.settle_group();
    supervisor.wait_for_output();
    let release = watchdog.zip(group).filter(|_| gone);
    Ok(Ending {
        verdict: supervisor.verdict,
        status,
        output: capture.finish(),
        warnings: supervisor.warnings,
        watchdog_fault: release
            .and_then(|(dog, group)| dog.release(group))
            .or(watchdog_fault),
    })
}

fn spawn(launch: &Launch, writer: io::PipeWriter, mark: Option<(&str, &str)>) -> io::Result<Child> {
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.arguments)
        .current_dir(&launch.cwd)
        .env_clear()
        .envs(&launch.environment)
        .envs(mark)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.arg0(&launch.name).process_group(0);
    }
    // `command` holds the writing ends; they close here, or the end of the output would never come.
    command.spawn()
}

/// Tells when the leader has ended, without collecting its status.
#[cfg(unix)]
fn watch_leader(child: &Child, sender: Sender<Notice>) -> io::Result<()> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let leader = Pid::from_child(child);
    let wait = move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(leader), options) {}
        drop(sender.send(Notice::LeaderEnded));
    };
    thread::Builder::new()
        .name("leader".to_owned())
        .spawn(wait)
        .map(drop)
}

/// There is no such call here; the supervisor looks by itself.
#[cfg(not(unix))]
fn watch_leader(_child: &Child, _sender: Sender<Notice>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns the moment this far ahead; one beyond what a clock can say is an hour away.
fn after(patience: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(patience)
        .unwrap_or(now + Duration::from_secs(3600))
}

/// What a supervisor is told.
enum Notice {
    LeaderEnded,
    OutputClosed,
    Interrupt(Urgency),
}

/// How far a group is on its way out.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nobody has asked it to end.
    Running { until: Option<Instant> },
    /// It got SIGTERM.
    Terminating { until: Instant },
    /// It got SIGKILL.
    Killed { until: Instant },
}

struct Supervisor {
    child: Child,
    group: Option<Group>,
    notices: Receiver<Notice>,
    grace: Duration,
    phase: Phase,
    verdict: Verdict,
    output_closed: bool,
    leader_ended: bool,
    /// Set where nobody tells when the leader ends.
    look: Option<Duration>,
    warnings: Vec<&'static str>,
}

impl Supervisor {
    /// Enforces the time-out and obeys interrupts until the leader has ended; collects its status.
    fn wait_for_leader(&mut self) -> Option<ExitStatus> {
        while !self.leader_ended {
            if let Some(step) = self.look {
                if let Ok(Some(_)) | Err(_) = self.child.try_wait() {
                    break;
                }
                self.listen(step);
            } else {
                self.listen(Duration::MAX);
            }
            match self.phase {
                Phase::Running { until: Some(until) } if Instant::now() >= until => {
                    self.terminate(Verdict::TimedOut);
                }
                Phase::Terminating { until } if Instant::now() >= until => self.kill(),
                Phase::Killed { until } if Instant::now() >= until && !self.leader_ended => {
                    self.warnings.push("could not be killed");
                    return None;
                }
                _ => {}
            }
        }
        self.child.wait().ok()
    }

    /// Ends the members that outlive their leader; tells whether all are gone.
    fn settle_group(&mut self) -> bool {
        let Some(group) = self.group else { return true };
        if self.group_ends_within(group, FOLLOW_PATIENCE) {
            return true;
        }
        if matches!(self.phase, Phase::Running { .. }) {
            self.warnings
                .push("left processes running in the background; they were ended");
            self.begin_termination();
        }
        while let Phase::Terminating { until } = self.phase {
            if self.group_ends_within(group, until.saturating_duration_since(Instant::now())) {
                return true;
            }
            // A second interrupt may have killed the group meanwhile.
            if matches!(self.phase, Phase::Terminating { .. }) {
                self.kill();
            }
        }
        group.kill();
        self.group_ends_within(group, KILL_PATIENCE)
    }

    /// Waits for the end of the output, which a process outside the group may hold open.
    fn wait_for_output(&mut self) {
        let until = after(OUTPUT_PATIENCE);
        while !self.output_closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.warnings
                    .push("left a process outside its group that still holds its output");
                return;
            }
            self.listen(left);
        }
    }

    fn group_ends_within(&mut self, group: Group, patience: Duration) -> bool {
        let until = after(patience);
        let urgent = matches!(self.phase, Phase::Killed { .. });
        let mut step = LOOK / 5;
        while group.is_alive() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || urgent != matches!(self.phase, Phase::Killed { .. }) {
                return false;
            }
            self.listen(left.min(step));
            step = (step * 2).min(LOOK * 4);
        }
        true
    }

    /// Waits for one notice, at most `patience` and not beyond the end of the phase.
    fn listen(&mut self, patience: Duration) {
        let end = match self.phase {
            Phase::Running { until } => until,
            Phase::Terminating { until } | Phase::Killed { until } => Some(until),
        };
        let notice = match end.filter(|_| !self.leader_ended) {
            None if patience == Duration::MAX => self
                .notices
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
            end => {
                let left = end.map(|end| end.saturating_duration_since(Instant::now()));
                self.notices
                    .recv_timeout(left.map_or(patience, |left| left.min(patience)))
            }
        };
        match notice {
            Ok(Notice::LeaderEnded) => self.leader_ended = true,
            Ok(Notice::OutputClosed) => self.output_closed = true,
            Ok(Notice::Interrupt(Urgency::Terminate)) => self.terminate(Verdict::Canceled),
            Ok(Notice::Interrupt(Urgency::Kill)) => {
                self.terminate(Verdict::Canceled);
                self.kill();
            }
            // The subscription holds a sender, so nothing is disconnected.
            Err(_) => {}
        }
    }

    /// Begins to end the group for this reason, unless it is ending already.
    fn terminate(&mut self, verdict: Verdict) {
        if !matches!(self.phase, Phase::Running { .. }) {
            return;
        }
        // A leader that ended by itself keeps its own verdict; only what it left behind is hurried.
        if !self.leader_ended {
            self.verdict = verdict;
        }
        self.begin_termination();
    }

    fn begin_termination(&mut self) {
        self.phase = Phase::Terminating {
            until: after(self.grace),
        };
        if let Some(group) = self.group {
            group.terminate();
        }
    }

    fn kill(&mut self) {
        if !matches!(self.phase, Phase::Killed { .. }) {
            self.phase = Phase::Killed {
                until: after(KILL_PATIENCE),
            };
        }
        if let Some(group) = self.group {
            group.kill();
        }
        if !self.leader_ended {
            let _ = self.child.kill();
        }
    }
}
