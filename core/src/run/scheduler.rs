//! What may start next: a pure state machine without I/O, clock or threads.
//!
//! Every action ends exactly once. An action becomes ready when all it waits for has passed; when one of
//! those ends otherwise, it is skipped and so is all that waits for it. A ready action starts when there are places
//! for its weight and nobody holds its locks, in the order of its rank.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::{Outcome, Stop};
use crate::plan::Plan;

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Running,
    Done(Outcome),
}

/// Why an action was never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// This action, which it waits for directly or through others, did not pass.
    Prerequisite(usize),
    /// This action failed and the run stops after so many failures.
    Stopped(usize),
    /// It would not have ended within the budget.
    Budget,
    /// What it waits for can never end: the plan has a cycle or a hole.
    Unreachable,
}

/// What bounds a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Places for the weights of running actions, at least 1.
    pub(super) places: usize,
    /// About failures.
    pub(super) stop: Stop,
    /// Nothing starts that is expected to end later than this.
    pub(super) budget: Option<Duration>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Start this one; it counts as running from now on.
    Start(usize),
    /// These will never start, for lack of time; ask again.
    Deferred(Vec<usize>),
    /// Wait until something ends.
    Nothing,
}

/// What an action takes while it runs, its locks as numbers.
#[derive(Debug, Clone)]
struct Claim {
    weight: usize,
    locks: Vec<usize>,
    build_locks: Vec<usize>,
    expected: Duration,
}

/// The states of all actions of a plan.
#[derive(Debug)]
pub(super) struct Scheduler {
    states: Vec<State>,
    /// How many prerequisites have not passed yet.
    missing: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    claims: Vec<Claim>,
    /// Rank, then place in the plan.
    ready: BTreeSet<(usize, usize)>,
    ranks: Vec<usize>,
    /// How many running actions hold each lock.
    held: Vec<usize>,
    free: usize,
    blame: Vec<Option<Blame>>,
    unfinished: usize,
    running: usize,
    failures: usize,
    bounds: Bounds,
}

impl Scheduler {
    /// Starts with every action waiting or ready.
    pub(super) fn new(plan: &Plan, bounds: Bounds) -> Self {
        let count = plan.actions.len();
        let mut dependents = vec![Vec::new(); count];
        let mut states = vec![State::Waiting; count];
        let mut ready = BTreeSet::new();
        for (index, action) in plan.actions.iter().enumerate() {
            for &before in &action.after {
                // A place outside the plan never passes; `skip_unreachable` ends such an action.
                if let Some(waiting) = dependents.get_mut(before) {
                    waiting.push(index);
                }
            }
            if action.after.is_empty() {
                states[index] = State::Ready;
                ready.insert((index, index));
            }
        }
        let (claims, locks) = claims(plan, bounds.places);
        let missing = plan.actions.iter().map(|action| action.after.len());
        Self {
            states,
            missing: missing.collect(),
            dependents,
            claims,
            ready,
            ranks: (0..count).collect(),
            held: vec![0; locks],
            free: bounds.places,
            blame: vec![None; count],
            unfinished: count,
            running: 0,
            failures: 0,
            bounds,
        }
    }

    /// Changes the order: of two ready actions the one with the smaller rank starts first; ties as in the plan.
    pub(super) fn rank(&mut self, ranks: Vec<usize>) {
        if ranks.len() != self.ranks.len() {
            return;
        }
        let ready = std::mem::take(&mut self.ready);
        self.ready = ready
            .into_iter()
            .map(|(_, action)| (ranks[action], action))
            .collect();
        self.ranks = ranks;
    }

    /// Takes the first ready action that may start `now`, counted from the beginning of the run.
    pub(super) fn next(&mut self, now: Duration) -> Next {
        let Some(action) = self.candidate() else {
            return Next::Nothing;
        };
        let end = now.saturating_add(self.claims[action].expected);
        // What is not expected to take any time still needs some.
        if self
            .bounds
            .budget
            .is_some_and(|budget| end > budget || now >= budget)
        {
            self.end(action, Outcome::Skipped);
            self.blame[action] = Some(Blame::Budget);
            let mut deferred = self.skip_dependents(action, Blame::Budget);
            deferred.push(action);
            deferred.sort_unstable();
            return Next::Deferred(deferred);
        }
        self.ready.remove(&(self.ranks[action], action));
        self.states[action] = State::Running;
        self.running += 1;
        self.free -= self.claims[action].weight;
        self.hold(action, |count| count + 1);
        Next::Start(action)
    }

    /// The first ready action that nothing keeps; one whose tool would only wait for a running one comes last.
    fn candidate(&self) -> Option<usize> {
        if self.free == 0 {
            return None;
        }
        let free = |locks: &[usize]| locks.iter().all(|lock| self.held[*lock] == 0);
        let mut waits = None;
        for &(_, action) in &self.ready {
            let claim = &self.claims[action];
            if !free(&claim.locks) {
                continue;
            }
            if claim.weight > self.free {
                // Smaller ones would keep the places from it for ever.
                return waits;
            }
            if free(&claim.build_locks) {
                return Some(action);
            }
            waits = waits.or(Some(action));
        }
        waits
    }

    fn hold(&mut self, action: usize, change: impl Fn(usize) -> usize) {
        let claim = &self.claims[action];
        for &lock in claim.locks.iter().chain(&claim.build_locks) {
            self.held[lock] = change(self.held[lock]);
        }
    }

    /// Notes how a running action ended; returns the actions that will never start for it, in plan order.
    pub(super) fn finish(&mut self, action: usize, outcome: Outcome) -> Vec<usize> {
        if self.states.get(action) != Some(&State::Running) {
            return Vec::new();
        }
        self.running -= 1;
        self.free += self.claims[action].weight;
        self.hold(action, |count| count - 1);
        self.end(action, outcome);
        if outcome.is_success() {
            self.release_dependents(action);
            return Vec::new();
        }
        let mut skipped = self.skip_dependents(action, Blame::Prerequisite(action));
        self.failures += usize::from(outcome.is_failure());
        if let Stop::AfterFailures(most) = self.bounds.stop
            && outcome.is_failure()
            && self.failures >= most
        {
            skipped.extend(self.end_unstarted(Outcome::Skipped, Some(Blame::Stopped(action))));
        }
        skipped.sort_unstable();
        skipped
    }

    /// Ends everything that was not started as canceled; returns it in plan order.
    pub(super) fn cancel(&mut self) -> Vec<usize> {
        self.end_unstarted(Outcome::Canceled, None)
    }

    /// Ends what can never start although nothing runs any more; returns it in plan order.
    pub(super) fn skip_unreachable(&mut self) -> Vec<usize> {
        if self.running > 0 || !self.ready.is_empty() {
            return Vec::new();
        }
        self.end_unstarted(Outcome::Skipped, Some(Blame::Unreachable))
    }

    /// Returns why an action was skipped by the scheduler.
    pub(super) fn blame(&self, action: usize) -> Option<Blame> {
        self.blame.get(action).copied().flatten()
    }

    /// Returns how each action ended, `None` where it has not.
    pub(super) fn outcomes(&self) -> Vec<Option<Outcome>> {
        (0..self.states.len())
            .map(|action| self.outcome(action))
            .collect()
    }

    /// Returns how an action ended, if it has.
    pub(super) fn outcome(&self, action: usize) -> Option<Outcome> {
        match self.states.get(action) {
            Some(State::Done(outcome)) => Some(*outcome),
            _ => None,
        }
    }

    /// Returns how many actions run.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Tells whether every action has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    fn end(&mut self, action: usize, outcome: Outcome) {
        self.states[action] = State::Done(outcome);
        self.ready.remove(&(self.ranks[action], action));
        self.unfinished -= 1;
    }

    fn is_unstarted(&self, action: usize) -> bool {
        matches!(self.states[action], State::Waiting | State::Ready)
    }

    fn release_dependents(&mut self, action: usize) {
        for waiting in std::mem::take(&mut self.dependents[action]) {
            self.missing[waiting] -= 1;
            if self.missing[waiting] == 0 && self.states[waiting] == State::Waiting {
                self.states[waiting] = State::Ready;
                self.ready.insert((self.ranks[waiting], waiting));
            }
        }
    }

    fn skip_dependents(&mut self, root: usize, blame: Blame) -> Vec<usize> {
        let mut skipped = Vec::new();
        let mut queue = VecDeque::from([root]);
        while let Some(ended) = queue.pop_front() {
            for waiting in std::mem::take(&mut self.dependents[ended]) {
                if self.is_unstarted(waiting) {
                    self.end(waiting, Outcome::Skipped);
                    self.blame[waiting] = Some(blame);
                    skipped.push(waiting);
                    queue.push_back(waiting);
                }
            }
        }
        skipped
    }

    fn end_unstarted(&mut self, outcome: Outcome, blame: Option<Blame>) -> Vec<usize> {
        let unstarted: Vec<usize> = (0..self.states.len())
            .filter(|&action| self.is_unstarted(action))
            .collect();
        for &action in &unstarted {
            self.end(action, outcome);
            self.blame[action] = blame;
        }
        unstarted
    }
}

/// Numbers the locks; a weight beyond all places means all of them.
fn claims(plan: &Plan, places: usize) -> (Vec<Claim>, usize) {
    let mut numbers = Numbers::default();
    let claim = |action: &crate::plan::Action| Claim {
        weight: action.needs.weight.clamp(1, places.max(1)),
        locks: numbers.of("named", &action.needs.locks),
        build_locks: numbers.of("build", &action.needs.build_locks),
        expected: action.expected.unwrap_or_default(),
    };
    let claims = plan.actions.iter().map(claim).collect();
    (claims, numbers.0.len())
}

/// Gives each lock a number.
#[derive(Default)]
struct Numbers(BTreeMap<(&'static str, String), usize>);

impl Numbers {
    fn of(&mut self, kind: &'static str, names: &[String]) -> Vec<usize> {
        let mut numbers = Vec::new();
        for name in names {
            let next = self.0.len();
            numbers.push(*self.0.entry((kind, name.clone())).or_insert(next));
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use affected_graph::{Command, RepoPath};
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Action;

    fn plan(after: &[BTreeSet<usize>]) -> Plan {
        let action = |(index, after): (usize, &BTreeSet<usize>)| Action {
            target: format!("p{index}:test"),
            project: format!("p{index}"),
            stage: None,
            command: Command::Argv(Vec::new()),
            cwd: RepoPath::root(),
            env: std::collections::BTreeMap::new(),
            timeout: None,
            needs: affected_graph::Needs::default(),
            expected: None,
            after: after.clone(),
            reasons: Vec::new(),
            script: None,
            units: Vec::new(),
            unproved: std::collections::BTreeMap::new(),
            widened: None,
        };
        Plan {
            actions: after.iter().enumerate().map(action).collect(),
            judged: Vec::new(),
        }
    }

    fn sets(after: &[&[usize]]) -> Vec<BTreeSet<usize>> {
        after
            .iter()
            .map(|set| set.iter().copied().collect())
            .collect()
    }

    fn bounds(places: usize) -> Bounds {
        Bounds {
            places,
            stop: Stop::Never,
            budget: None,
        }
    }

    fn start(scheduler: &mut Scheduler) -> Option<usize> {
        match scheduler.next(Duration::ZERO) {
            Next::Start(action) => Some(action),
            Next::Deferred(_) | Next::Nothing => None,
        }
    }

    #[test]
    fn starts_in_plan_order_and_skips_what_waits() {
        let mut scheduler = Scheduler::new(&plan(&sets(&[&[], &[0], &[], &[1], &[2]])), bounds(9));
        assert_eq!(
            (
                start(&mut scheduler),
                start(&mut scheduler),
                start(&mut scheduler)
            ),
            (Some(0), Some(2), None)
        );
        assert_eq!(scheduler.finish(0, Outcome::Failed), [1, 3]);
        assert_eq!(scheduler.blame(3), Some(Blame::Prerequisite(0)));
        assert!(scheduler.finish(2, Outcome::Passed).is_empty());
        assert_eq!(start(&mut scheduler), Some(4));
        assert!(scheduler.finish(4, Outcome::Passed).is_empty());
        assert!(scheduler.is_finished());
        assert!(
            scheduler.finish(4, Outcome::Failed).is_empty(),
            "an end is final"
        );
    }

    #[test]
    fn the_last_failure_allowed_lets_running_ones_end() {
        let stop = Stop::AfterFailures(2);
        let plan = plan(&sets(&[&[], &[], &[], &[], &[]]));
        let mut scheduler = Scheduler::new(&plan, Bounds { stop, ..bounds(3) });
        assert_eq!(
            (start(&mut scheduler), start(&mut scheduler)),
            (Some(0), Some(1))
        );
        assert!(scheduler.finish(1, Outcome::TimedOut).is_empty());
        assert_eq!(
            (start(&mut scheduler), start(&mut scheduler)),
            (Some(2), Some(3))
        );
        assert_eq!(scheduler.finish(2, Outcome::Failed), [4]);
        assert_eq!(scheduler.blame(4), Some(Blame::Stopped(2)));
        assert!(!scheduler.is_finished());
        assert!(scheduler.finish(0, Outcome::Passed).is_empty());
        assert!(scheduler.finish(3, Outcome::Passed).is_empty());
        assert!(scheduler.is_finished());
    }

    #[test]
    fn weights_locks_and_build_locks() {
        let mut plan = plan(&sets(&[&[], &[], &[], &[], &[]]));
        plan.actions[0].needs.locks = vec!["db".into()];
        plan.actions[1].needs.locks = vec!["db".into()];
        plan.actions[2].needs.build_locks = vec!["db".into()];
        plan.actions[3].needs.build_locks = vec!["db".into()];
        plan.actions[4].needs.weight = 99;
        let mut scheduler = Scheduler::new(&plan, bounds(3));
        assert_eq!(
            (start(&mut scheduler), start(&mut scheduler)),
            (Some(0), Some(2))
        );
        // 1 waits for the lock, 4 for all places, 3 would wait for its build folder: better than nothing.
        assert_eq!(start(&mut scheduler), Some(3));
        scheduler.finish(0, Outcome::Passed);
        assert_eq!(start(&mut scheduler), Some(1));
        scheduler.finish(2, Outcome::Passed);
        assert_eq!(start(&mut scheduler), None, "4 does not fit beside others");
        scheduler.finish(1, Outcome::Passed);
        scheduler.finish(3, Outcome::Passed);
        assert_eq!(start(&mut scheduler), Some(4));
        scheduler.finish(4, Outcome::Passed);
        assert!(scheduler.is_finished());
    }

    #[test]
    fn ranks_decide_among_the_ready() {
        let mut scheduler = Scheduler::new(&plan(&sets(&[&[], &[], &[1]])), bounds(1));
        scheduler.rank(vec![5, 1, 1]);
        let mut order = Vec::new();
        while let Some(action) = start(&mut scheduler) {
            order.push(action);
            scheduler.finish(action, Outcome::Cached);
        }
        assert_eq!(order, [1, 2, 0]);
    }

    #[test]
    fn nothing_starts_that_does_not_fit_into_the_budget() {
        let seconds = Duration::from_secs;
        let mut plan = plan(&sets(&[&[], &[], &[1], &[]]));
        plan.actions[0].expected = Some(seconds(5));
        plan.actions[1].expected = Some(seconds(6));
        let budget = Some(seconds(10));
        let mut scheduler = Scheduler::new(
            &plan,
            Bounds {
                budget,
                ..bounds(1)
            },
        );
        assert_eq!(scheduler.next(seconds(0)), Next::Start(0));
        scheduler.finish(0, Outcome::Passed);
        assert_eq!(scheduler.next(seconds(5)), Next::Deferred(vec![1, 2]));
        assert_eq!(scheduler.blame(2), Some(Blame::Budget));
        assert_eq!(scheduler.next(seconds(9)), Next::Start(3));
        scheduler.finish(3, Outcome::Failed);
        assert!(scheduler.is_finished());
    }

    /// S12. A plan that breaks its promise ends all the same.
    #[test]
    fn s12_cycles_and_holes_end_as_skipped() {
        let mut scheduler = Scheduler::new(&plan(&sets(&[&[0], &[2], &[1], &[9]])), bounds(9));
        assert_eq!(start(&mut scheduler), None);
        assert_eq!(scheduler.skip_unreachable(), [0, 1, 2, 3]);
        assert!(scheduler.is_finished());
    }

    const OUTCOMES: [Outcome; 5] = [
        Outcome::Passed,
        Outcome::Passed,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Skipped,
    ];

    fn after_sets() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
        prop::collection::vec(
            prop::collection::vec(any::<prop::sample::Index>(), 0..3),
            0..14,
        )
        .prop_map(|picks| {
            let before = |(index, picks): (usize, Vec<prop::sample::Index>)| {
                let places = picks.iter().filter(|_| index > 0);
                places.map(|pick| pick.index(index)).collect()
            };
            picks.into_iter().enumerate().map(before).collect()
        })
    }

    /// What each action takes: weight, up to two locks, up to one build lock, expected seconds.
    type Wish = (usize, Vec<usize>, Option<usize>, u64);

    fn wishes() -> impl Strategy<Value = Vec<Wish>> {
        let wish = (
            1usize..5,
            prop::collection::vec(0usize..3, 0..3),
            prop::option::of(0usize..2),
            0u64..4,
        );
        prop::collection::vec(wish, 14)
    }

    fn with_wishes(mut plan: Plan, wishes: &[Wish]) -> Plan {
        for (action, (weight, locks, build_lock, expected)) in plan.actions.iter_mut().zip(wishes) {
            action.needs.weight = *weight;
            action.needs.locks = locks.iter().map(ToString::to_string).collect();
            action.needs.build_locks = build_lock.iter().map(ToString::to_string).collect();
            action.expected = Some(Duration::from_secs(*expected));
        }
        plan
    }

    proptest! {
        #[test]
        fn every_action_ends_once_and_after_what_it_waits_for(
            after in after_sets(),
            wishes in wishes(),
            ends in prop::collection::vec((0usize..8, 0usize..OUTCOMES.len()), 14),
            places in 1usize..4,
            most in prop::option::of(1usize..3),
            budget in prop::option::of(0u64..20),
            cancel_at in prop::option::of(0usize..14),
        ) {
            let plan = with_wishes(plan(&after), &wishes);
            let (stop, budget) = (most.map_or(Stop::Never, Stop::AfterFailures), budget.map(Duration::from_secs));
            let mut scheduler = Scheduler::new(&plan, Bounds { places, stop, budget });
            let (mut running, mut ended) = (Vec::<usize>::new(), vec![None; after.len()]);
            let end = |ended: &mut Vec<Option<Outcome>>, action: usize, outcome| {
                prop_assert_eq!(ended[action].replace(outcome), None);
                Ok(())
            };
            let weight = |action: usize| wishes[action].0.min(places);
            let mut failures = 0;
            for (step, (pick, outcome)) in ends.into_iter().enumerate() {
                let now = Duration::from_secs(step as u64);
                if cancel_at == Some(step) {
                    for action in scheduler.cancel() {
                        end(&mut ended, action, Outcome::Canceled)?;
                    }
                }
                loop {
                    match scheduler.next(now) {
                        Next::Nothing => break,
                        Next::Deferred(actions) => for action in actions {
                            prop_assert_eq!(scheduler.blame(action), Some(Blame::Budget));
                            end(&mut ended, action, Outcome::Skipped)?;
                        },
                        Next::Start(action) => {
                            prop_assert!(after[action].iter().all(|&b| ended[b] == Some(Outcome::Passed)));
                            prop_assert!(!running.contains(&action) && ended[action].is_none());
                            let free = |other: &usize| wishes[*other].1.iter().all(|lock| !wishes[action].1.contains(lock));
                            prop_assert!(running.iter().all(free), "a lock has one holder");
                            prop_assert!(budget.is_none_or(|budget| now + Duration::from_secs(wishes[action].3) <= budget));
                            prop_assert!(most.is_none_or(|most| failures < most));
                            running.push(action);
                            prop_assert!(running.iter().map(|&action| weight(action)).sum::<usize>() <= places);
                        }
                    }
                }
                prop_assert_eq!(running.len(), scheduler.running());
                if running.is_empty() {
                    break;
                }
                let action = running.remove(pick % running.len());
                failures += usize::from(OUTCOMES[outcome].is_failure());
                end(&mut ended, action, OUTCOMES[outcome])?;
                for skipped in scheduler.finish(action, OUTCOMES[outcome]) {
                    prop_assert!(scheduler.blame(skipped).is_some());
                    end(&mut ended, skipped, Outcome::Skipped)?;
                }
            }
            prop_assert!(scheduler.is_finished(), "at most one step per action");
            for (action, outcome) in ended.into_iter().enumerate() {
                prop_assert!(outcome.is_some());
                prop_assert_eq!(scheduler.outcome(action), outcome);
            }
        }
    }
}
