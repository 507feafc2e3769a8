//! GitHub Actions (and Gitea, Forgejo, which speak the same). Variables as in its documentation, "Variables
//! reference"; the event file is the webhook payload of "Webhook events and payloads" (`push`,
//! `pull_request`, `merge_group`).

use std::path::PathBuf;

use serde_json::Value;

use super::{
    Annotation, Blanks, Environment, Event, Group, Host, HostBase, JobList, LineMarks, Pushed,
    Situation, Trust, Workflow, log, log::escape_by, says_something, shorten,
};

/// GitHub Actions.
pub struct GitHub;

impl Host for GitHub {
    fn id(&self) -> &'static str {
        "github"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.is_true("GITHUB_ACTIONS")
    }

    fn situation(&self, env: &Environment) -> Situation {
        let payload = Payload::read(env);
        let (reference, head) = (env.get("GITHUB_REF"), env.get("GITHUB_SHA"));
        if let Some(target) = env.get("GITHUB_BASE_REF") {
            let base = HostBase::branch(target, "GITHUB_BASE_REF")
                .or_commit(payload.text("/pull_request/base/sha"));
            return Situation::against(Event::Request, reference, head, base);
        }
        if let Some(group) = merge_group(&payload) {
            return Situation::against(Event::Queue, reference, head, group);
        }
        if let Some(target) = payload.text("/pull_request/base/ref") {
            let base = HostBase::branch(target, "GITHUB_EVENT_PATH pull_request.base.ref")
                .or_commit(payload.text("/pull_request/base/sha"));
            return Situation::against(Event::Request, reference, head, base);
        }
        let event = env.get("GITHUB_EVENT_NAME").unwrap_or("push");
        if reference.is_some_and(|name| name.starts_with("refs/tags/")) {
            return Situation::tag(reference, head);
        }
        if event == "schedule" {
            return Situation::schedule(reference, head);
        }
        let forced = payload.0.pointer("/forced") == Some(&Value::Bool(true));
        let source = format!(
            "GITHUB_EVENT_PATH before{}",
            if forced { " (force-pushed)" } else { "" }
        );
        let pushed = Pushed {
            branch: reference,
            head,
            default: payload
                .text("/repository/default_branch")
                .map(|name| (name, "GITHUB_EVENT_PATH repository.default_branch")),
            before: payload.text("/before").map(|commit| (commit, source)),
        };
        pushed.situation(if event == "push" {
            Event::Push
        } else {
            Event::Manual
        })
    }

    fn trust(&self, env: &Environment) -> Trust {
        // `pull_request_target` and comments run on the default branch with the words of strangers.
        let of_branch = ["push", "schedule", "workflow_dispatch", "merge_group"];
        let event = env.get("GITHUB_EVENT_NAME").unwrap_or_default();
        let is_protected = env.get("GITHUB_REF_PROTECTED") == Some("true");
        if is_protected && of_branch.contains(&event) {
            Trust::Trusted
        } else {
            Trust::Untrusted
        }
    }

    /// Lines for `$GITHUB_OUTPUT`; a matrix holds at most 256 jobs ("Actions limits") and must not be empty.
    fn job_list(&self, list: &JobList) -> Option<String> {
        let matrix = serde_json::json!({ "include": list.entries() });
        Some(format!("has-tasks={}\nmatrix={matrix}\n", list.has_tasks()))
    }

    // `ActionCommand.cs` of the runner: the old form anywhere in a line, the new one behind blanks.
    fn marks(&self) -> &'static [&'static str] {
        &["##["]
    }

    fn line_marks(&self) -> Option<LineMarks> {
        Some(LineMarks {
            marks: &["::"],
            blanks: Blanks::Skipped,
            shield: "\\",
        })
    }

    fn open_group(&self, group: &Group<'_>) -> Option<String> {
        Some(format!("::group::{}\n", data(group.title)))
    }

    fn close_group(&self, _group: &Group<'_>) -> Option<String> {
        Some("::endgroup::\n".to_owned())
    }

    fn annotation(&self, annotation: &Annotation<'_>) -> Option<String> {
        let (title, message) = (property(annotation.title), data(annotation.message));
        Some(format!("::error title={title}::{message}\n"))
    }

    /// Ten errors a step are shown ("Workflow commands", "Limits").
    fn most_annotations(&self) -> usize {
        10
    }

    fn summary_file(&self, env: &Environment) -> Option<PathBuf> {
        env.get("GITHUB_STEP_SUMMARY").map(PathBuf::from)
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: ".github/workflows/affected.yml",
            text: include_str!("workflows/github.yml"),
        }
    }
}

/// A merge group is built on top of the groups before it, so its own base counts, not the branch.
fn merge_group(payload: &Payload) -> Option<HostBase> {
    let commit = payload.text("/merge_group/base_sha")?;
    Some(HostBase::exact(
        commit,
        "GITHUB_EVENT_PATH merge_group.base_sha",
    ))
}

/// The event file; `null` where there is none.
struct Payload(Value);

impl Payload {
    fn read(env: &Environment) -> Self {
        let read =
            || serde_json::from_slice(&std::fs::read(env.get("GITHUB_EVENT_PATH")?).ok()?).ok();
        Self(read().unwrap_or(Value::Null))
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        let text = self.0.pointer(pointer)?.as_str()?;
        says_something(text).then_some(text)
    }
}

/// Escapes as `command.ts` of the toolkit does.
fn data(text: &str) -> String {
    let table = [('%', "%25"), ('\r', "%0D"), ('\n', "%0A")];
    let text = escape_by(&shorten(text), &table);
    log::break_marks(&text, &["##["]).into_owned()
}

fn property(text: &str) -> String {
    escape_by(&data(text), &[(':', "%3A"), (',', "%2C")])
}
