//! Jenkins. Variables as in its "Global variable reference" (multibranch: `CHANGE_TARGET`, `TAG_NAME`,
//! `BRANCH_IS_PRIMARY`), the Git plugin (`GIT_PREVIOUS_SUCCESSFUL_COMMIT`), the GitHub pull request builder
//! and the GitLab plugin.

use super::{Environment, Event, Host, HostBase, JobList, Pushed, Situation, Workflow};

/// Jenkins.
pub struct Jenkins;

const TARGETS: [&str; 3] = ["CHANGE_TARGET", "ghprbTargetBranch", "gitlabTargetBranch"];

impl Host for Jenkins {
    fn id(&self) -> &'static str {
        "jenkins"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.get("JENKINS_URL").is_some() && env.get("BUILD_ID").is_some()
    }

    fn situation(&self, env: &Environment) -> Situation {
        let head = env.get("GIT_COMMIT");
        if let Some(tag) = env.get("TAG_NAME") {
            return Situation::tag(Some(tag), head);
        }
        let branch = env.get("BRANCH_NAME").or_else(|| {
            let branch = env.get("GIT_BRANCH")?;
            Some(branch.strip_prefix("origin/").unwrap_or(branch))
        });
        let target = TARGETS
            .iter()
            .find_map(|name| Some((*name, env.get(name)?)));
        if let Some((source, target)) = target {
            let base = HostBase::branch(target, source);
            return Situation::against(Event::Request, branch, head, base);
        }
        let primary = env.is_true("BRANCH_IS_PRIMARY");
        let pushed = Pushed {
            branch,
            head,
            default: branch
                .filter(|_| primary)
                .map(|name| (name, "BRANCH_IS_PRIMARY")),
            // The last green commit of this branch: better than the one before the push (B3).
            before: env
                .get("GIT_PREVIOUS_SUCCESSFUL_COMMIT")
                .map(|commit| (commit, "GIT_PREVIOUS_SUCCESSFUL_COMMIT".to_owned())),
        };
        pushed.situation(Event::Push)
    }

    /// One shard a line, so that a `Jenkinsfile` needs no plugin to read it.
    fn job_list(&self, list: &JobList) -> Option<String> {
        let shards = list.shards().into_iter();
        Some(shards.map(|(shard, _)| format!("{shard}\n")).collect())
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: "Jenkinsfile",
            text: include_str!("workflows/Jenkinsfile"),
        }
    }
}
