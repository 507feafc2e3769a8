//! Times deciding against git in the same run: `cargo xtask bench`.
//!
//! Absolute times say little about another machine, so each line ends with its ratio to the git baseline: `git diff
//! --name-only BASE...HEAD` and `git status --porcelain`, which an editor or a shell prompt pays anyway. All commands
//! of a round run one after another, so that a machine whose speed drifts does not favour one of them. Every answer is
//! compared with what is true of the repository, where that is known: a wrong one ends the run.
//!
#![doc = include_str!("scale.md")]

mod answer;
mod instructions;
mod peers;
mod repository;
mod row;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::program::{AS_RELEASED, program};
pub(crate) use answer::{Truth, affected};
pub(crate) use repository::Repository;
use row::Row;

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
    /// The base revision; `main` of a made repository.
    #[arg(long, default_value = "main")]
    base: String,
    /// Languages of the made repository.
    #[arg(long, default_value = "npm")]
    flavour: Flavour,
    /// Projects of the made repository; several sizes are timed one after another.
    #[arg(long, value_delimiter = ',', default_value = "1000")]
    projects: Vec<usize>,
    /// Source files of each project of the made repository.
    #[arg(long, default_value_t = 20)]
    files: usize,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// Only these changes: `leaf mid root many`.
    #[arg(long, value_delimiter = ',')]
    changes: Vec<String>,
    /// Time this program instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Counts instructions, by `perf` or else by callgrind, which takes its time.
    #[arg(long)]
    instructions: bool,
    /// Installs turbo, nx and moon by npm and the crate `affected-cli` by cargo into this folder, unless they are there,
    /// and times them at the same question. Made npm repositories are theirs, too.
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
}

/// What else can be measured.
#[derive(Subcommand)]
enum Other {
    /// Replays made histories and compares the order of tests with the best one.
    Order(crate::order::Order),
    /// Times running against starting the same processes by hand.
    Engine(crate::engine::Engine),
}

/// Languages of a made repository.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Flavour {
    /// JavaScript only.
    Npm,
    /// npm, Cargo, Go, Python and Maven.
    Polyglot,
}

impl From<Flavour> for affected_fixtures::Flavour {
    fn from(flavour: Flavour) -> Self {
        match flavour {
            Flavour::Npm => Self::Npm,
            Flavour::Polyglot => Self::Polyglot,
        }
    }
}

/// Prints a table of medians, their ratios to git, and peak memory.
pub(crate) fn run(wanted: &Bench) -> Result<(), String> {
    match &wanted.other {
        Some(Other::Order(wanted)) => return crate::order::run(wanted),
        Some(Other::Engine(wanted)) => return crate::engine::run(wanted),
        None => {}
    }
    let program = program(wanted.binary.as_deref(), AS_RELEASED)?;
    let peers = wanted.peers.as_deref().map(peers::install).transpose()?;
    let sizes = match &wanted.repo {
        Some(_) => vec![0],
        None => wanted.projects.clone(),
    };
    for projects in sizes {
        let repository = match &wanted.repo {
            Some(folder) => Repository::existing(folder),
            None => Repository::made(wanted.flavour, projects, wanted.files)?,
        };
        println!("\n{}", repository.words());
        let _lent = peers.as_ref().map(|peers| peers.lend(repository.folder()));
        for change in repository.changes(&wanted.changes) {
            if let Some(change) = &change {
                repository.check_out(change)?;
            }
            let mut rows = rows(&program, &wanted.base);
            rows.extend(peers.iter().flat_map(|peers| peers.rows(&wanted.base)));
            row::measure(&repository, wanted.runs, &mut rows)?;
            let asked = answer::Asked {
                program: &program,
                repository: &repository,
                base: &wanted.base,
            };
            asked.check(change.as_deref())?;
            let counts: Option<Vec<Option<u64>>> = wanted.instructions.then(|| {
                let count = |row: &Row| instructions::count(row, repository.folder());
                rows.iter().map(count).collect()
            });
            print(change.as_deref(), &rows, &counts.unwrap_or_default());
        }
    }
    Ok(())
}

/// The first two are the baseline of deciding on a work tree; the third stands for listing a clean checkout.
fn rows(program: &Path, base: &str) -> Vec<Row> {
    let range = format!("{base}...HEAD");
    let git = |arguments: &[&str]| Row::new("git".into(), arguments);
    let own = |arguments: &[&str]| Row::new(program.to_path_buf(), arguments);
    let list = ["list", "--base", base, "--format", "json"];
    vec![
        git(&["diff", "--name-only", &range]),
        git(&["status", "--porcelain"]),
        git(&["ls-files"]),
        own(&list),
        own(&[&list[..], &["--head", "HEAD"]].concat()),
        own(&["list", "--staged", "--format", "json"]),
        own(&["list", "--files", "README.md", "--format", "json"]),
        own(&["--version"]),
        own(&list).cold(),
        own(&[&list[..], &["--head", "HEAD"]].concat()).cold(),
    ]
}

fn print(change: Option<&str>, rows: &[Row], counts: &[Option<u64>]) {
    let [diff, status, files, ..] = rows else {
        return;
    };
    let (diff, status, files) = (diff.median(), status.median(), files.median());
    println!(
        "\n{:58} {:>9} {:>7} {:>12} {:>8} {:>9} {:>14}",
        change.unwrap_or("HEAD"),
        "median ms",
        "x git",
        "x diff+files",
        "cpu ms",
        "peak MiB",
        "instructions"
    );
    for (at, row) in rows.iter().enumerate() {
        let peak = row.peak().map(|kib| format!("{:.0}", kib as f64 / 1024.0));
        let cpu = row.cpu().map(|spent| format!("{:.1}", spent * 1e3));
        let count = counts.get(at).copied().flatten();
        println!(
            "{:58} {:9.1} {:7.2} {:12.2} {:>8} {:>9} {:>14}",
            row.words(),
            row.median() * 1e3,
            row.median() / (diff + status),
            row.median() / (diff + files),
            cpu.unwrap_or_default(),
            peak.unwrap_or_default(),
            count.map(|count| count.to_string()).unwrap_or_default()
        );
    }
}
