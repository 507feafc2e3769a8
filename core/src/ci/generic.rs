//! Any other host: `CI` is set, and nothing more is known.

use super::{Environment, Event, Host, Pushed, Situation, Workflow};

/// A host that only says that it is one.
pub struct Generic;

impl Host for Generic {
    fn id(&self) -> &'static str {
        "generic"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.is_true("CI")
    }

    fn situation(&self, _env: &Environment) -> Situation {
        Pushed::default().situation(Event::Push)
    }

    fn workflow(&self) -> Workflow {
        Workflow {
            path: "affected-ci.sh",
            text: include_str!("workflows/generic.sh"),
        }
    }
}
