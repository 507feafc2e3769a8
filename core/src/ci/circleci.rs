//! CircleCI. Variables as in its documentation, "Project values and variables". It names no base: what
//! `pipeline.git.base_revision` holds reaches a job only as a variable that its configuration sets.

use super::{Environment, Event, Host, Pushed, Situation, Workflow};

/// CircleCI.
pub struct CircleCi;

impl Host for CircleCi {
    fn id(&self) -> &'static str {
        "circleci"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.is_true("CIRCLECI")
    }

    fn situation(&self, env: &Environment) -> Situation {
        let head = env.get("CIRCLE_SHA1");
        if let Some(tag) = env.get("CIRCLE_TAG") {
            return Situation::tag(Some(tag), head);
        }
        let pushed = Pushed {
            branch: env.get("CIRCLE_BRANCH"),
            head,
            ..Pushed::default()
        };
        pushed.situation(if env.get("CIRCLE_PULL_REQUEST").is_some() {
            Event::Request
        } else {
            Event::Push
        })
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: ".circleci/config.yml",
            text: include_str!("workflows/circleci.yml"),
        }
    }
}
