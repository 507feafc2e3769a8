//! Brings what a shallow or narrow clone lacks, with git itself: credentials, proxies and protocols are its
//! business. Neutral settings, no hooks, no prompt, and words of the user never stand where an option could (X2).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{CommitId, Repository};

/// How much history comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What is missing; right for clones that are not shallow.
    Whole,
    /// So many commits from each tip, without the contents of files; for shallow clones.
    Commits(usize),
    /// All that a shallow clone lacks, without the contents of files.
    Unshallow,
}

/// Settings that keep a fetch quiet, bounded and free of code from configuration.
const NEUTRAL: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "protocol.ext.allow=never",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
];

/// Old contents fetched at most; beyond that, what cannot be read is selected.
const MOST_BLOBS: usize = 50_000;

impl Repository {
    /// Fetches refspecs or commit ids from the remote. The error is what git says, without credentials.
    pub fn fetch(&self, wanted: &[String], reach: Reach) -> Result<(), String> {
        let remote = self.remote()?;
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
        let depth = match reach {
            Reach::Commits(depth) => Some(format!("--depth={depth}")),
            Reach::Unshallow => Some("--unshallow".to_owned()),
            Reach::Whole => None,
        };
        if let Some(depth) = &depth {
            arguments.extend([depth.as_str(), "--filter=blob:none"]);
        }
        arguments.extend(["--end-of-options", &remote]);
        arguments.extend(wanted.iter().map(String::as_str));
        self.told(&arguments, &[]).map(drop)
    }

    /// Fetches the old contents of files that differ between two commits, in one go: after a fetch without
    /// contents, what a comparison reads of the base would be missing.
    pub fn fetch_old_contents(&self, base: &CommitId, head: &CommitId) -> Result<usize, String> {
        let (from, to) = (base.to_string(), head.to_string());
        let diff = [
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-ext-diff",
            "--no-abbrev",
            "--end-of-options",
            &from,
            &to,
        ];
        let listed = self.told(&diff, &[])?;
        let mut missing = old_blobs(&listed);
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|id| !self.has_object(id));
        missing.truncate(MOST_BLOBS);
        if missing.is_empty() {
            return Ok(0);
        }
        let remote = self.remote()?;
        let arguments = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--filter=blob:none",
            "--stdin",
            "--end-of-options",
            &remote,
        ];
        self.told(&arguments, (missing.join("\n") + "\n").as_bytes())?;
        Ok(missing.len())
    }

    /// Counts the commits from `head` along first parents, as far as they are here.
    pub fn depth_of(&self, head: &CommitId) -> usize {
        let head = head.to_string();
        let arguments = [
            "rev-list",
            "--count",
            "--first-parent",
            "--end-of-options",
            &head,
        ];
        let count = self.told(&arguments, &[]).unwrap_or_default();
        String::from_utf8_lossy(&count).trim().parse().unwrap_or(1)
    }

    /// `origin`, or the only remote there is.
    fn remote(&self) -> Result<String, String> {
        let names = self.told(&["remote"], &[])?;
        let names = String::from_utf8_lossy(&names).into_owned();
        let names: Vec<&str> = names.lines().collect();
        match names.as_slice() {
            names if names.contains(&"origin") => Ok("origin".to_owned()),
            [only] => Ok((*only).to_owned()),
            [] => Err("there is no remote".to_owned()),
            _ => Err("there are several remotes and none is `origin`".to_owned()),
        }
    }

    /// Where git is started: nothing of it depends on the caller's folder.
    pub(super) fn place(&self) -> PathBuf {
        self.work_tree()
            .map_or_else(|| self.common_dir(), Path::to_path_buf)
    }

    /// Starts git here, whatever it answers.
    pub(super) fn git(&self, arguments: &[&str], input: &[u8]) -> Result<Output, String> {
        let output = run_with(&self.place(), arguments, input, None);
        output.map_err(|error| format!("git: {error}"))
    }

    /// What git prints; the error is its last word.
    fn told(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        words_of(self.git(arguments, input)?)
    }
}

/// Returns what git wrote, or what it says against it.
pub(super) fn words_of(output: Output) -> Result<Vec<u8>, String> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let fatal = said.lines().find(|line| line.starts_with("fatal:"));
    let line = fatal
        .or_else(|| said.lines().last())
        .unwrap_or("git failed");
    Err(without_credentials(line.trim_start_matches("fatal: ")))
}

/// Starts git in `folder` with neutral settings, and without anything to ask; with an index file of ours in place of the
/// repository's, where one is given.
pub(super) fn run_with(
    folder: &Path,
    arguments: &[&str],
    input: &[u8],
    index: Option<&Path>,
) -> std::io::Result<Output> {
    let mut command = Command::new("git");
    for setting in NEUTRAL {
        command.args(["-c", setting]);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GCM_INTERACTIVE", "never")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .envs(index.map(|index| ("GIT_INDEX_FILE", index)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Git that ended early says so by its status.
        drop(stdin.write_all(input));
    }
    child.wait_with_output()
}

/// Reads the old blobs from `diff-tree --raw -z`: `:mode mode id id status NUL path NUL`.
fn old_blobs(raw: &[u8]) -> Vec<String> {
    let records = raw.split(|byte| *byte == 0);
    let old = records.filter_map(|record| {
        let text = std::str::from_utf8(record).ok()?.strip_prefix(':')?;
        let mut fields = text.split(' ');
        let (mode, id) = (fields.next()?, fields.nth(1)?);
        let is_blob = mode != "000000" && mode != "160000" && fields.next().is_some();
        let is_id = id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_blob && is_id).then(|| id.to_owned())
    });
    old.collect()
}

/// Takes user and password out of addresses (C12).
pub(super) fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|char: char| char == '/' || char == '\'' || char.is_whitespace())
            .unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        if host > 0 {
            out.push_str("***@");
        }
        out.push_str(&after[host..end]);
        rest = &after[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C12.
    #[test]
    fn c12_credentials_are_taken_out_of_messages() {
        let said = "unable to access 'https://me:s3cret@host.example/a@b.git/': no";
        assert_eq!(
            without_credentials(said),
            "unable to access 'https://***@host.example/a@b.git/': no"
        );
        assert_eq!(without_credentials("no address"), "no address");
    }

    #[test]
    fn old_blobs_are_read_and_submodules_left_out() {
        let (a, b, zero) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        let raw = format!(
            ":100644 100644 {a} {b} M\0x y\0:000000 100644 {zero} {b} A\0:new\0:160000 160000 {b} {a} M\0sub\0"
        );
        assert_eq!(old_blobs(raw.as_bytes()), [a]);
    }
}
