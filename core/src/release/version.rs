//! Versions: how much one rises, and to what. Order and form are those of Semantic Versioning 2.0.0 (semver.org).

use semver::{Prerelease, Version};

use crate::config::release::{Bump, Zero};

/// Raises a version. What it was before its final release does not count: the next after `1.2.0-rc.1` is `1.2.0`.
#[must_use]
pub fn raised(from: &Version, bump: Bump, zero: Zero) -> Version {
    let bump = match (bump, from.major, zero) {
        (Bump::Major, 0, Zero::Shift) => Bump::Minor,
        (Bump::Minor, 0, Zero::Shift) => Bump::Patch,
        (bump, ..) => bump,
    };
    match bump {
        Bump::None => from.clone(),
        Bump::Patch => Version::new(from.major, from.minor, from.patch.saturating_add(1)),
        Bump::Minor => Version::new(from.major, from.minor.saturating_add(1), 0),
        Bump::Major => Version::new(from.major.saturating_add(1), 0, 0),
    }
}

/// Gives a final version the next free number of a pre-release: `1.2.0-rc.3` where `rc.2` is the last that is taken.
#[must_use]
pub fn pre_release<'v>(
    of: &Version,
    word: &str,
    taken: impl IntoIterator<Item = &'v Version>,
) -> Option<Version> {
    let number = |version: &Version| {
        let same = (version.major, version.minor, version.patch) == (of.major, of.minor, of.patch);
        number_after(version, word).filter(|_| same)
    };
    let last = taken.into_iter().filter_map(number).max();
    let next = last.map_or(Some(1), |last| last.checked_add(1))?;
    let mut found = of.clone();
    found.pre = Prerelease::new(&format!("{word}.{next}")).ok()?;
    Some(found)
}

/// Tells whether a version is a pre-release with this word and a number.
#[must_use]
pub fn has_word(version: &Version, word: &str) -> bool {
    number_after(version, word).is_some()
}

fn number_after(version: &Version, word: &str) -> Option<u64> {
    let rest = version.pre.as_str().strip_prefix(word)?.strip_prefix('.')?;
    rest.parse().ok()
}

/// Returns the release that a version under work stands for: Maven's `1.2.0-SNAPSHOT` and Python's `1.2.0.dev` are the 1.2.0 that
/// comes.
#[must_use]
pub fn to_come(version: &Version) -> Version {
    let pre = version.pre.as_str();
    if pre.ends_with("SNAPSHOT") || pre.starts_with("dev") {
        return Version::new(version.major, version.minor, version.patch);
    }
    version.clone()
}

/// Reads a version as manifests and tags write it: with one or two numbers, with Python's `1.2.0rc1`.
#[must_use]
pub fn parse(text: &str) -> Option<Version> {
    let text = text.trim();
    if let Ok(version) = Version::parse(text) {
        return Some(version);
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let parts: Vec<&str> = numbers.trim_end_matches('.').split('.').collect();
    if parts.is_empty() || parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let full = [
        parts[0],
        parts.get(1).unwrap_or(&"0"),
        parts.get(2).unwrap_or(&"0"),
    ]
    .join(".");
    let spelled = spelled_out(rest)?;
    Version::parse(&format!("{full}{spelled}")).ok()
}

/// Turns the end of a Python version (PEP 440) into the end of a semantic one.
fn spelled_out(rest: &str) -> Option<String> {
    if rest.is_empty() || rest.starts_with(['-', '+']) {
        return Some(rest.to_owned());
    }
    let rest = rest.trim_start_matches('.');
    let words = [("rc", "rc"), ("a", "alpha"), ("b", "beta"), ("dev", "dev")];
    let (word, number) = words
        .into_iter()
        .find_map(|(short, long)| Some((long, rest.strip_prefix(short)?)))?;
    // Without a number it is the first (PEP 440, "implicit development release number").
    let (number, later) = number.split_once('.').unwrap_or((number, ""));
    let number: u64 = match number {
        "" => 0,
        number => number.parse().ok()?,
    };
    // `1.0b2.dev3` comes before `1.0b2`, and nothing that people release has it.
    let later = match later {
        "" => String::new(),
        later => format!(".{}", later.strip_prefix("dev").map(|_| later)?),
    };
    Some(format!("-{word}.{number}{later}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_rise() {
        let check = |from: &str, bump, zero, to: &str| {
            assert_eq!(raised(&version(from), bump, zero), version(to), "{from}");
        };
        check("1.2.3", Bump::Patch, Zero::Shift, "1.2.4");
        check("1.2.3", Bump::Minor, Zero::Shift, "1.3.0");
        check("1.2.3", Bump::Major, Zero::Shift, "2.0.0");
        check("0.2.3", Bump::Major, Zero::Shift, "0.3.0");
        check("0.2.3", Bump::Minor, Zero::Shift, "0.2.4");
        check("0.2.3", Bump::Minor, Zero::Strict, "0.3.0");
        check("0.2.3", Bump::Major, Zero::Strict, "1.0.0");
    }

    #[test]
    fn pre_releases_count_from_the_last_one_taken() {
        let taken = [
            version("1.2.0-rc.2"),
            version("1.1.0-rc.7"),
            version("1.2.0-beta.9"),
        ];
        let next = |word| {
            pre_release(&version("1.2.0"), word, &taken)
                .unwrap()
                .to_string()
        };
        assert_eq!(next("rc"), "1.2.0-rc.3");
        assert_eq!(next("alpha"), "1.2.0-alpha.1");
        assert_eq!(pre_release(&version("1.2.0"), "no good", &taken), None);
    }

    #[test]
    fn what_is_under_work_stands_for_its_release() {
        let check = |text: &str, to: &str| {
            assert_eq!(to_come(&parse(text).unwrap()), version(to), "{text}");
        };
        check("3.1.0-SNAPSHOT", "3.1.0");
        check("3.2.0.dev", "3.2.0");
        check("3.2.0rc1", "3.2.0-rc.1");
        check("3.2.0", "3.2.0");
    }

    #[test]
    fn odd_forms_are_read() {
        let check = |text: &str, expect: Option<&str>| {
            let found = parse(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("1.2", Some("1.2.0"));
        check("7", Some("7.0.0"));
        check("1.2.0rc1", Some("1.2.0-rc.1"));
        check("1.2.0.dev4", Some("1.2.0-dev.4"));
        check("3.2.0.dev", Some("3.2.0-dev.0"));
        check("0.65b0.dev", Some("0.65.0-beta.0.dev"));
        check("1.0rc1.post1", None);
        check("3.1-SNAPSHOT", Some("3.1.0-SNAPSHOT"));
        check("1.2.3.4", None);
        check("${revision}", None);
        check("", None);
    }
}
