//! GitLab CI. Variables as in its documentation, "Predefined CI/CD variables reference".

use serde_json::{Map, Value, json};

use super::{
    Environment, Event, Fork, Group, Host, HostBase, JobList, Pushed, Situation, Trust, Workflow,
    log,
};

/// GitLab CI.
pub struct GitLab;

impl Host for GitLab {
    fn id(&self) -> &'static str {
        "gitlab"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.is_true("GITLAB_CI")
    }

    fn situation(&self, env: &Environment) -> Situation {
        let head = env.get("CI_COMMIT_SHA");
        if let Some(base) = request(env) {
            let train = env.get("CI_MERGE_REQUEST_EVENT_TYPE") == Some("merge_train");
            let event = if train { Event::Queue } else { Event::Request };
            let branch = env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME");
            return Situation::against(event, branch, head, base);
        }
        if let Some(tag) = env.get("CI_COMMIT_TAG") {
            return Situation::tag(Some(tag), head);
        }
        let branch = env.get("CI_COMMIT_BRANCH");
        let cause = env.get("CI_PIPELINE_SOURCE").unwrap_or("push");
        if cause == "schedule" {
            return Situation::schedule(branch, head);
        }
        let pushed = Pushed {
            branch,
            head,
            default: env
                .get("CI_DEFAULT_BRANCH")
                .map(|name| (name, "CI_DEFAULT_BRANCH")),
            before: env
                .get("CI_COMMIT_BEFORE_SHA")
                .map(|commit| (commit, "CI_COMMIT_BEFORE_SHA".to_owned())),
        };
        pushed.situation(if cause == "push" {
            Event::Push
        } else {
            Event::Manual
        })
    }

    fn trust(&self, env: &Environment) -> Trust {
        let is_proposal = env.get("CI_MERGE_REQUEST_IID").is_some();
        if env.get("CI_COMMIT_REF_PROTECTED") == Some("true") && !is_proposal {
            Trust::Trusted
        } else {
            Trust::Untrusted
        }
    }

    /// A child pipeline ("Downstream pipelines"), in the part of YAML that is JSON. The verdict has no `needs`:
    /// it waits for the whole stage before, takes its artifacts, the plan among them, and runs also after a failure.
    fn job_list(&self, list: &JobList) -> Option<String> {
        Some(format!("{:#}\n", child_pipeline(list)))
    }

    fn marks(&self) -> &'static [&'static str] {
        &["section_start:", "section_end:"]
    }

    /// A custom collapsible section ("CI/CD job logs").
    fn open_group(&self, group: &Group<'_>) -> Option<String> {
        let Group {
            number, seconds, ..
        } = group;
        let title = log::one_line(&self.defuse(group.title));
        let folded = if group.failed { "" } else { "[collapsed=true]" };
        let start = format!("section_start:{seconds}:affected_{number}{folded}");
        Some(format!("\x1b[0K{start}\r\x1b[0K{title}\n"))
    }

    fn close_group(&self, group: &Group<'_>) -> Option<String> {
        let end = format!("section_end:{}:affected_{}", group.seconds, group.number);
        Some(format!("\x1b[0K{end}\r\x1b[0K\n"))
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: ".gitlab-ci.yml",
            text: include_str!("workflows/gitlab.yml"),
        }
    }
}

fn child_pipeline(list: &JobList) -> Value {
    let plan = json!([{ "pipeline": "$PARENT_PIPELINE_ID", "job": "affected-plan" }]);
    let mut pipeline = Map::new();
    pipeline.insert("stages".to_owned(), json!(["test", "verdict"]));
    if !list.has_tasks() {
        let job = json!({ "stage": "verdict", "needs": plan, "script": [list.verdict()] });
        pipeline.insert("affected verdict".to_owned(), job);
        return Value::Object(pipeline);
    }
    for (shard, job) in list.shards() {
        let paths = [list.plan.clone(), super::jobs::report(job)];
        let test = json!({
            "stage": "test",
            "needs": plan,
            "script": [list.test(&shard, job)],
            "artifacts": { "when": "always", "paths": paths },
        });
        pipeline.insert(format!("affected {shard}"), test);
    }
    let verdict = json!({ "stage": "verdict", "when": "always", "script": [list.verdict()] });
    pipeline.insert("affected verdict".to_owned(), verdict);
    Value::Object(pipeline)
}

/// Merged results and trains build a merge with the target, so the target's commit is in HEAD's history and
/// gives the narrowest right base; a detached pipeline builds the source branch, whose fork point is named.
fn request(env: &Environment) -> Option<HostBase> {
    let commits = [
        "CI_MERGE_REQUEST_TARGET_BRANCH_SHA",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA",
        "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA",
    ];
    let branches = [
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME",
    ];
    let target = branches
        .iter()
        .find_map(|name| Some((*name, env.get(name)?)));
    let commit = commits
        .iter()
        .find_map(|name| Some((*name, env.get(name)?)));
    match (commit, target) {
        (Some((source, commit)), target) => {
            let mut base = HostBase {
                fork: Fork::MergeBase,
                ..HostBase::exact(commit, source)
            };
            if let Some((_, branch)) = target {
                base.candidates
                    .extend(HostBase::branch(branch, "").candidates);
            }
            Some(base)
        }
        (None, Some((source, branch))) => Some(HostBase::branch(branch, source)),
        (None, None) => None,
    }
}
