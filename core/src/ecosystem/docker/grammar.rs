//! The line grammar of a Dockerfile.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::facts::{Broken, Parser};

/// Parses a Dockerfile.
pub(super) const DOCKERFILE: Parser<Dockerfile> = Parser {
    id: "docker/dockerfile",
    version: 1,
    parse,
};

/// What matters of a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dockerfile {
    /// Sources of COPY and ADD that come from the context, with their lines.
    pub(super) copies: Vec<(String, u32)>,
    /// Images that stages start from, other stages left out.
    pub(super) bases: Vec<(String, u32)>,
}

fn parse(bytes: &[u8]) -> Result<Dockerfile, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut file = Dockerfile::default();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut stages: BTreeSet<String> = BTreeSet::new();
    for (line, instruction) in instructions(&text) {
        let Some((verb, rest)) = instruction.split_once(char::is_whitespace) else {
            continue;
        };
        let rest = rest.trim();
        match verb.to_ascii_uppercase().as_str() {
            "ARG" => {
                if let Some((name, value)) = rest.split_once('=') {
                    let value = value.trim_matches(['"', '\'']).to_owned();
                    variables.insert(name.trim().to_owned(), value);
                }
            }
            "FROM" => from(&mut file, &mut stages, &expand(rest, &variables), line),
            "COPY" | "ADD" => copy(&mut file, &expand(rest, &variables), line),
            "RUN" => mounts(&mut file, rest, line),
            _ => {}
        }
    }
    Ok(file)
}

/// Joins continued lines, drops comments and the bodies of here-documents.
fn instructions(text: &str) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut open = false;
    let mut heredoc: Option<String> = None;
    for (number, raw) in (1..).zip(text.lines()) {
        if let Some(end) = &heredoc {
            if raw.trim() == end {
                heredoc = None;
            }
            continue;
        }
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let continued = line.ends_with('\\') || line.ends_with('`');
        let part = if continued {
            line[..line.len() - 1].trim_end()
        } else {
            line
        };
        match found.last_mut().filter(|_| open) {
            Some((_, whole)) => {
                whole.push(' ');
                whole.push_str(part);
            }
            None => found.push((number, part.to_owned())),
        }
        open = continued;
        heredoc = heredoc_end(part);
    }
    found
}

fn heredoc_end(line: &str) -> Option<String> {
    let word = line.split("<<").nth(1)?.trim_start_matches('-');
    let word = word
        .trim_matches(['"', '\''])
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()?;
    (!word.is_empty()).then(|| word.to_owned())
}

/// Replaces `$X`, `${X}`, `${X:-default}`; an unknown name stays as it is.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (whole, name, default) = match after
            .strip_prefix('{')
            .and_then(|inner| Some((inner, inner.find('}')?)))
        {
            Some((inner, end)) => {
                let (name, default) = match inner[..end].split_once(":-") {
                    Some((name, default)) => (name, Some(default)),
                    None => (&inner[..end], None),
                };
                (&rest[at..at + end + 3], name, default)
            }
            None => {
                let end = after
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(after.len());
                (&rest[at..=at + end], &after[..end], None)
            }
        };
        match variables.get(name).map(String::as_str).or(default) {
            Some(value) => out.push_str(value),
            None => out.push_str(whole),
        }
        rest = &rest[at + whole.len()..];
    }
    out.push_str(rest);
    out
}

fn from(file: &mut Dockerfile, stages: &mut BTreeSet<String>, rest: &str, line: u32) {
    let words: Vec<&str> = rest
        .split_whitespace()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let Some(image) = words.first() else { return };
    if !stages.contains(&image.to_lowercase()) && *image != "scratch" {
        file.bases.push(((*image).to_owned(), line));
    }
    if let [_, _as, name, ..] = words.as_slice() {
        stages.insert(name.to_lowercase());
    }
}

fn copy(file: &mut Dockerfile, rest: &str, line: u32) {
    let mut words: Vec<String> = Vec::new();
    let mut rest = rest;
    while let Some(flag) = rest.strip_prefix("--") {
        let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        if flag.starts_with("from=") {
            return;
        }
        rest = after.trim_start();
    }
    if rest.starts_with('[') {
        words.extend(rest.split('"').skip(1).step_by(2).map(ToOwned::to_owned));
    } else {
        words.extend(
            rest.split_whitespace()
                .map(|word| word.trim_matches(['"', '\'']).to_owned()),
        );
    }
    words.pop();
    let sources = words.into_iter().filter(|word| !word.starts_with("<<"));
    file.copies.extend(sources.map(|word| (word, line)));
}

/// `RUN --mount=type=bind,source=path` reads the context as COPY does.
fn mounts(file: &mut Dockerfile, rest: &str, line: u32) {
    for flag in rest
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--mount="))
    {
        let options: Vec<(&str, &str)> = flag
            .split(',')
            .filter_map(|option| option.split_once('='))
            .collect();
        let get = |names: [&str; 2]| {
            options
                .iter()
                .find(|(name, _)| names.contains(name))
                .map(|(_, value)| *value)
        };
        if get(["type", "type"]).unwrap_or("bind") == "bind"
            && get(["from", "from"]).is_none()
            && let Some(source) = get(["source", "src"])
        {
            file.copies.push((source.to_owned(), line));
        }
    }
}
