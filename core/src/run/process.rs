//! One process group: started, supervised, ended, and its output kept.
//!
//! One thread does all of it, and waits for output, for the end of the leader and for interrupts at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::capture::Bounded;
use super::clock::Clock;
use super::ears::Ears;
use super::group::Group;
use super::interrupt::{Interrupt, Urgency};
use super::results::Ear;
use super::roster::Roster;

/// How long a group killed with SIGKILL may take to go; more means it hangs in the kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(2);
/// How long the output of a process that left the group is still waited for.
const OUTPUT_PATIENCE: Duration = Duration::from_millis(500);
/// How long members may take to follow their leader before they count as left behind: helpers of a build tool end by themselves
/// when it has closed their pipes, on a busy machine not at once.
const FOLLOW_PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks at something that can't be waited for.
const LOOK: Duration = Duration::from_millis(5);
/// Between two looks whether a task is stopped.
const STOPPED_LOOK: Duration = Duration::from_millis(400);

/// What is started.
#[derive(Debug)]
pub(super) struct Launch {
    /// Its place in the plan.
    pub(super) action: usize,
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

/// Where it is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'s> {
    /// Stops it.
    pub(super) interrupt: &'s Interrupt,
    /// Knows it while it lives.
    pub(super) roster: &'s Roster,
    /// Counts its time.
    pub(super) clock: &'s Clock,
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
    /// We did, since it was stopped by this signal for wanting the terminal.
    WantedTerminal(i32),
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// Who ended it.
    pub(super) verdict: Verdict,
    /// `None` where it could not be learned.
    pub(super) status: Option<ExitStatus>,
    /// What it wrote.
    pub(super) output: Bounded,
    /// What the user should know, each to be read after the name of the task.
    pub(super) warnings: Vec<&'static str>,
    /// A fault of the watchdog, if this task was the one to meet it.
    pub(super) watchdog_fault: Option<String>,
}

/// Starts `launch` in a group of its own and returns when all of the group has gone.
pub(super) fn run(
    launch: &Launch,
    limits: Limits,
    output: Bounded,
    scene: Scene<'_>,
) -> io::Result<Ending> {
    let (pipe, writer) = io::pipe()?;
    let mark = scene.roster.mark(launch.action);
    let started = scene
        .roster
        .start(launch.action, || spawn(launch, writer, mark));
    let (child, group, watchdog_fault) = started?;
    let mut supervisor = Supervisor {
        ears: Ears::new(pipe, &child, scene.interrupt),
        child,
        group,
        clock: scene.clock,
        grace: limits.grace,
        phase: Phase::Running {
            until: limits
                .timeout
                .map(|time| scene.clock.now().saturating_add(time)),
        },
        verdict: Verdict::Ended,
        heard: None,
        output,
        output_closed: false,
        leader_ended: false,
        warnings: Vec::new(),
    };
    let status = supervisor.wait_for_leader();
    let gone = supervisor.settle_group();
    if !supervisor.wait_for_output(OUTPUT_PATIENCE) {
        let ended = scene.roster.end_escaped(launch.action);
        let closed = ended && supervisor.wait_for_output(OUTPUT_PATIENCE);
        supervisor.warnings.push(if closed {
            "left a process outside its group that held its output; it was ended"
        } else {
            "left a process outside its group that still holds its output"
        });
    }
    let release = group.filter(|_| gone);
    Ok(Ending {
        verdict: supervisor.verdict,
        status,
        output: supervisor.output,
        warnings: supervisor.warnings,
        watchdog_fault: release
            .and_then(|group| scene.roster.release(group))
            .or(watchdog_fault),
    })
}

fn spawn(launch: &Launch, writer: io::PipeWriter, mark: (&str, OsString)) -> io::Result<Child> {
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.arguments)
        .current_dir(&launch.cwd)
        .env_clear()
        .envs(&launch.environment)
        .env(mark.0, mark.1)
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

/// How far a group is on its way out; times are the clock's.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nobody has asked it to end.
    Running { until: Option<Duration> },
    /// It got SIGTERM.
    Terminating { until: Duration },
    /// It got SIGKILL.
    Killed { until: Duration },
}

struct Supervisor<'s> {
    ears: Ears,
    child: Child,
    group: Option<Group>,
    clock: &'s Clock,
    grace: Duration,
    phase: Phase,
    verdict: Verdict,
    /// The urgency already obeyed.
    heard: Option<Urgency>,
    output: Bounded,
    output_closed: bool,
    leader_ended: bool,
    warnings: Vec<&'static str>,
}

impl Supervisor<'_> {
    /// Enforces the time-out and obeys interrupts until the leader has ended; collects its status.
    fn wait_for_leader(&mut self) -> Option<ExitStatus> {
        let mut quiet = true;
        while !self.leader_ended {
            self.listen(Some(STOPPED_LOOK));
            if cfg!(not(unix)) && !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            let now = self.clock.now();
            match self.phase {
                Phase::Running { until: Some(until) } if now >= until => {
                    self.terminate(Verdict::TimedOut);
                }
                Phase::Terminating { until } if now >= until => self.kill(),
                Phase::Killed { until } if now >= until && !self.leader_ended => {
                    self.warnings.push("could not be killed");
                    return None;
                }
                Phase::Running { .. } => quiet = self.look_for_a_stop(quiet),
                _ => {}
            }
        }
        self.child.wait().ok()
    }

    /// E2. A task that was stopped for wanting the terminal would wait for ever. Returns whether nothing was said yet.
    fn look_for_a_stop(&mut self, quiet: bool) -> bool {
        // While the run is suspended every task is stopped.
        let Some(signal) = self.ears.stopped_by().filter(|_| !self.clock.is_paused()) else {
            return quiet;
        };
        if is_about_terminal(signal) {
            self.terminate(Verdict::WantedTerminal(signal));
        } else if quiet {
            self.warnings
                .push("was stopped by a signal for a while; only its time-out ends that");
        }
        false
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
            if self.group_ends_within(group, until.saturating_sub(self.clock.now())) {
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

    /// Waits for the end of the output, which a process outside the group may hold open; tells whether it came.
    fn wait_for_output(&mut self, patience: Duration) -> bool {
        let until = self.clock.now() + patience;
        while !self.output_closed {
            let left = until.saturating_sub(self.clock.now());
            if left.is_zero() {
                return false;
            }
            self.listen(Some(left));
        }
        true
    }

    fn group_ends_within(&mut self, group: Group, patience: Duration) -> bool {
        let until = self.clock.now().saturating_add(patience);
        let urgent = matches!(self.phase, Phase::Killed { .. });
        let mut step = LOOK / 5;
        while group.is_alive() {
            let left = until.saturating_sub(self.clock.now());
            if left.is_zero() || urgent != matches!(self.phase, Phase::Killed { .. }) {
                return false;
            }
            self.listen(Some(left.min(step)));
            step = (step * 2).min(LOOK * 4);
        }
        true
    }

    /// Waits for something new, at most `patience` and not beyond the end of the phase.
    fn listen(&mut self, patience: Option<Duration>) {
        let end = match self.phase {
            Phase::Running { until } => until,
            Phase::Terminating { until } | Phase::Killed { until } => Some(until),
        };
        let left = end
            .filter(|_| !self.leader_ended)
            .map(|end| end.saturating_sub(self.clock.now()));
        let patience = patience.into_iter().chain(left).min();
        let heard = self.ears.listen(patience, self.heard, &mut self.output);
        self.leader_ended |= heard.leader_ended;
        self.output_closed |= heard.output_closed;
        if heard.urgency > self.heard {
            self.heard = heard.urgency;
            self.terminate(Verdict::Canceled);
            if heard.urgency == Some(Urgency::Kill) {
                self.kill();
            }
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
            until: self.clock.now().saturating_add(self.grace),
        };
        if let Some(group) = self.group {
            group.terminate();
        }
    }

    fn kill(&mut self) {
        if !matches!(self.phase, Phase::Killed { .. }) {
            self.phase = Phase::Killed {
                until: self.clock.now() + KILL_PATIENCE,
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

#[cfg(unix)]
fn is_about_terminal(signal: i32) -> bool {
    [signal_hook::consts::SIGTTIN, signal_hook::consts::SIGTTOU].contains(&signal)
}

#[cfg(not(unix))]
fn is_about_terminal(_signal: i32) -> bool {
    false
}
