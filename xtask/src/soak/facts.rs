//! Kills the program at random moments while it writes what it keeps, and asks again: `cargo xtask soak facts`.
//!
//! S16, C5, C6: whatever a kill leaves behind, the next answer is true, also where others ask at the same moment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use affected_fixtures::Random;
use clap::Args;

use crate::bench::{Flavour, Repository, affected};
use crate::program::{AS_RELEASED, program};

/// What to wear out.
#[derive(Args)]
pub(crate) struct Facts {
    /// How often the program is killed.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Projects of the made repository.
    #[arg(long, default_value_t = 100)]
    projects: usize,
    /// Where the random moments begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kill this program instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

const CHANGES: [&str; 4] = ["leaf", "mid", "root", "many"];

/// How a kill went.
#[derive(Default)]
struct Tally {
    /// The program was still running.
    hit: usize,
    /// Something was written, and something else not yet.
    amid: usize,
    asked: usize,
}

/// Kills and asks until done.
pub(crate) fn run(wanted: &Facts) -> Result<(), String> {
    let program = program(wanted.binary.as_deref(), AS_RELEASED)?;
    let repository = Repository::made(Flavour::Polyglot, wanted.projects, 20)?;
    repository.check_out("mid")?;
    let run = Run {
        program: &program,
        repository: &repository,
    };
    let began = Instant::now();
    run.ask("many")?;
    let whole = began.elapsed();
    let mut random = Random(wanted.seed);
    let mut tally = Tally::default();
    for round in 0..wanted.kills {
        // Most rounds begin with nothing, so that there is much to write; the others with what the last kills left.
        if round % 4 != 3 {
            repository.forget();
        }
        let change = CHANGES[random.below(4)];
        let mut victim = run.start(change)?;
        // Nobody reads what it says.
        drop(victim.stdout.take());
        if round % 2 == 0 {
            std::thread::sleep(whole.mul_f64(0.3 + random.share() * 0.7));
        } else {
            // As soon as anything is written.
            run.wait_for_writing(&mut victim, whole);
            std::thread::sleep(Duration::from_micros(random.below(3000) as u64));
        }
        tally.hit += usize::from(matches!(victim.try_wait(), Ok(None)));
        let _ = victim.kill();
        let _ = victim.wait();
        tally.amid += usize::from(run.is_torn());
        run.check(CHANGES[random.below(4)], &mut tally)?;
        if round % 20 == 19 {
            println!("{} kills, every answer true", round + 1);
        }
    }
    println!(
        "{} kills: {} hit a running program, {} left something half written; {} answers, all true",
        wanted.kills, tally.hit, tally.amid, tally.asked
    );
    Ok(())
}

struct Run<'a> {
    program: &'a Path,
    repository: &'a Repository,
}

impl Run<'_> {
    fn start(&self, change: &str) -> Result<Child, String> {
        // The work tree is asked about where the change is checked out, else two revisions are compared.
        let head = format!("change-{change}");
        let more: &[&str] = if change == "mid" {
            &[]
        } else {
            &["--head", &head]
        };
        Command::new(self.program)
            .args(["list", "--base", "main", "--format", "json"])
            .args(more)
            .current_dir(self.repository.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())
    }

    fn ask(&self, change: &str) -> Result<BTreeSet<String>, String> {
        let output = self.start(change)?.wait_with_output();
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("`list` ended with {}", output.status));
        }
        affected(&output.stdout)
    }

    /// Asks about one change alone, and about all of them at once.
    fn check(&self, first: &str, tally: &mut Tally) -> Result<(), String> {
        let truth = self
            .repository
            .truth()
            .ok_or("nothing is known to be true")?;
        truth.check(first, &self.ask(first)?)?;
        let checked: Result<Vec<()>, String> = std::thread::scope(|scope| {
            let ask = |change| scope.spawn(move || truth.check(change, &self.ask(change)?));
            let all: Vec<_> = CHANGES.into_iter().map(ask).collect();
            let join = |one: std::thread::ScopedJoinHandle<'_, Result<(), String>>| {
                one.join().map_err(|_| "a thread ended early".to_owned())?
            };
            all.into_iter().map(join).collect()
        });
        tally.asked += 1 + checked?.len();
        Ok(())
    }

    fn store(&self) -> PathBuf {
        self.repository.folder().join(".git/affected")
    }

    /// Size of the facts and number of all other files.
    fn state(&self) -> (u64, usize) {
        let facts = std::fs::metadata(self.store().join("facts"));
        let graphs = std::fs::read_dir(self.store().join("graphs"));
        let graphs = graphs.into_iter().flatten().count();
        (facts.map_or(0, |facts| facts.len()), graphs)
    }

    fn wait_for_writing(&self, victim: &mut Child, most: Duration) {
        let (before, began) = (self.state(), Instant::now());
        while self.state() == before
            && began.elapsed() < most * 2
            && matches!(victim.try_wait(), Ok(None))
        {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Tells whether a temporary file was left, or facts without an inventory.
    fn is_torn(&self) -> bool {
        let (facts, graphs) = self.state();
        let files = std::fs::read_dir(self.store().join("graphs"));
        let mut names = files
            .into_iter()
            .flatten()
            .flatten()
            .map(|file| file.file_name());
        names.any(|name| name.to_string_lossy().starts_with('.')) || facts > 0 && graphs == 0
    }
}
