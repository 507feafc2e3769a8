//! Mistakes that are built in on purpose: if the run does not notice one, it proves nothing about real ones.

use std::path::Path;

use super::language::Language;
use super::model::Random;
use super::{Soundness, Tally, Tool, repository};

/// A mistake by its name in the sources, and the languages in which it shows; none for any.
type Defect = (&'static str, &'static [&'static str]);

/// Every mistake.
const DEFECTS: &[Defect] = &[
    ("direct-dependents", &["java", "javascript"]),
    ("direct-imports-only", &["go"]),
    ("first-change-only", &["python"]),
    ("first-project-only", &["java"]),
    ("first-unit-only", &["python"]),
    ("forget-base-graph", &["java", "javascript"]),
    ("forget-conftest", &["python"]),
    ("forget-embedded", &["go"]),
    ("forget-environment-files", &["javascript"]),
    ("forget-escapes", &["javascript"]),
    ("forget-lockfiles", &["javascript"]),
    ("forget-manifests", &["go"]),
    ("forget-modes", &["python"]),
    ("forget-names-in-strings", &["python"]),
    ("forget-new-tests", &["python"]),
    ("forget-other-projects", &["python"]),
    ("forget-packages", &["python"]),
    ("forget-plugins", &["python"]),
    ("forget-renames", &["python"]),
    ("forget-setup", &["javascript"]),
    ("forget-strays", &["go", "python"]),
    ("forget-test-imports", &["go"]),
    ("forget-test-modules", &["rust"]),
    ("forget-test-support", &["java"]),
    ("ignore-additions", &["python"]),
    ("ignore-data", &["python"]),
    ("ignore-deletions", &["python"]),
    ("ignore-sources", &["python"]),
    ("ignore-tests", &["python"]),
    ("last-change-only", &["python"]),
    ("lose-dev-edges", &["rust"]),
    ("narrow-over-manifests", &["go", "javascript"]),
    ("no-dependents", &["java"]),
    ("same-project-only", &["go"]),
    ("sources-only", &["go"]),
    ("trust-reflection", &["java"]),
];

/// Demands that each is noticed.
pub(super) fn run(
    wanted: &Soundness,
    languages: &[&dyn Language],
    program: &Path,
) -> Result<(), String> {
    let mut unnoticed = Vec::new();
    for (name, shows) in DEFECTS {
        let fit = |language: &&&dyn Language| shows.is_empty() || shows.contains(&language.name());
        let languages: Vec<&dyn Language> = languages.iter().filter(fit).copied().collect();
        if languages.is_empty() {
            println!("left out {name}: its language is not here");
            continue;
        }
        let tool = Tool {
            program,
            defect: Some(name),
        };
        let mut tally = Tally::default();
        for number in 0..wanted.repos {
            let language = languages[number % languages.len()];
            let mut random = Random(wanted.seed.wrapping_add(number as u64));
            repository(wanted, language, &tool, &mut random, &mut tally)?;
            if !tally.escapes.is_empty() {
                break;
            }
        }
        match tally.escapes.first() {
            Some(escape) => println!("noticed  {name}: after {} changes, {escape}", tally.changes),
            None => {
                println!("MISSED   {name}: {} changes", tally.changes);
                unnoticed.push(*name);
            }
        }
    }
    println!(
        "{} of {} noticed",
        DEFECTS.len() - unnoticed.len(),
        DEFECTS.len()
    );
    unnoticed
        .is_empty()
        .then_some(())
        .ok_or_else(|| unnoticed.join(" "))
}
