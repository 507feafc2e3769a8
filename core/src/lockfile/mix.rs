//! `mix.lock`: one Elixir map from names to tuples. Source: `Mix.Dep.Lock` and the Hex documentation. Only strings
//! and brackets need to be understood: an entry's text is its content, and a tuple `{:name, "requirement"` inside
//! it a need. Who asks stands in `mix.exs`.

use std::collections::BTreeSet;

use super::{Asking, EVERYTHING, Format, Lock, Package, Scope, complaint};
use crate::facts::Broken;

pub(super) struct MixLock;

impl Format for MixLock {
    fn names(&self) -> &'static [&'static str] {
        &["mix.lock"]
    }

    fn scope(&self) -> Scope {
        Scope::Asked
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let start = text.find("%{").ok_or_else(|| complaint("it has no map"))?;
        let mut lock = Lock::default();
        for (name, entry) in entries(&text[start..])? {
            let needs = tuples(entry.get(1..).unwrap_or_default());
            let needs = needs.map(ToOwned::to_owned).collect();
            lock.requested.insert(name.to_owned(), name.to_owned());
            let identity = format!("{name} {entry}");
            lock.packages
                .insert(name.to_owned(), Package { identity, needs });
        }
        Ok(lock)
    }

    fn asking(&self) -> Option<&'static Asking> {
        const ASKING: Asking = Asking {
            is_manifest: |name| name == b"mix.exs",
            inherited: false,
            levels: 0,
            read: |text| {
                // An umbrella's root runs the tests of all its apps.
                if text.contains("apps_path") {
                    return BTreeSet::from([EVERYTHING.to_owned()]);
                }
                tuples(text).map(ToOwned::to_owned).collect()
            },
        };
        Some(&ASKING)
    }
}

/// The pairs of the outermost map, found by counting brackets outside of strings.
fn entries(text: &str) -> Result<Vec<(&str, &str)>, Broken> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut depth, mut start, mut at) = (0_usize, 0, 0);
    let mut name = None;
    while let Some(byte) = bytes.get(at) {
        let next = token_end(bytes, at);
        match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth == 2 {
                    start = at;
                }
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                if depth == 1
                    && let Some(name) = name.take()
                {
                    found.push((name, text.get(start..next).unwrap_or_default()));
                }
                if depth == 0 {
                    return Ok(found);
                }
            }
            b'"' if depth == 1 => name = text.get(at + 1..next.saturating_sub(1)),
            _ => {}
        }
        at = next;
    }
    Err(complaint("its map does not end"))
}

/// Where the token at a byte ends: a string as a whole, anything else byte by byte.
fn token_end(bytes: &[u8], start: usize) -> usize {
    if bytes.get(start) != Some(&b'"') {
        return start + 1;
    }
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Names that open a tuple.
fn tuples(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.split("{:").skip(1);
    starts.filter_map(|tuple| Some(tuple.split([',', '}']).next()?.trim().trim_matches('"')))
}
