//! GitHub Actions. Variables and the event file as in its documentation, "Default environment variables"
//! and "Events that trigger workflows".

use super::{Environment, Host, HostBase, says_something};

/// GitHub Actions.
pub struct GitHub;

impl Host for GitHub {
    fn id(&self) -> &'static str {
        "github"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.get("GITHUB_ACTIONS") == Some("true")
    }

    fn base(&self, env: &Environment) -> Option<HostBase> {
        if let Some(branch) = env.get("GITHUB_BASE_REF") {
            return Some(HostBase {
                candidates: vec![format!("origin/{branch}"), branch.to_owned()],
                source: "GITHUB_BASE_REF".to_owned(),
            });
        }
        let event = std::fs::read(env.get("GITHUB_EVENT_PATH")?).ok()?;
        let event: serde_json::Value = serde_json::from_slice(&event).ok()?;
        let named = [
            ("/merge_group/base_sha", "merge_group.base_sha"),
            ("/before", "before"),
        ];
        named.into_iter().find_map(|(pointer, name)| {
            let commit = event
                .pointer(pointer)?
                .as_str()
                .filter(|text| says_something(text))?;
            Some(HostBase {
                candidates: vec![commit.to_owned()],
                source: format!("GITHUB_EVENT_PATH {name}"),
            })
        })
    }
}
