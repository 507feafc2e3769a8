//! What a project tells pytest about markers. Source: "Configuration" and "Working with custom markers" of its documentation.

use serde::{Deserialize, Serialize};
use toml::Value;

use crate::facts::{Broken, Parser};

/// Parses `pytest.ini`, and the section of that tool in `tox.ini`.
pub(super) const PYTEST_INI: Parser<PytestSettings> = Parser {
    id: "python/pytest-ini",
    version: 1,
    parse: |bytes| Ok::<_, Broken>(of_ini(&String::from_utf8_lossy(bytes))),
};

/// What matters of the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PytestSettings {
    /// The names of the markers that are declared.
    pub(super) markers: Vec<String>,
    /// Whether a plain run chooses by markers already.
    pub(super) chooses: bool,
}

impl PytestSettings {
    pub(super) fn absorb(&mut self, other: &Self) {
        self.markers.extend(other.markers.iter().cloned());
        self.chooses |= other.chooses;
    }

    /// Takes one line of a key of an INI file.
    pub(super) fn take(&mut self, key: &str, value: &str) {
        match key {
            "markers" => self.marker(value),
            "addopts" => self.options(value.split_whitespace()),
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

    fn options<'o>(&mut self, mut options: impl Iterator<Item = &'o str>) {
        self.chooses |= options.any(|option| option.starts_with("-m"));
    }
}

/// Reads `[tool.pytest.ini_options]`.
pub(super) fn of_toml(settings: &Value) -> PytestSettings {
    let mut found = PytestSettings::default();
    let lines = |key: &str| -> Vec<&str> {
        match settings.get(key) {
            Some(Value::String(text)) => text.lines().collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    };
    for key in ["markers", "addopts"] {
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
}
