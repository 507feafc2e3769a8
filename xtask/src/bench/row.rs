//! One command that is timed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::repository::Repository;

/// Something that is timed.
pub(super) struct Row {
    words: String,
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    /// What was kept is deleted before each run.
    is_cold: bool,
    spent: Vec<Duration>,
    /// Of single runs, where `/usr/bin/time` tells it: seconds of CPU, and peak memory in KiB.
    used: Vec<(f64, u64)>,
}

/// Runs that are looked at for CPU and memory.
const LOOKS: usize = 3;

impl Row {
    pub(super) fn new(program: PathBuf, arguments: &[&str]) -> Self {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        Self {
            words: format!("{name} {}", arguments.join(" ")),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            program,
            variables: Vec::new(),
            is_cold: false,
            spent: Vec::new(),
            used: Vec::new(),
        }
    }

    pub(super) fn cold(mut self) -> Self {
        self.is_cold = true;
        self.words.push_str(" (cold)");
        self
    }

    pub(super) fn named(mut self, words: &str) -> Self {
        words.clone_into(&mut self.words);
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// The command, as the last word of other commands or alone.
    pub(super) fn command(&self, before: &[&str], repo: &Path) -> Command {
        let mut words = before.iter().map(std::ffi::OsStr::new);
        let mut command = match words.next() {
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.args(&self.arguments).current_dir(repo);
        command.envs(variables).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn prepare(&self, repository: &Repository) {
        if self.is_cold {
            repository.forget();
        }
    }

    fn once(&self, repository: &Repository) -> Result<Duration, String> {
        self.prepare(repository);
        let mut command = self.command(&[], repository.folder());
        let began = Instant::now();
        let status = command.status();
        let status = status.map_err(|error| format!("`{}` does not start: {error}", self.words))?;
        let spent = began.elapsed();
        if status.success() {
            Ok(spent)
        } else {
            Err(format!("`{}` ended with {status}", self.words))
        }
    }

    /// Asks GNU time; other systems leave the columns empty.
    fn look(&mut self, repository: &Repository) {
        self.prepare(repository);
        let before = ["/usr/bin/time", "-f", "used %U %S %M"];
        let mut command = self.command(&before, repository.folder());
        let output = command.stderr(Stdio::piped()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let text = text.unwrap_or_default();
        let line = text
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("used "));
        let numbers: Vec<f64> = line
            .into_iter()
            .flat_map(str::split_whitespace)
            .filter_map(|number| number.parse().ok())
            .collect();
        if let [user, system, peak] = numbers[..] {
            self.used.push((user + system, peak as u64));
        }
    }

    pub(super) fn median(&self) -> f64 {
        let mut spent = self.spent.clone();
        spent.sort_unstable();
        let middle = spent.get(spent.len() / 2);
        middle.map_or(0.0, Duration::as_secs_f64)
    }

    pub(super) fn cpu(&self) -> Option<f64> {
        let mut used: Vec<f64> = self.used.iter().map(|(cpu, _)| *cpu).collect();
        used.sort_by(f64::total_cmp);
        used.get(used.len() / 2).copied()
    }

    pub(super) fn peak(&self) -> Option<u64> {
        self.used.iter().map(|(_, peak)| *peak).max()
    }
}

/// One round warms up and is not counted.
pub(super) fn measure(
    repository: &Repository,
    runs: usize,
    rows: &mut [Row],
) -> Result<(), String> {
    for round in 0..=runs.max(1) {
        for row in rows.iter_mut() {
            let spent = row.once(repository)?;
            if round > 0 {
                row.spent.push(spent);
            }
        }
    }
    for row in rows {
        (0..LOOKS).for_each(|_| row.look(repository));
    }
    Ok(())
}
