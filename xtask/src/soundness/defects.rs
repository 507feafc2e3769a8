//! Mistakes that are built in on purpose: if the run does not notice one, it proves nothing about real ones.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::language::Language;
use super::made::{Changed, Made};
use super::tally::escapes;
use super::{Soundness, Tool, selected};

/// Every mistake, by its name in the sources.
const DEFECTS: &[&str] = &[
    "direct-dependents",
    "direct-imports-only",
    "first-change-only",
    "first-project-only",
    "first-unit-only",
    "forget-base-graph",
    "forget-conftest",
    "forget-embedded",
    "forget-environment-files",
    "forget-escapes",
    "forget-lockfiles",
    "forget-manifests",
    "forget-modes",
    "forget-names-in-strings",
    "forget-new-tests",
    "forget-other-projects",
    "forget-packages",
    "forget-plugins",
    "forget-renames",
    "forget-setup",
    "forget-strays",
    "forget-test-imports",
    "forget-test-modules",
    "forget-test-support",
    "ignore-additions",
    "ignore-data",
    "ignore-deletions",
    "ignore-sources",
    "ignore-tests",
    "last-change-only",
    "lose-dev-edges",
    "narrow-over-manifests",
    "no-dependents",
    "same-project-only",
    "sources-only",
    "trust-reflection",
];

/// Demands that each is noticed. The tests are really run once for each change, and all mistakes are tried on it.
pub(super) fn run(
    wanted: &Soundness,
    languages: &[&dyn Language],
    program: &Path,
) -> Result<(), String> {
    let is_wanted = |name: &&&str| {
        wanted.defect.is_empty() || wanted.defect.iter().any(|other| other == **name)
    };
    let all: Vec<&str> = DEFECTS.iter().filter(is_wanted).copied().collect();
    let count = all.len();
    let left: Mutex<Vec<&str>> = Mutex::new(all);
    super::at_once(wanted, &|number| {
        let language = languages[number % languages.len()];
        let mut made = Made::new(wanted, number, language)?;
        for _ in 0..wanted.changes {
            let change = made.change()?;
            let names = held(&left).clone();
            for name in names {
                if let Some(escape) = escape((wanted, &made), &change, (program, name))? {
                    let mut left = held(&left);
                    if left.contains(&name) {
                        println!("noticed  {name}: {}, {escape}", language.name());
                        left.retain(|other| *other != name);
                    }
                }
            }
            if held(&left).is_empty() {
                return Ok(false);
            }
            made.undo()?;
        }
        Ok(true)
    })?;
    let left = left.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{} of {count} noticed", count - left.len());
    left.is_empty()
        .then_some(())
        .ok_or_else(|| format!("not noticed: {}", left.join(" ")))
}

fn held<'m>(left: &'m Mutex<Vec<&'static str>>) -> MutexGuard<'m, Vec<&'static str>> {
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a mistake misses of a change.
fn escape(
    (wanted, made): (&Soundness, &Made<'_>),
    change: &Changed,
    (program, name): (&Path, &'static str),
) -> Result<Option<String>, String> {
    let missed = |defect| {
        let tool = Tool { program, defect };
        // What another mistake left in the tool's memory would be found again.
        drop(std::fs::remove_dir_all(made.root().join(".git/affected")));
        let selected = selected(&tool, made.root(), &wanted.precision[0])?;
        Ok::<_, String>(escapes(change, &made.before, &selected))
    };
    let by_mistake = missed(Some(name))?.into_iter().next();
    // What is missed without any mistake says nothing about this one.
    match by_mistake {
        Some(escape) if missed(None)?.is_empty() => Ok(Some(escape)),
        _ => Ok(None),
    }
}
