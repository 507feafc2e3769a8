//! Proves by real runs that no test is missed: `cargo xtask soundness --repos N --changes M --seed S`.
//!
//! Small repositories with real, fast tests are made, changed at random, and all of their tests are really run before
//! and after. Every test whose outcome flipped, and every test that is new, must have been selected. The same seed makes
//! the same repositories and changes. With `--reads` it is measured as well who needs to run; see `tally`.

mod change;
mod defects;
mod go;
mod java;
mod javascript;
mod language;
mod made;
mod model;
mod python;
mod rust;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Args;
use serde_json::Value;

use language::{LANGUAGES, Language, TestUnit};
use made::Made;
use tally::Tally;

/// How much is tried.
#[derive(Args)]
pub(crate) struct Soundness {
    /// Repositories.
    #[arg(long, default_value_t = 4)]
    repos: usize,
    /// Changes of each.
    #[arg(long, default_value_t = 10)]
    changes: usize,
    /// Where the randomness starts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// `safe`, `static` or `project`; each of several is tried on the same changes. What `static` misses is told, no error.
    #[arg(long, default_value = "safe")]
    precision: Vec<String>,
    /// Only these languages; may be repeated.
    #[arg(long)]
    language: Vec<String>,
    /// Try this program and build none; one with the feature `defects`, where they are demanded.
    #[arg(long)]
    program: Option<std::path::PathBuf>,
    /// Demand that each seeded mistake of the selection is noticed.
    #[arg(long)]
    defects: bool,
    /// Only these mistakes; may be repeated.
    #[arg(long)]
    defect: Vec<String>,
    /// Break each changed file by itself, too, to learn which tests read it.
    #[arg(long)]
    reads: bool,
    /// Count every kind of change by itself.
    #[arg(long)]
    kinds: bool,
    /// Repositories at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

/// The program under test, and the mistake it makes.
struct Tool<'t> {
    program: &'t Path,
    defect: Option<&'static str>,
}

impl<'t> Tool<'t> {
    fn plain(program: &'t Path) -> Self {
        Self {
            program,
            defect: None,
        }
    }
}

/// The part of the gate: every language once.
pub(crate) fn small() -> Result<(), String> {
    run(&Soundness {
        repos: LANGUAGES.len(),
        changes: 4,
        seed: 1,
        precision: vec!["safe".to_owned()],
        language: Vec::new(),
        program: None,
        defects: false,
        defect: Vec::new(),
        reads: false,
        kinds: false,
        jobs: 2,
    })
}

/// Makes repositories and changes; an escape is an error.
pub(crate) fn run(wanted: &Soundness) -> Result<(), String> {
    let with_defects = &["--features", "defects"][..];
    let options = if wanted.defects { with_defects } else { &[] };
    let built = crate::program::program(wanted.program.as_deref(), options)?;
    // A copy, so that a build while this runs changes nothing.
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let program = folder.path().join("affected");
    std::fs::copy(&built, &program).map_err(|error| format!("{}: {error}", built.display()))?;
    let languages = languages(wanted)?;
    if wanted.defects {
        return defects::run(wanted, &languages, &program);
    }
    let found: Mutex<Vec<BTreeMap<&str, Tally>>> = Mutex::default();
    at_once(wanted, &|number| {
        let language = languages[number % languages.len()];
        let began = Instant::now();
        let tallies = measured(wanted, (number, language), &Tool::plain(&program))
            .map_err(|error| format!("repository {number} ({}): {error}", language.name()))?;
        let short: Vec<String> = tallies.iter().map(Tally::in_short).collect();
        println!(
            "repository {number} ({}): {}, {} s",
            language.name(),
            short.join("; "),
            began.elapsed().as_secs()
        );
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.resize_with(tallies.len(), BTreeMap::new);
        for (all, one) in found.iter_mut().zip(tallies) {
            all.entry(language.name()).or_default().add(one);
        }
        Ok(true)
    })?;
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut outcome = Ok(());
    for (precision, tally) in wanted.precision.iter().zip(found) {
        println!("\nprecision `{precision}`");
        let told = tally::report(tally, (wanted.reads, wanted.kinds));
        // Whoever trusts imports alone knows that something can be missed.
        outcome = outcome.and(told.or_else(|error| match precision.as_str() {
            "static" => {
                println!("{error}");
                Ok(())
            }
            _ => Err(error),
        }));
    }
    outcome
}

/// The wanted languages that are here.
fn languages(wanted: &Soundness) -> Result<Vec<&'static dyn Language>, String> {
    let is_wanted = |language: &&&dyn Language| {
        wanted.language.is_empty() || wanted.language.iter().any(|name| name == language.name())
    };
    let languages: Vec<&dyn Language> = LANGUAGES.iter().filter(is_wanted).copied().collect();
    let (languages, missing): (Vec<_>, Vec<_>) = languages
        .into_iter()
        .partition(|language| is_here(*language));
    for language in missing {
        println!("left out: {} is not installed", language.tool());
        if crate::ci::in_ci() {
            return Err("a CI machine must have every tool".to_owned());
        }
    }
    if languages.is_empty() {
        return Err("no language to try".to_owned());
    }
    Ok(languages)
}

fn is_here(language: &dyn Language) -> bool {
    Command::new(language.tool()).arg("--help").output().is_ok()
}

/// Does every repository by its number, some at a time, until one says that nothing more is wanted; the first error wins.
fn at_once(
    wanted: &Soundness,
    one: &(dyn Fn(usize) -> Result<bool, String> + Sync),
) -> Result<(), String> {
    let (next, error) = (AtomicUsize::new(0), Mutex::new(None));
    let end = || next.store(wanted.repos, Ordering::Relaxed);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= wanted.repos {
                return;
            }
            match one(number) {
                Ok(true) => {}
                Ok(false) => end(),
                Err(message) => {
                    let mut error = error.lock().unwrap_or_else(PoisonError::into_inner);
                    error.get_or_insert(message);
                    end();
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..wanted.jobs.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let error = error.into_inner().unwrap_or_else(PoisonError::into_inner);
    error.map_or(Ok(()), Err)
}

/// One repository and its changes, with a tally for each precision.
fn measured(
    wanted: &Soundness,
    (number, language): (usize, &dyn Language),
    tool: &Tool<'_>,
) -> Result<Vec<Tally>, String> {
    let mut tallies: Vec<Tally> = Vec::new();
    tallies.resize_with(wanted.precision.len(), Tally::default);
    let mut made = Made::new(wanted, number, language)?;
    for _ in 0..wanted.changes {
        let change = made.change()?;
        let mut each = Vec::new();
        for precision in &wanted.precision {
            made.set_precision(precision)?;
            each.push(selected(tool, made.root(), precision)?);
        }
        made.set_precision(&wanted.precision[0])?;
        let places = made.undo()?;
        let readers = wanted.reads.then(|| made.readers(&places)).transpose()?;
        for (tally, selected) in tallies.iter_mut().zip(&each) {
            tally.judge(&change, &made.before, selected, readers.as_ref());
        }
    }
    Ok(tallies)
}

/// Selected units by the path of their project; none means all.
struct Selected(BTreeMap<String, BTreeSet<String>>);

impl Selected {
    fn holds(&self, unit: &TestUnit) -> bool {
        let units = self.0.get(&unit.0);
        units.is_some_and(|units| units.is_empty() || units.contains(&unit.1))
    }
}

/// What the tool selects, compared with the branch of a precision.
fn selected(tool: &Tool<'_>, root: &Path, precision: &str) -> Result<Selected, String> {
    let output = Command::new(tool.program)
        .envs(tool.defect.map(|name| ("AFFECTED_DEFECT", name)))
        .args(["list", "--base", precision, "--format", "json", "-C"])
        .arg(root)
        .output()
        .map_err(|error| error.to_string())?;
    let list: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let paths: BTreeMap<String, String> = items(&list["projects"])
        .iter()
        .map(|project| (text(&project["name"]), text(&project["path"])))
        .collect();
    let targets = items(&list["targets"]);
    let unit = |target: &Value| {
        let path = paths
            .get(&text(&target["project"]))
            .cloned()
            .unwrap_or_default();
        (path, items(&target["units"]).iter().map(text).collect())
    };
    Ok(Selected(targets.iter().map(unit).collect()))
}

/// Writes a file, unless it says the same already: some tools look at the time.
fn write(root: &Path, path: &str, text: &str) -> Result<(), String> {
    let path = root.join(path);
    if std::fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-C"])
        .arg(root)
        .args(arguments)
        .output()
        .map_err(|error| format!("git does not start: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text).ok_or(errors)
}
