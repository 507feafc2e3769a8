//! `packages.lock.json` of NuGet, versions 1 and 2: it locks one project, for each target framework. Source:
//! "Locking dependencies" of the NuGet documentation.

use serde_json::Value;

use super::{Format, Lock, Package, Scope, json};
use crate::facts::Broken;

pub(super) struct NugetLock;

impl Format for NugetLock {
    fn names(&self) -> &'static [&'static str] {
        &["packages.lock.json"]
    }

    fn scope(&self) -> Scope {
        Scope::Beside
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let document = json(text)?;
        let version = document.get("version").and_then(Value::as_u64);
        if !matches!(version, Some(1 | 2)) {
            return Err(super::unknown_version(&format!("{version:?}")));
        }
        let frameworks = document.get("dependencies").and_then(Value::as_object);
        let mut lock = Lock::default();
        for (framework, packages) in frameworks.into_iter().flatten() {
            for (name, package) in packages.as_object().into_iter().flatten() {
                let field =
                    |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
                let id = format!("{framework} {}", name.to_lowercase());
                // A project of the repository is an edge of the graph.
                let identity = match field("type") {
                    "Project" => String::new(),
                    _ => format!("{id} {} {}", field("resolved"), field("contentHash")),
                };
                let needs = Vec::new();
                lock.packages.insert(id, Package { identity, needs });
            }
        }
        lock.give_all("");
        Ok(lock)
    }
}
