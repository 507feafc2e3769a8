//! Names of tags: each project has a series of its own. One that is there is kept; else the custom of its ecosystem counts.
//!
//! Forms that are known: those of Go (go.dev/ref/mod#vcs-version), lerna and changesets (`name@1.0.0`), release-please (`name-v1.0.0`), cargo-release
//! (`name-v1.0.0`), knope (`name/v1.0.0`), JReleaser and hand-made ones (`release/name/1.0`, `name_1.0`, `name.v1.0`).

use std::collections::BTreeMap;
use std::fmt;

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

/// What stands before the project's own words.
const BEFORE: [&str; 4] = ["", "release/", "releases/", "release-"];

/// The project's own words.
const OWN: [&str; 3] = ["{path}", "{name}", "{leaf}"];

/// What stands between them and the version.
const BETWEEN: [&str; 9] = ["/v", "@", "@v", "/", "-v", "-", "_v", "_", ".v"];

/// For the project at the root, alone.
const OF_ROOT: [&str; 2] = ["v{version}", "{version}"];

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}*{}", self.before, self.after)
    }
}

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

/// Finds the series that each owner already has, in the order of the owners; of each the one that goes on is the first.
///
/// That is the one with the highest version, since a version that falls would be refused by every registry; then the one
/// with more tags, then the earlier pattern. Where two owners could mean the same series (`api` may be the folder of several),
/// it is the one's that names it more exactly. `tags` are sorted.
#[must_use]
pub fn existing(owners: &[Owner<'_>], tags: &[&str]) -> Vec<Vec<Series>> {
    let all: Vec<_> = owners.iter().map(|owner| found(*owner, tags)).collect();
    let mut exact: BTreeMap<&Series, usize> = BTreeMap::new();
    for found in all.iter().flatten() {
        let known = exact.entry(&found.series).or_insert(found.place);
        *known = (*known).min(found.place);
    }
    let of = |found: &Vec<Found>| {
        let own = found.iter().filter(|it| exact[&it.series] == it.place);
        let mut own: Vec<&Found> = own.collect();
        own.sort_by_key(|it| (std::cmp::Reverse((&it.highest, it.count)), it.place));
        own.into_iter().map(|it| it.series.clone()).collect()
    };
    all.iter().map(of).collect()
}

/// A series that has tags.
struct Found {
    series: Series,
    /// Which pattern it is of; the more exact ones come first.
    place: usize,
    highest: Version,
    count: usize,
}

fn found(owner: Owner<'_>, tags: &[&str]) -> Vec<Found> {
    let mut all: BTreeMap<Series, Found> = BTreeMap::new();
    for (place, pattern) in patterns(owner).into_iter().enumerate() {
        let Some(series) = Series::of(&pattern, owner).filter(|series| is_own(series, owner))
        else {
            continue;
        };
        let start = tags.partition_point(|tag| *tag < series.before.as_str());
        let near = tags[start..].iter();
        let near = near.take_while(|tag| tag.starts_with(series.before.as_str()));
        let versions: Vec<Version> = near.filter_map(|tag| series.version(tag)).collect();
        if let Some(highest) = versions.iter().max() {
            let found = Found {
                series: series.clone(),
                place,
                highest: highest.clone(),
                count: versions.len(),
            };
            all.entry(series).or_insert(found);
        }
    }
    all.into_values().collect()
}

/// Patterns that repositories use, those first that name a project more exactly.
fn patterns(owner: Owner<'_>) -> Vec<String> {
    let is_root = owner.path.is_empty();
    let mut all = Vec::new();
    for before in BEFORE {
        for own in OWN.into_iter().filter(|own| !is_root || *own == "{name}") {
            let pattern = |between| format!("{before}{own}{between}{{version}}");
            all.extend(BETWEEN.into_iter().map(pattern));
        }
        if is_root {
            all.extend(OF_ROOT.into_iter().map(|form| format!("{before}{form}")));
        }
    }
    all
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

    /// The tag of 9.0.0 in each series that is there, the one that goes on first.
    fn kept(name: &str, path: &str, tags: &[&str]) -> String {
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        let all = existing(&[owner(name, path)], &tags).remove(0);
        let next = |series: &Series| series.tag(&Version::new(9, 0, 0));
        all.iter().map(next).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_series_that_is_there_is_kept() {
        let tags = ["pay-v1.0.0", "pay-v1.1.0", "v3.0.0", "payment-v9.0.0"];
        assert_eq!(kept("pay", "services/pay", &tags), "pay-v9.0.0");
        assert_eq!(kept("root", "", &tags), "v9.0.0");
        assert_eq!(kept("cart", "services/cart", &tags), "");
        for (tag, next) in [
            ("x/api/v0.1.0", "x/api/v9.0.0"),
            ("x/api@0.1.0", "x/api@9.0.0"),
            ("x/api@v1.0.0", "x/api@v9.0.0"),
            ("api_1.0", "api_9.0.0"),
            ("api.v1.0", "api.v9.0.0"),
            ("release/api/1.0", "release/api/9.0.0"),
            ("release-api-1.0", "release-api-9.0.0"),
            ("releases/api/v2", "releases/api/v9.0.0"),
        ] {
            assert_eq!(kept("api", "x/api", &[tag]), next);
        }
    }

    #[test]
    fn of_several_series_the_highest_version_goes_on() {
        let tags = ["pay-v1.4.0", "pay/v1.2.0", "pay/v1.1.0"];
        assert_eq!(kept("pay", "services/pay", &tags), "pay-v9.0.0 pay/v9.0.0");
    }

    #[test]
    fn a_series_is_its_who_is_named_more_exactly() {
        let owners = [
            owner("lib", "release/api"),
            owner("api", "x/api"),
            owner("y", "y/api"),
        ];
        let all = existing(&owners, &["api/v1.0.0", "release/api/v1.0.0"]);
        let told: Vec<_> = all
            .iter()
            .map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
            .collect();
        assert_eq!(told, [vec!["release/api/v*"], vec!["api/v*"], vec![]]);
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
