//! `build.gradle`, `build.gradle.kts` and `gradle.properties`. Scripts are read by a line grammar: a version that is computed
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
    let (mut at, mut blocks) = (0, Vec::<String>::new());
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let code = line.split("//").next().unwrap_or(line);
        let is_here = match (blocks.as_slice(), wanted) {
            ([], Block::Top) => true,
            ([block], Block::Top) => block == "allprojects",
            ([block], Block::All) => block == "allprojects" || block == "subprojects",
            _ => false,
        };
        if is_here && let Some((from, to)) = version_in(code) {
            return spot(text, start + from..start + to);
        }
        let mut last = 0;
        for (place, letter) in code.char_indices() {
            match letter {
                '{' => blocks.push(code[last..place].trim().trim_end_matches("()").to_owned()),
                '}' => drop(blocks.pop()),
                _ => continue,
            }
            last = place + 1;
        }
    }
    None
}

/// Finds the quoted text of `version = "…"`, `version "…"`, `project.version = '…'`.
fn version_in(line: &str) -> Option<(usize, usize)> {
    let trimmed = line.trim_start();
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
    let from = line.len() - inner.len();
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
