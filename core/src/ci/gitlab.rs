//! GitLab CI. Variables as in its documentation, "Predefined CI/CD variables".

use super::{Environment, Host, HostBase};

/// GitLab CI.
pub struct GitLab;

impl Host for GitLab {
    fn id(&self) -> &'static str {
        "gitlab"
    }

    fn detect(&self, env: &Environment) -> bool {
        env.get("GITLAB_CI") == Some("true")
    }

    fn base(&self, env: &Environment) -> Option<HostBase> {
        let names = ["CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_COMMIT_BEFORE_SHA"];
        names.into_iter().find_map(|name| {
            Some(HostBase {
                candidates: vec![env.get(name)?.to_owned()],
                source: name.to_owned(),
            })
        })
    }
}
