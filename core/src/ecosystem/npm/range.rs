//! Whether a range that a manifest asks for is met by the version in the workspace.

use semver::{Version, VersionReq};

/// Tells whether `version` meets `range`. What cannot be read counts as met: an edge too many costs time, one
/// too few a bug. Grammar: node-semver, `||` between alternatives, blanks between comparators, `a - b`.
pub(super) fn meets(range: &str, version: Option<&str>) -> bool {
    let Some(version) = version.and_then(|version| Version::parse(version).ok()) else {
        return true;
    };
    let range = range.trim();
    if range.is_empty() || range.contains(" - ") || matches!(range, "*" | "latest" | "x") {
        return true;
    }
    range.split("||").any(|alternative| {
        let comparators: Vec<&str> = alternative.split_whitespace().collect();
        let joined = comparators.join(", ");
        // A bare version is exact for npm, a caret for the Rust crate.
        let exact = joined.starts_with(|c: char| c.is_ascii_digit()) && comparators.len() == 1;
        let joined = if exact && Version::parse(&joined).is_ok() {
            format!("={joined}")
        } else {
            joined
        };
        VersionReq::parse(&joined).map_or(true, |wanted| {
            wanted.matches(&version)
                || (!version.pre.is_empty() && matches_without_prerelease(&wanted, &version))
        })
    })
}

fn matches_without_prerelease(wanted: &VersionReq, version: &Version) -> bool {
    wanted.matches(&Version::new(version.major, version.minor, version.patch))
}

#[cfg(test)]
mod tests {
    use super::meets;

    #[test]
    fn ranges() {
        for (range, version, expected) in [
            ("^1.0.0", "1.4.2", true),
            ("^1.0.0", "2.0.0", false),
            ("1.0.0", "1.0.1", false),
            (">=1.0.0 <2.0.0", "1.9.0", true),
            ("^1 || ^2", "2.1.0", true),
            ("~1.2", "1.3.0", false),
            ("*", "0.0.1", true),
            ("latest", "0.0.1", true),
            ("1.x", "1.5.0", true),
        ] {
            assert_eq!(meets(range, Some(version)), expected, "{range} {version}");
        }
        assert!(meets("^1.0.0", None));
    }
}
