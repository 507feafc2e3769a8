//! `Pipfile.lock`, specification 6. Source: "Pipfile & Pipfile.lock" of the Pipenv documentation. It is a flat
//! list: what needs what is not in it.

use serde_json::Value;

use super::python::{Entry, environment};
use super::{Format, Lock, Scope, json};
use crate::facts::Broken;

pub(super) struct PipfileLock;

impl Format for PipfileLock {
    fn names(&self) -> &'static [&'static str] {
        &["Pipfile.lock"]
    }

    fn scope(&self) -> Scope {
        Scope::Environment
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let document = json(text)?;
        let spec = document
            .get("_meta")
            .and_then(|meta| meta.get("pipfile-spec"));
        if let Some(spec) = spec.filter(|spec| spec.as_u64() != Some(6)) {
            return Err(super::unknown_version(&spec.to_string()));
        }
        let categories = document.as_object().into_iter().flatten();
        let categories = categories.filter(|(key, _)| *key != "_meta");
        let packages = categories.filter_map(|(_, packages)| packages.as_object());
        Ok(environment(
            packages
                .flatten()
                .map(|(name, package)| entry(name, package))
                .collect(),
        ))
    }
}

fn entry(name: &str, package: &Value) -> Entry {
    let path = ["path", "file"]
        .iter()
        .find_map(|key| package.get(*key)?.as_str());
    let folder = path.filter(|path| path.starts_with('.') && !path.ends_with(".whl"));
    Entry {
        name: name.to_owned(),
        identity: package.to_string(),
        folder: folder.map(ToOwned::to_owned),
        needs: Vec::new(),
    }
}
