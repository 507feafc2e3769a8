//! Buildkite. Variables as in its documentation, "Environment variables" and "Using GitHub merge queues".

use super::{Environment, Event, Host, HostBase, Pushed, Situation};

/// Buildkite.
pub struct Buildkite;

impl Host for Buildkite {
    fn id(&self) -> &'static str {
        "buildkite"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.is_true("BUILDKITE")
    }

    fn situation(&self, env: &Environment) -> Situation {
        let (branch, head) = (env.get("BUILDKITE_BRANCH"), env.get("BUILDKITE_COMMIT"));
        let head = head.filter(|head| *head != "HEAD");
        if let Some(tag) = env.get("BUILDKITE_TAG") {
            return Situation::tag(Some(tag), head);
        }
        if let Some(commit) = env.get("BUILDKITE_MERGE_QUEUE_BASE_COMMIT") {
            let base = HostBase::exact(commit, "BUILDKITE_MERGE_QUEUE_BASE_COMMIT");
            return Situation::against(Event::Queue, branch, head, base);
        }
        // `false` where there is none.
        let is_request = env
            .get("BUILDKITE_PULL_REQUEST")
            .is_some_and(|it| it != "false");
        let target = env.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH");
        if let Some(target) = target.filter(|_| is_request) {
            let base = HostBase::branch(target, "BUILDKITE_PULL_REQUEST_BASE_BRANCH");
            return Situation::against(Event::Request, branch, head, base);
        }
        let cause = env.get("BUILDKITE_SOURCE").unwrap_or("webhook");
        if cause == "schedule" {
            return Situation::schedule(branch, head);
        }
        let pushed = Pushed {
            branch,
            head,
            default: env
                .get("BUILDKITE_PIPELINE_DEFAULT_BRANCH")
                .map(|name| (name, "BUILDKITE_PIPELINE_DEFAULT_BRANCH")),
            before: None,
        };
        pushed.situation(if cause == "webhook" {
            Event::Push
        } else {
            Event::Manual
        })
    }
}
