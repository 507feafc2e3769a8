//! What a project tells pytest. Source: "Configuration options", "Working with custom markers" and "How to run doctests" of
//! its documentation.

use serde::{Deserialize, Serialize};
use toml::Value;

use crate::facts::{Broken, Parser};

/// Parses `pytest.ini`, and the section of that tool in `tox.ini`.
pub(super) const PYTEST_INI: Parser<PytestSettings> = Parser {
    id: "python/pytest-ini",
    version: 2,
    parse: |bytes| Ok::<_, Broken>(of_ini(&String::from_utf8_lossy(bytes))),
};

/// What matters of the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PytestSettings {
    /// The names of the markers that are declared.
    pub(super) markers: Vec<String>,
    /// Whether a plain run chooses by markers already.
    pub(super) chooses: bool,
    /// Other folders that modules are looked for in.
    pub(super) paths: Vec<String>,
    /// Patterns of documents whose examples are run.
    pub(super) documents: Vec<String>,
}

/// Options and settings that run the examples of documents, and which documents; of one that names them itself nothing.
pub(super) const DOCUMENTS: &[(&str, &[&str])] = &[
    ("--doctest-glob", &[]),
    ("--doctest-rst", &["*.rst"]),
    ("doctest_rst", &["*.rst"]),
    ("--markdown-docs", &["*.md", "*.mdx"]),
    ("--codeblocks", &["*.md", "*.markdown"]),
];

impl PytestSettings {
    pub(super) fn absorb(&mut self, other: &Self) {
        self.markers.extend(other.markers.iter().cloned());
        self.chooses |= other.chooses;
        self.paths.extend(other.paths.iter().cloned());
        self.documents.extend(other.documents.iter().cloned());
    }

    /// Takes one line of a key of an INI file.
    pub(super) fn take(&mut self, key: &str, value: &str) {
        match key {
            "markers" => self.marker(value),
            "addopts" => self.options(value.split_whitespace()),
            "pythonpath" => {
                let paths = value.split_whitespace();
                self.paths.extend(paths.map(ToOwned::to_owned));
            }
            "doctest_rst" => self.documents([key].into_iter()),
            _ => {}
        }
    }

    /// `name(arguments): what it means`.
    fn marker(&mut self, line: &str) {
        let name = line.split([':', '(']).next().unwrap_or_default().trim();
        if !name.is_empty() {
            self.markers.push(name.to_owned());
        }
    }

    fn options<'o>(&mut self, options: impl Iterator<Item = &'o str> + Clone) {
        self.chooses |= options.clone().any(|option| option.starts_with("-m"));
        self.documents(options);
    }

    fn documents<'o>(&mut self, mut options: impl Iterator<Item = &'o str>) {
        while let Some(option) = options.next() {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let known = DOCUMENTS.iter().find(|(known, _)| *known == name);
            let Some((_, patterns)) = known else { continue };
            if !patterns.is_empty() {
                let patterns = patterns.iter().map(ToString::to_string);
                self.documents.extend(patterns);
                continue;
            }
            let value = Some(value).filter(|value| !value.is_empty());
            let value = value.or_else(|| options.next()).unwrap_or_default();
            let pattern = value.trim_matches(['\'', '"']);
            self.documents.push(pattern.to_owned());
        }
    }
}

/// Reads `[tool.pytest.ini_options]`.
pub(super) fn of_toml(settings: &Value) -> PytestSettings {
    let mut found = PytestSettings::default();
    let lines = |key: &str| -> Vec<&str> {
        match settings.get(key) {
            Some(Value::String(text)) => text.lines().collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(Value::Boolean(true)) => vec!["true"],
            _ => Vec::new(),
        }
    };
    // An option and its value may stand apart in a list.
    found.take("addopts", &lines("addopts").join(" "));
    for key in ["markers", "pythonpath", "doctest_rst"] {
        lines(key)
            .into_iter()
            .for_each(|line| found.take(key, line));
    }
    found
}

fn of_ini(text: &str) -> PytestSettings {
    let mut found = PytestSettings::default();
    let (mut is_pytest, mut key) = (false, "");
    let lines = text.lines().map(str::trim_end);
    for line in lines.filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if line.starts_with('[') {
            is_pytest = line == "[pytest]";
            continue;
        }
        let mut value = line.trim();
        if !line.starts_with(char::is_whitespace)
            && let Some((name, rest)) = line.split_once('=')
        {
            (key, value) = (name.trim(), rest.trim());
        }
        if is_pytest {
            found.take(key, value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_read_from_every_form() {
        let ini = of_ini(
            "[tox]\nmarkers = no\n[pytest]\n# x\naddopts = -q\n  --strict-markers\nmarkers =\n    e2e: whole\n    slow(n): other\n",
        );
        assert_eq!(ini.markers, ["e2e", "slow"]);
        assert!(!ini.chooses);
        let table: Value = toml::from_str(
            "markers = [\"integration: needs a database\"]\naddopts = \"-m 'not e2e'\"",
        )
        .unwrap();
        let read = of_toml(&table);
        assert_eq!(
            (read.markers, read.chooses),
            (vec!["integration".to_owned()], true)
        );
    }

    #[test]
    fn documents_and_folders_are_read_from_every_form() {
        let check = |read: PytestSettings, paths: &str, documents: &str| {
            let told = (read.paths.join(" "), read.documents.join(" "));
            assert_eq!(told, (paths.to_owned(), documents.to_owned()));
        };
        let ini =
            "[pytest]\naddopts = -q --doctest-glob='*.md' --doctest-rst\npythonpath = . ../b\n";
        check(of_ini(ini), ". ../b", "*.md *.rst");
        let toml = |text: &str| of_toml(&toml::from_str(text).unwrap());
        check(
            toml("addopts = ['--doctest-glob', '*.rst']\npythonpath = ['../b/src']"),
            "../b/src",
            "*.rst",
        );
        check(
            toml("addopts = '--markdown-docs'\npythonpath = '../b'"),
            "../b",
            "*.md *.mdx",
        );
    }
}
