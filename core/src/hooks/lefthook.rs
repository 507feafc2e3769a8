//! lefthook: one file for all hooks, under one of several names (<https://lefthook.dev/configuration>).

use std::path::Path;

use super::{Hook, Manager};

/// Where it looks.
const NAMES: [&str; 12] = [
    "lefthook.yml",
    "lefthook.yaml",
    "lefthook.toml",
    "lefthook.json",
    ".lefthook.yml",
    ".lefthook.yaml",
    ".lefthook.toml",
    ".lefthook.json",
    ".config/lefthook.yml",
    ".config/lefthook.yaml",
    ".config/lefthook.toml",
    ".config/lefthook.json",
];

/// lefthook.
pub(super) struct Lefthook;

impl Manager for Lefthook {
    fn id(&self) -> &'static str {
        "lefthook"
    }

    fn settings(&self, root: &Path, _hook: Hook) -> Option<String> {
        let name = NAMES.iter().find(|name| root.join(name).is_file())?;
        Some((*name).to_owned())
    }

    fn lines(&self, hook: Hook) -> String {
        // What git writes to the hook reaches a command only when asked for.
        let input = match hook {
            Hook::PreCommit => "",
            Hook::PrePush => "      use_stdin: true\n",
        };
        format!(
            "{}:\n  commands:\n    affected:\n      run: {}\n{input}",
            hook.name(),
            hook.command()
        )
    }
}
