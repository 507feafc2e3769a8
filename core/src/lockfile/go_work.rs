//! `go.work.sum`: checksums of modules that the workspace needs and no member's `go.sum` holds. Source: "go.sum
//! files" and "Workspaces" of the Go Modules Reference. Who uses a module stands in the members' `go.mod`, which
//! since Go 1.17 lists the whole build. (`go.sum` itself is a file of its module.)

use std::collections::BTreeSet;

use super::{Asking, EVERYTHING, Format, Lock, Package, Scope};
use crate::facts::Broken;

pub(super) struct GoWorkSum;

impl Format for GoWorkSum {
    fn names(&self) -> &'static [&'static str] {
        &["go.work.sum"]
    }

    fn scope(&self) -> Scope {
        Scope::Asked
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let mut lock = Lock::default();
        for (line, number) in text.lines().zip(1_u32..) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [module, version, checksum] = words[..] else {
                if words.is_empty() {
                    continue;
                }
                return Err(Broken {
                    line: Some(number),
                    message: "not a module, a version and a checksum".to_owned(),
                });
            };
            // The checksum of a `go.mod` tells which versions were compared, not what is built.
            if version.ends_with("/go.mod") {
                continue;
            }
            lock.requested.insert(module.to_owned(), module.to_owned());
            let package = lock.packages.entry(module.to_owned()).or_insert(Package {
                identity: module.to_owned(),
                needs: Vec::new(),
            });
            package.identity.push_str(&format!(" {version} {checksum}"));
        }
        Ok(lock)
    }

    fn asking(&self) -> Option<&'static Asking> {
        const ASKING: Asking = Asking {
            is_manifest: |name| name == b"go.mod",
            inherited: false,
            levels: 0,
            read: required,
        };
        Some(&ASKING)
    }
}

/// Modules of `require` lines and blocks: any line with a path and a version.
fn required(text: &str) -> BTreeSet<String> {
    let language = text.lines().find_map(|line| line.strip_prefix("go 1."));
    let minor = language.and_then(|rest| rest.trim().split('.').next()?.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < 17) && !text.contains("\ngo 2") {
        return BTreeSet::from([EVERYTHING.to_owned()]);
    }
    let lines = text.lines().map(|line| line.split("//").next());
    lines
        .flatten()
        .filter_map(|line| {
            let mut words = line.split_whitespace().filter(|word| *word != "require");
            let module = words.next()?;
            words.next()?.starts_with('v').then(|| module.to_owned())
        })
        .collect()
}
