//! `build.gradle`, `build.gradle.kts` and `gradle.properties`. Scripts are read statement by statement: a version that is computed
//! is not found.

use affected_graph::RepoPath;

use super::{Manifest, Reader, Spot, spot, upwards};

/// Gradle.
pub(super) struct Gradle;

impl Manifest for Gradle {
    fn id(&self) -> &'static str {
        "gradle"
    }

    fn matches(&self, name: &str) -> bool {
        matches!(name, "build.gradle" | "build.gradle.kts")
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let own = read(path).and_then(|text| in_script(&text, Block::Top));
        if let Some(found) = own {
            return Some((path.clone(), found));
        }
        let folder = path.parent().unwrap_or_default();
        for file in upwards(path, "gradle.properties") {
            if let Some(found) = read(&file).and_then(|text| in_properties(&text)) {
                return Some((file, found));
            }
        }
        let scripts = ["build.gradle", "build.gradle.kts"];
        for script in scripts.iter().flat_map(|name| upwards(path, name)) {
            let is_above = script.parent().is_some_and(|above| above != folder);
            let text = read(&script).filter(|_| is_above);
            if let Some(found) = text.and_then(|text| in_script(&text, Block::All)) {
                return Some((script, found));
            }
        }
        None
    }
}

/// Where in a script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    /// In no block, or in `allprojects`.
    Top,
    /// In `allprojects` or `subprojects`.
    All,
}

fn in_script(text: &str, wanted: Block) -> Option<Spot> {
    let mut found = None;
    statements(text, |blocks, start, statement| {
        let is_here = match (blocks, wanted) {
            ([], Block::Top) => true,
            ([block], Block::Top) => block == "allprojects",
            ([block], Block::All) => block == "allprojects" || block == "subprojects",
            _ => false,
        };
        if is_here && found.is_none() {
            found = version_in(statement).map(|(from, to)| start + from..start + to);
        }
    });
    spot(text, found?)
}

/// Calls `see` with every statement of a script: the heads of the blocks around it, where it starts, and its text. Strings and
/// comments are known; what they hold ends nothing.
fn statements(text: &str, mut see: impl FnMut(&[String], usize, &str)) {
    let (mut blocks, mut start, mut at) = (Vec::<String>::new(), 0, 0);
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let next = at + letter.len_utf8();
        match letter {
            '"' | '\'' => at = next + quoted(&text[next..], letter),
            '/' if rest.starts_with("//") || rest.starts_with("/*") => {
                see(&blocks, start, &text[start..at]);
                let is_line = rest.starts_with("//");
                let end = if is_line { "\n" } else { "*/" };
                let long = rest.find(end).map_or(rest.len(), |found| found + end.len());
                at += long;
                start = at;
            }
            '{' | '}' | ';' | '\n' => {
                let statement = &text[start..at];
                see(&blocks, start, statement);
                match letter {
                    '{' => blocks.push(statement.trim().trim_end_matches("()").to_owned()),
                    '}' => drop(blocks.pop()),
                    _ => {}
                }
                (at, start) = (next, next);
            }
            _ => at = next,
        }
    }
    see(&blocks, start, &text[start..]);
}

/// The length of what is left of a string, with its closing quote; a string ends with its line.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '\n' => return at,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Finds the quoted text of `version = "…"`, `version "…"`, `project.version = '…'`.
fn version_in(statement: &str) -> Option<(usize, usize)> {
    let trimmed = statement.trim_start();
    let rest = trimmed.strip_prefix("project.").unwrap_or(trimmed);
    let rest = rest.strip_prefix("version")?;
    let value = rest.trim_start_matches([' ', '\t', '=', '(']);
    if value.len() == rest.len() {
        return None;
    }
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = &value[1..];
    let end = inner.find(quote)?;
    let is_plain = inner.starts_with(|c: char| c.is_ascii_digit()) && !inner[..end].contains('$');
    let from = statement.len() - inner.len();
    is_plain.then_some((from, from + end))
}

fn in_properties(text: &str) -> Option<Spot> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let Some((key, value)) = line.split_once(['=', ':']) else {
            continue;
        };
        let word = value.trim();
        let is_version = matches!(key.trim(), "version" | "projectVersion" | "VERSION_NAME");
        if is_version && word.starts_with(|c: char| c.is_ascii_digit()) {
            let from = start + key.len() + 1 + value.find(word)?;
            return spot(text, from..from + word.len());
        }
    }
    None
}
