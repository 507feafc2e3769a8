//! pre-commit: one file for all hooks (<https://pre-commit.com>).

use std::path::Path;

use super::{Hook, Manager};

const FILE: &str = ".pre-commit-config.yaml";

/// pre-commit.
pub(super) struct PreCommit;

impl Manager for PreCommit {
    fn id(&self) -> &'static str {
        "pre-commit"
    }

    fn settings(&self, root: &Path, _hook: Hook) -> Option<String> {
        root.join(FILE).is_file().then(|| FILE.to_owned())
    }

    fn lines(&self, hook: Hook) -> String {
        format!(
            "- repo: local\n  hooks:\n  - id: affected-{stage}\n    name: affected\n    entry: {}\n    language: system\n    \
             pass_filenames: false\n    always_run: true\n    stages: [{stage}]\n",
            hook.command(),
            stage = hook.name()
        )
    }
}
