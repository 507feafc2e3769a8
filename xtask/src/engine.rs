//! Times running against starting the same processes by hand: `cargo xtask bench engine`.
//!
//! Three figures: what a run adds to `xargs -P`, which starts the same shells and does nothing else; how long a run takes
//! whose results are all known; and what a task that is really started costs beside the process itself. Rounds go one
//! after another through all commands, and medians count.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use crate::program::{AS_RELEASED, program};

/// What to time.
#[derive(Args)]
pub(crate) struct Engine {
    /// Tasks that do nothing.
    #[arg(long, default_value_t = 10_000)]
    tasks: usize,
    /// Tasks whose results are known.
    #[arg(long, default_value_t = 1_000)]
    cached: usize,
    /// Source files of each project of the latter.
    #[arg(long, default_value_t = 20)]
    files: usize,
    /// Tasks at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Rounds.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Time this program, and build none.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Something that is timed.
struct Row<'w> {
    words: &'w str,
    program: &'w Path,
    arguments: Vec<String>,
    spent: Vec<Duration>,
}

/// Prints a table for each of the figures.
pub(crate) fn run(wanted: &Engine) -> Result<(), String> {
    let tool = program(wanted.binary.as_deref(), AS_RELEASED)?;
    started(wanted, &tool)?;
    cached(wanted, &tool)
}

fn started(wanted: &Engine, tool: &Path) -> Result<(), String> {
    let (tasks, jobs) = (wanted.tasks.to_string(), wanted.jobs.to_string());
    let repo = repository(wanted.tasks, 1)?;
    let by_hand = format!("seq {tasks} | xargs -P {jobs} -I N sh -c true");
    let test = ["test", "--all", "--no-cache", "--quiet", "-j", &jobs];
    let mut rows = [
        row(
            "xargs -P, the same shells",
            Path::new("sh"),
            &["-c", &by_hand],
        ),
        row("affected test --all --no-cache", tool, &test),
        row(
            "affected list --all",
            tool,
            &["list", "--all", "--format", "json"],
        ),
    ];
    measure(repo.path(), wanted.runs, &mut rows)?;
    let [by_hand, test, list] = &rows;
    println!("{tasks} tasks that do nothing, {jobs} at once");
    print(&rows, by_hand.median());
    let each = |seconds: f64| seconds * 1e3 / wanted.tasks.max(1) as f64;
    println!(
        "a started task: {:.3} ms, of which the process {:.3} ms; deciding once {:.0} ms\n",
        each(test.median() - list.median()),
        each(by_hand.median()),
        list.median() * 1e3
    );
    Ok(())
}

fn cached(wanted: &Engine, tool: &Path) -> Result<(), String> {
    let repo = repository(wanted.cached, wanted.files)?;
    let test = ["test", "--all", "--quiet"];
    let mut rows = [
        row(
            "git diff --name-only",
            Path::new("git"),
            &["diff", "--name-only", "main...HEAD"],
        ),
        row("git status", Path::new("git"), &["status", "--porcelain"]),
        row("affected test --all, all known", tool, &test),
        row(
            "affected list --all",
            tool,
            &["list", "--all", "--format", "json"],
        ),
    ];
    measure(repo.path(), wanted.runs, &mut rows)?;
    let baseline = rows[0].median() + rows[1].median();
    println!("{} tasks whose results are known", wanted.cached);
    print(&rows, baseline);
    Ok(())
}

/// A repository of so many projects with a test each that does nothing.
fn repository(projects: usize, files: usize) -> Result<tempfile::TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut config = String::new();
    for number in 0..projects {
        let _ = writeln!(
            config,
            "[project.p{number}]\npath = \"p{number}\"\ntest.unit = \"true\""
        );
        let own = folder.path().join(format!("p{number}"));
        std::fs::create_dir(&own).map_err(|error| error.to_string())?;
        for file in 0..files {
            let text = format!("the file {file} of the project {number}\n");
            std::fs::write(own.join(format!("{file}.txt")), text)
                .map_err(|error| error.to_string())?;
        }
    }
    std::fs::write(folder.path().join("affected.toml"), config)
        .map_err(|error| error.to_string())?;
    for step in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "all"],
    ] {
        affected_fixtures::git(folder.path(), step).map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

fn row<'w>(words: &'w str, program: &'w Path, arguments: &[&str]) -> Row<'w> {
    Row {
        words,
        program,
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        spent: Vec::new(),
    }
}

impl Row<'_> {
    fn once(&self, repo: &Path) -> Result<Duration, String> {
        let mut command = Command::new(self.program);
        command.args(&self.arguments).current_dir(repo);
        // What is kept goes away with the repository.
        command.env("AFFECTED_CACHE_DIR", repo.join(".git/bench-cache"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let began = Instant::now();
        let status = command.status();
        let status = status.map_err(|error| format!("`{}` does not start: {error}", self.words))?;
        if status.success() {
            Ok(began.elapsed())
        } else {
            Err(format!("`{}` ended with {status}", self.words))
        }
    }

    fn median(&self) -> f64 {
        let mut spent = self.spent.clone();
        spent.sort_unstable();
        let middle = spent.get(spent.len() / 2);
        middle.map_or(0.0, Duration::as_secs_f64)
    }
}

/// One round warms up and is not counted.
fn measure(repo: &Path, runs: usize, rows: &mut [Row<'_>]) -> Result<(), String> {
    for round in 0..=runs.max(1) {
        for row in rows.iter_mut() {
            let spent = row.once(repo)?;
            if round > 0 {
                row.spent.push(spent);
            }
        }
    }
    Ok(())
}

fn print(rows: &[Row<'_>], baseline: f64) {
    println!("{:40} {:>10} {:>7}", "", "median ms", "ratio");
    for row in rows {
        let spent = row.median();
        println!(
            "{:40} {:10.1} {:7.2}",
            row.words,
            spent * 1e3,
            spent / baseline
        );
    }
}
