//! Mistakes that are built in on purpose: if the run does not notice one, it proves nothing about real ones.

use std::path::Path;

use super::language::Language;
use super::model::Random;
use super::{Soundness, Tally, Tool, repository};

/// Every mistake, by its name in the sources.
const DEFECTS: &[&str] = &[
    "direct-dependents",
    "direct-imports-only",
    "first-change-only",
    "forget-base-graph",
    "forget-strays",
    "forget-test-imports",
    "forget-test-modules",
    "ignore-additions",
    "ignore-data",
    "ignore-deletions",
    "ignore-sources",
    "ignore-tests",
    "last-change-only",
    "narrow-over-manifests",
    "no-dependents",
    "sources-only",
];

/// Demands that each is noticed.
pub(super) fn run(
    wanted: &Soundness,
    languages: &[&dyn Language],
    program: &Path,
) -> Result<(), String> {
    let mut unnoticed = Vec::new();
    for name in DEFECTS {
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
