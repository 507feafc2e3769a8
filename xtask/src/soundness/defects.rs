//! Mistakes that are built in on purpose: if the run does not notice one, it proves nothing about real ones.

use std::ops::ControlFlow;
use std::path::Path;

use super::language::{Language, Outcomes};
use super::{Soundness, Tally, Told, Tool, judge, repository, selected};
use affected_fixtures::Random;

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
    let mut left: Vec<&str> = DEFECTS.to_vec();
    for number in 0..wanted.repos {
        let language = languages[number % languages.len()];
        let mut random = Random(wanted.seed.wrapping_add(number as u64));
        let mut see = |told: &str, outcomes: (&Outcomes, &Outcomes), root: &Path| -> Told {
            let mut unnoticed = Vec::new();
            for name in &left {
                let tool = Tool {
                    program,
                    defect: Some(*name),
                };
                // What another mistake left in the tool's memory would be found again.
                drop(std::fs::remove_dir_all(root.join(".git/affected")));
                let mut tally = Tally::default();
                judge(told, outcomes, &selected(&tool, root)?, &mut tally);
                match tally.escapes.first() {
                    Some(escape) => println!("noticed  {name}: {}, {escape}", language.name()),
                    None => unnoticed.push(*name),
                }
            }
            left = unnoticed;
            Ok(match left.is_empty() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        };
        repository(wanted, language, &mut random, &mut see)?;
    }
    println!(
        "{} of {} noticed",
        DEFECTS.len() - left.len(),
        DEFECTS.len()
    );
    left.is_empty()
        .then_some(())
        .ok_or_else(|| format!("not noticed: {}", left.join(" ")))
}
