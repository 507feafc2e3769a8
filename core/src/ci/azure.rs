//! Azure Pipelines. Variables as in its documentation, "Predefined variables"; dots become underscores.

use super::{Environment, Event, Host, HostBase, Pushed, Situation};

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
}
