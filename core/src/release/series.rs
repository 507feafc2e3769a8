//! Names of tags: each project has a series of its own. One that is there is kept; else the custom of its ecosystem counts.

use std::collections::BTreeMap;

use semver::Version;

use super::version;

/// The pattern of a series: `{name}`, `{path}`, `{leaf}` (the last folder) and `{module}` (the folder without a last `v2`) are the
/// project's, `{version}` is what differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    before: String,
    after: String,
}

/// Whose series it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'p> {
    /// The project's name.
    pub name: &'p str,
    /// Its folder, empty for the repository's root.
    pub path: &'p str,
}

/// Patterns that repositories use. Where several would fit, the one with more tags counts, then the earlier one.
const KNOWN: [&str; 12] = [
    "{path}/v{version}",
    "{name}@{version}",
    "{name}@v{version}",
    "{name}/v{version}",
    "{name}/{version}",
    "{name}-v{version}",
    "{name}-{version}",
    "{name}_v{version}",
    "{leaf}/v{version}",
    "{leaf}@{version}",
    "{leaf}-v{version}",
    "{leaf}-{version}",
];

/// For the project at the root, alone.
const OF_ROOT: [&str; 2] = ["v{version}", "{version}"];

impl Series {
    /// Fills a pattern; `None` where `{version}` is not in it once.
    #[must_use]
    pub fn of(pattern: &str, owner: Owner<'_>) -> Option<Self> {
        let (before, after) = pattern.split_once("{version}")?;
        if after.contains("{version}") {
            return None;
        }
        let leaf = owner.path.rsplit('/').next().unwrap_or_default();
        let fill = |text: &str| {
            let text = text.replace("{name}", owner.name);
            let text = text.replace("{leaf}", leaf);
            let text = match module(owner.path) {
                "" => text.replace("{module}/", "").replace("{module}", ""),
                module => text.replace("{module}", module),
            };
            // The root has no folder, and so no slash after it.
            match owner.path {
                "" => text.replace("{path}/", "").replace("{path}", ""),
                path => text.replace("{path}", path),
            }
        };
        Some(Self {
            before: fill(before),
            after: fill(after),
        })
    }

    /// Returns the name of the tag of a version.
    #[must_use]
    pub fn tag(&self, version: &Version) -> String {
        format!("{}{version}{}", self.before, self.after)
    }

    /// Returns the version that a tag of this series names.
    #[must_use]
    pub fn version(&self, tag: &str) -> Option<Version> {
        let rest = tag.strip_prefix(self.before.as_str())?;
        let text = rest.strip_suffix(self.after.as_str())?;
        // A series without words before the version must not take the tags of all others.
        let is_number = text.starts_with(|c: char| c.is_ascii_digit());
        version::parse(text).filter(|_| is_number)
    }
}

/// The folder without Go's own one for a major version, `api/v2`, which is no part of its tags.
fn module(path: &str) -> &str {
    let (above, leaf) = path.rsplit_once('/').unwrap_or(("", path));
    let is_major = leaf
        .strip_prefix('v')
        .is_some_and(|number| number.parse::<u64>().is_ok());
    if is_major { above } else { path }
}

/// Finds the series that a project already has.
#[must_use]
pub fn existing<'t>(
    owner: Owner<'_>,
    tags: impl Iterator<Item = &'t str> + Clone,
) -> Option<Series> {
    let patterns: &[&str] = if owner.path.is_empty() { &OF_ROOT } else { &[] };
    let mut counted: BTreeMap<usize, (usize, Series)> = BTreeMap::new();
    for (place, pattern) in KNOWN.iter().chain(patterns).enumerate() {
        let Some(series) = Series::of(pattern, owner).filter(|series| is_own(series, owner)) else {
            continue;
        };
        let count = tags
            .clone()
            .filter(|tag| series.version(tag).is_some())
            .count();
        if count > 0 {
            counted.insert(place, (count, series));
        }
    }
    let best = counted
        .into_iter()
        .max_by_key(|(place, (count, _))| (*count, usize::MAX - *place));
    best.map(|(_, (_, series))| series)
}

/// Below the root a series without the project's name would take everybody's tags.
fn is_own(series: &Series, owner: Owner<'_>) -> bool {
    owner.path.is_empty()
        || series
            .before
            .chars()
            .any(|c| c.is_alphanumeric() && c != 'v')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner<'p>(name: &'p str, path: &'p str) -> Owner<'p> {
        Owner { name, path }
    }

    #[test]
    fn patterns_are_filled() {
        let tag = |pattern, name, path| {
            let series = Series::of(pattern, owner(name, path)).unwrap();
            series.tag(&Version::new(1, 2, 3))
        };
        assert_eq!(tag("{module}/v{version}", "x", "libs/x"), "libs/x/v1.2.3");
        assert_eq!(
            tag("{module}/v{version}", "x", "libs/x/v2"),
            "libs/x/v1.2.3"
        );
        assert_eq!(
            tag("{name}@{version}", "@shop/web", "web"),
            "@shop/web@1.2.3"
        );
        assert_eq!(
            tag("{name}/v{version}", "pay", "services/pay"),
            "pay/v1.2.3"
        );
        assert_eq!(Series::of("v1", owner("a", "a")), None);
    }

    #[test]
    fn a_series_that_is_there_is_kept() {
        let find = |name, path, tags: &[&str]| {
            let series = existing(owner(name, path), tags.iter().copied())?;
            Some(series.tag(&Version::new(9, 0, 0)))
        };
        let tags = [
            "pay-v1.0.0",
            "pay-v1.1.0",
            "pay/v0.1.0",
            "v3.0.0",
            "payment-v9.0.0",
        ];
        assert_eq!(
            find("pay", "services/pay", &tags).as_deref(),
            Some("pay-v9.0.0")
        );
        assert_eq!(find("root", "", &tags).as_deref(), Some("v9.0.0"));
        assert_eq!(find("cart", "services/cart", &tags), None);
        assert_eq!(
            find("api", "x/api", &["x/api/v0.1.0"]).as_deref(),
            Some("x/api/v9.0.0")
        );
    }

    #[test]
    fn tags_of_others_are_no_versions() {
        let series = Series::of("{name}-{version}", owner("pay", "pay")).unwrap();
        assert_eq!(series.version("pay-card-1.0.0"), None);
        assert_eq!(
            series.version("pay-1.0.0-rc.1").unwrap().to_string(),
            "1.0.0-rc.1"
        );
    }
}
