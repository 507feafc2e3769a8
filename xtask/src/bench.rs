//! Times deciding against git in the same run: `cargo xtask bench`.
//!
//! Absolute times say little about another machine, so each line ends with its ratio to the git baseline: `git diff
//! --name-only BASE...HEAD` and `git status --porcelain`, which an editor or a shell prompt pays anyway. All commands
//! of a round run one after another, so that a machine whose speed drifts does not favour one of them.
//!
//! What breaks first at 100,000 projects and 5 million files, from the figures that this prints: the stat of each file
//! (about 1 µs of one core each, as in git), then the index in memory (about 120 bytes a file: 600 MB, as in git), then
//! the stored inventory (about 0.6 KB a project and 60 bytes for each file that a parser read: 360 MB). Nothing of it
//! grows faster than the number of files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

/// What to time.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    other: Option<Other>,
    /// A repository to time in, instead of a made one; its branches `change-leaf`, `change-mid`, `change-root` and
    /// `change-many` are timed, or what is checked out where it has none.
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
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// Installs other tools by npm, and times them at the same question; the repository must be theirs, too.
    #[arg(long)]
    peers: bool,
}

/// What else can be measured.
#[derive(Subcommand)]
enum Other {
    /// Replays made histories and compares the order of tests with the best one.
    Order(crate::order::Order),
    /// Times running against starting the same processes by hand.
    Engine(crate::engine::Engine),
}

/// Something that is timed.
struct Row {
    words: String,
    program: PathBuf,
    arguments: Vec<String>,
    /// Whether what was kept is deleted before each run.
    cold: bool,
    spent: Vec<Duration>,
    /// Peak memory in KiB, where `/usr/bin/time` tells it.
    peak: Option<u64>,
}

/// Prints a table of medians, their ratios to git, and peak memory.
pub(crate) fn run(wanted: &Bench) -> Result<(), String> {
    match &wanted.other {
        Some(Other::Order(wanted)) => return crate::order::run(wanted),
        Some(Other::Engine(wanted)) => return crate::engine::run(wanted),
        None => {}
    }
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
    let peers = wanted.peers.then(install_peers).transpose()?;
    let changes = changes(&repo);
    for change in &changes {
        if let Some(branch) = change {
            git(&repo, &["checkout", "-q", branch])?;
        }
        let mut rows = rows(&wanted.base);
        if let Some(peers) = &peers {
            rows.extend(peer_rows(peers.path(), &wanted.base));
        }
        measure(&repo, wanted.runs, &mut rows)?;
        print(change.as_deref().unwrap_or("HEAD"), &rows);
    }
    Ok(())
}

fn changes(repo: &Path) -> Vec<Option<String>> {
    let branches = ["leaf", "mid", "root", "many"].map(|name| format!("change-{name}"));
    let exists = |branch: &String| git(repo, &["rev-parse", "-q", "--verify", branch]).is_ok();
    let found: Vec<_> = branches.into_iter().filter(exists).map(Some).collect();
    if found.is_empty() { vec![None] } else { found }
}

/// The first two are the baseline of deciding on a work tree; the third stands for listing a clean checkout.
fn rows(base: &str) -> Vec<Row> {
    let range = format!("{base}...HEAD");
    let own = crate::root().join("target/release/affected");
    let git = |arguments: &[&str]| Row::new("git".into(), arguments, false);
    let own = |arguments: &[&str], cold| Row::new(own.clone(), arguments, cold);
    let list = ["list", "--base", base, "--format", "json"];
    vec![
        git(&["diff", "--name-only", &range]),
        git(&["status", "--porcelain"]),
        git(&["ls-files"]),
        own(&list, false),
        own(&[&list[..], &["--head", "HEAD"]].concat(), false),
        own(&["list", "--staged", "--format", "json"], false),
        own(&["list", "--files", "README.md", "--format", "json"], false),
        own(&["--version"], false),
        own(&list, true),
    ]
}

impl Row {
    fn new(program: PathBuf, arguments: &[&str], cold: bool) -> Self {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let cold_word = if cold { " (cold)" } else { "" };
        Self {
            words: format!("{name} {}{cold_word}", arguments.join(" ")),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            program,
            cold,
            spent: Vec::new(),
            peak: None,
        }
    }

    fn command(&self, repo: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(repo);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        command
    }

    fn once(&self, repo: &Path) -> Result<Duration, String> {
        if self.cold {
            let _ = std::fs::remove_dir_all(repo.join(".git/affected"));
        }
        let began = Instant::now();
        let status = self.command(repo).status();
        let status = status.map_err(|error| format!("`{}` does not start: {error}", self.words))?;
        let spent = began.elapsed();
        if status.success() {
            Ok(spent)
        } else {
            Err(format!("`{}` ended with {status}", self.words))
        }
    }

    /// Asks GNU time; other systems leave the column empty.
    fn measure_peak(&mut self, repo: &Path) {
        if self.cold {
            let _ = std::fs::remove_dir_all(repo.join(".git/affected"));
        }
        let output = Command::new("/usr/bin/time")
            .args(["-f", "peak %M"])
            .arg(&self.program)
            .args(&self.arguments)
            .current_dir(repo)
            .stdout(Stdio::null())
            .output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let text = text.unwrap_or_default();
        let line = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("peak "));
        self.peak = line.and_then(|kib| kib.parse().ok());
    }

    fn median(&self) -> f64 {
        let mut spent = self.spent.clone();
        spent.sort_unstable();
        spent
            .get(spent.len() / 2)
            .map_or(0.0, Duration::as_secs_f64)
    }
}

/// One round warms up and is not counted.
fn measure(repo: &Path, runs: usize, rows: &mut [Row]) -> Result<(), String> {
    for round in 0..=runs.max(1) {
        for row in rows.iter_mut() {
            let spent = row.once(repo)?;
            if round > 0 {
                row.spent.push(spent);
            }
        }
    }
    for row in rows {
        row.measure_peak(repo);
    }
    Ok(())
}

fn print(change: &str, rows: &[Row]) {
    let [diff, status, files, ..] = rows else {
        return;
    };
    let baseline = diff.median() + status.median();
    let listing = diff.median() + files.median();
    println!(
        "\n{:60} {:>9} {:>7} {:>12} {:>9}",
        change, "median ms", "x git", "x diff+files", "peak MiB"
    );
    for row in rows {
        let spent = row.median();
        let peak = row.peak.map(|kib| format!("{:.0}", kib as f64 / 1024.0));
        println!(
            "{:60} {:9.1} {:7.2} {:12.2} {:>9}",
            row.words,
            spent * 1e3,
            spent / baseline,
            spent / listing,
            peak.unwrap_or_default()
        );
    }
}

fn git(repo: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("git")
        .current_dir(repo)
        .args(arguments)
        .output();
    let output = output.map_err(|error| format!("git does not start: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(errors)
}

fn install_peers() -> Result<tempfile::TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let status = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder.path())
        .args(["turbo", "nx", "@moonrepo/cli"])
        .stdout(Stdio::null())
        .status();
    let status = status.map_err(|error| format!("npm does not start: {error}"))?;
    status
        .success()
        .then_some(folder)
        .ok_or_else(|| "npm could not install turbo, nx and moon".to_owned())
}

/// The same question, as each of them is asked it.
fn peer_rows(folder: &Path, base: &str) -> Vec<Row> {
    let bin = |name: &str| folder.join("node_modules/.bin").join(name);
    let base_flag = format!("--base={base}");
    vec![
        Row::new(bin("turbo"), &["ls", "--affected"], false),
        Row::new(
            bin("nx"),
            &["show", "projects", "--affected", &base_flag],
            false,
        ),
        Row::new(bin("moon"), &["query", "projects", "--affected"], false),
    ]
}
