//! What may start next: a pure state machine without I/O, clock or threads.
//!
//! Every action ends exactly once. An action becomes ready when all it waits for has passed; when one of
//! those ends otherwise, it is skipped and so is all that waits for it.

use std::collections::{BTreeSet, VecDeque};

use super::Outcome;
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
    /// This action failed and the run stops at the first failure.
    FailFast(usize),
    /// What it waits for can never end: the plan has a cycle or a hole.
    Unreachable,
}

/// The states of all actions of a plan.
#[derive(Debug)]
pub(super) struct Scheduler {
    states: Vec<State>,
    /// How many prerequisites have not passed yet.
    missing: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
    blame: Vec<Option<Blame>>,
    unfinished: usize,
    running: usize,
    fail_fast: bool,
}

impl Scheduler {
    /// Starts with every action waiting or ready.
    pub(super) fn new(plan: &Plan, fail_fast: bool) -> Self {
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
                ready.insert(index);
            }
        }
        Self {
            states,
            missing: plan
                .actions
                .iter()
                .map(|action| action.after.len())
                .collect(),
            dependents,
            ready,
            blame: vec![None; count],
            unfinished: count,
            running: 0,
            fail_fast,
        }
    }

    /// Takes the first ready action in plan order; it counts as running from now on.
    pub(super) fn next(&mut self) -> Option<usize> {
        let action = self.ready.pop_first()?;
        self.states[action] = State::Running;
        self.running += 1;
        Some(action)
    }

    /// Notes how a running action ended; returns the actions that will never start for it, in plan order.
    pub(super) fn finish(&mut self, action: usize, outcome: Outcome) -> Vec<usize> {
        if self.states.get(action) != Some(&State::Running) {
            return Vec::new();
        }
        self.running -= 1;
        self.end(action, outcome);
        if outcome == Outcome::Passed {
            self.release_dependents(action);
            return Vec::new();
        }
        let mut skipped = self.skip_dependents(action);
        if self.fail_fast && matches!(outcome, Outcome::Failed | Outcome::TimedOut) {
            skipped.extend(self.end_unstarted(Outcome::Skipped, Some(Blame::FailFast(action))));
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
        self.ready.remove(&action);
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
                self.ready.insert(waiting);
            }
        }
    }

    fn skip_dependents(&mut self, root: usize) -> Vec<usize> {
        let mut skipped = Vec::new();
        let mut queue = VecDeque::from([root]);
        while let Some(ended) = queue.pop_front() {
            for waiting in std::mem::take(&mut self.dependents[ended]) {
                if self.is_unstarted(waiting) {
                    self.end(waiting, Outcome::Skipped);
                    self.blame[waiting] = Some(Blame::Prerequisite(root));
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
            after: after.clone(),
            reasons: Vec::new(),
            units: Vec::new(),
            widened: None,
        };
        Plan {
            actions: after.iter().enumerate().map(action).collect(),
        }
    }

    fn sets(after: &[&[usize]]) -> Vec<BTreeSet<usize>> {
        after
            .iter()
            .map(|set| set.iter().copied().collect())
            .collect()
    }

    #[test]
    fn starts_in_plan_order_and_skips_what_waits() {
        let mut scheduler = Scheduler::new(&plan(&sets(&[&[], &[0], &[], &[1], &[2]])), false);
        assert_eq!(
            (scheduler.next(), scheduler.next(), scheduler.next()),
            (Some(0), Some(2), None)
        );
        assert_eq!(scheduler.finish(0, Outcome::Failed), [1, 3]);
        assert_eq!(scheduler.blame(3), Some(Blame::Prerequisite(0)));
        assert!(scheduler.finish(2, Outcome::Passed).is_empty());
        assert_eq!(scheduler.next(), Some(4));
        assert!(scheduler.finish(4, Outcome::Passed).is_empty());
        assert!(scheduler.is_finished());
        assert!(
            scheduler.finish(4, Outcome::Failed).is_empty(),
            "an end is final"
        );
    }

    #[test]
    fn fail_fast_lets_running_ones_end() {
        let mut scheduler = Scheduler::new(&plan(&sets(&[&[], &[], &[]])), true);
        assert_eq!((scheduler.next(), scheduler.next()), (Some(0), Some(1)));
        assert_eq!(scheduler.finish(1, Outcome::TimedOut), [2]);
        assert_eq!(scheduler.blame(2), Some(Blame::FailFast(1)));
        assert!(!scheduler.is_finished());
        assert!(scheduler.finish(0, Outcome::Passed).is_empty());
        assert!(scheduler.is_finished());
    }

    /// S12. A plan that breaks its promise ends all the same.
    #[test]
    fn s12_cycles_and_holes_end_as_skipped() {
        let mut scheduler = Scheduler::new(&plan(&sets(&[&[0], &[2], &[1], &[9]])), false);
        assert_eq!(scheduler.next(), None);
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

    proptest! {
        #[test]
        fn every_action_ends_once_and_after_what_it_waits_for(
            after in after_sets(),
            ends in prop::collection::vec((0usize..8, 0usize..OUTCOMES.len()), 14),
            jobs in 1usize..4,
            fail_fast: bool,
            cancel_at in prop::option::of(0usize..14),
        ) {
            let mut scheduler = Scheduler::new(&plan(&after), fail_fast);
            let (mut running, mut ended) = (Vec::new(), vec![None; after.len()]);
            let end = |ended: &mut Vec<Option<Outcome>>, action: usize, outcome| {
                prop_assert_eq!(ended[action].replace(outcome), None);
                Ok(())
            };
            for (step, (pick, outcome)) in ends.into_iter().enumerate() {
                if cancel_at == Some(step) {
                    for action in scheduler.cancel() {
                        end(&mut ended, action, Outcome::Canceled)?;
                    }
                }
                while running.len() < jobs && let Some(action) = scheduler.next() {
                    prop_assert!(after[action].iter().all(|&b| ended[b] == Some(Outcome::Passed)));
                    prop_assert!(!running.contains(&action));
                    running.push(action);
                }
                prop_assert_eq!(running.len(), scheduler.running());
                if running.is_empty() {
                    break;
                }
                let action = running.remove(pick % running.len());
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
