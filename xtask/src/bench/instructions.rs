//! Counts the instructions of a command: the one figure that a busy machine does not change.

use std::path::Path;
use std::process::{Command, Stdio};

use super::row::Row;

/// Returns the instructions outside of the kernel: from `perf`, else from callgrind; `None` where neither counts.
pub(super) fn count(row: &Row, repo: &Path) -> Option<u64> {
    by_perf(row, repo).or_else(|| by_callgrind(row, repo))
}

fn told(mut command: Command) -> Option<String> {
    let output = command.stderr(Stdio::piped()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn by_perf(row: &Row, repo: &Path) -> Option<u64> {
    let before = ["perf", "stat", "-x,", "-e", "instructions:u"];
    let text = told(row.command(&before, repo))?;
    let line = text.lines().find(|line| line.contains("instructions"))?;
    line.split(',').next()?.parse().ok()
}

fn by_callgrind(row: &Row, repo: &Path) -> Option<u64> {
    let before = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
    ];
    let text = told(row.command(&before, repo))?;
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}
