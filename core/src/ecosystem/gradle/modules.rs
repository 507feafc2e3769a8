//! Projects by the coordinates of a module, `group:name`.
//!
//! Sources: "Composite builds" of the Gradle manual, where a project of an included build stands in for the module of its name;
//! "Maven Publish Plugin", by which a build can take what it published itself.

use affected_graph::RepoPath;

use super::builds::script_of;
use super::script::Script;
use super::{Member, World};

impl World<'_> {
    fn script(&self, folder: &RepoPath) -> Option<&Script> {
        let file = script_of(self.scan, folder)?;
        self.scripts.get(&file).map(AsRef::as_ref)
    }
}

impl<'a> Member<'a> {
    /// Projects that stand in for a module: those of included builds, and those of its own that are published under that name.
    pub(super) fn substituted(&self, module: &str) -> Vec<RepoPath> {
        let Some((group, name)) = module.split_once(':') else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (path, folder) in self.included().flat_map(|build| &build.projects) {
            let said = self
                .world
                .script(folder)
                .and_then(|script| script.group.as_deref());
            if is_named(path, folder, name) && said.is_none_or(|said| said == group) {
                found.push(folder.clone());
            }
        }
        for (path, folder) in &self.build.projects {
            let is_own = || folder != self.folder && self.group_of(path, folder) == Some(group);
            if is_named(path, folder, name) && is_own() {
                found.push(folder.clone());
            }
        }
        found
    }

    /// The group of a project of this build, where scripts say it: its own, or one above.
    fn group_of(&self, path: &str, folder: &RepoPath) -> Option<&'a str> {
        let own = self
            .world
            .script(folder)
            .and_then(|script| script.group.as_deref());
        let mut path = path;
        own.or_else(|| {
            while let Some((above, _)) = path.rsplit_once(':').filter(|_| path != ":") {
                path = if above.is_empty() { ":" } else { above };
                let script = self.build.projects.get(path);
                let script = script.and_then(|folder| self.world.script(folder));
                if let Some(said) = script.and_then(|script| script.group_of_others.as_deref()) {
                    return Some(said);
                }
            }
            None
        })
    }
}

/// Tells whether a project has the name of a module.
fn is_named(path: &str, folder: &RepoPath, name: &str) -> bool {
    match path.rsplit(':').next().unwrap_or_default() {
        "" => folder.file_name() == name.as_bytes(),
        last => last == name,
    }
}
