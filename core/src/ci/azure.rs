//! Azure Pipelines. Variables as in its documentation, "Predefined variables"; dots become underscores.

use serde_json::{Map, Value, json};

use super::{Environment, Event, Host, HostBase, JobList, Pushed, Situation, Workflow};

/// Azure Pipelines.
pub struct Azure;

impl Host for Azure {
    fn id(&self) -> &'static str {
        "azure"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.is_true("TF_BUILD")
    }

    fn situation(&self, env: &Environment) -> Situation {
        let reference = env.get("BUILD_SOURCEBRANCH");
        let head = env.get("BUILD_SOURCEVERSION");
        if let Some(target) = env.get("SYSTEM_PULLREQUEST_TARGETBRANCH") {
            let base = HostBase::branch(target, "SYSTEM_PULLREQUEST_TARGETBRANCH");
            return Situation::against(Event::Request, reference, head, base);
        }
        if reference.is_some_and(|name| name.starts_with("refs/tags/")) {
            return Situation::tag(reference, head);
        }
        let cause = env.get("BUILD_REASON").unwrap_or("IndividualCI");
        if cause == "Schedule" {
            return Situation::schedule(reference, head);
        }
        let pushed = Pushed {
            branch: reference,
            head,
            ..Pushed::default()
        };
        pushed.situation(if cause.ends_with("CI") {
            Event::Push
        } else {
            Event::Manual
        })
    }

    /// Output variables for `strategy: matrix` ("Multi-job configuration"), whose legs need names.
    fn job_list(&self, list: &JobList) -> Option<String> {
        let legs: Map<String, Value> = list
            .shards()
            .into_iter()
            .map(|(shard, job)| (format!("shard_{}", job.index), json!({ "shard": shard })))
            .collect();
        let set = "##vso[task.setvariable variable=";
        Some(format!(
            "{set}hasTasks;isOutput=true]{}\n{set}matrix;isOutput=true]{}\n",
            list.has_tasks(),
            Value::Object(legs)
        ))
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: "azure-pipelines.yml",
            text: include_str!("workflows/azure.yml"),
        }
    }
}
