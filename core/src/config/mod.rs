//! `affected.toml`: what the user wrote, over defaults that are written the same way.
//!
//! The file is never needed. Unknown keys are errors with the nearest known one.

pub mod defects;
mod file;
mod history;
pub mod release;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use affected_graph::{Needs, RepoPath, Stage, StageOrder};
use miette::Diagnostic;
use thiserror::Error;

pub use file::parse_duration;
pub use history::{HistoryConfig, Place, Quarantined, RerunFailed};

use crate::tree::{Tree, TreeError};

/// The file's name, in the repository root and, for one project, in its folder.
pub const FILE_NAME: &str = "affected.toml";

const DEFAULT_RULES: &str = include_str!("default-rules.toml");

/// Says what is wrong with a configuration file.
#[derive(Debug, Error, Diagnostic)]
pub enum ConfigError {
    /// Not the expected form.
    #[error("`{path}`{} is not valid: {message}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
    #[diagnostic(code(config::invalid))]
    Invalid {
        /// The file.
        path: RepoPath,
        /// 1-based.
        line: Option<usize>,
        /// What is wrong.
        message: String,
        /// The way out.
        #[help]
        help: Option<String>,
    },
    /// The file is there but cannot be read.
    #[error("failed to read the configuration")]
    #[diagnostic(code(config::unreadable))]
    Unreadable(#[from] TreeError),
}

/// Whom a rule selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affects {
    /// Every project.
    All,
    /// Nobody.
    None,
    /// These, by name or path.
    Projects(Vec<String>),
}

/// Where a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Territory {
    /// Everywhere.
    Everywhere,
    /// Only to paths that no project owns.
    Outside,
    /// Only to paths that no project owns other than the one at the repository's root.
    Top,
}

/// A written rule for paths. Of several that match, the last counts; the user's come before the tool's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Shown in reasons.
    pub name: String,
    /// Globs from the repository root.
    pub paths: Vec<String>,
    /// Whom it selects.
    pub affects: Affects,
    /// Where it applies.
    pub territory: Territory,
}

/// A task as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredTask {
    /// A line for the shell.
    pub run: String,
    /// Globs of files it reads, beyond the project's own.
    pub inputs: Vec<String>,
    /// Killed after this time.
    pub timeout: Option<Duration>,
    /// Names of variables it reads.
    pub env: Vec<String>,
    /// What it takes from others while it runs.
    pub needs: Needs,
    /// Globs of files it writes, kept and put back with its result; relative to the project's folder.
    pub outputs: Vec<String>,
    /// Whether its result may be kept; where not said, that depends on what it is.
    pub cache: Option<bool>,
}

/// What is configured for one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectConfig {
    /// Its folder; found by name where absent.
    pub path: Option<RepoPath>,
    /// Projects it calls when running, by name or path.
    pub calls: Vec<String>,
    /// Projects it depends on, by name or path.
    pub depends_on: Vec<String>,
    /// Globs of files it reads: relative to its folder, from the repository root with a leading `/`.
    pub inputs: Vec<String>,
    /// Test tasks by stage.
    pub test: BTreeMap<String, ConfiguredTask>,
    /// Other tasks by name.
    pub task: BTreeMap<String, ConfiguredTask>,
    /// How it is released.
    pub release: release::ProjectRelease,
    /// Whether results of its tasks may be kept, where a task does not say it itself.
    pub cache: Option<bool>,
    /// The file this was read from.
    pub origin: RepoPath,
}

/// Everything in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The branch to compare with.
    pub default_branch: Option<String>,
    /// The stages, lowest first.
    pub stages: StageOrder,
    /// The user's rules, in the order written.
    pub rules: Vec<Rule>,
    /// The tool's rules that are not disabled.
    pub default_rules: Vec<Rule>,
    /// Projects by the name in the file.
    pub projects: BTreeMap<String, ProjectConfig>,
    /// How tests inside a project are chosen.
    pub precision: Precision,
    /// How versions rise and what tags are called.
    pub release: release::ReleaseConfig,
    /// What is said of earlier runs.
    pub history: HistoryConfig,
    /// The file, if there is one.
    pub file: Option<RepoPath>,
}

/// How much is believed when tests inside an affected project are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Only what compilers make exact; every known escape widens.
    #[default]
    Safe,
    /// The graph of imports, escapes or not.
    Static,
    /// Always the whole project.
    Project,
}

impl Precision {
    /// Returns the word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Static => "static",
            Self::Project => "project",
        }
    }
}

/// One value in force and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingSource {
    /// Its key: `default-branch`, `rule.documentation`.
    pub key: String,
    /// Its value, in the form of the file.
    pub value: String,
    /// `default`, `affected.toml`, a variable or a flag.
    pub origin: String,
}

/// Reads the configuration of a tree: `affected.toml` at its root and in projects.
pub fn load(tree: &dyn Tree) -> Result<Config, ConfigError> {
    load_files(tree, &files(tree))
}

/// Lists the configuration files of a tree, sorted.
#[must_use]
pub fn files(tree: &dyn Tree) -> Vec<RepoPath> {
    tree.named(FILE_NAME.as_bytes())
}

/// Reads the configuration of a tree whose configuration files are known.
pub fn load_files(tree: &dyn Tree, files: &[RepoPath]) -> Result<Config, ConfigError> {
    let root_file = RepoPath::from_normalized(FILE_NAME);
    let mut config = if files.contains(&root_file) {
        file::parse_root(&root_file, &tree.read(&root_file)?)?
    } else {
        file::empty()
    };
    for path in files {
        if *path == root_file || crate::tree::is_material(path) {
            continue;
        }
        let folder = path.parent().unwrap_or_default();
        let project = file::parse_project(path, &folder, &tree.read(path)?)?;
        config.projects.insert(folder.to_string(), project);
    }
    Ok(config)
}

/// Returns the tool's own rules without those in `disabled`.
fn default_rules(disabled: &BTreeSet<String>) -> Vec<Rule> {
    file::parse_rules(DEFAULT_RULES)
        .expect("the embedded rules are parsed by a test")
        .into_iter()
        .filter(|rule| !disabled.contains(&rule.name))
        .collect()
}

impl Config {
    /// Lists every value in force with its origin, sorted by key.
    #[must_use]
    pub fn sources(&self) -> Vec<SettingSource> {
        let file = self
            .file
            .as_ref()
            .map_or_else(|| "default".to_owned(), ToString::to_string);
        let mut all = self.history.sources(&file);
        let mut push = |key: String, value: String, origin: &str| {
            all.push(SettingSource {
                key,
                value,
                origin: origin.to_owned(),
            });
        };
        match &self.default_branch {
            Some(branch) => push("default-branch".into(), branch.clone(), &file),
            None => push(
                "default-branch".into(),
                "(found from the remote)".into(),
                "default",
            ),
        }
        let origin = match self.precision {
            Precision::Safe => "default",
            Precision::Static | Precision::Project => &file,
        };
        push("precision".into(), self.precision.as_str().into(), origin);
        let stages: Vec<_> = self
            .stages
            .0
            .iter()
            .map(|Stage(name)| name.as_str())
            .collect();
        let origin = if self.stages == StageOrder::default() {
            "default"
        } else {
            &file
        };
        push("stages".into(), stages.join(" "), origin);
        for (rules, origin) in [
            (&self.rules, file.as_str()),
            (&self.default_rules, "default"),
        ] {
            for rule in rules {
                let paths = rule.paths.join(" ");
                push(
                    format!("rule.{}", rule.name),
                    format!("{paths} -> {:?}", rule.affects),
                    origin,
                );
            }
        }
        all.extend(
            self.projects
                .iter()
                .flat_map(|(name, project)| project.sources(name)),
        );
        all.sort();
        all
    }
}

impl ProjectConfig {
    /// Lists what one project's table sets.
    fn sources(&self, name: &str) -> Vec<SettingSource> {
        let setting = |key: String, value: &str| SettingSource {
            key: format!("project.{name}.{key}"),
            value: value.to_owned(),
            origin: self.origin.to_string(),
        };
        let of_task = |key: String, task: &ConfiguredTask| {
            let mut all = vec![setting(key.clone(), &task.run)];
            let mut push =
                |name: &str, value: String| all.push(setting(format!("{key}.{name}"), &value));
            if task.needs.weight != 1 {
                push("weight", task.needs.weight.to_string());
            }
            if !task.needs.locks.is_empty() {
                push("locks", task.needs.locks.join(" "));
            }
            if let Some(timeout) = task.timeout {
                push("timeout", format!("{timeout:?}"));
            }
            all
        };
        let tests = self
            .test
            .iter()
            .flat_map(|(stage, task)| of_task(format!("test.{stage}"), task));
        let tasks = self
            .task
            .iter()
            .flat_map(|(name, task)| of_task(format!("task.{name}"), task));
        let calls = self
            .calls
            .iter()
            .map(|other| setting("calls".to_owned(), other));
        let uses = self
            .depends_on
            .iter()
            .map(|other| setting("depends-on".to_owned(), other));
        tests.chain(tasks).chain(calls).chain(uses).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::memory::MemoryTree;

    fn load_text(text: &str) -> Result<Config, ConfigError> {
        load(&MemoryTree::new([(FILE_NAME, text)]))
    }

    #[test]
    fn the_embedded_rules_are_valid() {
        let config = load(&MemoryTree::default()).unwrap();
        assert!(
            config
                .default_rules
                .iter()
                .any(|rule| rule.name == "documentation")
        );
    }

    #[test]
    fn the_example_of_the_readme_is_understood() {
        let config = load_text(
            r#"
version = 1
default-branch = "master"
[[rule]]
name = "ci scripts touch all"
paths = ["ci/**"]
affects = "all"
[project.catalog]
path = "services/catalog"
calls = ["payments"]
test.smoke = "uv run pytest -m smoke"
test.unit = { run = "uv run pytest {tests}", inputs = ["src/**"], timeout = "5m", env = ["DATABASE_URL"] }
"#,
        )
        .unwrap();
        let catalog = &config.projects["catalog"];
        assert_eq!(catalog.test["unit"].timeout, Some(Duration::from_secs(300)));
        assert_eq!(catalog.calls, ["payments"]);
        assert_eq!(config.default_branch.as_deref(), Some("master"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        let ConfigError::Invalid { line, help, .. } =
            load_text("version = 1\ndefault-brunch = \"x\"\n").unwrap_err()
        else {
            panic!("expected an invalid file");
        };
        assert_eq!(line, Some(2));
        assert_eq!(help.as_deref(), Some("did you mean `default-branch`?"));
    }

    #[test]
    fn weights_and_locks_of_a_task() {
        let text = "[project.a]\ntest.e2e = { run = \"x\", weight = 2, locks = [\"gpu\", \"db\", \"db\"] }\n";
        let config = load_text(text).unwrap();
        let needs = &config.projects["a"].test["e2e"].needs;
        assert_eq!(
            (needs.weight, needs.locks.join(" ")),
            (2, "db gpu".to_owned())
        );
        let shown: Vec<_> = config
            .sources()
            .into_iter()
            .map(|set| format!("{} = {}", set.key, set.value))
            .collect();
        assert!(
            shown.contains(&"project.a.test.e2e.locks = db gpu".to_owned()),
            "{shown:?}"
        );
        assert!(load_text("[project.a]\ntest.e2e = { run = \"x\", weight = 0 }\n").is_err());
        let wrong = load_text("[project.a]\ntest.e2e = { run = \"x\", lokcs = [] }\n");
        let Err(ConfigError::Invalid { help, .. }) = wrong else {
            panic!("expected an invalid file");
        };
        assert_eq!(help.as_deref(), Some("did you mean `locks`?"));
    }

    #[test]
    fn a_rule_can_be_switched_off_and_a_wrong_name_is_told() {
        let config = load_text("disable-rules = [\"documentation\"]").unwrap();
        assert!(
            config
                .default_rules
                .iter()
                .all(|rule| rule.name != "documentation")
        );
        assert!(load_text("disable-rules = [\"documentaton\"]").is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration("99999999999999999999h"), None);
    }
}
