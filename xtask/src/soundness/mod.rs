//! Proves by real runs that no test is missed: `cargo xtask soundness --repos N --changes M --seed S`.
//!
//! Small repositories with real, fast tests are made, changed at random, and all of their tests are really run before
//! and after. Every test whose outcome flipped, and every test that is new, must have been selected. The same seed makes
//! the same repositories and changes.

mod change;
mod defects;
mod java;
mod javascript;
mod language;
mod model;
mod python;
mod rust;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use clap::Args;
use serde_json::Value;

use affected_fixtures::Random;
use language::{LANGUAGES, Language, Outcomes, TestUnit};
use model::Model;

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
    /// `safe`, `static` or `project`.
    #[arg(long, default_value = "safe")]
    precision: String,
    /// Only these languages; may be repeated.
    #[arg(long)]
    language: Vec<String>,
    /// Try this program and build none; one with the feature `defects`, where they are demanded.
    #[arg(long)]
    program: Option<std::path::PathBuf>,
    /// Demand that each seeded mistake of the selection is noticed.
    #[arg(long)]
    defects: bool,
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

/// What was counted.
#[derive(Default)]
struct Tally {
    changes: usize,
    flipped: usize,
    escapes: Vec<String>,
    /// Selected by needed, of changes that needed a test.
    ratios: Vec<f64>,
    /// The same of projects.
    projects: Vec<f64>,
    /// Changes for which every test of the repository was selected, although not every one was needed.
    everything: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.changes += other.changes;
        self.flipped += other.flipped;
        self.escapes.extend(other.escapes);
        self.ratios.extend(other.ratios);
        self.projects.extend(other.projects);
        self.everything += other.everything;
    }
}

/// The part of the gate: every language once.
pub(crate) fn small() -> Result<(), String> {
    run(&Soundness {
        repos: LANGUAGES.len(),
        changes: 4,
        seed: 1,
        precision: "safe".to_owned(),
        language: Vec::new(),
        program: None,
        defects: false,
    })
}

/// Makes repositories and changes; an escape is an error.
pub(crate) fn run(wanted: &Soundness) -> Result<(), String> {
    let mut build = vec!["build", "--quiet", "--package", "affected-cli"];
    if wanted.defects {
        build.extend(["--features", "defects"]);
    }
    if wanted.program.is_none() {
        crate::ci::cargo(&build, &[])?;
    }
    // A copy, so that a build while this runs changes nothing.
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let program = folder.path().join("affected");
    let built = crate::root().join("target/debug/affected");
    let built = wanted.program.clone().unwrap_or(built);
    std::fs::copy(&built, &program).map_err(|error| format!("{}: {error}", built.display()))?;
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
    if wanted.defects {
        return defects::run(wanted, &languages, &program);
    }
    let mut tally: BTreeMap<&str, Tally> = BTreeMap::new();
    for number in 0..wanted.repos {
        let language = languages[number % languages.len()];
        let mut random = Random(
            wanted
                .seed
                .wrapping_mul(1_000_003)
                .wrapping_add(number as u64),
        );
        let tally = tally.entry(language.name()).or_default();
        let tool = Tool::plain(&program);
        let mut see = |told: &str, outcomes: (&Outcomes, &Outcomes), root: &Path| -> Told {
            judge(told, outcomes, &selected(&tool, root)?, tally);
            Ok(ControlFlow::Continue(()))
        };
        repository(wanted, language, &mut random, &mut see)
            .map_err(|error| format!("repository {number} ({}): {error}", language.name()))?;
    }
    report(tally)
}

fn is_here(language: &dyn Language) -> bool {
    Command::new(language.tool()).arg("--help").output().is_ok()
}

fn report(tally: BTreeMap<&str, Tally>) -> Result<(), String> {
    println!(
        "{:12} {:>8} {:>8} {:>8} {:>16} {:>17} {:>11}",
        "language",
        "changes",
        "flipped",
        "escapes",
        "tests sel/needed",
        "projects sel/need",
        "all chosen"
    );
    let mut all = Tally::default();
    for (name, tally) in tally {
        line(name, &tally);
        all.add(tally);
    }
    line("all", &all);
    for escape in &all.escapes {
        println!("escaped: {escape}");
    }
    let missed = all.escapes.len();
    (missed == 0)
        .then_some(())
        .ok_or_else(|| format!("{missed} tests were missed"))
}

fn line(name: &str, tally: &Tally) {
    println!(
        "{name:12} {:>8} {:>8} {:>8} {:>16.2} {:>17.2} {:>9.1} %",
        tally.changes,
        tally.flipped,
        tally.escapes.len(),
        median(&tally.ratios),
        median(&tally.projects),
        100.0 * tally.everything as f64 / tally.changes.max(1) as f64,
    );
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// What is done with one change: its name, the outcomes before and after it, and the repository. Nobody wants more after `Break`.
type See<'s> = dyn FnMut(&str, (&Outcomes, &Outcomes), &Path) -> Told + 's;

/// Whether more changes are wanted.
type Told = Result<ControlFlow<()>, String>;

/// Makes one repository and its changes, and shows each.
fn repository(
    wanted: &Soundness,
    language: &dyn Language,
    random: &mut Random,
    see: &mut See<'_>,
) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = folder.path();
    let base = Model::random(random);
    language.lay_out(root, &base)?;
    let config = format!("precision = \"{}\"\n", wanted.precision);
    write(root, "affected.toml", &config)?;
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["commit", "-q", "-m", "first"],
    ] {
        git(root, arguments)?;
    }
    let before = language.run(root)?;
    if let Some((unit, _)) = before.iter().find(|(_, passed)| !**passed) {
        return Err(format!("{unit:?} fails before any change"));
    }
    for _ in 0..wanted.changes {
        let told = change::apply(root, language, &base, random)?;
        let after = language.run(root)?;
        if see(&told, (&before, &after), root)?.is_break() {
            break;
        }
        git(root, &["reset", "-q", "--hard"])?;
        git(root, &["clean", "-fdq"])?;
    }
    Ok(())
}

fn judge(told: &str, outcomes: (&Outcomes, &Outcomes), selected: &Selected, tally: &mut Tally) {
    let (before, after) = outcomes;
    let needed: BTreeSet<&TestUnit> = after
        .iter()
        .filter(|(unit, passed)| before.get(*unit) != Some(*passed))
        .map(|(unit, _)| unit)
        .collect();
    tally.changes += 1;
    tally.flipped += needed.len();
    for unit in &needed {
        if !selected.holds(unit) {
            tally.escapes.push(format!("{told}: {} {}", unit.0, unit.1));
        }
    }
    let chosen: Vec<&TestUnit> = after.keys().filter(|unit| selected.holds(unit)).collect();
    if !needed.is_empty() {
        let projects = |units: &mut dyn Iterator<Item = &&TestUnit>| {
            let projects: BTreeSet<&String> = units.map(|unit| &unit.0).collect();
            projects.len() as f64
        };
        tally.ratios.push(chosen.len() as f64 / needed.len() as f64);
        let ratio = projects(&mut chosen.iter()) / projects(&mut needed.iter());
        tally.projects.push(ratio);
    }
    tally.everything += usize::from(chosen.len() == after.len() && needed.len() < after.len());
}

/// Selected units by the path of their project; none means all.
struct Selected(BTreeMap<String, BTreeSet<String>>);

impl Selected {
    fn holds(&self, unit: &TestUnit) -> bool {
        let units = self.0.get(&unit.0);
        units.is_some_and(|units| units.is_empty() || units.contains(&unit.1))
    }
}

fn selected(tool: &Tool<'_>, root: &Path) -> Result<Selected, String> {
    let output = Command::new(tool.program)
        .envs(tool.defect.map(|name| ("AFFECTED_DEFECT", name)))
        .args(["list", "--base", "main", "--format", "json", "-C"])
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

fn write(root: &Path, path: &str, text: &str) -> Result<(), String> {
    let path = root.join(path);
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn git(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-C"])
        .arg(root)
        .args(arguments)
        .output()
        .map_err(|error| format!("git does not start: {error}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(errors)
}
