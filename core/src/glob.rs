//! The globs of this tool's own files and flags: one dialect, so that a pattern means the same wherever somebody writes it.
//! What manifests hold is read as their own tools read it, by their ecosystems.

use globset::{Error, Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Reads a glob over paths: `*` and `?` stay within a folder, `**` goes through any number of them, `{a,b}` is one of
/// several and may be nothing, as in `y{,a}ml`.
///
/// # Errors
/// If the pattern is no glob.
pub(crate) fn of_paths(pattern: &str) -> Result<Glob, Error> {
    glob(pattern, true)
}

/// Reads a glob over names of projects and tasks, where `/` is a letter as any other.
///
/// # Errors
/// If the pattern is no glob.
pub(crate) fn of_names(pattern: &str) -> Result<Glob, Error> {
    glob(pattern, false)
}

/// Reads several globs over paths.
///
/// # Errors
/// If one of them is no glob.
pub(crate) fn paths<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<GlobSet, Error> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(of_paths(pattern)?);
    }
    builder.build()
}

fn glob(pattern: &str, literal_separator: bool) -> Result<Glob, Error> {
    GlobBuilder::new(pattern)
        .literal_separator(literal_separator)
        .empty_alternates(true)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_may_be_nothing() {
        let check = |pattern: &str, path: &str, expect: bool| {
            let set = paths([pattern]).expect("a glob");
            assert_eq!(set.is_match(path), expect, "{pattern} {path}");
        };
        check("a.y{,a}ml", "a.yml", true);
        check("a.y{,a}ml", "a.yaml", true);
        check("{,.}cspell*", "cspell.json", true);
        check("{,.}cspell*", ".cspell.json", true);
        check("{,.}cspell*", "a.cspell.json", false);
        check("*.rs", "a/b.rs", false);
        check("a/**/*.rs", "a/b.rs", true);
        let name = of_names("@scope*").expect("a glob").compile_matcher();
        assert!(name.is_match("@scope/a"));
    }
}
