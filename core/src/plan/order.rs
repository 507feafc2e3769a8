//! The order inside a stage: what is likely to fail and quick to tell comes first. Pure; what was learnt from earlier runs
//! arrives as a value.
//!
//! The chance of failing is put together from independent signs (how it ended last time, how near the change is and how often
//! the target failed among all, what the changed files broke before, whether anything is known at all), as 1 - Π(1 - p).
//! A failure raises what began to fail together with it before. Such signs are those that published work on test
//! prioritisation found to carry most (Elbaum et al., FSE 2014; Memon et al., ICSE-SEIP 2017).
//!
//! The score is the chance over the root of the expected time. Over the time itself would be best for the time to the first
//! failure if chances were known (Smith, 1956); they are guesses, and a short task should not win by that alone. On replayed
//! histories the root costs nothing by time and is better by tests.

use std::collections::BTreeMap;
use std::time::Duration;

use affected_graph::StageOrder;

use super::Plan;

/// What earlier runs say, as far as a plan may need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// By target.
    pub targets: BTreeMap<String, TargetPast>,
    /// Of each changed path of which something is known.
    pub paths: Vec<PathPast>,
    /// How often two targets began to fail in the same run.
    pub together: BTreeMap<String, BTreeMap<String, u32>>,
}

/// What earlier runs say of one target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetPast {
    /// How long a pass takes.
    pub took: Option<Duration>,
    /// Whether its last run failed.
    pub failed_last: bool,
    /// How often it really ran.
    pub runs: u32,
    /// How often it failed.
    pub failures: u32,
}

/// What happened when one of the changed paths had changed before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PathPast {
    /// So many times.
    pub times: u32,
    /// Targets that began to fail, and how often.
    pub broke: BTreeMap<String, u32>,
}

/// How near a project is to the change: 0 changed itself, 1 depends on what changed, and so on; `None` if unknown.
pub type Distances = BTreeMap<String, usize>;

/// The order of a plan, to be asked again when something failed.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    chances: Vec<f64>,
    /// Seconds.
    expected: Vec<f64>,
    stages: Vec<usize>,
    /// Places that go before all others; empty for none.
    first: Vec<usize>,
    /// By target of the one that fails: places in the plan and the chance that these fail with it.
    follow: BTreeMap<usize, Vec<(usize, f64)>>,
}

/// What a start costs, so that very short tasks do not all come first.
const START: f64 = 1.0;
/// So many changes of a path outweigh what is expected of nearness alone.
const BELIEF: f64 = 4.0;
/// So many failures more are expected of every target than were seen: nothing is sure.
const DOUBT: f64 = 0.15;
/// The chance that what failed last time fails again.
const AGAIN: f64 = 0.5;
/// The chance that something new fails for being new.
const NEW: f64 = 0.1;
/// The chance that a change breaks what it changed itself, what depends on that, and so on; the last also for all further.
const NEAR: [f64; 4] = [0.1, 0.03, 0.015, 0.01];

impl Ranking {
    /// Works out the order of `plan`.
    #[must_use]
    pub fn new(plan: &Plan, stages: &StageOrder, past: &Past, distances: &Distances) -> Self {
        let usual = usual(past);
        let chance = |action: &super::Action| {
            let distance = distances.get(&action.project).copied();
            chance(&action.target, past, distance, usual)
        };
        let stage = |action: &super::Action| action.stage.as_ref().map_or(0, |s| stages.rank(s));
        Self {
            chances: plan.actions.iter().map(chance).collect(),
            expected: expected(plan, past),
            stages: plan.actions.iter().map(stage).collect(),
            first: Vec::new(),
            follow: follow(plan, past),
        }
    }

    /// Returns the order of a plan of which only these places are left, in this order.
    #[must_use]
    pub fn only(&self, kept: &[usize]) -> Self {
        if self.chances.is_empty() {
            return Self::default();
        }
        let now = |old: usize| kept.iter().position(|kept| *kept == old);
        let follow = |(at, others): (&usize, &Vec<(usize, f64)>)| {
            let others = others
                .iter()
                .filter_map(|(at, raise)| Some((now(*at)?, *raise)));
            Some((now(*at)?, others.collect()))
        };
        Self {
            chances: kept.iter().map(|at| self.chances[*at]).collect(),
            expected: kept.iter().map(|at| self.expected[*at]).collect(),
            stages: kept.iter().map(|at| self.stages[*at]).collect(),
            first: self.first.iter().filter_map(|at| now(*at)).collect(),
            follow: self.follow.iter().filter_map(follow).collect(),
        }
    }

    /// Puts these places before all others, whatever their stages; among themselves they are ordered as ever.
    pub fn put_first(&mut self, places: Vec<usize>) {
        self.first = places;
    }

    /// Returns the rank of each action: of two that may start, the smaller goes first. `failed` names the places that
    /// failed so far.
    #[must_use]
    pub fn ranks(&self, failed: &[usize]) -> Vec<usize> {
        let mut chances = self.chances.clone();
        for (at, raise) in failed.iter().filter_map(|at| self.follow.get(at)).flatten() {
            chances[*at] = either(chances[*at], *raise);
        }
        let score = |at: usize| chances[at] / (START + self.expected[at]).sqrt();
        let mut order: Vec<usize> = (0..chances.len()).collect();
        order.sort_by(|&a, &b| {
            let later = |at: &usize| !self.first.contains(at);
            let first = later(&a).cmp(&later(&b));
            let stage = self.stages[a].cmp(&self.stages[b]);
            let score = score(b).total_cmp(&score(a));
            let longest = self.expected[b].total_cmp(&self.expected[a]);
            first.then(stage).then(score).then(longest).then(a.cmp(&b))
        });
        let mut ranks = vec![0; order.len()];
        for (rank, at) in order.into_iter().enumerate() {
            ranks[at] = rank;
        }
        ranks
    }
}

/// One of two independent chances comes true.
fn either(a: f64, b: f64) -> f64 {
    1.0 - (1.0 - a) * (1.0 - b)
}

/// How often any target fails; of a history that is too short to tell, seldom.
fn usual(past: &Past) -> f64 {
    let known = past.targets.values();
    let (failures, runs) = known.fold((1.0, 30.0), |(failures, runs), one| {
        (
            failures + f64::from(one.failures),
            runs + f64::from(one.runs),
        )
    });
    failures / runs
}

fn chance(target: &str, past: &Past, distance: Option<usize>, usual: f64) -> f64 {
    let distance = distance.unwrap_or(usize::MAX).min(NEAR.len() - 1);
    let known = past.targets.get(target).filter(|known| known.runs > 0);
    let lately = match known {
        None => NEW,
        Some(known) if known.failed_last => AGAIN,
        Some(_) => 0.0,
    };
    // How much oftener than others it fails.
    let own = known.map_or(1.0, |known| {
        (f64::from(known.failures) + DOUBT) / (f64::from(known.runs) * usual + DOUBT)
    });
    let near = (NEAR[distance] * own).min(0.9);
    either(lately, of_paths(target, past, near))
}

/// What the change breaks: what is expected of its nearness, corrected by what each changed path did before. A path that
/// changed often and broke nothing speaks for the target as much as one that broke it speaks against it.
fn of_paths(target: &str, past: &Past, near: f64) -> f64 {
    if past.paths.is_empty() {
        return near;
    }
    let share = near / f64::from(u32::try_from(past.paths.len()).unwrap_or(u32::MAX));
    let broke = past.paths.iter().map(|path| {
        let broke = f64::from(path.broke.get(target).copied().unwrap_or(0));
        ((broke + BELIEF * share) / (f64::from(path.times) + BELIEF)).min(0.95)
    });
    broke.fold(0.0, either)
}

/// Seconds of each action; what was never timed takes what the others take at the median.
fn expected(plan: &Plan, past: &Past) -> Vec<f64> {
    let took = |action: &super::Action| {
        let known = past.targets.get(&action.target)?;
        known.took.map(|took| took.as_secs_f64())
    };
    let took: Vec<Option<f64>> = plan.actions.iter().map(took).collect();
    let mut known: Vec<f64> = took.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    let median = known.get(known.len() / 2).copied().unwrap_or(1.0);
    took.into_iter()
        .map(|took| took.unwrap_or(median))
        .collect()
}

fn follow(plan: &Plan, past: &Past) -> BTreeMap<usize, Vec<(usize, f64)>> {
    let targets = plan.actions.iter().enumerate();
    let places: BTreeMap<&str, usize> = targets.map(|(at, a)| (a.target.as_str(), at)).collect();
    let mut follow = BTreeMap::new();
    for (target, others) in &past.together {
        let Some(at) = places.get(target.as_str()) else {
            continue;
        };
        let most = others.values().copied().max().unwrap_or(0);
        let raise = |(other, times): (&String, &u32)| {
            let place = places.get(other.as_str())?;
            Some((*place, f64::from(*times) / (f64::from(most) + 2.0)))
        };
        follow.insert(*at, others.iter().filter_map(raise).collect());
    }
    follow
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    fn plan(targets: &[&str]) -> Plan {
        let action = |target: &&str| Action {
            target: format!("{target}:test"),
            project: (*target).to_owned(),
            ..Action::default()
        };
        Plan {
            actions: targets.iter().map(action).collect(),
            judged: Vec::new(),
        }
    }

    fn past(known: &[(&str, u64, &str)]) -> Past {
        let target = |(name, secs, endings): &(&str, u64, &str)| {
            let past = TargetPast {
                took: Some(Duration::from_secs(*secs)),
                failed_last: endings.ends_with('F'),
                runs: u32::try_from(endings.len()).unwrap(),
                failures: u32::try_from(endings.matches('F').count()).unwrap(),
            };
            (format!("{name}:test"), past)
        };
        Past {
            targets: known.iter().map(target).collect(),
            ..Past::default()
        }
    }

    fn order(targets: &[&str], past: &Past, near: &[(&str, usize)], failed: &[usize]) -> String {
        let near = near.iter().map(|(name, at)| ((*name).to_owned(), *at));
        let ranking = Ranking::new(
            &plan(targets),
            &StageOrder::default(),
            past,
            &near.collect(),
        );
        let ranks = ranking.ranks(failed);
        let mut sorted: Vec<_> = targets.iter().zip(ranks).collect();
        sorted.sort_by_key(|(_, rank)| *rank);
        let names: Vec<&str> = sorted.iter().map(|(name, _)| **name).collect();
        names.join(" ")
    }

    #[test]
    fn failed_last_new_changed_near_and_quick_ones_come_first() {
        let known = past(&[
            ("a", 1, "PPPP"),
            ("b", 1, "PPPF"),
            ("c", 1, "PPPP"),
            ("d", 1, "PPPP"),
        ]);
        assert_eq!(order(&["a", "b", "c"], &known, &[], &[]), "b a c");
        assert_eq!(order(&["a", "b", "new"], &known, &[], &[]), "b new a");
        assert_eq!(
            order(&["a", "c", "d"], &known, &[("d", 0), ("c", 2)], &[]),
            "d c a"
        );
        let slow = past(&[("a", 60, "PFPP"), ("b", 1, "PFPP")]);
        assert_eq!(order(&["a", "b"], &slow, &[], &[]), "b a");
    }

    #[test]
    fn of_equal_ones_the_longest_starts_first_and_else_the_plan_decides() {
        let nothing = Past::default();
        assert_eq!(order(&["a", "b", "c"], &nothing, &[], &[]), "a b c");
    }

    #[test]
    fn what_the_changed_files_broke_before_comes_first() {
        let mut known = past(&[("a", 1, "PPPP"), ("b", 1, "PPPP"), ("c", 1, "PPPP")]);
        let broke = BTreeMap::from([("c:test".to_owned(), 3)]);
        known.paths.push(PathPast { times: 4, broke });
        assert_eq!(order(&["a", "b", "c"], &known, &[("a", 0)], &[]), "c a b");
    }

    #[test]
    fn a_failure_raises_what_failed_with_it_before() {
        let mut known = past(&[("a", 1, "PPPP"), ("b", 1, "PPPP"), ("c", 1, "PPPP")]);
        let others = BTreeMap::from([("c:test".to_owned(), 2)]);
        known.together.insert("a:test".to_owned(), others);
        assert_eq!(order(&["a", "b", "c"], &known, &[], &[]), "a b c");
        assert_eq!(order(&["a", "b", "c"], &known, &[], &[0]), "c a b");
    }

    /// Rank is about the order inside a stage: the pyramid stands.
    #[test]
    fn lower_stages_go_first_whatever_is_known() {
        let mut plan = plan(&["a", "b"]);
        plan.actions[0].stage = Some(affected_graph::Stage::new("e2e"));
        plan.actions[1].stage = Some(affected_graph::Stage::new("unit"));
        let known = past(&[("a", 1, "FFFF"), ("b", 1, "PPPP")]);
        let ranking = Ranking::new(&plan, &StageOrder::default(), &known, &Distances::new());
        assert_eq!(ranking.ranks(&[]), [1, 0]);
        let mut ranking = ranking;
        ranking.put_first(vec![0]);
        assert_eq!(ranking.ranks(&[]), [0, 1]);
    }
}
