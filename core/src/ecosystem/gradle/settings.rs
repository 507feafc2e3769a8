//! `settings.gradle(.kts)`: which projects and which other builds belong together.
//!
//! Source: "Multi-Project Build Basics" and "Composite Builds" of the Gradle user manual.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::token::{Kind, Token, tokens};
use crate::facts::{Broken, Parser};

pub(super) const SETTINGS: Parser<Settings> = Parser {
    id: "gradle/settings",
    version: 1,
    parse,
};

/// What a settings script says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// The build's name.
    pub(super) name: Option<String>,
    /// Included project paths such as `:a:b`, with their line.
    pub(super) includes: BTreeMap<String, u32>,
    /// Folders of projects that do not lie where their path says, relative to the settings.
    pub(super) folders: BTreeMap<String, String>,
    /// Folders of included builds.
    pub(super) builds: Vec<String>,
    /// Whether some includes are computed.
    pub(super) is_dynamic: bool,
}

fn parse(bytes: &[u8]) -> Result<Settings, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let tokens = tokens(&text);
    let mut settings = Settings::default();
    for at in 0..tokens.len() {
        let Some(word) = tokens[at].word() else {
            continue;
        };
        let after = tokens.get(at + 1..).unwrap_or_default();
        // A method of another object, such as `filter.include`.
        let is_member = at > 0
            && tokens[at - 1].is('.')
            && !(at > 1 && tokens[at - 2].word() == Some("settings"));
        match word {
            "include" if !is_member => include(after, "", &mut settings),
            "includeFlat" if !is_member => include(after, "../", &mut settings),
            "includeBuild" if !is_member => {
                let (texts, _) = strings(after);
                settings
                    .builds
                    .extend(texts.into_iter().map(|(text, _)| rooted(&text)));
            }
            "rootProject" => {
                if let [dot, name, equals, value, ..] = after
                    && dot.is('.')
                    && name.word() == Some("name")
                    && equals.is('=')
                {
                    settings.name = value.text().map(ToOwned::to_owned);
                }
            }
            "project" => project_folder(after, &mut settings),
            _ => {}
        }
    }
    Ok(settings)
}

fn include(after: &[Token], flat: &str, settings: &mut Settings) {
    let (texts, is_dynamic) = strings(after);
    settings.is_dynamic |= is_dynamic;
    for (text, line) in texts {
        if text.contains(['$', '*']) {
            settings.is_dynamic = true;
            continue;
        }
        let path = format!(":{}", text.replace('/', ":").trim_start_matches(':'));
        if !flat.is_empty() {
            settings
                .folders
                .insert(path.clone(), format!("{flat}{text}"));
        }
        settings.includes.insert(path, line);
    }
}

/// The strings that a call is given, in any form of list, and whether something else is given as well.
fn strings(after: &[Token]) -> (Vec<(String, u32)>, bool) {
    let mut found = Vec::new();
    let mut open = 0_usize;
    let mut wants_more = true;
    for token in after {
        match &token.kind {
            Kind::Text { text, .. } if wants_more || open > 0 => {
                found.push((text.clone(), token.line));
                wants_more = false;
            }
            Kind::Mark('(' | '[') => {
                // A call of something that is no list: its value is not known.
                open += 1;
            }
            Kind::Mark(')' | ']') => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return (found, false);
                }
            }
            Kind::Mark(',' | '*') => wants_more = true,
            Kind::Word(word)
                if matches!(
                    word.as_str(),
                    "listOf" | "arrayOf" | "setOf" | "mutableListOf"
                ) => {}
            Kind::Word(word) if word == "as" || (found.last().is_some() && word == "String") => {}
            Kind::Word(_) if wants_more && (open > 0 || found.is_empty()) => return (found, true),
            _ => return (found, false),
        }
    }
    (found, false)
}

/// `project(":a").projectDir = file("elsewhere/a")` and its forms.
fn project_folder(after: &[Token], settings: &mut Settings) {
    let [open, path, close, dot, property, equals, value @ ..] = after else {
        return;
    };
    let is_folder = open.is('(') && close.is(')') && dot.is('.') && equals.is('=');
    if !is_folder || property.word() != Some("projectDir") {
        return;
    }
    let Some(path) = path.text() else { return };
    let line = value.first().map_or(0, |token| token.line);
    let statement = value.iter().take(12).take_while(|token| token.line == line);
    let folder = statement.filter_map(|token| match &token.kind {
        Kind::Text { text, .. } => Some(rooted(text)),
        _ => None,
    });
    let path = format!(":{}", path.trim_start_matches(':'));
    match folder.last() {
        Some(folder) if !folder.contains('$') => {
            settings.folders.insert(path, folder);
        }
        _ => settings.is_dynamic = true,
    }
}

/// Drops what stands for the folder of the settings.
pub(super) fn rooted(text: &str) -> String {
    const HERE: &[&str] = &[
        "$rootDir/",
        "${rootDir}/",
        "$settingsDir/",
        "${settingsDir}/",
        "$rootProject.projectDir/",
        "${rootProject.projectDir}/",
        "${rootProject.rootDir}/",
        "${settings.rootDir}/",
        "${settings.settingsDir}/",
    ];
    let stripped = HERE.iter().find_map(|here| text.strip_prefix(here));
    stripped.unwrap_or(text).to_owned()
}
