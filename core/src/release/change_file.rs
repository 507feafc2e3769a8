//! Change files: notes that wait for a release, `.changes/*.md`. Their form is that of changesets
//! (github.com/changesets/changesets, docs/intro-to-using-changesets.md): front matter with one line for each project, then words.

use std::collections::BTreeMap;

use affected_graph::RepoPath;

use super::Bump;

/// One change file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFile {
    /// Where it is.
    pub path: RepoPath,
    /// How much it raises whom, by the names that are written.
    pub bumps: BTreeMap<String, Bump>,
    /// What changed, for people.
    pub text: String,
}

/// Says what is wrong with a change file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` line {line} is no change: {message}")]
pub struct ChangeFileError {
    /// Which.
    pub path: RepoPath,
    /// 1-based.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Tells whether a file in the folder of change files is one.
#[must_use]
pub fn is_name(path: &RepoPath) -> bool {
    let name = path.file_name();
    name.ends_with(b".md") && !name.eq_ignore_ascii_case(b"README.md")
}

/// Reads a change file.
///
/// # Errors
/// Where the front matter is missing or names something else than `none patch minor major`.
pub fn read(path: &RepoPath, bytes: &[u8]) -> Result<ChangeFile, ChangeFileError> {
    let error = |line: usize, message: &str| ChangeFileError {
        path: path.clone(),
        line,
        message: message.to_owned(),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| error(1, "it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    if lines
        .next()
        .is_none_or(|(_, line)| line.trim_end() != "---")
    {
        return Err(error(
            1,
            "it must begin with `---`, then lines such as `catalog: minor`",
        ));
    }
    let mut bumps = BTreeMap::new();
    let mut ended = false;
    for (at, line) in lines.by_ref() {
        if line.trim_end() == "---" {
            ended = true;
            break;
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, word) = line
            .rsplit_once(':')
            .ok_or_else(|| error(at + 1, "expected `project: patch`"))?;
        let plain = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
        let bump = Bump::parse(&plain(word))
            .ok_or_else(|| error(at + 1, "expected `none`, `patch`, `minor` or `major`"))?;
        bumps.insert(plain(name), bump);
    }
    if !ended {
        return Err(error(1, "the `---` that ends its head is missing"));
    }
    let text = lines.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
    Ok(ChangeFile {
        path: path.clone(),
        bumps,
        text: text.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_files_are_read() {
        let path = RepoPath::from_normalized(".changes/a.md");
        let file = read(
            &path,
            b"---\n\"@shop/web\": minor\ncatalog: patch\n---\n\nWords.\n",
        )
        .unwrap();
        assert_eq!(file.bumps["@shop/web"], Bump::Minor);
        assert_eq!(file.bumps["catalog"], Bump::Patch);
        assert_eq!(file.text, "Words.");
        let fails = |text: &str| read(&path, text.as_bytes()).unwrap_err().line;
        assert_eq!(fails("words"), 1);
        assert_eq!(fails("---\nweb: huge\n---\n"), 2);
        assert_eq!(fails("---\nweb: minor\n"), 1);
    }
}
