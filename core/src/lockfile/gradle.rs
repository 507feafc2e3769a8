//! `gradle.lockfile` and `buildscript-gradle.lockfile`: one project, `group:name:version=configurations` a line.
//! Source: "Locking Versions" of the Gradle user manual.

use super::{Format, Lock, Package, Scope};
use crate::facts::Broken;

pub(super) struct GradleLock;

impl Format for GradleLock {
    fn names(&self) -> &'static [&'static str] {
        &["gradle.lockfile", "buildscript-gradle.lockfile"]
    }

    fn scope(&self) -> Scope {
        Scope::Beside
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let mut lock = Lock::default();
        for (line, number) in text.lines().zip(1_u32..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
                continue;
            }
            if line.split('=').next().unwrap_or(line).matches(':').count() < 2 {
                return Err(Broken {
                    line: Some(number),
                    message: "not a group, a name and a version".to_owned(),
                });
            }
            let package = Package {
                identity: line.to_owned(),
                needs: Vec::new(),
            };
            lock.packages.insert(line.to_owned(), package);
        }
        lock.give_all("");
        Ok(lock)
    }
}
