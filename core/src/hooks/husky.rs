//! husky: one shell script for each hook in `.husky` (<https://typicode.github.io/husky>).

use std::path::Path;

use super::{Hook, Manager};

/// husky.
pub(super) struct Husky;

impl Manager for Husky {
    fn id(&self) -> &'static str {
        "husky"
    }

    fn settings(&self, root: &Path, hook: Hook) -> Option<String> {
        let folder = root.join(".husky");
        folder.is_dir().then(|| format!(".husky/{}", hook.name()))
    }

    fn lines(&self, hook: Hook) -> String {
        format!("{}\n", hook.command())
    }
}
