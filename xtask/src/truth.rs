//! Measures `affected list` against known answers: `cargo xtask truth --repos DIR --truth DIR`.
//!
//! `--truth` holds one JSON file for each repository: `repo` (its address or `owner/name`), `projects`
//! (`{path}`), and `cases`, each with `base`, `head`, and the project paths of `must` (missed is wrong), `hard` (missed
//! is a pity) and `may` (anything else is too much; `"*"` is everything). A case whose `unowned` is not empty is only
//! judged by `must`. A project of the tool counts for the known one at its path or the nearest above.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;
use walkdir::WalkDir;

use crate::program::program;

/// What to measure.
#[derive(Args)]
pub(crate) struct Truth {
    /// Folder of repositories, each named `owner+name`, `owner__name` or `name`.
    #[arg(long)]
    repos: PathBuf,
    /// Folder of known answers.
    #[arg(long)]
    truth: PathBuf,
    /// Only repositories whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Show every wrong case.
    #[arg(long)]
    show: bool,
}

/// What was counted.
#[derive(Default, Clone, Copy)]
struct Tally {
    cases: usize,
    errors: usize,
    must: usize,
    must_missed: usize,
    hard: usize,
    hard_missed: usize,
    outside: usize,
    exact: usize,
    spent: Duration,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.errors += other.errors;
        self.must += other.must;
        self.must_missed += other.must_missed;
        self.hard += other.hard;
        self.hard_missed += other.hard_missed;
        self.outside += other.outside;
        self.exact += other.exact;
        self.spent += other.spent;
    }

    fn row(&self, name: &str) -> String {
        let per_case = self.spent.as_secs_f64() / self.cases.max(1) as f64;
        format!(
            "{name:52} {:5} {:6} {:6}/{:<6} {:6}/{:<6} {:7} {:6} {per_case:7.3}",
            self.cases,
            self.errors,
            self.must_missed,
            self.must,
            self.hard_missed,
            self.hard,
            self.outside,
            self.exact
        )
    }
}

/// Prints a table; an error if something of `must` was missed or a case failed.
pub(crate) fn run(wanted: &Truth) -> Result<(), String> {
    let program = program(None, &[])?;
    println!(
        "{:52} cases errors   missed must   missed hard  outside  exact  s/case",
        "repository"
    );
    let mut total = Tally::default();
    let listed = WalkDir::new(&wanted.truth).max_depth(1).sort_by_file_name();
    for entry in listed {
        let path = entry.map_err(|error| error.to_string())?.into_path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        if let Some(tally) = repository(wanted, &program, &path)? {
            total.add(&tally);
        }
    }
    println!("{}", total.row("total"));
    if total.cases == 0 {
        return Err("no repository of the truth is among the repositories".to_owned());
    }
    let share = |missed: usize, all: usize| 100.0 - 100.0 * missed as f64 / all.max(1) as f64;
    println!(
        "recall(must) {:.2} %, recall(hard) {:.2} %, exact {:.1} %",
        share(total.must_missed, total.must),
        share(total.hard_missed, total.hard),
        share(total.cases - total.exact, total.cases)
    );
    if total.must_missed + total.errors > 0 {
        return Err("something that had to be selected was missed, or a case failed".to_owned());
    }
    Ok(())
}

fn repository(wanted: &Truth, program: &Path, file: &Path) -> Result<Option<Tally>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let truth: Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let name = truth["repo"].as_str().unwrap_or_default();
    let name = name
        .rsplit_once("github.com/")
        .map_or(name, |(_, name)| name);
    if !name.contains(&wanted.only) || name.is_empty() {
        return Ok(None);
    }
    let Some(folder) = find(&wanted.repos, name) else {
        println!("{name:52} is not among the repositories");
        return Ok(None);
    };
    let known: BTreeSet<String> = list(&truth["projects"], |project| project["path"].as_str());
    let mut tally = Tally::default();
    for case in truth["cases"].as_array().into_iter().flatten() {
        if case["constructed"] != true {
            judge(wanted, (program, &folder), &known, case, &mut tally);
        }
    }
    println!("{}", tally.row(name));
    Ok(Some(tally))
}

fn judge(
    wanted: &Truth,
    at: (&Path, &Path),
    known: &BTreeSet<String>,
    case: &Value,
    tally: &mut Tally,
) {
    let paths = |key: &str| list(&case[key], Value::as_str);
    let (must, hard, may) = (paths("must"), paths("hard"), paths("may"));
    let mut known: BTreeSet<String> = known.union(&may).cloned().collect();
    known.extend(must.iter().cloned().chain(paths("changed")));
    known.remove("*");
    tally.cases += 1;
    let began = Instant::now();
    let picked = ask(at, case);
    tally.spent += began.elapsed();
    let head = case["head"].as_str().unwrap_or_default();
    let picked = match picked {
        Ok(picked) => picked,
        Err(words) => {
            tally.errors += 1;
            if wanted.show {
                println!("  {head:.10} {words}");
            }
            return;
        }
    };
    let answer: BTreeSet<String> = picked
        .iter()
        .filter_map(|path| nearest(path, &known))
        .collect();
    let judged = case["unowned"].as_array().is_none_or(Vec::is_empty) && !may.contains("*");
    let missed: Vec<_> = must.difference(&answer).collect();
    let outside: Vec<_> = answer.difference(&may).filter(|_| judged).collect();
    tally.must += must.len();
    tally.hard += hard.len();
    tally.must_missed += missed.len();
    tally.hard_missed += hard.difference(&answer).count();
    tally.outside += outside.len();
    tally.exact += usize::from(missed.is_empty() && outside.is_empty());
    if wanted.show && !(missed.is_empty() && outside.is_empty()) {
        println!("  {head:.10} missed {missed:?}, outside {outside:?}");
    }
}

/// Asks the tool for the affected projects' paths.
fn ask((program, folder): (&Path, &Path), case: &Value) -> Result<Vec<String>, String> {
    let revision = |key: &str| case[key].as_str().unwrap_or_default();
    let output = Command::new(program)
        .arg("-C")
        .arg(folder)
        .args(["list", "--format", "json"])
        .args(["--base", revision("base"), "--head", revision("head")])
        .output()
        .map_err(|error| error.to_string())?;
    let words = || String::from_utf8_lossy(&output.stderr).into_owned();
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| words())?;
    let projects = answer["projects"].as_array().ok_or_else(words)?;
    let affected = projects
        .iter()
        .filter(|project| project["affected"] == true);
    Ok(affected
        .filter_map(|project| Some(project["path"].as_str()?.to_owned()))
        .collect())
}

fn list<'v>(value: &'v Value, text: impl Fn(&'v Value) -> Option<&'v str>) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| text(item).map(ToOwned::to_owned))
        .collect()
}

fn nearest(path: &str, known: &BTreeSet<String>) -> Option<String> {
    let mut path = path;
    loop {
        if known.contains(path) {
            return Some(path.to_owned());
        }
        match path.rsplit_once('/') {
            Some((above, _)) => path = above,
            None if path == "." => return None,
            None => path = ".",
        }
    }
}

/// The repository of that name: the folder itself, or the only git directory below it.
fn find(repos: &Path, name: &str) -> Option<PathBuf> {
    let (owner, short) = name.split_once('/')?;
    let names = [
        format!("{owner}+{short}"),
        format!("{owner}__{short}"),
        short.to_owned(),
    ];
    let folder = names
        .iter()
        .map(|name| repos.join(name))
        .find(|path| path.is_dir())?;
    let is_git = |path: &Path| path.join(".git").exists() || path.join("objects").is_dir();
    let mut below = WalkDir::new(&folder)
        .max_depth(3)
        .sort_by_file_name()
        .into_iter();
    below.find_map(|entry| Some(entry.ok()?.into_path()).filter(|path| is_git(path)))
}
