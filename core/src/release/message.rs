//! What a commit says about a release: Conventional Commits 1.0.0 (conventionalcommits.org) and the trailer `Release-As`.

use std::collections::BTreeMap;

use git_conventional::{Commit, Type};
use semver::Version;

use super::Bump;

/// A commit's message, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `feat`, `fix` …; empty where the message follows no convention.
    pub kind: String,
    /// The scope, which is shown and decides nothing.
    pub scope: Option<String>,
    /// What was done, without the kind.
    pub subject: String,
    /// What breaks, in its own words.
    pub breaking: Option<String>,
    /// Versions that are asked for.
    pub release_as: Vec<ReleaseAs>,
}

/// What one line `Release-As: …` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseAs {
    /// What stands behind the colon.
    pub value: String,
    /// The project, by name or folder; `None` where none is named.
    pub project: Option<String>,
    /// The version; `None` where it is none.
    pub version: Option<Version>,
}

/// Reads a message; one that follows no convention is a subject only.
#[must_use]
pub fn read(text: &str) -> Message {
    let text = text.trim();
    let release_as = release_as(text);
    match Commit::parse(text) {
        Ok(commit) => Message {
            kind: commit.type_().as_str().to_lowercase(),
            scope: commit.scope().map(|scope| scope.to_string()),
            subject: commit.description().trim().to_owned(),
            breaking: commit
                .breaking()
                .then(|| commit.breaking_description().unwrap_or_default().to_owned()),
            release_as,
        },
        Err(_) => Message {
            kind: String::new(),
            scope: None,
            subject: text.lines().next().unwrap_or_default().trim().to_owned(),
            breaking: None,
            release_as,
        },
    }
}

/// Tells how much a commit raises what it touches. `by_type` is what the user wrote, and comes first; what follows no
/// convention changed something all the same.
#[must_use]
pub fn bump(message: &Message, by_type: &BTreeMap<String, Bump>) -> Bump {
    if message.breaking.is_some() {
        return Bump::Major;
    }
    let custom = by_type.get(&message.kind).copied();
    let is_feature = message.kind == Type::FEAT.as_str() || message.kind == "feature";
    custom.unwrap_or(if is_feature { Bump::Minor } else { Bump::Patch })
}

/// Reads the lines `Release-As: catalog 2.0.0`, `Release-As: catalog@v2.0.0`: each names its project.
fn release_as(text: &str) -> Vec<ReleaseAs> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        if !key.trim().eq_ignore_ascii_case("release-as") {
            continue;
        }
        let value = value.trim();
        let (name, version) = value.rsplit_once([' ', '@']).unwrap_or(("", value));
        let bare = version.strip_prefix(['v', 'V']).unwrap_or(version);
        let name = name.trim();
        found.push(ReleaseAs {
            value: value.to_owned(),
            project: (!name.is_empty()).then(|| name.to_owned()),
            version: super::version::parse(bare),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_how_much() {
        let check =
            |text: &str, expect| assert_eq!(bump(&read(text), &BTreeMap::new()), expect, "{text}");
        check("feat(api): more", Bump::Minor);
        check("fix: less", Bump::Patch);
        check("feat!: other", Bump::Major);
        check("chore: x\n\nBREAKING CHANGE: y", Bump::Major);
        check("just words", Bump::Patch);
        check("", Bump::Patch);
        let none = BTreeMap::from([("chore".to_owned(), Bump::None)]);
        assert_eq!(bump(&read("chore: x"), &none), Bump::None);
        assert_eq!(bump(&read("chore!: x"), &none), Bump::Major);
    }

    #[test]
    fn a_version_can_be_asked_for_by_name() {
        let message = read(
            "feat: x\n\nRelease-As: catalog v2\nrelease-as: @shop/web@3.0.0\nRelease-As: 4.0.0\nRelease-As: catalog soon",
        );
        let told = |it: &ReleaseAs| {
            format!(
                "{:?} {:?}",
                it.project,
                it.version.as_ref().map(ToString::to_string)
            )
        };
        let asked: Vec<_> = message.release_as.iter().map(told).collect();
        assert_eq!(
            asked,
            [
                "Some(\"catalog\") Some(\"2.0.0\")",
                "Some(\"@shop/web\") Some(\"3.0.0\")",
                "None Some(\"4.0.0\")",
                "Some(\"catalog\") None"
            ]
        );
    }
}
