//! Asks the cache before an action is started, and tells it what really passed.

use super::worker::Context;
use super::{Outcome, TaskResult, Unstarted};

/// A result, and what the user should know.
type Ended = (TaskResult, Vec<String>);

/// Takes the result of an earlier run with the same inputs, or calls `run`. Only a plain pass is kept (C3).
pub(super) fn around(index: usize, context: &Context<'_>, run: impl FnOnce() -> Ended) -> Ended {
    let cache = context.options.cache.as_ref();
    let Some(cache) = cache.filter(|_| context.interrupt.urgency().is_none()) else {
        return run();
    };
    if let Some(found) = cache.recall(index) {
        let never_started = TaskResult::unstarted(
            index,
            Outcome::Cached,
            Unstarted::CannotStart,
            String::new(),
        );
        let result = TaskResult {
            unstarted: None,
            exit: Some(0),
            cause: None,
            duration: found.duration,
            output: found.log,
            ..never_started
        };
        return (result, Vec::new());
    }
    let (result, warnings) = run();
    // A run of no test proves nothing, and one whose command hides failed tests even less.
    let has_failed = result.tests.as_ref().is_some_and(|tests| tests.failed > 0);
    if result.outcome == Outcome::Passed && !result.ran_no_test() && !has_failed {
        cache.keep(index, &result.output, result.duration);
    }
    (result, warnings)
}
