//! What `uv.lock` says of its members, for those whose manifest computes its dependencies.
//!
//! Source: "Lockfile" of the uv documentation; PEP 621 (`dynamic`).

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::manifest::Requirement;
use crate::ecosystem::line_of;
use crate::facts::{Broken, Parser};

pub(super) const UV_LOCK: Parser<Vec<Locked>> = Parser {
    id: "python/uv-lock",
    version: 1,
    parse,
};

/// A member of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Locked {
    /// Relative to the lockfile's folder; empty for that folder.
    pub(super) folder: String,
    /// Other members that it needs.
    pub(super) requires: Vec<Requirement>,
}

fn parse(bytes: &[u8]) -> Result<Vec<Locked>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let table: Table = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let at = error.span().map(|span| span.start);
        Broken::at(bytes, at, format!("not valid TOML: {}", error.message()))
    })?;
    let packages = table.get("package").and_then(Value::as_array);
    let members: Vec<(&Value, &str)> = packages
        .into_iter()
        .flatten()
        .filter_map(|package| Some((package, folder_of(package)?)))
        .collect();
    let is_member = |name: &str| members.iter().any(|(member, _)| name_of(member) == name);
    let locked = members.iter().map(|(package, folder)| Locked {
        folder: if *folder == "." { "" } else { *folder }.to_owned(),
        requires: wishes(package)
            .filter(|(name, _)| is_member(name))
            .map(|(name, development)| Requirement {
                name: name.to_owned(),
                development,
                line: line_of(&text, &format!("name = \"{}\"", name_of(package))),
                ..Requirement::default()
            })
            .collect(),
    });
    Ok(locked.collect())
}

fn name_of(value: &Value) -> &str {
    value
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn folder_of(package: &Value) -> Option<&str> {
    let source = package.get("source")?;
    let kinds = ["editable", "virtual", "directory"];
    kinds.iter().find_map(|kind| source.get(kind)?.as_str())
}

/// Names, and whether only development needs them.
fn wishes(package: &Value) -> impl Iterator<Item = (&str, bool)> {
    let lists = |key: &str| {
        let groups = package.get(key).and_then(Value::as_table);
        groups.into_iter().flatten().map(|(_, list)| list)
    };
    let main = package.get("dependencies").into_iter();
    let main = main.chain(lists("optional-dependencies"));
    let development = lists("dev-dependencies");
    main.map(|list| (list, false))
        .chain(development.map(|list| (list, true)))
        .flat_map(|(list, development)| {
            let items = list.as_array().into_iter().flatten();
            items.map(move |item| (name_of(item), development))
        })
}
