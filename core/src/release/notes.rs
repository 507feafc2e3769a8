//! What a release says to people: Markdown, grouped as Keep a Changelog (keepachangelog.com) and conventional commits have it.

use semver::Version;

use super::{Release, Work};

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
    let breaking = release
        .work
        .iter()
        .filter(|work| work.message.breaking.is_some());
    section(
        &mut text,
        "Breaking",
        breaking.map(|work| {
            let told = work
                .message
                .breaking
                .as_deref()
                .filter(|told| !told.is_empty());
            line(work, told.unwrap_or(&work.message.subject), url)
        }),
    );
    for (title, kinds) in GROUPS {
        let of = release
            .work
            .iter()
            .filter(|work| kinds.contains(&work.message.kind.as_str()));
        section(
            &mut text,
            title,
            of.map(|work| line(work, &work.message.subject, url)),
        );
    }
    let is_grouped = |work: &&Work| {
        let kind = work.message.kind.as_str();
        GROUPS.iter().any(|(_, kinds)| kinds.contains(&kind))
    };
    let rest = release.work.iter().filter(|work| !is_grouped(work));
    section(
        &mut text,
        "Changed",
        rest.map(|work| line(work, &work.message.subject, url)),
    );
    section(
        &mut text,
        "Notes",
        release
            .notes
            .iter()
            .map(|note| format!("- {}\n", note.replace('\n', "\n  "))),
    );
    let built_with = release.causes.iter().filter(|cause| !cause.via.is_empty());
    section(
        &mut text,
        "Built with",
        built_with.map(|cause| {
            let chain: Vec<String> = cause.via.iter().map(|name| escape(name)).collect();
            format!("- {}\n", chain.join(" → "))
        }),
    );
    text
}

/// The heading that `version` looks for, so that no release is written twice.
#[must_use]
pub fn heading(version: &Version, date: &str) -> String {
    format!("## {version} ({date})")
}

/// Puts notes into a changelog: before the newest release, after what stands above it.
#[must_use]
pub fn into_changelog(changelog: &str, notes: &str, version: &Version) -> String {
    let is_there = changelog.lines().any(|line| {
        let rest = line
            .strip_prefix("## ")
            .map(|rest| rest.trim_start_matches(['[', 'v']));
        rest.is_some_and(|rest| {
            let end = rest.find([' ', ']', '(']).unwrap_or(rest.len());
            rest[..end] == version.to_string()
        })
    });
    if is_there {
        return changelog.to_owned();
    }
    if changelog.trim().is_empty() {
        return format!("# Changelog\n\n{notes}");
    }
    let mut at = 0;
    for line in changelog.split_inclusive('\n') {
        let is_release = line.starts_with("## ") && !line.to_lowercase().contains("unreleased");
        if is_release {
            return format!("{}{notes}\n{}", &changelog[..at], &changelog[at..]);
        }
        at += line.len();
    }
    format!("{}\n\n{notes}", changelog.trim_end())
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: String = lines.collect();
    if !lines.is_empty() {
        text.push_str(&format!("\n### {title}\n\n{lines}"));
    }
}

fn line(work: &Work, subject: &str, url: &CommitUrl) -> String {
    let short: String = work.commit.chars().take(9).collect();
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
        let new = into_changelog(old, notes, &version);
        assert!(
            new.starts_with("# Changelog\n\nAll of it.\n\n## 1.1.0"),
            "{new}"
        );
        assert!(
            new.ends_with("- x\n\n## 1.0.0 (2026-01-01)\n\n- y\n"),
            "{new}"
        );
        assert_eq!(into_changelog(&new, notes, &version), new);
        assert_eq!(
            into_changelog("", notes, &version),
            format!("# Changelog\n\n{notes}")
        );
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
