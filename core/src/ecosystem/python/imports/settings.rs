//! What manifests and settings name: plugins that are loaded without an import, and files that are generated.
//!
//! Sources: "Entry points specification" of PyPA, "Declarative configuration" of setuptools, "Plugins" of Poetry; pytest,
//! "Configuration file formats" and "Making your plugin installable by others".

use std::collections::BTreeSet;

use affected_graph::{ProjectIndex, RepoPath};
use toml::{Table, Value};

use super::super::super::Look;
use super::source::Module;
use super::world::World;

/// The settings of pytest for the folder where it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pytest {
    /// Its keys and values; lists are joined by blanks.
    pub(super) keys: Vec<(String, String)>,
}

impl Pytest {
    /// Reads the first file that has settings, in the folder or above it.
    pub(super) fn of(look: &Look<'_>, folder: &RepoPath) -> Self {
        const FILES: [&str; 5] = [
            "pytest.ini",
            ".pytest.ini",
            "pyproject.toml",
            "tox.ini",
            "setup.cfg",
        ];
        for folder in folder.ancestors() {
            for name in FILES {
                let text = text(look, &folder, name);
                let found = text.and_then(|text| match name {
                    "pyproject.toml" => from_pyproject(&text),
                    "setup.cfg" => section(&text, "tool:pytest"),
                    // An empty file of its own name is enough.
                    "pytest.ini" | ".pytest.ini" => {
                        Some(section(&text, "pytest").unwrap_or_default())
                    }
                    _ => section(&text, "pytest"),
                });
                if let Some(keys) = found {
                    return Self { keys };
                }
            }
        }
        Self::default()
    }

    /// The words of a value.
    pub(super) fn words(&self, key: &str) -> Vec<&str> {
        let found = self.keys.iter().find(|(name, _)| name == key);
        found.map_or_else(Vec::new, |(_, value)| value.split_whitespace().collect())
    }
}

fn text(look: &Look<'_>, folder: &RepoPath, name: &str) -> Option<String> {
    let path = folder.join(name).ok()?;
    if !look.head.files().is_file(&path) {
        return None;
    }
    let bytes = look.head.read(&path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn from_pyproject(text: &str) -> Option<Vec<(String, String)>> {
    let table: Table = toml::from_str(text).ok()?;
    let pytest = table.get("tool")?.get("pytest")?;
    let keys = pytest.get("ini_options").unwrap_or(pytest).as_table()?;
    let word = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned)
    };
    let value = |value: &Value| match value {
        Value::Array(list) => list.iter().map(word).collect::<Vec<_>>().join(" "),
        one => word(one),
    };
    Some(
        keys.iter()
            .map(|(key, found)| (key.clone(), value(found)))
            .collect(),
    )
}

/// The keys of one section of an INI file; a line that begins with a blank goes on with the value before.
fn section(text: &str, wanted: &str) -> Option<Vec<(String, String)>> {
    let mut found: Option<Vec<(String, String)>> = None;
    let mut inside = false;
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['#', ';']))
    {
        let name = line
            .trim()
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(name) = name.filter(|_| line.starts_with('[')) {
            inside = name == wanted;
            if inside {
                found.get_or_insert_default();
            }
            continue;
        }
        let Some(keys) = found.as_mut().filter(|_| inside) else {
            continue;
        };
        if line.starts_with(char::is_whitespace) {
            if let Some((_, value)) = keys.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(['=', ':']) {
            keys.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

/// Finds what every test of a project takes in because settings or manifests name it: modules in pytest's settings, and
/// entry points of everything that is installed with it, unless they are programs.
pub(super) fn plugins(world: &World<'_>, of: ProjectIndex) -> BTreeSet<RepoPath> {
    let mut found = BTreeSet::new();
    let root = &world.look.graph.project(of).root;
    let here = root.join("conftest.py").unwrap_or_default();
    let mut name = |module: &str| {
        let module = Module::absolute(module);
        found.extend(world.find(&here, &module, None).files);
    };
    for (key, value) in &Pytest::of(world.look, root).keys {
        if INERT.contains(&key.as_str()) {
            continue;
        }
        if key == "filterwarnings" {
            categories(value).into_iter().for_each(&mut name);
            continue;
        }
        let mut words = value.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let plugin = word.strip_prefix("-p").filter(|_| key == "addopts");
            match plugin {
                Some("") => words.peek().into_iter().for_each(|plugin| name(plugin)),
                Some(plugin) => name(plugin),
                // `-W error::shop.Late` names a class.
                None if word.contains('.') || key == "DJANGO_SETTINGS_MODULE" => {
                    word.split(':').for_each(&mut name);
                }
                None => {}
            }
        }
    }
    for project in world.closure(of).iter() {
        let root = &world.look.graph.project(*project).root;
        for module in entry_points(world.look, root) {
            name(&module);
        }
    }
    found
}

/// Settings that load nothing: patterns, paths, words for people. Source: pytest, "Configuration options".
const INERT: &[&str] = &[
    "cache_dir",
    "console_output_style",
    "junit_suite_name",
    "log_cli_date_format",
    "log_cli_format",
    "log_date_format",
    "log_file",
    "log_file_date_format",
    "log_file_format",
    "log_format",
    "markers",
    "minversion",
    "norecursedirs",
    "python_classes",
    "python_files",
    "python_functions",
    "required_plugins",
    "testpaths",
    "usefixtures",
];

/// The classes of warnings that filters name: only they are loaded; messages and modules are patterns. A filter is
/// `action:message:category:module:line`, several stand one behind the other. Source: `parse_warning_filter` of pytest.
fn categories(filters: &str) -> Vec<&str> {
    const ACTIONS: [&str; 7] = [
        "error", "ignore", "always", "all", "default", "module", "once",
    ];
    let parts = filters.split(':');
    parts
        .filter_map(|part| {
            let mut words = part.split_whitespace();
            let first = words.next().filter(|word| word.contains('.'))?;
            // A message goes on with other words; after a category the next filter begins.
            words
                .next()
                .is_none_or(|word| ACTIONS.contains(&word))
                .then_some(first)
        })
        .collect()
}

const PROGRAMS: [&str; 2] = ["console_scripts", "gui_scripts"];

/// The modules that a project offers to others by name.
fn entry_points(look: &Look<'_>, root: &RepoPath) -> Vec<String> {
    let mut found = Vec::new();
    let pyproject = text(look, root, "pyproject.toml").and_then(|text| toml::from_str(&text).ok());
    if let Some(table) = pyproject {
        found.extend(in_pyproject(&table));
    }
    let keys =
        text(look, root, "setup.cfg").and_then(|text| section(&text, "options.entry_points"));
    for (group, value) in keys.unwrap_or_default() {
        if !PROGRAMS.contains(&group.as_str()) {
            let words = value
                .split(['=', ' '])
                .filter(|word| word.contains('.') || word.contains(':'));
            found.extend(words.filter_map(module_of));
        }
    }
    if let Some(text) = text(look, root, "setup.py") {
        found.extend(in_setup(&text));
    }
    found
}

fn in_pyproject(table: &Table) -> Vec<String> {
    let project = table
        .get("project")
        .and_then(|project| project.get("entry-points"));
    let poetry = table.get("tool").and_then(|tool| tool.get("poetry"));
    let plugins = poetry.and_then(|poetry| poetry.get("plugins"));
    let groups = [project, plugins]
        .into_iter()
        .flatten()
        .filter_map(Value::as_table);
    let groups = groups
        .flatten()
        .filter(|(name, _)| !PROGRAMS.contains(&name.as_str()));
    let values = groups.filter_map(|(_, group)| group.as_table()).flatten();
    let targets = values.filter_map(|(_, target)| target.as_str());
    targets.filter_map(module_of).collect()
}

/// Entry points that are written as strings in `setup.py`, below the name of their group.
fn in_setup(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("entry_points") else {
        return Vec::new();
    };
    let (mut found, mut program) = (Vec::new(), false);
    for word in rest.split(['"', '\'']).skip(1).step_by(2) {
        match word.split_once('=') {
            Some((_, target)) if !program => found.extend(module_of(target)),
            Some(_) => {}
            None => program = PROGRAMS.contains(&word),
        }
    }
    found
}

fn module_of(target: &str) -> Option<String> {
    let module = target.split([':', '[']).next()?.trim();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    (!module.is_empty() && module.chars().all(is_name)).then(|| module.to_owned())
}

/// Tells whether the project around a file says that it makes this module itself, such as one that holds its version.
pub(super) fn is_generated(world: &World<'_>, path: &RepoPath, module: &Module) -> bool {
    let Some(owner) = world.owner(path) else {
        return false;
    };
    let root = &world.look.graph.project(owner).root;
    let name = module.name.rsplit('.').next().unwrap_or_default();
    let file = format!("{name}.py");
    let manifests = ["pyproject.toml", "setup.py", "setup.cfg"].into_iter();
    let mut texts = manifests.filter_map(|manifest| text(world.look, root, manifest));
    !name.is_empty() && texts.any(|text| text.contains(&file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_hold_lists_over_several_lines() {
        let text = "[other]\na = 1\n[tool:pytest]\n# x\naddopts = -q\n  -p plug\ntestpaths =\n  a\n  b\n[z]\nb = 2\n";
        let keys = section(text, "tool:pytest").expect("the section");
        let pytest = Pytest { keys };
        assert_eq!(pytest.words("addopts"), ["-q", "-p", "plug"]);
        assert_eq!(pytest.words("testpaths"), ["a", "b"]);
        assert_eq!(section(text, "pytest"), None);
    }

    #[test]
    fn only_the_classes_of_warnings_are_loaded() {
        let told = |filters: &str| categories(filters).join(" ");
        assert_eq!(
            told("error ignore: shop.old is deprecated.*:DeprecationWarning"),
            ""
        );
        assert_eq!(
            told("ignore::shop.Late error:x:shop.Early:shop.*:1"),
            "shop.Late shop.Early shop.*"
        );
        assert_eq!(told("ignore: it says shop.old"), "");
        assert_eq!(told("error:x : shop.Early"), "shop.Early");
    }

    #[test]
    fn entry_points_are_plugins_unless_they_are_programs() {
        let toml = "[project.scripts]\nx = \"a.cli:main\"\n[project.entry-points.pytest11]\ny = \"a.plugin\"\n";
        let table: Table = toml::from_str(toml).expect("TOML");
        assert_eq!(in_pyproject(&table), ["a.plugin"]);
        let setup =
            "setup(entry_points={'console_scripts': ['x = a.cli:main'], \"g\": ['y=a.b:C [x]']})";
        assert_eq!(in_setup(setup), ["a.b"]);
    }
}
