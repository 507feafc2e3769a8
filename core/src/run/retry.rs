//! Trying again, only where that was asked for; a pass after that is never a plain one (Q3).

use std::time::Duration;

use super::worker::{self, Context};
use super::{Outcome, TaskResult};
use crate::plan::Action;

/// Runs one action, and again while it fails and more attempts are granted.
pub(super) fn run(
    action: &Action,
    index: usize,
    context: &Context<'_>,
) -> (TaskResult, Vec<String>) {
    let mut earlier = Earlier::default();
    let mut warnings = Vec::new();
    loop {
        let (result, told) = worker::run(action, index, context);
        warnings.extend(told);
        // A task that was not started fails the same way again, and an interrupted run must end.
        let again = result.outcome.is_failure()
            && result.attempts > 0
            && earlier.count < context.options.retries
            && context.interrupt.urgency().is_none();
        if !again {
            let mut last = earlier.conclude(result);
            last.forgiven = context.options.quarantine.forgives(&action.target, &last);
            return (last, warnings);
        }
        earlier.note(&result);
    }
}

/// What the attempts before the last one left.
#[derive(Debug, Default)]
struct Earlier {
    count: u32,
    duration: Duration,
    output: Vec<u8>,
    cause: Option<String>,
}

impl Earlier {
    fn note(&mut self, failed: &TaskResult) {
        self.count += 1;
        self.duration += failed.duration;
        let cause = failed.cause.as_deref().unwrap_or("failed");
        let title = format!("--- attempt {}: {cause}\n", self.count);
        self.output.extend_from_slice(title.as_bytes());
        self.output.extend_from_slice(&failed.output);
        if !self.output.ends_with(b"\n") {
            self.output.push(b'\n');
        }
        self.cause.get_or_insert_with(|| cause.to_owned());
    }

    fn conclude(self, mut last: TaskResult) -> TaskResult {
        if self.count == 0 {
            return last;
        }
        last.attempts = self.count + 1;
        last.duration += self.duration;
        let title = format!("--- attempt {}\n", last.attempts);
        let output = [self.output, title.into_bytes(), last.output].concat();
        last.output = output;
        if last.outcome == Outcome::Passed {
            last.outcome = Outcome::Flaky;
            let first = self.cause.unwrap_or_default();
            let tries = last.attempts;
            last.cause = Some(format!("passed at attempt {tries}, the first: {first}"));
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Unstarted;

    fn ended(outcome: Outcome, output: &str) -> TaskResult {
        TaskResult {
            outcome,
            duration: Duration::from_millis(10),
            output: output.into(),
            attempts: 1,
            ..TaskResult::unstarted(0, outcome, Unstarted::CannotStart, "exit code 1".to_owned())
        }
    }

    /// Q3: a pass after a retry is flaky, tells what failed before, and took the time of all attempts.
    #[test]
    fn q3_a_pass_after_a_retry_is_flaky() {
        let mut earlier = Earlier::default();
        earlier.note(&ended(Outcome::Failed, "boom"));
        let last = earlier.conclude(ended(Outcome::Passed, "fine\n"));
        assert_eq!((last.outcome, last.attempts), (Outcome::Flaky, 2));
        assert_eq!(last.duration, Duration::from_millis(20));
        let output = String::from_utf8(last.output).unwrap();
        assert_eq!(
            output,
            "--- attempt 1: exit code 1\nboom\n--- attempt 2\nfine\n"
        );
    }

    #[test]
    fn what_was_not_tried_again_stays_as_it_is() {
        let passed = ended(Outcome::Passed, "x");
        assert_eq!(Earlier::default().conclude(passed.clone()), passed);
        let mut earlier = Earlier::default();
        earlier.note(&ended(Outcome::TimedOut, ""));
        let last = earlier.conclude(ended(Outcome::Failed, ""));
        assert_eq!((last.outcome, last.attempts), (Outcome::Failed, 2));
    }
}
