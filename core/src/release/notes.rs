//! What a release says to people: Markdown, grouped as Keep a Changelog (keepachangelog.com) and conventional commits have it.

use std::collections::BTreeSet;

use semver::Version;

use super::{Release, Work, version};

/// The file in a project's folder.
pub const CHANGELOG: &str = "CHANGELOG.md";

/// Where commits are shown, `{id}` in it; none leaves the ids as they are.
pub type CommitUrl = Option<String>;

const GROUPS: [(&str, &[&str]); 3] = [
    ("Added", &["feat", "feature"]),
    ("Fixed", &["fix"]),
    ("Faster", &["perf"]),
];

/// Words a release.
#[must_use]
pub fn markdown(release: &Release, date: &str, url: &CommitUrl) -> String {
    let mut text = format!("{}\n", heading(&release.to, date));
    work(&mut text, release, url);
    let notes = release.notes.iter();
    let notes = notes.map(|note| format!("- {}\n", note.replace('\n', "\n  ")));
    section(&mut text, "Notes", notes);
    let built_with = release.causes.iter().filter(|cause| !cause.via.is_empty());
    let built_with = built_with.map(|cause| {
        let chain: Vec<String> = cause.via.iter().map(|name| escape(name)).collect();
        format!("- {}\n", chain.join(" → "))
    });
    section(&mut text, "Built with", built_with);
    let is_bare = text.lines().count() == 1;
    if is_bare && release.from.is_none() {
        text.push_str("\nThe first release.\n");
    } else if is_bare {
        // Nothing of its own: then at least why, or the section says nothing.
        let causes = release.causes.iter();
        let why = causes.map(|cause| format!("- {}\n", quoted(&cause.detail)));
        section(&mut text, "Released because", why);
    }
    text
}

/// What commits did, by kind.
fn work(text: &mut String, release: &Release, url: &CommitUrl) {
    let all = || release.work.iter();
    let breaking = all().filter_map(|work| Some((work, work.message.breaking.as_deref()?)));
    let breaking = breaking.map(|(work, told)| match told {
        "" => line(work, &work.message.subject, url),
        told => line(work, told, url),
    });
    section(text, "Breaking", breaking);
    let told = |work: &Work| line(work, &work.message.subject, url);
    for (title, kinds) in GROUPS {
        let of = all().filter(|work| kinds.contains(&work.message.kind.as_str()));
        section(text, title, of.map(told));
    }
    let is_grouped = |work: &&Work| {
        let kind = work.message.kind.as_str();
        GROUPS.iter().any(|(_, kinds)| kinds.contains(&kind))
    };
    let rest = all().filter(|work| !is_grouped(work));
    section(text, "Changed", rest.map(told));
}

/// The heading that `version` looks for, so that no release is written twice.
#[must_use]
pub fn heading(version: &Version, date: &str) -> String {
    format!("## {version} ({date})")
}

/// Puts notes into a changelog: before the newest release, after what stands above it. A section of this version that
/// `is_stale` tells to be older than the notes gives way, and so do those of versions that were written and never tagged.
#[must_use]
pub fn into_changelog(
    changelog: &str,
    notes: &str,
    version: &Version,
    is_stale: &dyn Fn(&Version, &str) -> bool,
) -> String {
    let (above, sections) = split(changelog);
    let kept = |part: &&(Option<Version>, &str)| match &part.0 {
        Some(of) => !is_stale(of, part.1),
        None => true,
    };
    let kept: Vec<_> = sections.iter().filter(kept).collect();
    if kept.iter().any(|(of, _)| of.as_ref() == Some(version)) {
        return changelog.to_owned();
    }
    if changelog.trim().is_empty() {
        return format!("# Changelog\n\n{notes}");
    }
    if kept.is_empty() {
        return format!("{}\n\n{notes}", above.trim_end());
    }
    let rest: String = kept.iter().map(|(_, text)| *text).collect();
    format!("{above}{notes}\n{rest}")
}

/// Returns the section of a version, as the changelog has it.
#[must_use]
pub fn section_of(changelog: &str, version: &Version) -> Option<String> {
    let (_, sections) = split(changelog);
    let (_, text) = sections
        .into_iter()
        .find(|(of, _)| of.as_ref() == Some(version))?;
    let is_shown = |letter: &char| !letter.is_control() || matches!(letter, '\n' | '\t');
    let text: String = text.chars().filter(is_shown).collect();
    Some(format!("{}\n", text.trim_end()))
}

/// Returns every version that has a section.
#[must_use]
pub fn versions(changelog: &str) -> BTreeSet<Version> {
    let (_, sections) = split(changelog);
    sections.into_iter().filter_map(|(of, _)| of).collect()
}

/// Tells whether a section speaks of all that a release consists of.
#[must_use]
pub fn is_whole(section: &str, release: &Release) -> bool {
    let mut work = release.work.iter();
    let mut notes = release.notes.iter();
    work.all(|work| section.contains(&short(&work.commit)))
        && notes.all(|note| note.lines().all(|line| section.contains(line.trim())))
}

/// Tells whether a section has the heading that this tool writes, and so may be written again.
#[must_use]
pub fn is_ours(section: &str) -> bool {
    let heading = section.lines().next().unwrap_or_default();
    let date = heading
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("));
    date.is_some_and(|(before, date)| {
        let is_date = date.len() == 10 && date.chars().all(|c| c.is_ascii_digit() || c == '-');
        let version = before.strip_prefix("## ").map(Version::parse);
        is_date && version.is_some_and(|version| version.is_ok())
    })
}

/// Splits a changelog into what stands above the first release, and the releases, each with the version that its heading names. What
/// is not released yet stands above.
fn split(changelog: &str) -> (&str, Vec<(Option<Version>, &str)>) {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in changelog.split_inclusive('\n') {
        let is_heading = line.starts_with("## ");
        if is_heading && (!starts.is_empty() || !line.to_lowercase().contains("unreleased")) {
            starts.push(at);
        }
        at += line.len();
    }
    let above = &changelog[..starts.first().copied().unwrap_or(changelog.len())];
    let ends = starts.iter().skip(1).copied().chain([changelog.len()]);
    let sections = starts.iter().zip(ends).map(|(start, end)| {
        let text = &changelog[*start..end];
        (version_in(text.lines().next().unwrap_or_default()), text)
    });
    (above, sections.collect())
}

fn version_in(heading: &str) -> Option<Version> {
    let rest = heading.strip_prefix("## ")?.trim_start_matches(['[', 'v']);
    let end = rest.find([' ', ']', '(']).unwrap_or(rest.len());
    version::parse(&rest[..end])
}

fn short(commit: &str) -> String {
    commit.chars().take(9).collect()
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: String = lines.collect();
    if !lines.is_empty() {
        text.push_str(&format!("\n### {title}\n\n{lines}"));
    }
}

fn line(work: &Work, subject: &str, url: &CommitUrl) -> String {
    let short = short(&work.commit);
    let id = match url {
        Some(url) => format!("[{short}]({})", url.replace("{id}", &work.commit)),
        None => short,
    };
    let scope = work.message.scope.as_ref();
    let scope = scope.map(|scope| format!("**{}:** ", escape(scope)));
    let subject = subject.lines().next().unwrap_or_default();
    format!(
        "- {}{} ({id})\n",
        scope.unwrap_or_default(),
        escape(subject)
    )
}

/// X3: what commits say is shown, never obeyed: no HTML, no control characters, no links of theirs.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '[' | ']' | '`' | '\\' | '|' => out.extend(['\\', letter]),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// Escapes what this tool says itself, whose quotes stay as they are.
fn quoted(text: &str) -> String {
    let parts: Vec<String> = text.split('`').map(escape).collect();
    parts.join("`")
}

/// Finds out where a host shows commits, from the address of the remote.
#[must_use]
pub fn commit_url(remote: &str) -> CommitUrl {
    let rest = remote.trim_end_matches('/').trim_end_matches(".git");
    let rest = match rest.split_once("://") {
        Some((_, rest)) => rest
            .rsplit_once('@')
            .map_or(rest, |(_, rest)| rest)
            .to_owned(),
        None => rest.split_once('@')?.1.replacen(':', "/", 1),
    };
    let host = rest.split('/').next()?;
    let host = host.split(':').next()?;
    let path = rest.split_once('/')?.1;
    let middle = match host {
        host if host.contains("gitlab") => "/-/commit/",
        host if host.contains("bitbucket") => "/commits/",
        host if host.contains("github") || host.contains("codeberg") => "/commit/",
        _ => return None,
    };
    Some(format!("https://{host}/{path}{middle}{{id}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_gets_each_release_once() {
        let version = Version::new(1, 1, 0);
        let notes = "## 1.1.0 (2026-01-02)\n\n### Fixed\n\n- x\n";
        let old = "# Changelog\n\nAll of it.\n\n## 1.0.0 (2026-01-01)\n\n- y\n";
        let never = |_: &Version, _: &str| false;
        let new = into_changelog(old, notes, &version, &never);
        assert!(
            new.starts_with("# Changelog\n\nAll of it.\n\n## 1.1.0"),
            "{new}"
        );
        assert!(
            new.ends_with("- x\n\n## 1.0.0 (2026-01-01)\n\n- y\n"),
            "{new}"
        );
        assert_eq!(into_changelog(&new, notes, &version, &never), new);
        assert_eq!(
            into_changelog("", notes, &version, &never),
            format!("# Changelog\n\n{notes}")
        );
        assert_eq!(section_of(&new, &version).as_deref(), Some(notes));
        assert_eq!(section_of(&new, &Version::new(9, 0, 0)), None);
        // What was written and never tagged gives way.
        let next = Version::new(1, 2, 0);
        let stale = |of: &Version, text: &str| *of == version && is_ours(text);
        let notes = "## 1.2.0 (2026-01-03)\n\n### Added\n\n- x\n";
        let newer = into_changelog(&new, notes, &next, &stale);
        let headings: Vec<_> = newer
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        assert_eq!(headings, ["## 1.2.0 (2026-01-03)", "## 1.0.0 (2026-01-01)"]);
    }

    #[test]
    fn only_own_headings_are_written_again() {
        assert!(is_ours("## 1.2.0-rc.1 (2026-01-03)\n\nx"));
        for other in [
            "## [1.2.0] (2026-01-03)",
            "## 1.2.0",
            "## 1.2.0 (soon)",
            "## 1.2 (2026-01-03)",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    /// X3.
    #[test]
    fn x3_words_of_commits_stay_words() {
        assert_eq!(escape("a<b>[c](d)\u{1b}[2J"), "a&lt;b&gt;\\[c\\](d) \\[2J");
    }

    #[test]
    fn hosts_show_commits() {
        let check = |remote: &str, expect: Option<&str>| {
            assert_eq!(commit_url(remote).as_deref(), expect, "{remote}");
        };
        check(
            "git@github.com:shop/shop.git",
            Some("https://github.com/shop/shop/commit/{id}"),
        );
        check(
            "https://u:secret@gitlab.com/a/b",
            Some("https://gitlab.com/a/b/-/commit/{id}"),
        );
        check(
            "ssh://git@bitbucket.org/a/b.git",
            Some("https://bitbucket.org/a/b/commits/{id}"),
        );
        check("/srv/bare", None);
    }
}
