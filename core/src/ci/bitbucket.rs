//! Bitbucket Pipelines. Variables as in its documentation, "Variables and secrets".

use super::{Environment, Event, Host, HostBase, Pushed, Situation, Workflow};

/// Bitbucket Pipelines.
pub struct Bitbucket;

impl Host for Bitbucket {
    fn id(&self) -> &'static str {
        "bitbucket"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.get("BITBUCKET_BUILD_NUMBER").is_some()
    }

    fn situation(&self, env: &Environment) -> Situation {
        let (branch, head) = (env.get("BITBUCKET_BRANCH"), env.get("BITBUCKET_COMMIT"));
        if let Some(tag) = env.get("BITBUCKET_TAG") {
            return Situation::tag(Some(tag), head);
        }
        if let Some(target) = env.get("BITBUCKET_PR_DESTINATION_BRANCH") {
            // Only the source branch is cloned, but the destination is merged into it.
            let base = HostBase::branch(target, "BITBUCKET_PR_DESTINATION_BRANCH")
                .or_commit(env.get("BITBUCKET_PR_DESTINATION_COMMIT"));
            return Situation::against(Event::Request, branch, head, base);
        }
        let pushed = Pushed {
            branch,
            head,
            ..Pushed::default()
        };
        pushed.situation(Event::Push)
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: "bitbucket-pipelines.yml",
            text: include_str!("workflows/bitbucket.yml"),
        }
    }
}
