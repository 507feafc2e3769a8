//! A part of a plan for one of several machines, so that all take about as long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Plan;

/// Returns the actions of part `index` (from 1) of `count`. Every action is in at least one part, the same for everybody who asks
/// with the same plan.
///
/// Actions that wait for one another stay together. The longest group goes to the part that has least to do: Graham's
/// rule, at most 4/3 of the best. What is not expected to take a known time counts like the average of what is.
#[must_use]
pub fn part(plan: &Plan, index: usize, count: usize) -> Plan {
    let mut groups: Vec<(Duration, Vec<usize>)> = Vec::new();
    let usual = usual(plan);
    for members in groups_of(plan) {
        let time = members
            .iter()
            .map(|member| plan.actions[*member].expected.unwrap_or(usual));
        groups.push((time.sum(), members));
    }
    groups.sort_by_key(|(time, members)| (std::cmp::Reverse(*time), members[0]));
    let mut loads = vec![(Duration::ZERO, 0_usize); count.max(1)];
    let mut own: Vec<usize> = Vec::new();
    for (time, members) in groups {
        let least = (0..loads.len())
            .min_by_key(|part| (loads[*part], *part))
            .unwrap_or(0);
        loads[least] = (loads[least].0 + time, loads[least].1 + members.len());
        if least + 1 == index {
            own.extend(members);
        }
    }
    own.sort_unstable();
    restrict(plan, &own)
}

/// What an action counts for that nothing is known about.
fn usual(plan: &Plan) -> Duration {
    let known: Vec<Duration> = plan
        .actions
        .iter()
        .filter_map(|action| action.expected)
        .collect();
    let count = u32::try_from(known.len()).unwrap_or(u32::MAX);
    let sum: Duration = known.iter().sum();
    sum.checked_div(count)
        .unwrap_or(Duration::from_secs(1))
        .max(Duration::from_millis(1))
}

/// The actions that are connected by waiting, each group and all groups in plan order.
fn groups_of(plan: &Plan) -> Vec<Vec<usize>> {
    let mut group: Vec<usize> = (0..plan.actions.len()).collect();
    for (place, action) in plan.actions.iter().enumerate() {
        for &before in action.after.iter().filter(|before| **before < place) {
            let (one, other) = (root(&mut group, place), root(&mut group, before));
            group[one.max(other)] = one.min(other);
        }
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for place in 0..group.len() {
        members
            .entry(root(&mut group, place))
            .or_default()
            .push(place);
    }
    members.into_values().collect()
}

fn root(group: &mut [usize], mut place: usize) -> usize {
    while group[place] != place {
        group[place] = group[group[place]];
        place = group[place];
    }
    place
}

/// Leaves only `kept`, which is sorted and has all that its members wait for.
fn restrict(plan: &Plan, kept: &[usize]) -> Plan {
    let new_place = |old: &usize| kept.binary_search(old).ok();
    let actions = kept.iter().map(|old| {
        let mut action = plan.actions[*old].clone();
        action.after = action
            .after
            .iter()
            .filter_map(new_place)
            .collect::<BTreeSet<_>>();
        action
    });
    Plan {
        actions: actions.collect(),
        judged: plan.judged.clone(),
    }
}

#[cfg(test)]
mod tests {
    use affected_graph::{Command, Needs, RepoPath};
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Action;

    fn plan(actions: &[(Option<u64>, Vec<usize>)]) -> Plan {
        let action = |(place, (seconds, after)): (usize, &(Option<u64>, Vec<usize>))| Action {
            target: format!("p{place}:test"),
            project: format!("p{place}"),
            stage: None,
            command: Command::Argv(Vec::new()),
            script: None,
            cwd: RepoPath::root(),
            env: BTreeMap::new(),
            timeout: None,
            needs: Needs::default(),
            expected: seconds.map(Duration::from_secs),
            after: after.iter().copied().collect(),
            reasons: Vec::new(),
            units: Vec::new(),
            unproved: BTreeMap::new(),
            widened: None,
        };
        Plan {
            actions: actions.iter().enumerate().map(action).collect(),
            judged: Vec::new(),
        }
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.actions
            .iter()
            .map(|action| action.project.as_str())
            .collect()
    }

    #[test]
    fn parts_take_about_as_long_and_chains_stay_together() {
        let seconds = [9, 1, 5, 4, 1].map(|seconds| (Some(seconds), Vec::new()));
        let timed = plan(&seconds);
        assert_eq!(names(&part(&timed, 1, 2)), ["p0", "p1"]);
        assert_eq!(names(&part(&timed, 2, 2)), ["p2", "p3", "p4"]);
        let untimed = plan(&[
            (None, vec![]),
            (None, vec![]),
            (None, vec![0]),
            (None, vec![]),
        ]);
        assert_eq!(names(&part(&untimed, 1, 2)), ["p0", "p2"]);
        let second = part(&untimed, 2, 2);
        assert_eq!(names(&second), ["p1", "p3"]);
        assert_eq!(part(&untimed, 1, 2).actions[1].after, BTreeSet::from([0]));
    }

    proptest! {
        #[test]
        fn every_action_is_in_exactly_one_part(
            times in prop::collection::vec((prop::option::of(0u64..9), prop::option::of(any::<prop::sample::Index>())), 0..20),
            count in 1usize..6,
        ) {
            let actions: Vec<_> = times.iter().enumerate().map(|(place, (time, before))| {
                let before = before.filter(|_| place > 0).map(|before| before.index(place));
                (*time, before.into_iter().collect())
            }).collect();
            let whole = plan(&actions);
            let mut seen = Vec::new();
            for index in 1..=count {
                let part = part(&whole, index, count);
                for (place, action) in part.actions.iter().enumerate() {
                    prop_assert!(action.after.iter().all(|before| *before < place));
                    seen.push(action.project.clone());
                }
            }
            seen.sort();
            let mut all: Vec<_> = names(&whole).into_iter().map(str::to_owned).collect();
            all.sort();
            prop_assert_eq!(seen, all);
        }
    }
}
