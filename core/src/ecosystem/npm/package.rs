//! What `package.json` and `tsconfig.json` say about the meaning of names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ecosystem::without_comments;
use crate::facts::{Broken, Parser};

/// Parses the entrances of a `package.json`.
pub(super) const ENTRY: Parser<Entry> = Parser {
    id: "npm/entry",
    version: 2,
    parse: parse_entry,
};

/// Parses a `tsconfig.json`.
pub(super) const TSCONFIG: Parser<TsConfig> = Parser {
    id: "npm/tsconfig",
    version: 1,
    parse: parse_tsconfig,
};

/// The entrances of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// `main`, `module`, `types` … without `exports`.
    pub(super) mains: BTreeSet<String>,
    /// Names below the package with all that they may mean.
    pub(super) exports: BTreeMap<String, BTreeSet<String>>,
    /// Names that begin with `#`.
    pub(super) imports: BTreeMap<String, BTreeSet<String>>,
    /// Packages it asks for, of whatever kind.
    pub(super) dependencies: BTreeSet<String>,
    /// Settings of test runners and compilers that lie in it: by their key, as JSON.
    pub(super) settings: BTreeMap<String, String>,
    /// Names of scripts.
    pub(super) scripts: BTreeSet<String>,
}

/// What matters of a `tsconfig.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TsConfig {
    pub(super) extends: Vec<String>,
    pub(super) references: Vec<String>,
    pub(super) base_url: Option<String>,
    pub(super) paths: BTreeMap<String, Vec<String>>,
    pub(super) root_dirs: Vec<String>,
}

fn json(text: &str) -> Result<Value, Broken> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| Broken {
        line: u32::try_from(error.line()).ok(),
        message: format!("not valid JSON: {error}"),
    })
}

fn parse_entry(bytes: &[u8]) -> Result<Entry, Broken> {
    let value = json(&String::from_utf8_lossy(bytes))?;
    let mut entry = Entry::default();
    for key in [
        "main",
        "module",
        "browser",
        "types",
        "typings",
        "source",
        "svelte",
        "react-native",
    ] {
        strings(value.get(key).unwrap_or(&Value::Null), &mut entry.mains);
    }
    if let Some(exports) = value.get("exports") {
        entry.exports = names(exports);
    }
    if let Some(Value::Object(imports)) = value.get("imports") {
        for (name, to) in imports {
            strings(to, entry.imports.entry(name.clone()).or_default());
        }
    }
    for key in [
        "dependencies",
        "devDependencies",
        "peerDependencies",
        "optionalDependencies",
    ] {
        if let Some(Value::Object(wanted)) = value.get(key) {
            entry.dependencies.extend(wanted.keys().cloned());
        }
    }
    if let Some(Value::Object(scripts)) = value.get("scripts") {
        entry.scripts.extend(scripts.keys().cloned());
    }
    for key in ["jest", "mocha", "ava", "tap", "babel"] {
        let settings = value.get(key).map(ToString::to_string);
        entry
            .settings
            .extend(settings.map(|settings| (key.to_owned(), settings)));
    }
    Ok(entry)
}

/// `exports` is one target, or conditions, or names with either.
fn names(exports: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    match exports {
        Value::Object(map) if map.keys().any(|key| key.starts_with('.')) => {
            for (name, to) in map {
                // `"./features/"` stands for all below it.
                let name = if name.len() > 1 && name.ends_with('/') {
                    format!("{name}*")
                } else {
                    name.clone()
                };
                let targets = found.entry(name).or_default();
                strings(to, targets);
                let starred = targets.iter().map(|to| {
                    if to.ends_with('/') {
                        format!("{to}*")
                    } else {
                        to.clone()
                    }
                });
                *targets = starred.collect();
            }
        }
        other => strings(other, found.entry(".".to_owned()).or_default()),
    }
    found
}

/// All strings in a value, under whatever conditions. Parsers bound the depth.
fn strings(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(list) => list.iter().for_each(|value| strings(value, found)),
        Value::Object(map) => map.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

fn parse_tsconfig(bytes: &[u8]) -> Result<TsConfig, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let value = json(&without_trailing_commas(&without_comments(&text)))?;
    let options = value.get("compilerOptions");
    let option = |key: &str| options.and_then(|options| options.get(key));
    let list = |value: Option<&Value>| {
        let mut found = BTreeSet::new();
        strings(value.unwrap_or(&Value::Null), &mut found);
        found.into_iter().collect::<Vec<_>>()
    };
    let paths = option("paths")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    Ok(TsConfig {
        extends: list(value.get("extends")),
        references: list(value.get("references")),
        base_url: option("baseUrl")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        paths: paths
            .map(|(name, to)| (name.clone(), list(Some(to))))
            .collect(),
        root_dirs: list(option("rootDirs")),
    })
}

/// A comma before a closing bracket is an error of JSON, but not of these files.
fn without_trailing_commas(text: &str) -> String {
    let (mut out, mut quoted, mut escaped) = (String::with_capacity(text.len()), false, false);
    for letter in text.chars() {
        if !quoted && matches!(letter, '}' | ']') {
            let end = out.trim_end().len();
            if out[..end].ends_with(',') {
                out.truncate(end - 1);
            }
        }
        quoted ^= letter == '"' && !escaped;
        escaped = quoted && letter == '\\' && !escaped;
        out.push(letter);
    }
    out
}

/// What stands for the star of `pattern` in `name`; nothing for one without a star.
pub(super) fn matched<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    match pattern.split_once('*') {
        None => (pattern == name).then_some(""),
        Some((start, end)) => {
            let rest = name.strip_prefix(start)?;
            rest.strip_suffix(end)
        }
    }
}
