//! Azure Pipelines. Variables as in its documentation, "Predefined variables"; dots become underscores.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{
    Annotation, Environment, Event, Group, Host, HostBase, JobList, Pushed, Situation, Workflow,
    log, log::escape_by, shorten,
};

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

    // `Command.cs` of the agent looks for both anywhere in a line.
    fn marks(&self) -> &'static [&'static str] {
        &["##vso[", "##["]
    }

    fn open_group(&self, group: &Group<'_>) -> Option<String> {
        Some(format!(
            "##[group]{}\n",
            log::one_line(&self.defuse(group.title))
        ))
    }

    fn close_group(&self, _group: &Group<'_>) -> Option<String> {
        Some("##[endgroup]\n".to_owned())
    }

    fn annotation(&self, annotation: &Annotation<'_>) -> Option<String> {
        let text = format!("{}: {}", annotation.title, annotation.message);
        Some(format!("##vso[task.logissue type=error]{}\n", value(&text)))
    }

    fn results(&self, path: &str) -> Option<String> {
        let set = "##vso[results.publish type=JUnit;resultFiles=";
        Some(format!("{set}{}]\n", value(path)))
    }

    /// Anywhere on the agent ("Logging commands", `uploadsummary`); each run is shown by itself.
    fn summary_file(&self, env: &Environment) -> Option<PathBuf> {
        let folder = PathBuf::from(env.get("AGENT_TEMPDIRECTORY")?);
        Some(folder.join(format!("affected-{}.md", std::process::id())))
    }

    fn show_summary(&self, path: &str) -> Option<String> {
        Some(format!("##vso[task.uploadsummary]{}\n", value(path)))
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: "azure-pipelines.yml",
            text: include_str!("workflows/azure.yml"),
        }
    }
}

/// Escapes as `taskcommand.ts` of the task library does, and breaks what would be a command inside.
fn value(text: &str) -> String {
    let table = [
        ('%', "%AZP25"),
        ('\r', "%0D"),
        ('\n', "%0A"),
        (']', "%5D"),
        (';', "%3B"),
    ];
    let text = escape_by(&shorten(text), &table);
    log::break_marks(&text, &["##vso[", "##["]).into_owned()
}
