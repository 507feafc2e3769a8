//! The form of `affected.toml` on disk, and its way into [`super::Config`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use affected_graph::{Needs, RepoPath, Stage, StageOrder};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::history::{PlaceFile, QuarantineFile};
use super::{Affects, Config, ConfigError, ConfiguredTask, ProjectConfig, Rule, Territory};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct RootFile {
    version: Option<u32>,
    default_branch: Option<String>,
    stages: Option<Vec<String>>,
    precision: super::Precision,
    release: super::release::ReleaseConfig,
    history: Option<PlaceFile>,
    base: Option<String>,
    rerun_failed: super::RerunFailed,
    retries: u32,
    quarantine: Vec<QuarantineFile>,
    disable_rules: Vec<String>,
    rule: Vec<RuleFile>,
    project: BTreeMap<String, ProjectFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleFile {
    name: String,
    paths: Vec<String>,
    affects: AffectsFile,
    #[serde(rename = "where")]
    territory: Option<TerritoryFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TerritoryFile {
    Everywhere,
    Outside,
    Top,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AffectsFile {
    Word(String),
    Projects(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct ProjectFile {
    path: Option<String>,
    calls: Vec<String>,
    depends_on: Vec<String>,
    inputs: Vec<String>,
    cache: Option<bool>,
    test: BTreeMap<String, TaskFile>,
    task: BTreeMap<String, TaskFile>,
    release: super::release::ProjectRelease,
}

enum TaskFile {
    Line(String),
    Table(TaskTable),
}

/// By hand: an untagged enum would not say which key of a table is wrong.
impl<'de> Deserialize<'de> for TaskFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = TaskFile;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a command line or a table with `run`")
            }
            fn visit_str<E: de::Error>(self, line: &str) -> Result<TaskFile, E> {
                Ok(TaskFile::Line(line.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TaskFile, A::Error> {
                let table = TaskTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(TaskFile::Table(table))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskTable {
    run: String,
    #[serde(default)]
    inputs: Vec<String>,
    timeout: Option<String>,
    #[serde(default)]
    env: Vec<String>,
    weight: Option<usize>,
    #[serde(default)]
    locks: Vec<String>,
    #[serde(default)]
    outputs: Vec<String>,
    cache: Option<bool>,
}

#[derive(Deserialize)]
struct RulesFile {
    rule: Vec<RuleFile>,
}

/// Returns the configuration of a repository without a file.
pub(super) fn empty() -> Config {
    Config {
        default_branch: None,
        stages: StageOrder::default(),
        rules: Vec::new(),
        default_rules: super::default_rules(&BTreeSet::new()),
        projects: BTreeMap::new(),
        precision: super::Precision::default(),
        release: super::release::ReleaseConfig::default(),
        history: super::HistoryConfig::default(),
        file: None,
    }
}

/// Parses a text of `[[rule]]` tables.
pub(super) fn parse_rules(text: &str) -> Result<Vec<Rule>, String> {
    let file: RulesFile = toml::from_str(text).map_err(|error| error.to_string())?;
    file.rule.into_iter().map(rule).collect()
}

/// Parses the file in the repository root.
pub(super) fn parse_root(path: &RepoPath, bytes: &[u8]) -> Result<Config, ConfigError> {
    let invalid = |message: String, help: Option<&str>| ConfigError::Invalid {
        path: path.clone(),
        line: None,
        message,
        help: help.map(ToOwned::to_owned),
    };
    let file: RootFile = parse(path, bytes)?;
    if let Some(version) = file.version.filter(|version| *version != 1) {
        let help = Some("this release reads `version = 1`; update the tool");
        return Err(invalid(format!("version {version} is not known"), help));
    }
    let tag = file.release.tag.as_deref();
    if let Some(message) = tag.and_then(super::release::tag_fault) {
        return Err(invalid(message, None));
    }
    let disabled: BTreeSet<String> = file.disable_rules.into_iter().collect();
    let known = super::default_rules(&BTreeSet::new());
    if let Some(wrong) = disabled
        .iter()
        .find(|name| known.iter().all(|rule| rule.name != **name))
    {
        let names: Vec<_> = known
            .iter()
            .map(|rule| format!("`{}`", rule.name))
            .collect();
        let help = format!("the rules are {}", names.join(", "));
        return Err(invalid(
            format!("there is no rule `{wrong}` to disable"),
            Some(&help),
        ));
    }
    let rules = file.rule.into_iter().map(rule).collect::<Result<_, _>>();
    let mut projects = BTreeMap::new();
    for (name, project) in file.project {
        let converted = convert(path, &RepoPath::root(), project)
            .map_err(|message| invalid(format!("project `{name}`: {message}"), None))?;
        projects.insert(name, converted);
    }
    let quarantine = file.quarantine.into_iter().map(TryInto::try_into);
    let quarantine = quarantine.collect::<Result<_, String>>();
    Ok(Config {
        default_branch: file.default_branch.filter(|branch| !branch.is_empty()),
        stages: file.stages.map_or_else(StageOrder::default, |names| {
            StageOrder(names.into_iter().map(Stage::new).collect())
        }),
        rules: rules.map_err(|message| invalid(message, None))?,
        default_rules: super::default_rules(&disabled),
        projects,
        precision: file.precision,
        release: file.release,
        history: super::HistoryConfig {
            place: file.history.map(Into::into).unwrap_or_default(),
            base: file.base.filter(|base| !base.is_empty()),
            rerun_failed: file.rerun_failed,
            retries: file.retries,
            quarantine: quarantine.map_err(|message| invalid(message, None))?,
        },
        file: Some(path.clone()),
    })
}

/// Parses the file inside a project's folder: the keys of one `[project.…]` table.
pub(super) fn parse_project(
    path: &RepoPath,
    folder: &RepoPath,
    bytes: &[u8],
) -> Result<ProjectConfig, ConfigError> {
    let file: ProjectFile = parse(path, bytes)?;
    let mut project = convert(path, folder, file).map_err(|message| ConfigError::Invalid {
        path: path.clone(),
        line: None,
        message,
        help: None,
    })?;
    project.path = Some(folder.clone());
    Ok(project)
}

fn parse<T: for<'de> Deserialize<'de>>(path: &RepoPath, bytes: &[u8]) -> Result<T, ConfigError> {
    let invalid = |line, message, help| ConfigError::Invalid {
        path: path.clone(),
        line,
        message,
        help,
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| invalid(None, format!("it is not UTF-8: {error}"), None))?;
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| text[..span.start.min(text.len())].lines().count().max(1));
        let line = line.map(|count| match error.span() {
            // A span that starts a line counts the lines before it only.
            Some(span) if text[..span.start].ends_with('\n') => count + 1,
            _ => count,
        });
        invalid(
            line,
            error.message().to_owned(),
            suggestion(error.message()),
        )
    })
}

/// Turns serde's ``unknown field `x`, expected one of `a`, `b` `` into the nearest of them.
fn suggestion(message: &str) -> Option<String> {
    let mut names = message
        .strip_prefix("unknown field ")?
        .split('`')
        .skip(1)
        .step_by(2);
    let wrong = names.next()?;
    let (score, best) = names
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.7).then(|| format!("did you mean `{best}`?"))
}

fn rule(file: RuleFile) -> Result<Rule, String> {
    let affects = match file.affects {
        AffectsFile::Word(word) if word == "all" => Affects::All,
        AffectsFile::Word(word) if word == "none" => Affects::None,
        AffectsFile::Word(word) => {
            return Err(format!(
                "rule `{}`: `affects` is `{word}`, expected \"all\", \"none\" or a list of projects",
                file.name
            ));
        }
        AffectsFile::Projects(names) => Affects::Projects(names),
    };
    for glob in &file.paths {
        crate::glob::of_paths(glob).map_err(|error| format!("rule `{}`: {error}", file.name))?;
    }
    let territory = match file.territory {
        Some(TerritoryFile::Outside) => Territory::Outside,
        Some(TerritoryFile::Top) => Territory::Top,
        Some(TerritoryFile::Everywhere) | None => Territory::Everywhere,
    };
    Ok(Rule {
        name: file.name,
        paths: file.paths,
        affects,
        territory,
    })
}

fn convert(
    origin: &RepoPath,
    folder: &RepoPath,
    file: ProjectFile,
) -> Result<ProjectConfig, String> {
    let path = file
        .path
        .map(|path| folder.join(path))
        .transpose()
        .map_err(|error| error.to_string())?;
    if let Some(message) = file
        .release
        .tag
        .as_deref()
        .and_then(super::release::tag_fault)
    {
        return Err(message);
    }
    let tasks = |tasks: BTreeMap<String, TaskFile>| {
        tasks
            .into_iter()
            .map(|(name, task)| task_of(task).map(|task| (name, task)))
            .collect::<Result<BTreeMap<_, _>, _>>()
    };
    Ok(ProjectConfig {
        path,
        calls: file.calls,
        depends_on: file.depends_on,
        inputs: file.inputs,
        test: tasks(file.test)?,
        task: tasks(file.task)?,
        release: file.release,
        cache: file.cache,
        origin: origin.clone(),
    })
}

fn task_of(file: TaskFile) -> Result<ConfiguredTask, String> {
    let table = match file {
        TaskFile::Line(run) => TaskTable {
            run,
            inputs: vec![],
            timeout: None,
            env: vec![],
            weight: None,
            locks: vec![],
            outputs: vec![],
            cache: None,
        },
        TaskFile::Table(table) => table,
    };
    let timeout = table
        .timeout
        .map(|text| {
            parse_duration(&text).ok_or_else(|| {
                format!("`{text}` is no duration, expected such as \"90s\" or \"5m\"")
            })
        })
        .transpose()?;
    Ok(ConfiguredTask {
        run: table.run,
        inputs: table.inputs,
        timeout,
        env: table.env,
        needs: needs(table.weight, table.locks)?,
        outputs: table.outputs,
        cache: table.cache,
    })
}

fn needs(weight: Option<usize>, mut locks: Vec<String>) -> Result<Needs, String> {
    let weight = weight.unwrap_or(1);
    if weight == 0 {
        return Err("`weight = 0` would never count; the least is 1".to_owned());
    }
    locks.sort();
    locks.dedup();
    Ok(Needs {
        weight,
        locks,
        build_locks: Vec::new(),
    })
}

/// Reads `90s`, `5m`, `1h30m`, `250ms`; `None` for anything else.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(amount.checked_mul(millis)?))?;
        rest = &rest[unit..];
    }
    Some(total)
}
