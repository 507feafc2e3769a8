//! Replays made histories through the real record and the real order: `cargo xtask bench order`.
//!
//! APFD is the average share of the tests that has not run yet when a failure shows (Rothermel et al., ICSM 1999): 1 minus
//! the mean place of the failures over the number of tests, plus half a place. Each history is recorded run by run, so the
//! order of a run knows only the runs before it.
//!
//! Failures are made in two ways. *Concentrated*, as published measurements found them: of 5.5 million affected tests 63
//! thousand ever failed, near what changed (Memon et al., ICSE-SEIP 2017), so an eighth of the services fails often and the
//! others hardly ever. *Spread*: any service may fail at any time, which nobody can foresee; there even an order that knows
//! the true odds stays below 0.9. The row `odds known` is that order, by chance alone: no order can be expected to do better.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use affected_core::history::{self, History, RunRecord, Scope, TaskRecord};
use affected_core::plan::order::{Distances, Ranking};
use affected_core::plan::{Action, Plan};
use affected_fixtures::Random;
use affected_graph::StageOrder;
use clap::Args;

/// What to replay.
#[derive(Args)]
pub(crate) struct Order {
    /// Histories, each with a seed of its own.
    #[arg(long, default_value_t = 5)]
    histories: u64,
    /// Runs of each.
    #[arg(long, default_value_t = 240)]
    runs: usize,
    /// Services of each.
    #[arg(long, default_value_t = 80)]
    services: usize,
}

/// The chance that what is broken is still broken in the next run.
const STAYS: f64 = 0.3;

/// Small numbers far oftener than large ones, as files of a repository change.
fn skewed(dice: &mut Random, end: usize) -> usize {
    let place = dice.share().powi(3) * end as f64;
    (place as usize).min(end.saturating_sub(1))
}

/// How failures are made.
#[derive(Clone, Copy)]
enum Failures {
    Concentrated,
    Spread,
}

/// A service with its ways to fail.
struct Service {
    name: String,
    seconds: f64,
    uses: Vec<usize>,
    /// How often a change of its own breaks it.
    fragile: f64,
    /// How often a change of what it uses breaks it.
    coupled: f64,
    /// How often it fails for nothing.
    flaky: f64,
    /// Another service whose changes break it, which no graph tells.
    hidden: Option<usize>,
}

/// Prints the tables, and fails where the order of concentrated failures is not good enough.
pub(crate) fn run(wanted: &Order) -> Result<(), String> {
    table(wanted, Failures::Spread)?;
    let (ours, oracle) = table(wanted, Failures::Concentrated)?;
    if ours < 0.9 || ours < 0.9 * oracle {
        return Err("the order is worse than 0.9, or than nine tenths of the oracle".to_owned());
    }
    Ok(())
}

/// Prints one table; returns our APFD and the oracle's.
fn table(wanted: &Order, failures: Failures) -> Result<(f64, f64), String> {
    let mut sums: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut cost: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for seed in 0..wanted.histories {
        replay(wanted, (seed, failures), &mut sums, &mut cost)?;
    }
    let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let failing = sums.values().next().map_or(0, Vec::len);
    let kind = match failures {
        Failures::Concentrated => "concentrated",
        Failures::Spread => "spread",
    };
    println!(
        "{kind} failures: {} histories of {} runs over {} services; {failing} runs with failures\n",
        wanted.histories, wanted.runs, wanted.services
    );
    println!("| order | APFD | by time |\n|---|---|---|");
    for name in [
        "declared",
        "random",
        "longest first",
        "affected",
        "odds known",
        "oracle",
    ] {
        println!(
            "| {name} | {:.3} | {:.3} |",
            mean(&sums[name]),
            mean(&cost[name])
        );
    }
    let (ours, oracle) = (mean(&sums["affected"]), mean(&sums["oracle"]));
    println!(
        "\naffected reaches {:.1} % of the oracle\n",
        100.0 * ours / oracle
    );
    Ok((ours, oracle))
}

fn services(dice: &mut Random, count: usize, failures: Failures) -> Vec<Service> {
    let service = |at: usize, dice: &mut Random| {
        let weak = dice.share() < 0.125;
        let (fragile, coupled, flaky, hidden) = match failures {
            Failures::Spread => (
                0.02 + 0.3 * dice.share().powi(2),
                0.1 * dice.share().powi(4),
                0.05,
                0.1,
            ),
            Failures::Concentrated if weak => (
                0.3 + 0.4 * dice.share(),
                0.05 + 0.15 * dice.share(),
                0.03,
                0.05,
            ),
            Failures::Concentrated => (0.01, 0.001, 0.03, 0.05),
        };
        Service {
            name: format!("service-{at:03}"),
            seconds: 1.0 + 60.0 * dice.share().powi(3),
            uses: (0..at.min(3)).map(|_| skewed(dice, at)).collect(),
            fragile,
            coupled,
            flaky: if dice.share() < flaky { 0.03 } else { 0.0 },
            hidden: (dice.share() < hidden).then(|| dice.below(count)),
        }
    };
    (0..count).map(|at| service(at, dice)).collect()
}

/// How far each service is from the changed ones.
fn distances(all: &[Service], changed: &BTreeSet<usize>) -> BTreeMap<usize, usize> {
    let mut found: BTreeMap<usize, usize> = changed.iter().map(|at| (*at, 0)).collect();
    // What a service uses stands before it.
    for (at, service) in all.iter().enumerate() {
        let near = service.uses.iter().filter_map(|used| found.get(used)).min();
        let near = near.map(|steps| steps + 1);
        if let Some(steps) = near
            && !changed.contains(&at)
        {
            found.insert(at, steps);
        }
    }
    found
}

type Sums = BTreeMap<&'static str, Vec<f64>>;

fn replay(
    wanted: &Order,
    (seed, failures): (u64, Failures),
    sums: &mut Sums,
    cost: &mut Sums,
) -> Result<(), String> {
    let mut dice = Random(seed.wrapping_mul(7919) + 1);
    let all = services(&mut dice, wanted.services, failures);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = [folder.path().join("history.db")];
    let mut broken: BTreeSet<usize> = BTreeSet::new();
    for run in 0..wanted.runs {
        let changed: BTreeSet<usize> = (0..1 + dice.below(2))
            .map(|_| skewed(&mut dice, all.len()))
            .collect();
        let near = distances(&all, &changed);
        let (failing, odds) = failing(&mut dice, &all, (&changed, &near), &mut broken);
        let history = history::open(&file)
            .map_err(|error| error.to_string())?
            .history;
        let plan = plan(&all, &near, seed);
        let paths: Vec<String> = changed
            .iter()
            .map(|at| format!("{}/src", all[*at].name))
            .collect();
        let near = near
            .iter()
            .map(|(at, steps)| (all[*at].name.clone(), *steps))
            .collect();
        let case = Case {
            plan: &plan,
            all: &all,
            near: &near,
            paths: &paths,
            failing: &failing,
            odds: &odds,
        };
        // A history begins empty: the first runs teach. Where a few tests run, no order matters.
        if run >= wanted.runs / 4 && !failing.is_empty() && plan.actions.len() >= 8 {
            judge(&history, &case, &mut dice, (sums, cost))?;
        }
        record(history, &case, run)?;
    }
    Ok(())
}

/// Decides what really fails: what stays broken, what this change breaks, and what fails for nothing. Returns the odds of
/// each as well, as somebody would give them who knows all but the dice.
fn failing(
    dice: &mut Random,
    all: &[Service],
    (changed, near): (&BTreeSet<usize>, &BTreeMap<usize, usize>),
    broken: &mut BTreeSet<usize>,
) -> (BTreeSet<usize>, BTreeMap<usize, f64>) {
    let before = broken.clone();
    broken.retain(|_| dice.share() < STAYS);
    let mut odds = BTreeMap::new();
    for (at, steps) in near {
        let service = &all[*at];
        let hidden = service.hidden.is_some_and(|other| changed.contains(&other));
        let risk = match steps {
            0 => service.fragile,
            1 => service.coupled,
            _ => service.coupled / 4.0,
        };
        let risk = if hidden { risk.max(0.6) } else { risk };
        if dice.share() < risk {
            broken.insert(*at);
        }
        let stays = if before.contains(at) { STAYS } else { 0.0 };
        let passes = (1.0 - risk) * (1.0 - stays) * (1.0 - service.flaky);
        odds.insert(*at, 1.0 - passes);
    }
    let shows = |at: &&usize| broken.contains(at) || dice.share() < all[**at].flaky;
    (near.keys().filter(shows).copied().collect(), odds)
}

/// The plan of a change, in an order that says nothing.
fn plan(all: &[Service], near: &BTreeMap<usize, usize>, seed: u64) -> Plan {
    let mut places: Vec<usize> = near.keys().copied().collect();
    places.sort_by_key(|at| Random(seed ^ (*at as u64).wrapping_mul(31)).next_number());
    let action = |at: usize| Action {
        target: format!("{}:test", all[at].name),
        project: all[at].name.clone(),
        ..Action::default()
    };
    Plan {
        actions: places.into_iter().map(action).collect(),
        judged: Vec::new(),
    }
}

/// One run, to be judged.
struct Judged<'j> {
    seconds: Vec<f64>,
    fails: Vec<bool>,
    plan: &'j Plan,
}

impl Judged<'_> {
    /// APFD of an order of places, by tests and by time.
    fn apfd(&self, order: &[usize]) -> (f64, f64) {
        let (count, failures) = (
            order.len() as f64,
            self.fails.iter().filter(|f| **f).count() as f64,
        );
        let all: f64 = self.seconds.iter().sum();
        let (mut spent, mut places, mut times) = (0.0, 0.0, 0.0);
        for (place, at) in order.iter().enumerate() {
            if self.fails[*at] {
                places += place as f64 + 1.0;
                times += spent + self.seconds[*at] / 2.0;
            }
            spent += self.seconds[*at];
        }
        let by_tests = 1.0 - places / (count * failures) + 0.5 / count;
        (by_tests, 1.0 - times / (all * failures))
    }

    /// Follows our ranks, asked again after each failure, as a run does.
    fn ours(&self, ranking: &Ranking) -> Vec<usize> {
        let (mut left, mut order, mut failed) = (self.all(), Vec::new(), Vec::new());
        let mut ranks = ranking.ranks(&failed);
        while let Some(next) = left.iter().copied().min_by_key(|at| ranks[*at]) {
            left.retain(|at| *at != next);
            order.push(next);
            if self.fails[next] {
                failed.push(next);
                ranks = ranking.ranks(&failed);
            }
        }
        order
    }

    fn all(&self) -> Vec<usize> {
        (0..self.plan.actions.len()).collect()
    }

    fn by(&self, key: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut order = self.all();
        order.sort_by(|a, b| key(*a).total_cmp(&key(*b)));
        order
    }
}

/// One run of a history.
struct Case<'c> {
    plan: &'c Plan,
    all: &'c [Service],
    near: &'c Distances,
    paths: &'c [String],
    failing: &'c BTreeSet<usize>,
    odds: &'c BTreeMap<usize, f64>,
}

fn judge(
    history: &History,
    case: &Case<'_>,
    dice: &mut Random,
    (sums, cost): (&mut Sums, &mut Sums),
) -> Result<(), String> {
    let past = history
        .past(case.paths)
        .map_err(|error| error.to_string())?;
    let names = case.all.iter().enumerate();
    let places: BTreeMap<&str, usize> = names.map(|(at, one)| (one.name.as_str(), at)).collect();
    let of = |action: &Action| places[action.project.as_str()];
    let actions = &case.plan.actions;
    let judged = Judged {
        seconds: actions
            .iter()
            .map(|action| case.all[of(action)].seconds)
            .collect(),
        fails: actions
            .iter()
            .map(|action| case.failing.contains(&of(action)))
            .collect(),
        plan: case.plan,
    };
    let ranking = Ranking::new(case.plan, &StageOrder::default(), &past, case.near);
    let throws: Vec<f64> = actions.iter().map(|_| dice.share()).collect();
    let fails_last = |at: usize| {
        if judged.fails[at] {
            judged.seconds[at]
        } else {
            1e9
        }
    };
    let orders = [
        ("declared", judged.by(|at| of(&actions[at]) as f64)),
        ("random", judged.by(|at| throws[at])),
        ("longest first", judged.by(|at| -judged.seconds[at])),
        ("affected", judged.ours(&ranking)),
        ("odds known", judged.by(|at| -case.odds[&of(&actions[at])])),
        ("oracle", judged.by(fails_last)),
    ];
    for (name, order) in orders {
        let (by_tests, by_time) = judged.apfd(&order);
        sums.entry(name).or_default().push(by_tests);
        cost.entry(name).or_default().push(by_time);
    }
    Ok(())
}

fn record(history: History, case: &Case<'_>, run: usize) -> Result<(), String> {
    let targets: Vec<String> = case
        .plan
        .actions
        .iter()
        .map(|action| action.target.clone())
        .collect();
    let about = RunRecord {
        command: "test".to_owned(),
        mode: "affected".to_owned(),
        scope: Scope::Whole,
        branch: Some("main".to_owned()),
        commit: Some(format!("{run:040x}")),
        state: Some(run.to_string()),
        clean: true,
        base: None,
        base_source: None,
        fallback: None,
        universe: case
            .all
            .iter()
            .map(|service| format!("{}:test", service.name))
            .collect(),
        selected: targets,
        changed: case.paths.to_vec(),
    };
    let told = |error: history::HistoryError| error.to_string();
    let mut recorder = history.begin(about).map_err(told)?;
    for (at, service) in case.all.iter().enumerate() {
        if !case.near.contains_key(&service.name) {
            continue;
        }
        let failed = case.failing.contains(&at);
        let task = TaskRecord {
            target: format!("{}:test", service.name),
            project: service.name.clone(),
            outcome: if failed { "failed" } else { "passed" }.to_owned(),
            duration: Duration::from_secs_f64(service.seconds),
            attempts: 1,
            ..TaskRecord::default()
        };
        recorder.task(&task).map_err(told)?;
    }
    recorder.finish().map(drop).map_err(told)
}
