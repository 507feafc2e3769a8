//! `package.json` and `pnpm-workspace.yaml`, read tolerantly: real ones hold every odd type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::line_of;
use crate::facts::{Broken, Parser};

/// Parses `package.json`.
pub(super) const MANIFEST: Parser<Manifest> = Parser {
    id: "npm/manifest",
    version: 2,
    parse: parse_manifest,
};

/// Parses `pnpm-workspace.yaml`.
pub(super) const PNPM: Parser<PnpmWorkspace> = Parser {
    id: "npm/pnpm-workspace",
    version: 1,
    parse: parse_pnpm,
};

/// What matters of a `package.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) scripts: BTreeMap<String, String>,
    pub(super) dependencies: BTreeMap<String, Wanted>,
    /// Apart from the others: their range is for whoever installs this, while the one of `devDependencies` by the
    /// same name says what is linked here.
    pub(super) peers: BTreeMap<String, Wanted>,
    /// Globs of members; `None` where it is no workspace root.
    pub(super) workspaces: Option<Vec<String>>,
    /// `pnpm@9.1.0`.
    pub(super) package_manager: Option<String>,
    /// Set for one that could not be parsed.
    pub(super) broken: bool,
}

/// One dependency as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) range: String,
    pub(super) development: bool,
    pub(super) line: Option<u32>,
}

/// What matters of a `pnpm-workspace.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PnpmWorkspace {
    #[serde(default)]
    pub(super) packages: Vec<String>,
}

fn parse_manifest(bytes: &[u8]) -> Result<Manifest, Broken> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Broken {
        line: u32::try_from(error.line()).ok(),
        message: format!("not valid JSON: {error}"),
    })?;
    let text = String::from_utf8_lossy(bytes);
    let string = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let wanted = |key: &str, development: bool| {
        let named = string_map(value.get(key)).into_iter();
        named.map(move |(name, range)| {
            let wanted = Wanted {
                range,
                development,
                line: None,
            };
            (name, wanted)
        })
    };
    // Weakest first: a name that is also a run-time dependency is one.
    let mut dependencies: BTreeMap<String, Wanted> = wanted("devDependencies", true)
        .chain(wanted("optionalDependencies", false))
        .chain(wanted("dependencies", false))
        .collect();
    let mut peers: BTreeMap<String, Wanted> = wanted("peerDependencies", false).collect();
    for (name, wanted) in dependencies.iter_mut().chain(&mut peers) {
        wanted.line = line_of(&text, &format!("\"{name}\""));
    }
    Ok(Manifest {
        name: string("name").filter(|name| !name.is_empty()),
        version: string("version"),
        scripts: string_map(value.get("scripts")),
        dependencies,
        peers,
        workspaces: value.get("workspaces").and_then(globs),
        package_manager: string("packageManager"),
        broken: false,
    })
}

fn string_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let pairs = value.and_then(Value::as_object).into_iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Reads `["packages/*"]` and yarn's `{"packages": [...], "nohoist": [...]}`.
fn globs(value: &Value) -> Option<Vec<String>> {
    let list = value
        .as_array()
        .or_else(|| value.get("packages")?.as_array())?;
    Some(
        list.iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect(),
    )
}

fn parse_pnpm(bytes: &[u8]) -> Result<PnpmWorkspace, Broken> {
    let text = String::from_utf8_lossy(bytes);
    super::super::yaml(&text)
}
