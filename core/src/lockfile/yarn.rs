//! `yarn.lock`, of Yarn 1 and of Berry. Source: `@yarnpkg/lockfile`, and "Lockfile" in Yarn's lexicon.
//!
//! Yarn 1 does not say who asked for what: members are added from their manifests.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Asking, Format, Lock, Member, Package, json, pairs, yaml};
use crate::facts::Broken;

pub(super) struct YarnLock;

impl Format for YarnLock {
    fn names(&self) -> &'static [&'static str] {
        &["yarn.lock"]
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        if text.contains("__metadata:") {
            berry(text)
        } else {
            Ok(classic(text))
        }
    }

    fn asking(&self) -> Option<&'static Asking> {
        const ASKING: Asking = Asking {
            is_manifest: |name| name == b"package.json",
            inherited: false,
            levels: 0,
            read: requests,
        };
        Some(&ASKING)
    }
}

/// One entry of Yarn 1, while it is read.
#[derive(Default)]
struct Entry {
    requests: Vec<String>,
    fields: Vec<(String, String)>,
    wishes: Vec<(String, String)>,
}

fn classic(text: &str) -> Lock {
    let mut entries: Vec<Entry> = Vec::new();
    let mut in_wishes = false;
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let indent = line.len() - line.trim_start().len();
        let word = line.trim();
        match (indent, entries.last_mut()) {
            (0, _) if word.ends_with(':') => {
                let requests = word
                    .trim_end_matches(':')
                    .split(", ")
                    .map(unquoted)
                    .collect();
                entries.push(Entry {
                    requests,
                    ..Entry::default()
                });
            }
            (1..=2, Some(_)) if word.ends_with("ependencies:") => in_wishes = true,
            (1..=2, Some(entry)) => {
                in_wishes = false;
                entry.fields.extend(pair(word));
            }
            (3.., Some(entry)) if in_wishes => entry.wishes.extend(pair(word)),
            _ => {}
        }
    }
    joined(&entries)
}

fn joined(entries: &[Entry]) -> Lock {
    let mut lock = Lock::default();
    for entry in entries {
        let field = |name: &str| {
            entry
                .fields
                .iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value)
        };
        let name = entry
            .requests
            .first()
            .map_or("", |request| name_of(request));
        let identity = format!(
            "{name} {} {} {}",
            field("version"),
            field("resolved"),
            field("integrity")
        );
        for request in &entry.requests {
            lock.requested.insert(request.clone(), identity.clone());
        }
        let needs = entry
            .wishes
            .iter()
            .map(|(name, range)| format!("{name}@{range}"))
            .collect();
        lock.packages
            .insert(identity.clone(), Package { identity, needs });
    }
    settle(&mut lock);
    lock
}

fn unquoted(word: &str) -> String {
    word.trim().trim_matches('"').to_owned()
}

fn pair(line: &str) -> Option<(String, String)> {
    let (name, value) = if let Some(rest) = line.strip_prefix('"') {
        rest.split_once('"')?
    } else {
        line.split_once(' ')?
    };
    Some((name.to_owned(), unquoted(value)))
}

/// `@a/b@^1` is `@a/b`.
fn name_of(request: &str) -> &str {
    let at = request.get(1..).and_then(|rest| rest.find('@'));
    at.map_or(request, |at| &request[..=at])
}

/// Turns what packages ask for into ids. What no entry answers is not from a registry: a member of the workspace has that name
/// and a version that does.
fn settle(lock: &mut Lock) {
    for package in lock.packages.values_mut() {
        for wish in &mut package.needs {
            if let Some(id) = lock.requested.get(wish) {
                id.clone_into(wish);
            } else {
                *wish = name_of(wish).to_owned();
                lock.provided.insert(wish.clone());
            }
        }
    }
    for name in &lock.provided {
        lock.packages.insert(name.clone(), Package::default());
    }
}

fn berry(text: &str) -> Result<Lock, Broken> {
    let document = yaml(text)?;
    let entries = document.as_object().into_iter().flatten();
    let entries: Vec<_> = entries.filter(|(key, _)| *key != "__metadata").collect();
    let mut lock = Lock::default();
    for (key, entry) in &entries {
        let resolution = entry
            .get("resolution")
            .and_then(Value::as_str)
            .unwrap_or(key);
        for request in key.split(", ") {
            lock.requested
                .insert(request.to_owned(), resolution.to_owned());
        }
    }
    for (key, entry) in entries {
        let field = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let resolution = entry
            .get("resolution")
            .and_then(Value::as_str)
            .unwrap_or(key);
        let wishes = ["dependencies", "optionalDependencies"]
            .into_iter()
            .flat_map(|kind| pairs(entry.get(kind)));
        let needs = wishes
            .filter_map(|(name, range)| berry_wish(&lock, name, range))
            .collect();
        let member = resolution
            .split_once("@workspace:")
            .map(|(_, folder)| if folder == "." { "" } else { folder });
        if let Some(folder) = member {
            lock.members
                .insert(Member::Folder(folder.to_owned()), resolution.to_owned());
        }
        let identity = if member.is_some() {
            String::new()
        } else {
            format!("{resolution} {}", field("checksum"))
        };
        lock.packages
            .insert(resolution.to_owned(), Package { identity, needs });
    }
    Ok(lock)
}

/// Ranges stand with or without their protocol; one that a resolution rule replaced is found by its name.
fn berry_wish(lock: &Lock, name: &str, range: &str) -> Option<String> {
    let forms = [
        format!("{name}@{range}"),
        format!("{name}@npm:{range}"),
        format!("{name}@workspace:{range}"),
    ];
    let exact = forms.iter().find_map(|form| lock.requested.get(form));
    let start = format!("{name}@");
    let by_name = || {
        let mut near = lock.requested.range(start.clone()..);
        near.next()
            .filter(|(key, _)| key.starts_with(&start))
            .map(|(_, id)| id)
    };
    exact.or_else(by_name).cloned()
}

/// What a `package.json` asks for, as `name@range`.
fn requests(manifest: &str) -> BTreeSet<String> {
    const KINDS: &[&str] = &["dependencies", "devDependencies", "optionalDependencies"];
    let manifest = json(manifest).unwrap_or_default();
    let wishes = KINDS.iter().flat_map(|kind| pairs(manifest.get(*kind)));
    wishes
        .map(|(name, range)| format!("{name}@{range}"))
        .collect()
}
