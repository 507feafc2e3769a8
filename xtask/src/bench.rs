//! Times deciding against git in the same run: `cargo xtask bench`.
//!
//! Absolute times say little about another machine, so each line ends with its ratio to `git status` and
//! `git diff --name-only` together, which is what an editor or a shell prompt pays anyway.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

/// What to time.
#[derive(Args)]
pub(crate) struct Bench {
    /// A repository to time in, instead of a made one.
    #[arg(long)]
    repo: Option<PathBuf>,
    /// The base revision.
    #[arg(long, default_value = "main")]
    base: String,
    /// Projects of the made repository.
    #[arg(long, default_value_t = 1000)]
    projects: usize,
    /// Source files of each project of the made repository.
    #[arg(long, default_value_t = 20)]
    files: usize,
    /// Runs of each command; the median counts.
    #[arg(long, default_value_t = 9)]
    runs: usize,
}

/// Prints a table of medians and their ratios to git.
pub(crate) fn run(wanted: &Bench) -> Result<(), String> {
    crate::ci::cargo(
        &["build", "--quiet", "--release", "--package", "affected-cli"],
        &[],
    )?;
    let made = tempfile::tempdir().map_err(|error| error.to_string())?;
    let repo = if let Some(repo) = &wanted.repo {
        repo.clone()
    } else {
        affected_fixtures::synthetic(made.path(), wanted.projects, wanted.files)
            .map_err(|error| error.to_string())?;
        made.path().to_path_buf()
    };
    let tool = crate::root().join("target/release/affected");
    let base = wanted.base.as_str();
    let time = |program: &Path, arguments: &[&str]| median(&repo, program, arguments, wanted.runs);
    let git = Path::new("git");
    let status = time(git, &["status", "--porcelain"])?;
    let diff = time(git, &["diff", "--name-only", base])?;
    println!("{:44} {:>9} {:>8}", "command", "median ms", "x git");
    let row = |words: &str, spent: Duration| {
        let ratio = spent.as_secs_f64() / (status + diff).as_secs_f64();
        println!("{words:44} {:9.1} {ratio:8.2}", spent.as_secs_f64() * 1e3);
    };
    row("git status --porcelain", status);
    row("git diff --name-only BASE", diff);
    for arguments in [
        &["list", "--base", base, "--format", "json"][..],
        &["list", "--base", base, "--head", "HEAD", "--format", "json"],
        &["list", "--staged", "--format", "json"],
        &["list", "--all", "--format", "names"],
    ] {
        let words = format!("affected {}", arguments.join(" "));
        row(&words, time(&tool, arguments)?);
    }
    Ok(())
}

/// Runs a command once to warm up, then `runs` times.
fn median(
    repo: &Path,
    program: &Path,
    arguments: &[&str],
    runs: usize,
) -> Result<Duration, String> {
    let mut spent = Vec::new();
    for _ in 0..=runs.max(1) {
        let began = Instant::now();
        let status = Command::new(program)
            .arg("-C")
            .arg(repo)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        if !status.success() {
            return Err(format!(
                "`{} {}` ended with {status}",
                program.display(),
                arguments.join(" ")
            ));
        }
        spent.push(began.elapsed());
    }
    spent.remove(0);
    spent.sort_unstable();
    Ok(spent[spent.len() / 2])
}
