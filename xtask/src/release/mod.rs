//! Proves releases on real histories, against real tools, and under kills: `cargo xtask release replay|oracle|soak`.

mod oracle;
mod replay;
mod soak;

use std::path::Path;
use std::process::{Command, Output};

use clap::{Args, Subcommand};
use serde_json::Value;

/// What to prove.
#[derive(Args)]
pub(crate) struct Release {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Compares versions with those of changesets, git-cliff and Go.
    Oracle(oracle::Oracle),
    /// Compares each commit's plan with its affected set over `link` and `build` edges.
    Replay(replay::Replay),
    /// Tags at once from many clones, and kills taggers.
    Soak(soak::Soak),
}

/// Runs one proof; an error if it does not hold.
pub(crate) fn run(wanted: &Release) -> Result<(), String> {
    match &wanted.verb {
        Verb::Oracle(wanted) => oracle::run(wanted),
        Verb::Replay(wanted) => replay::run(wanted),
        Verb::Soak(wanted) => soak::run(wanted),
    }
}

/// The tool in a folder; nothing of the caller's environment decides what it answers.
fn affected(program: &Path, folder: &Path, cache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("AFFECTED_CACHE_DIR", cache)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("CI")
        .env_remove("AFFECTED_BASE");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "a")
            .env(format!("GIT_{who}_EMAIL"), "a@example.com");
    }
    command
}

/// Git in a folder, by the same rules.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "a")
            .env(format!("GIT_{who}_EMAIL"), "a@example.com");
    }
    let output = finished(&mut command)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Demands that a command ends well.
fn finished(command: &mut Command) -> Result<Output, String> {
    let output = command
        .output()
        .map_err(|error| format!("`{command:?}` does not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{command:?}` ended with {}: {words}",
        output.status
    ))
}

fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("the answer is no JSON: {error}"))
}
