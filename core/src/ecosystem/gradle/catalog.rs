//! `libs.versions.toml`: which accessor means which plugin. Source: "Version Catalogs" of the Gradle user manual.

use std::collections::BTreeMap;

use crate::facts::{Broken, Parser};

/// Accessor (`a.b` for the alias `a-b`) to plugin id.
pub(super) type Plugins = BTreeMap<String, String>;

pub(super) const CATALOG: Parser<Plugins> = Parser {
    id: "gradle/catalog",
    version: 1,
    parse,
};

fn parse(bytes: &[u8]) -> Result<Plugins, Broken> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Broken::at(bytes, Some(error.valid_up_to()), "not valid UTF-8"))?;
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let offset = error.span().map(|span| span.start);
        Broken::at(bytes, offset, error.message())
    })?;
    let plugins = table.get("plugins").and_then(toml::Value::as_table);
    let accessor = |alias: &str| alias.replace(['-', '_'], ".");
    let id = |value: &toml::Value| match value {
        toml::Value::String(text) => text.split(':').next().map(ToOwned::to_owned),
        toml::Value::Table(table) => table.get("id")?.as_str().map(ToOwned::to_owned),
        _ => None,
    };
    Ok(plugins
        .into_iter()
        .flatten()
        .filter_map(|(alias, value)| Some((accessor(alias), id(value)?)))
        .collect())
}
