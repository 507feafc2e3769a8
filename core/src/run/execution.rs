//! The loop of a run: owns all state, starts workers, tells the sink.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvError, Sender};
use std::time::{Duration, Instant};

use rayon::{Scope, ThreadPool, ThreadPoolBuilder};

use super::batch::Batches;
use super::build::Builds;
use super::clock::Clock;
use super::descendants;
use super::jobserver::Jobserver;
use super::remember;
use super::roster::Roster;
use super::scheduler::{Blame, Bounds, Next, Scheduler};
use super::watchdog::Watchdog;
use super::worker::Context;
use super::{
    Batching, Interrupt, Order, Orphans, Outcome, RunEvent, RunOptions, Sink, TaskResult,
    Unstarted, retry,
};
use crate::plan::Plan;

/// Output of failures kept in the returned results; what goes beyond, and that of others, was in its event only.
const KEPT_OUTPUT: usize = 16 * 1024 * 1024;

/// Events that wait to be told together, at most.
const HELD: usize = 128;

/// How long they wait for more.
const PAUSE: Duration = Duration::from_millis(2);

/// How often adopted processes that have ended are collected.
const REAP: Duration = Duration::from_millis(200);

/// Runs every action of `plan` and returns how each ended, in plan order.
///
/// Events come on the calling thread, as they happen, with exactly one [`RunEvent::Finished`] per action,
/// those never started included. Results of failures carry output up to 16 MiB together; each event carries its own in full.
pub fn execute(
    plan: &Plan,
    options: &RunOptions,
    interrupt: &Interrupt,
    sink: &mut dyn Sink,
) -> Vec<TaskResult> {
    let jobs = options.jobs.clamp(1, plan.actions.len().max(1));
    let mut execution = Execution {
        plan,
        scheduler: Scheduler::new(plan, bounds(options, jobs)),
        clock: Clock::start(),
        adopts: options.orphans == Orphans::Adopt,
        reaped: Instant::now(),
        order: options.order.as_deref().map(|order| order as &dyn Order),
        results: BTreeMap::new(),
        held: Vec::new(),
        kept: 0,
        started: BTreeMap::new(),
        jobserver: None,
        sink,
    };
    if plan.actions.is_empty() {
        return Vec::new();
    }
    let Some(pool) = pool_of(jobs) else {
        execution.fail_all("no worker thread could be started");
        return execution.into_results();
    };
    if options.orphans == Orphans::Adopt {
        descendants::adopt();
    }
    let watchdog = execution.start_watchdog(options);
    if jobs > 1 {
        // One that runs alone may have the whole machine for what it starts.
        execution.jobserver = Jobserver::open(&options.environment, jobs.max(cores()));
    }
    let roster = Arc::new(Roster::new(watchdog, execution.clock.clone()));
    let context = Context {
        options,
        root: std::path::absolute(&options.root).unwrap_or_else(|_| options.root.clone()),
        interrupt,
        roster: Arc::clone(&roster),
        clock: execution.clock.clone(),
        makeflags: execution.jobserver.as_ref().and_then(Jobserver::words),
        plan,
        batches: match options.batching {
            Batching::Join => Batches::of(plan),
            Batching::Single => Batches::default(),
        },
        builds: Builds::default(),
    };
    let (sender, messages) = mpsc::channel();
    let woken = sender.clone();
    let suspended = Arc::clone(&roster);
    let subscription = interrupt.subscribe(
        move |_| drop(woken.send(Message::Interrupted)),
        move |suspension| suspended.suspend(suspension),
    );
    let jobs = pool.current_num_threads();
    pool.in_place_scope(|scope| execution.drive(scope, &context, jobs, &sender, &messages));
    drop(subscription);
    execution.end_leftovers(&roster, options.orphans);
    drop(context);
    if let Some(roster) = Arc::into_inner(roster) {
        roster.finish();
    }
    execution.into_results()
}

/// The cores that this process may use: its affinity, and on Linux the quota of its cgroup (`cpu.max` of version 2,
/// `cpu.cfs_quota_us` of version 1), as [`std::thread::available_parallelism`] says.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn bounds(options: &RunOptions, places: usize) -> Bounds {
    Bounds {
        places,
        stop: options.stop,
        budget: options.budget,
    }
}

/// E7. Takes as many workers as the system gives, fewer if need be.
fn pool_of(jobs: usize) -> Option<ThreadPool> {
    let mut jobs = jobs;
    loop {
        let builder = ThreadPoolBuilder::new().num_threads(jobs);
        match builder
            .thread_name(|index| format!("worker-{index}"))
            .build()
        {
            Ok(pool) => return Some(pool),
            Err(_) if jobs > 1 => jobs /= 2,
            Err(_) => return None,
        }
    }
}

/// Hands one action to the pool; its end comes back as a message, whatever happens.
fn start<'scope>(
    scope: &Scope<'scope>,
    context: &'scope Context<'_>,
    (plan, index): (&'scope Plan, usize),
    sender: Sender<Message>,
) {
    scope.spawn(move |_| {
        let action = &plan.actions[index];
        let ended = catch_unwind(AssertUnwindSafe(|| {
            remember::around(index, context, || retry::run(action, index, context))
        }));
        let (result, warnings) = ended.unwrap_or_else(|_| {
            let cause = "a bug stopped its worker".to_owned();
            (
                TaskResult::unstarted(index, Outcome::Failed, Unstarted::CannotStart, cause),
                Vec::new(),
            )
        });
        // The loop listens until every action has ended.
        drop(sender.send(Message::Ended(Box::new(result), warnings)));
    });
}

/// What the loop is told.
enum Message {
    Ended(Box<TaskResult>, Vec<String>),
    Interrupted,
    /// Somebody gave a token back.
    Token,
}

struct Execution<'a> {
    plan: &'a Plan,
    scheduler: Scheduler,
    results: BTreeMap<usize, TaskResult>,
    /// Starts, and ends of actions whose result was known: told together, since each telling is a transaction.
    held: Vec<RunEvent>,
    kept: usize,
    started: BTreeMap<usize, Duration>,
    clock: Clock,
    /// Whether all other children of this process are the run's.
    adopts: bool,
    /// When adopted processes that had ended were collected.
    reaped: Instant,
    order: Option<&'a dyn Order>,
    /// Shares the machine with what tasks start.
    jobserver: Option<Jobserver>,
    sink: &'a mut dyn Sink,
}

impl<'a> Execution<'a> {
    fn start_watchdog(&mut self, options: &RunOptions) -> Option<Watchdog> {
        let argv = options.watchdog.as_ref()?;
        Watchdog::start(argv, &options.environment)
            .inspect_err(|error| {
                let text = format!("the watchdog cannot be started: {error}");
                self.warn(format!("{text}; if this run is killed, its tasks stay"));
            })
            .ok()
    }

    /// E3. Ends what tasks left outside of their groups.
    fn end_leftovers(&mut self, roster: &Roster, orphans: Orphans) {
        let (actions, count) = roster.end_leftovers(orphans);
        for &action in &actions {
            let target = &self.plan.actions[action].target;
            self.warn(format!(
                "`{target}` left a process outside its group; it was ended with the run"
            ));
        }
        if actions.is_empty() && count > 0 {
            self.warn(format!(
                "{count} processes that tasks left behind were ended with the run"
            ));
        }
    }

    fn drive<'scope>(
        &mut self,
        scope: &Scope<'scope>,
        context: &'scope Context<'_>,
        jobs: usize,
        sender: &Sender<Message>,
        messages: &Receiver<Message>,
    ) where
        'a: 'scope,
    {
        let plan = self.plan;
        self.order();
        loop {
            if context.interrupt.urgency().is_some() {
                self.cancel();
            }
            while self.scheduler.running() < jobs && self.is_admitted(sender) {
                let at = self.clock.now();
                match self.scheduler.next(at) {
                    Next::Nothing => break,
                    Next::Deferred(actions) => self.skip(&actions),
                    Next::Start(action) => {
                        self.tell(RunEvent::Started { action, at });
                        self.started.insert(action, at);
                        start(scope, context, (plan, action), sender.clone());
                    }
                }
            }
            if let Some(server) = &mut self.jobserver {
                server.settle(self.scheduler.running());
            }
            if self.scheduler.running() == 0 {
                let unreachable = self.scheduler.skip_unreachable();
                self.skip(&unreachable);
            }
            if self.scheduler.is_finished() {
                self.tell_held();
                return;
            }
            match self.next(messages) {
                Ok(Message::Ended(result, warnings)) => {
                    self.finish(*result, warnings, &context.roster);
                }
                // The head of the loop looks for itself; a sender is held, so there is always a message.
                Ok(Message::Interrupted | Message::Token) | Err(_) => {}
            }
        }
    }

    /// Waits for a message; what is held is told where none comes at once.
    fn next(&mut self, messages: &Receiver<Message>) -> Result<Message, RecvError> {
        if self.held.is_empty() {
            return messages.recv();
        }
        messages.recv_timeout(PAUSE).or_else(|_| {
            self.tell_held();
            messages.recv()
        })
    }

    /// E7. Tells whether one more may start; if not, a message comes when that may have changed.
    fn is_admitted(&mut self, sender: &Sender<Message>) -> bool {
        let (running, woken) = (self.scheduler.running(), sender.clone());
        let server = self.jobserver.as_mut();
        server.is_none_or(|server| server.admits(running, move || drop(woken.send(Message::Token))))
    }

    /// Asks for the order again, since something was learnt.
    fn order(&mut self) {
        let ranks = self
            .order
            .and_then(|order| order.ranks(self.plan, &self.scheduler.outcomes()));
        if let Some(ranks) = ranks {
            self.scheduler.rank(ranks);
        }
    }

    fn warn(&mut self, text: String) {
        self.tell(RunEvent::Warning(text));
    }

    fn finish(&mut self, mut result: TaskResult, warnings: Vec<String>, roster: &Roster) {
        if self.adopts && self.reaped.elapsed() > REAP {
            roster.reap();
            self.reaped = Instant::now();
        }
        for warning in warnings {
            self.warn(warning);
        }
        result.started = self.started.remove(&result.action).unwrap_or_default();
        let success = result.outcome.is_success();
        // What is forgiven holds nothing back.
        let outcome = match result.forgiven {
            Some(_) => Outcome::Passed,
            None => result.outcome,
        };
        let skipped = self.scheduler.finish(result.action, outcome);
        self.record(result);
        self.skip(&skipped);
        if !success {
            self.order();
        }
    }

    fn cancel(&mut self) {
        for action in self.scheduler.cancel() {
            let cause = "interrupted before it started".to_owned();
            self.record(TaskResult::unstarted(
                action,
                Outcome::Canceled,
                Unstarted::Interrupted,
                cause,
            ));
        }
    }

    fn skip(&mut self, actions: &[usize]) {
        for &action in actions {
            let (why, cause) = self.cause_of_skip(action);
            self.record(TaskResult::unstarted(action, Outcome::Skipped, why, cause));
        }
    }

    fn cause_of_skip(&self, action: usize) -> (Unstarted, String) {
        let ended = |culprit: usize| {
            let target = &self.plan.actions[culprit].target;
            match self.scheduler.outcome(culprit) {
                Some(Outcome::Skipped) => format!("because {target} was skipped"),
                Some(Outcome::Canceled) => format!("because {target} was canceled"),
                Some(Outcome::TimedOut) => format!("because {target} timed out"),
                _ => format!("because {target} failed"),
            }
        };
        match self.scheduler.blame(action) {
            Some(Blame::Prerequisite(culprit)) => (Unstarted::Prerequisite, ended(culprit)),
            Some(Blame::Stopped(culprit)) => {
                let cause = format!("{} and the run stops there", ended(culprit));
                (Unstarted::Stopped, cause)
            }
            Some(Blame::Budget) => {
                let cause = "deferred: it would not fit into the budget".to_owned();
                (Unstarted::Deferred, cause)
            }
            Some(Blame::Unreachable) | None => {
                let cause = "because what it waits for can never end".to_owned();
                (Unstarted::Prerequisite, cause)
            }
        }
    }

    fn fail_all(&mut self, cause: &str) {
        for action in 0..self.plan.actions.len() {
            self.record(TaskResult::unstarted(
                action,
                Outcome::Failed,
                Unstarted::CannotStart,
                cause.to_owned(),
            ));
        }
    }

    /// Tells the sink that an action ended, and keeps the result.
    fn record(&mut self, result: TaskResult) {
        self.tell(RunEvent::Finished(result));
    }

    fn tell(&mut self, event: RunEvent) {
        let waits = match &event {
            RunEvent::Started { .. } => true,
            RunEvent::Finished(result) => result.outcome == Outcome::Cached,
            RunEvent::Warning(_) => false,
        };
        self.held.push(event);
        if !waits || self.held.len() >= HELD {
            self.tell_held();
        }
    }

    fn tell_held(&mut self) {
        let events = std::mem::take(&mut self.held);
        self.sink.tell_all(self.plan, &events);
        for event in events {
            if let RunEvent::Finished(result) = event {
                self.keep(result);
            }
        }
    }

    fn keep(&mut self, mut result: TaskResult) {
        // Only failures are shown again at the end.
        if !result.outcome.is_failure() || self.kept + result.output.len() > KEPT_OUTPUT {
            result.output = Vec::new();
        }
        self.kept += result.output.len();
        self.results.insert(result.action, result);
    }

    fn into_results(self) -> Vec<TaskResult> {
        self.results.into_values().collect()
    }
}
