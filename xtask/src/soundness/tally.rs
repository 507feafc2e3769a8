//! What is counted, and what the words mean.
//!
//! - A test **flipped** if its outcome after the change is another than before, or if it is new. A flipped test that was not
//!   selected is an **escape**.
//! - A test is **needed** if it flipped, or if it fails once one of the changed files alone is unusable (a broken line at its
//!   end, another mode, a link to nowhere): it compiles, loads or reads that file, so nobody could know without a run that it
//!   does not flip. That is measured by real runs (`--reads`), not derived. Of manifests and lockfiles only flips count.
//! - **Selected ÷ needed** is taken of every change that needs a test: of tests, and of services (projects with a test of
//!   theirs). Changes that need none have no such number; what was selected for them is told by itself.
//! - **Full runs** are changes of any kind for which every test of the repository was selected although not every one was
//!   needed. No kind of change is left out as not ordinary.

use std::collections::{BTreeMap, BTreeSet};

use super::Selected;
use super::language::{Outcomes, TestUnit};
use super::made::Changed;

/// What was counted.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) escapes: Vec<String>,
    changes: usize,
    flipped: usize,
    /// Selected by flipped.
    by_flips: Ratios,
    /// Selected by needed, where that was measured.
    by_need: Ratios,
    /// Full runs, with what they are compared with: what flipped, or what is needed.
    everything: usize,
    /// Changes that need nothing, and the share of all tests that was selected for each.
    idle: Vec<f64>,
    kinds: BTreeMap<&'static str, Tally>,
}

/// One number of each change that needed a test.
#[derive(Default)]
struct Ratios {
    tests: Vec<f64>,
    services: Vec<f64>,
}

impl Ratios {
    fn take(&mut self, chosen: &BTreeSet<&TestUnit>, needed: &BTreeSet<&TestUnit>) {
        if needed.is_empty() {
            return;
        }
        self.tests.push(chosen.len() as f64 / needed.len() as f64);
        let services = |units: &BTreeSet<&TestUnit>| {
            let services: BTreeSet<&String> = units.iter().map(|unit| &unit.0).collect();
            services.len() as f64
        };
        self.services.push(services(chosen) / services(needed));
    }

    fn add(&mut self, other: Self) {
        self.tests.extend(other.tests);
        self.services.extend(other.services);
    }
}

impl Tally {
    /// Counts one change.
    pub(super) fn judge(
        &mut self,
        change: &Changed,
        before: &Outcomes,
        selected: &Selected,
        readers: Option<&BTreeSet<TestUnit>>,
    ) {
        let mut one = Self::default();
        one.of_change(change, before, selected, readers);
        let mut same = Self::default();
        same.of_change(change, before, selected, readers);
        self.add(one);
        self.kinds.entry(change.kind).or_default().add(same);
    }

    fn of_change(
        &mut self,
        change: &Changed,
        before: &Outcomes,
        selected: &Selected,
        readers: Option<&BTreeSet<TestUnit>>,
    ) {
        let after = &change.after;
        let flipped = flipped(change, before);
        self.changes = 1;
        self.flipped = flipped.len();
        self.escapes = escapes(change, before, selected);
        let chosen = after.keys().filter(|unit| selected.holds(unit));
        let chosen: BTreeSet<&TestUnit> = chosen.collect();
        let mut needed = flipped.clone();
        let is_here = |unit: &&TestUnit| after.contains_key(*unit);
        needed.extend(readers.into_iter().flatten().filter(is_here));
        self.by_flips.take(&chosen, &flipped);
        if readers.is_some() {
            self.by_need.take(&chosen, &needed);
        }
        if needed.is_empty() {
            self.idle
                .push(chosen.len() as f64 / after.len().max(1) as f64);
        }
        let is_full = chosen.len() == after.len() && needed.len() < after.len();
        self.everything = usize::from(is_full);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.changes += other.changes;
        self.flipped += other.flipped;
        self.escapes.extend(other.escapes);
        self.by_flips.add(other.by_flips);
        self.by_need.add(other.by_need);
        self.everything += other.everything;
        self.idle.extend(other.idle);
        for (kind, tally) in other.kinds {
            self.kinds.entry(kind).or_default().add(tally);
        }
    }

    /// One line about one repository.
    pub(super) fn in_short(&self) -> String {
        format!(
            "{} changes, {} flips, {} escapes",
            self.changes,
            self.flipped,
            self.escapes.len()
        )
    }

    fn line(&self, name: &str) {
        let share = 100.0 * self.everything as f64 / self.changes.max(1) as f64;
        let idle: f64 = self.idle.iter().fold(0.0, |sum, share| sum + share);
        let mean = 100.0 * idle / self.idle.len().max(1) as f64;
        println!(
            "{name:22} {:>7} {:>7} {:>7} {:>6.2} {:>8.2} {:>6.2} {:>8.2} {:>8.1} % {:>6} {:>5.1} %",
            self.changes,
            self.flipped,
            self.escapes.len(),
            median(&self.by_flips.tests),
            median(&self.by_flips.services),
            median(&self.by_need.tests),
            median(&self.by_need.services),
            share,
            self.idle.len(),
            mean,
        );
    }
}

/// Tests whose outcome is another, and new ones.
fn flipped<'c>(change: &'c Changed, before: &Outcomes) -> BTreeSet<&'c TestUnit> {
    let after = change.after.iter();
    let other = after.filter(|(unit, passed)| before.get(*unit) != Some(*passed));
    other.map(|(unit, _)| unit).collect()
}

/// Tests that flipped and were not selected.
pub(super) fn escapes(change: &Changed, before: &Outcomes, selected: &Selected) -> Vec<String> {
    let flipped = flipped(change, before).into_iter();
    let missed = flipped.filter(|unit| !selected.holds(unit));
    let told = |unit: &TestUnit| format!("{} {}: {} {}", change.kind, change.part, unit.0, unit.1);
    missed.map(told).collect()
}

/// Prints everything; an escape is an error.
pub(super) fn report(
    tally: BTreeMap<&str, Tally>,
    (reads, kinds): (bool, bool),
) -> Result<(), String> {
    println!("\nmedians of selected ÷ flipped and of selected ÷ needed, of tests and of services");
    println!(
        "needed: flipped, or fails once a changed file alone is unusable{}",
        if reads {
            " (measured)"
        } else {
            "; not measured without --reads"
        }
    );
    println!("full runs: every test was selected, and not every one was needed; of all changes");
    println!("idle: changes that need no test, and the mean share of tests selected for them\n");
    println!(
        "{:22} {:>7} {:>7} {:>7} {:>6} {:>8} {:>6} {:>8} {:>10} {:>6} {:>7}",
        "",
        "changes",
        "flips",
        "escapes",
        "÷flip",
        "services",
        "÷need",
        "services",
        "full runs",
        "idle",
        "sel."
    );
    let mut all = Tally::default();
    for (name, tally) in tally {
        tally.line(name);
        if kinds {
            for (kind, tally) in &tally.kinds {
                tally.line(&format!("  {kind}"));
            }
        }
        all.add(tally);
    }
    all.line("all");
    for escape in &all.escapes {
        println!("escaped: {escape}");
    }
    let missed = all.escapes.len();
    (missed == 0)
        .then_some(())
        .ok_or_else(|| format!("{missed} tests were missed"))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
