//! `[release]`: how versions rise, and what tags are called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much a version rises, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// Nothing is released.
    None,
    /// A fix, or something that it is built with.
    Patch,
    /// A feature.
    Minor,
    /// A break.
    Major,
}

impl Bump {
    /// Returns the word used in JSON, configuration and change files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Patch, Self::Minor, Self::Major]
            .into_iter()
            .find(|bump| bump.as_str() == word)
    }
}

/// What stands in the pattern of a tag beside `{version}`.
const PLACEHOLDERS: [&str; 4] = ["name", "path", "leaf", "module"];

/// Says what is wrong with a pattern of tags, if anything is: it has `{version}` once, and nothing in braces that nobody fills.
pub(super) fn tag_fault(pattern: &str) -> Option<String> {
    let mut versions = 0;
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        let word = rest[at..].strip_prefix('{');
        let Some((word, after)) = word.and_then(|rest| rest.split_once('}')) else {
            return Some(format!(
                "`release.tag` is `{pattern}`, whose braces do not match"
            ));
        };
        match word {
            "version" => versions += 1,
            word if PLACEHOLDERS.contains(&word) => {}
            word => {
                let known = PLACEHOLDERS.map(|word| format!("{{{word}}}")).join(" ");
                return Some(format!(
                    "`release.tag` is `{pattern}`, and nothing fills `{{{word}}}`; there is {{version}} and {known}"
                ));
            }
        }
        rest = after;
    }
    (versions != 1).then(|| {
        format!("`release.tag` is `{pattern}`, which must have {{version}} once, such as `{{name}}/v{{version}}`")
    })
}

/// What a rise means before 1.0.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zero {
    /// A break raises the minor, all else the patch, as Cargo and npm read `^0.x`.
    #[default]
    Shift,
    /// As after 1.0.0: a break makes it 1.0.0.
    Strict,
}

/// The `[release]` table of the root file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ReleaseConfig {
    /// The pattern of tags, such as `{name}/v{version}`; a series that is there is kept without it.
    pub tag: Option<String>,
    /// The first version where no manifest has one.
    pub initial: String,
    /// What a rise means before 1.0.0.
    pub zero: Zero,
    /// How much a type of commit raises, where it is not `feat` minor and all others patch: `docs = "none"`.
    pub types: BTreeMap<String, Bump>,
    /// Projects that always have one version, each list of names or paths.
    pub fixed: Vec<Vec<String>>,
    /// Projects of which those that are released get one version.
    pub linked: Vec<Vec<String>>,
    /// The folder of change files.
    pub changes: String,
    /// Where commits are shown: `https://example.com/shop/commit/{id}`; found from the remote of a known host.
    pub commit_url: Option<String>,
}

impl Default for ReleaseConfig {
    fn default() -> Self {
        Self {
            tag: None,
            initial: "0.1.0".to_owned(),
            zero: Zero::default(),
            types: BTreeMap::new(),
            fixed: Vec::new(),
            linked: Vec::new(),
            changes: ".changes".to_owned(),
            commit_url: None,
        }
    }
}

/// `release` of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProjectRelease {
    /// Whether it is released at all.
    pub enabled: Option<bool>,
    /// The pattern of its tags.
    pub tag: Option<String>,
    /// A file besides its manifest that has its version, relative to its folder.
    pub file: Option<String>,
    /// How the version stands there: `VERSION = "{version}"`.
    pub pattern: Option<String>,
}
