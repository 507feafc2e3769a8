//! The digest of an action: everything that can change what it does, in named parts.
//!
//! The words are those of the Remote Execution API; the parts are kept beside the result, so that two digests can
//! be compared part by part. Values of variables and secrets come in as digests only (C12), no clock comes in at
//! all (C11), and the folder of the checkout does not either (S8).

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::Command;

use super::Action;
use crate::digest::Digest;

/// Raised with every change of what is stored or how it is found.
pub const CACHE_VERSION: u32 = 1;

/// One thing that the digest covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// For people: `command`, `variable CI`, `program go`, `files of libs/money`.
    pub name: Arc<str>,
    /// Of its value.
    pub digest: Digest,
}

impl Part {
    /// Names a value.
    pub fn new(name: impl Into<Arc<str>>, value: &[u8]) -> Self {
        Self {
            name: name.into(),
            digest: Digest::of_bytes(value),
        }
    }
}

/// The digest of an action with its parts, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionDigest {
    /// Over all parts.
    pub digest: Digest,
    /// Unique names.
    pub parts: Vec<Part>,
}

impl ActionDigest {
    /// Hashes parts; of two with one name both count.
    #[must_use]
    pub fn new(mut parts: Vec<Part>) -> Self {
        parts.sort();
        let version = CACHE_VERSION.to_le_bytes();
        let head = [&b"action"[..], &version];
        let fields = parts
            .iter()
            .flat_map(|part| [part.name.as_bytes(), part.digest.as_bytes()]);
        let digest = Digest::of_fields(head.into_iter().chain(fields));
        Self { digest, parts }
    }

    /// Returns where results of one trust level are kept: what one level writes, another cannot even find (C9).
    #[must_use]
    pub fn at_level(&self, level: &str) -> Digest {
        Digest::of_fields([&b"level"[..], level.as_bytes(), self.digest.as_bytes()])
    }
}

/// What an action is by itself: command, folder, variables, limits.
#[must_use]
pub fn parts_of(action: &Action) -> Vec<Part> {
    let mut parts = vec![
        Part {
            name: "command".into(),
            digest: of_command(&action.command),
        },
        Part::new("folder", action.cwd.as_bytes()),
        Part::new("target", action.target.as_bytes()),
        Part::new(
            "platform",
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH).as_bytes(),
        ),
    ];
    parts.extend(variables("set variable", &action.env));
    parts
}

/// Names variables and hides their values.
pub fn variables<'v>(
    what: &'v str,
    variables: &'v BTreeMap<String, String>,
) -> impl Iterator<Item = Part> + 'v {
    let part = move |(name, value): (&String, &String)| {
        Part::new(format!("{what} {name}"), value.as_bytes())
    };
    variables.iter().map(part)
}

fn of_command(command: &Command) -> Digest {
    match command {
        Command::Argv(words) => {
            let words = words.iter().map(String::as_bytes);
            Digest::of_fields([&b"argv"[..]].into_iter().chain(words))
        }
        Command::Shell(line) => Digest::of_fields([&b"shell"[..], line.as_bytes()]),
    }
}

/// Names the parts in which two digests differ, sorted.
#[must_use]
pub fn differences(one: &[Part], other: &[Part]) -> Vec<Difference> {
    let of = |parts: &[Part]| -> BTreeMap<Arc<str>, Digest> {
        let pairs = parts.iter().map(|part| (part.name.clone(), part.digest));
        pairs.collect()
    };
    let (one, other) = (of(one), of(other));
    let names: std::collections::BTreeSet<&Arc<str>> = one.keys().chain(other.keys()).collect();
    let differences = names.into_iter().filter_map(|name| {
        let (before, after) = (one.get(name).copied(), other.get(name).copied());
        (before != after).then(|| Difference {
            name: name.to_string(),
            before,
            after,
        })
    });
    differences.collect()
}

/// One part in which two digests differ; a side is `None` where it has no such part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The part.
    pub name: String,
    /// In the first.
    pub before: Option<Digest>,
    /// In the second.
    pub after: Option<Digest>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// C2: every part counts, in any order, under its own name; two keys can be compared.
    #[test]
    fn c2_every_part_counts_and_can_be_named() {
        let parts = |folder: &str, variable: &str| {
            vec![
                Part::new("folder", folder.as_bytes()),
                Part::new("variable A", variable.as_bytes()),
            ]
        };
        let one = ActionDigest::new(parts("a", "1"));
        let mut turned = parts("a", "1");
        turned.reverse();
        assert_eq!(one, ActionDigest::new(turned));
        for other in [
            parts("b", "1"),
            parts("a", "2"),
            parts("a", "1")[..1].to_vec(),
        ] {
            let other = ActionDigest::new(other);
            assert_ne!(one.digest, other.digest);
            assert_eq!(differences(&one.parts, &other.parts).len(), 1);
        }
        assert_ne!(one.at_level("trusted"), one.at_level("untrusted"));
    }

    /// C12: the value of a variable is nowhere in the key.
    #[test]
    fn c12_values_are_digests_only() {
        let secret = BTreeMap::from([("DB_PASSWORD".to_owned(), "hunter22".to_owned())]);
        let parts: Vec<_> = variables("variable", &secret).collect();
        let text = format!("{:?}", ActionDigest::new(parts));
        assert!(text.contains("DB_PASSWORD") && !text.contains("hunter22"));
    }
}
