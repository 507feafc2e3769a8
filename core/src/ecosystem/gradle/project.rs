//! What a project is and what can be run in it.

use std::collections::BTreeMap;

use affected_graph::{Command, Ownership, ProjectKind, RepoPath, Stage, Task};

use super::{ID, Member, script_of};
use crate::ecosystem::{FoundProject, Standing, Symbol};

/// Parts of plugin ids and accessors that make something to be shipped.
const SHIPS: &[&str] = &[
    "org.springframework.boot",
    "spring.boot",
    "springboot",
    "application",
    "jib",
    "quarkus",
    "ktor",
    "war",
    "ear",
    "shadow",
];

impl Member<'_> {
    pub(super) fn found(&self) -> FoundProject {
        let last = self.path.rsplit(':').next().unwrap_or_default();
        let folder = String::from_utf8_lossy(self.folder.file_name()).into_owned();
        let name = match (last, &self.build.settings.name) {
            ("", Some(name)) => name.clone(),
            ("", None) => folder,
            (last, _) => last.to_owned(),
        };
        let settings = self.build.settings_file.clone();
        let manifest = script_of(self.world.scan, self.folder).or(settings);
        let is_parent = self.path == ":" && self.build.paths.len() > 1;
        let has_sources = self.has("src");
        FoundProject {
            root: self.folder.clone(),
            kind: self.kind(is_parent && !has_sources),
            standing: Standing::Manifest,
            manifest: manifest.unwrap_or_else(|| self.folder.clone()),
            ownership: if is_parent {
                Ownership::Only(own_files())
            } else {
                Ownership::Tree
            },
            tasks: if is_parent && !has_sources {
                Vec::new()
            } else {
                self.tasks()
            },
            provides: vec![Symbol {
                space: "gradle",
                name: name.clone(),
            }],
            name,
        }
    }

    fn kind(&self, is_empty: bool) -> ProjectKind {
        let ships = |id: &str| {
            let id = id.to_lowercase();
            SHIPS.iter().any(|part| {
                id == *part
                    || part.contains('.') && id.contains(part)
                    || id.rsplit('.').next() == Some(*part)
            })
        };
        match () {
            () if is_empty => ProjectKind::Infra,
            () if self.applied().any(|(part, id)| part.is_own && ships(id)) => ProjectKind::Service,
            () => ProjectKind::Library,
        }
    }

    fn has(&self, inside: &str) -> bool {
        let files = self.world.scan.files();
        self.folder
            .join(inside)
            .is_ok_and(|path| files.is_folder(&path) || files.is_file(&path))
    }

    fn tasks(&self) -> Vec<Task> {
        let files = self.world.scan.files();
        // The wrapper of the build, or the one above it.
        let wrapped = |folder: &RepoPath| {
            folder
                .join("gradlew")
                .is_ok_and(|path| files.is_file(&path))
        };
        let wrapper = self.build.root.ancestors().find(wrapped);
        let program = if wrapper.is_some() {
            "./gradlew"
        } else {
            "gradle"
        };
        let cwd = wrapper.unwrap_or_else(|| self.build.root.clone());
        let inside = String::from_utf8_lossy(self.build.root.relative_to(&cwd).unwrap_or_default())
            .into_owned();
        let task = |name: &str, stage: Option<&str>, goal: &str| {
            let mut argv = vec![program.to_owned()];
            if !inside.is_empty() {
                argv.extend(["-p".to_owned(), inside.clone()]);
            }
            argv.push(format!("{}:{goal}", self.path.trim_end_matches(':')));
            Task {
                name: name.to_owned(),
                stage: stage.map(Stage::new),
                command: Command::Argv(argv),
                cwd: cwd.clone(),
                env: BTreeMap::new(),
                timeout: None,
                script: None,
                inferred_by: Some(ID),
                needs: affected_graph::Needs::default(),
                origin: "build.gradle".to_owned(),
            }
        };
        let mut tasks = vec![
            task("test", Some("unit"), "test"),
            task("build", None, "assemble"),
        ];
        let own = self.parts.iter().filter(|part| part.is_own);
        for name in own.flat_map(|part| &part.script.tests) {
            let stage = if name.starts_with("e2e") {
                "e2e"
            } else {
                "integration"
            };
            tasks.push(task(name, Some(stage), name));
        }
        tasks
    }
}

/// The project at a build's root owns its sources and scripts, not the folders of others.
fn own_files() -> Vec<String> {
    ["src/**", "*.gradle", "*.gradle.kts", "gradle.properties"]
        .map(ToOwned::to_owned)
        .to_vec()
}
