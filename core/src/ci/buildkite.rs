//! Buildkite. Variables as in its documentation, "Environment variables" and "Using GitHub merge queues".

use serde_json::{Value, json};

use super::{
    Blanks, Environment, Event, Group, Host, HostBase, JobList, LineMarks, Pushed, Situation,
    Workflow, log,
};

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

    /// Steps for `buildkite-agent pipeline upload`, as JSON. Nothing in them comes from the repository, because the
    /// upload replaces `$` by variables.
    fn job_list(&self, list: &JobList) -> Option<String> {
        Some(format!("{:#}\n", steps(list)))
    }

    /// A header of the log ("Managing log output") begins a line.
    fn line_marks(&self) -> Option<LineMarks> {
        Some(LineMarks {
            marks: &["---", "+++", "~~~", "^^^"],
            blanks: Blanks::Count,
            shield: " ",
        })
    }

    fn open_group(&self, group: &Group<'_>) -> Option<String> {
        let mark = if group.failed { "+++" } else { "---" };
        Some(format!("{mark} {}\n", log::one_line(group.title)))
    }

    /// A header lasts until the next one.
    fn close_group(&self, _group: &Group<'_>) -> Option<String> {
        Some("~~~ affected\n".to_owned())
    }

    /// "buildkite-agent annotate": what is appended under one context is one annotation.
    fn summary_program(&self) -> Option<&'static [&'static str]> {
        Some(&[
            "buildkite-agent",
            "annotate",
            "--context",
            "affected",
            "--append",
        ])
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: ".buildkite/pipeline.yml",
            text: include_str!("workflows/buildkite.yml"),
        }
    }
}

fn steps(list: &JobList) -> Value {
    let plan = super::jobs::quote(&list.plan);
    let bring = |what: &str| format!("buildkite-agent artifact download {what} .");
    let mut steps = Vec::new();
    let mut keys = Vec::new();
    for (shard, job) in list.shards().into_iter().filter(|_| list.has_tasks()) {
        let key = format!("affected-{}", job.index);
        keys.push(key.clone());
        steps.push(json!({
            "label": format!("affected {shard}"),
            "key": key,
            "command": [bring(&plan), list.test(&shard, job)],
            "artifact_paths": super::jobs::report(job),
        }));
    }
    let reports = bring("'affected-report-*.json'");
    let mut commands = vec![bring(&plan)];
    // A missing report is what the verdict finds out.
    commands.extend(list.has_tasks().then(|| format!("{reports} || true")));
    commands.push(list.verdict());
    steps.push(json!({
        "label": "affected verdict",
        "key": "affected-verdict",
        "depends_on": keys,
        "allow_dependency_failure": true,
        "command": commands,
    }));
    json!({ "steps": steps })
}
