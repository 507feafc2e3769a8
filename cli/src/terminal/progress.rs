//! A run as people see it: a bar and the tasks that run, where somebody looks; else a line for each end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use affected_core::plan::Plan;
use affected_core::run::{Outcome, RunEvent, Sink, TaskResult};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::style::{green, red, yellow};
use super::{HostLog, Printer, Verbosity, escape, escape_bytes};

/// The most tasks that are shown at once.
const SHOWN: usize = 8;

/// Tells a run to the terminal.
pub(crate) struct Progress<'p> {
    printer: &'p mut Printer,
    host: Option<&'p mut HostLog>,
    live: Option<Live>,
}

impl<'p> Progress<'p> {
    /// Begins a run of so many tasks, told to the host it is on as well.
    pub(crate) fn new(
        printer: &'p mut Printer,
        host: Option<&'p mut HostLog>,
        tasks: usize,
    ) -> Self {
        let wanted = printer.style.live && printer.verbosity == Verbosity::Normal && tasks > 0;
        // The log of a host is no place to draw.
        let wanted = wanted && host.is_none();
        let live = wanted.then(|| Live::new(tasks, printer.style.width));
        Self {
            printer,
            host,
            live,
        }
    }

    fn ended(&mut self, plan: &Plan, result: &TaskResult) {
        let printer = &mut *self.printer;
        match &self.live {
            // What went well is in the count.
            Some(live) => {
                live.end(result);
                if !result.outcome.is_success() && result.outcome != Outcome::Skipped {
                    live.bar.suspend(|| printer.note(&line(plan, result)));
                }
            }
            None => printer.note(&line(plan, result)),
        }
        if let Some(host) = &mut self.host {
            host.ended(printer, plan, result);
        } else if printer.verbosity == Verbosity::Verbose {
            let mut text = escape_bytes(&result.output);
            // E4: what comes next has a line of its own.
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            printer.tell(&text);
        }
    }
}

impl Sink for Progress<'_> {
    fn tell(&mut self, plan: &Plan, event: &RunEvent) {
        match event {
            RunEvent::Warning(text) => {
                let printer = &mut *self.printer;
                match &self.live {
                    Some(live) => live.bar.suspend(|| printer.warn(text, None)),
                    None => printer.warn(text, None),
                }
            }
            RunEvent::Started { action, .. } => {
                if let Some(live) = &self.live {
                    live.start(*action, &plan.actions[*action].target);
                }
            }
            RunEvent::Finished(result) => self.ended(plan, result),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            live.bar.finish_and_clear();
        }
    }
}

fn line(plan: &Plan, result: &TaskResult) -> String {
    let seconds = result.duration.as_secs_f64();
    let target = escape(&plan.actions[result.action].target);
    let cause = result.cause.as_deref();
    let cause = cause.map_or_else(String::new, |cause| format!("  {}", escape(cause)));
    format!(
        "{} {seconds:>7.2}s  {target}{cause}\n",
        word(result.outcome)
    )
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Passed => green("pass"),
        Outcome::Flaky => yellow("flak"),
        Outcome::Cached => green("same"),
        Outcome::Failed => red("FAIL"),
        Outcome::TimedOut => red("TIME"),
        Outcome::Skipped => yellow("skip"),
        Outcome::Canceled => yellow("stop"),
    }
}

/// One bar whose text has the running tasks above it, drawn anew by one thread.
struct Live {
    bar: ProgressBar,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Those that run, with their shown name.
    running: BTreeMap<usize, (String, Instant)>,
    failed: usize,
}

impl Live {
    fn new(tasks: usize, width: usize) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let running = move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            // A terminal that cannot be written to is noticed elsewhere.
            let _ = out.write_str(&lock(&shared).text(width));
        };
        let style = ProgressStyle::with_template("{running}{bar:24} {pos}/{len}{failed} {elapsed}");
        let shared = Arc::clone(&state);
        let failed = move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let failed = lock(&shared).failed;
            if failed > 0 {
                let _ = write!(out, ", {failed} failed");
            }
        };
        let style = style
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ")
            .with_key("running", running)
            .with_key("failed", failed);
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar = ProgressBar::with_draw_target(Some(tasks as u64), target).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, state }
    }

    fn start(&self, action: usize, target: &str) {
        let name = escape(target).replace('\n', " ");
        lock(&self.state)
            .running
            .insert(action, (name, Instant::now()));
    }

    fn end(&self, result: &TaskResult) {
        let mut state = lock(&self.state);
        state.running.remove(&result.action);
        state.failed += usize::from(result.outcome.is_failure());
        drop(state);
        self.bar.inc(1);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// The tasks that run longest, a line each.
    fn text(&self, width: usize) -> String {
        let mut running: Vec<_> = self.running.values().collect();
        running.sort_by_key(|(_, since)| *since);
        let mut text = String::new();
        for (name, since) in running.iter().take(SHOWN) {
            let shown: String = name.chars().take(width.saturating_sub(12)).collect();
            text.push_str(&format!("{:>6}s  {shown}\n", since.elapsed().as_secs()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_eight_running_tasks_are_shown() {
        let mut state = State::default();
        for action in 0..20 {
            let name = format!("project-with-a-long-name-{action}:test");
            state.running.insert(action, (name, Instant::now()));
        }
        let text = state.text(40);
        assert_eq!(text.lines().count(), SHOWN);
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
    }
}
