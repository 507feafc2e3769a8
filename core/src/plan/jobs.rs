//! Cuts a plan into parts that take about the same time.

use std::collections::BTreeMap;

/// What is cut: one task, by target and by the project it must stay with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// `project:task`.
    pub target: &'a str,
    /// The project's name.
    pub project: &'a str,
}

/// How long tasks took before, in milliseconds, by target.
pub type Timings = BTreeMap<String, u64>;

/// Jobs that a host starts for one matrix at most (GitHub's limit; the others allow no more than that by default).
pub const MOST_SHARDS: usize = 256;

/// What a shard should take when the number is chosen for the user.
const GOOD_SHARD_MS: u64 = 300_000;

/// Projects for one shard where no time is known.
const GOOD_SHARD_PROJECTS: usize = 10;

/// How many shards are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Count {
    /// So many that each takes about five minutes; ten projects each where no time is known.
    #[default]
    Auto,
    /// Exactly so many, also if some stay empty; at most [`MOST_SHARDS`].
    Exactly(usize),
}

/// One project's tasks stay together: a stage waits for the ones below it.
struct Group<'a> {
    project: &'a str,
    places: Vec<usize>,
    weight: u64,
}

/// Returns the places of the pieces of each shard, ascending. Heaviest first to the lightest shard
/// (Graham's longest-processing-time rule), so no shard is more than a third longer than need be.
#[must_use]
pub fn shards(pieces: &[Piece<'_>], timings: &Timings, count: Count) -> Vec<Vec<usize>> {
    let mut groups = groups(pieces, timings);
    let count = number(&groups, timings.is_empty(), count);
    groups.sort_by(|a, b| (b.weight, a.project).cmp(&(a.weight, b.project)));
    let mut shards = vec![(0_u64, Vec::new()); count];
    for group in groups {
        let lightest = shards.iter_mut().min_by_key(|(weight, _)| *weight);
        let Some((weight, places)) = lightest else {
            break;
        };
        *weight += group.weight;
        places.extend(group.places);
    }
    let sorted = shards.into_iter().map(|(_, mut places)| {
        places.sort_unstable();
        places
    });
    sorted.collect()
}

fn groups<'a>(pieces: &[Piece<'a>], timings: &Timings) -> Vec<Group<'a>> {
    let mut known: Vec<u64> = pieces
        .iter()
        .filter_map(|piece| timings.get(piece.target).copied())
        .collect();
    known.sort_unstable();
    // A task never seen before takes as long as a usual one.
    let usual = known.get(known.len() / 2).copied().unwrap_or(1);
    let mut by_project: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for (at, piece) in pieces.iter().enumerate() {
        let project = piece.project;
        let group = by_project.entry(project).or_insert_with(|| Group {
            project,
            places: Vec::new(),
            weight: 0,
        });
        group.places.push(at);
        // No task is free: a job has to start for it.
        group.weight += timings.get(piece.target).copied().unwrap_or(usual).max(1);
    }
    by_project.into_values().collect()
}

fn number(groups: &[Group<'_>], timeless: bool, count: Count) -> usize {
    let most = MOST_SHARDS.min(groups.len().max(1));
    match count {
        Count::Exactly(wanted) => wanted.clamp(1, MOST_SHARDS),
        Count::Auto if timeless => groups.len().div_ceil(GOOD_SHARD_PROJECTS).clamp(1, most),
        Count::Auto => {
            let whole: u64 = groups.iter().map(|group| group.weight).sum();
            let wanted = usize::try_from(whole.div_ceil(GOOD_SHARD_MS)).unwrap_or(most);
            wanted.clamp(1, most)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Targets of two tasks in each of so many projects.
    fn targets(projects: usize) -> Vec<(String, String)> {
        let both = |at: usize| {
            let name = format!("p{at:03}");
            ["unit", "e2e"].map(|task| (format!("{name}:{task}"), name.clone()))
        };
        (0..projects).flat_map(both).collect()
    }

    fn cut(targets: &[(String, String)], timings: &Timings, count: Count) -> Vec<Vec<usize>> {
        let pieces: Vec<_> = targets
            .iter()
            .map(|(target, project)| Piece { target, project })
            .collect();
        shards(&pieces, timings, count)
    }

    #[test]
    fn every_task_is_in_exactly_one_shard_and_projects_stay_whole() {
        for (projects, count) in [(0, 3), (1, 4), (40, 4), (300, 1_000)] {
            let targets = targets(projects);
            let cut = cut(&targets, &Timings::new(), Count::Exactly(count));
            assert_eq!(cut.len(), count.min(MOST_SHARDS));
            let mut all: Vec<usize> = cut.iter().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!(all, (0..targets.len()).collect::<Vec<_>>());
            let home = |at: usize| cut.iter().position(|shard| shard.contains(&at));
            for pair in (0..targets.len()).step_by(2) {
                assert_eq!(home(pair), home(pair + 1));
            }
        }
    }

    #[test]
    fn recorded_times_balance() {
        let known = [("p000:unit", 900), ("p001:unit", 300), ("p002:unit", 300)];
        let timings = known.map(|(target, ms)| (target.to_owned(), ms)).into();
        let cut = cut(&targets(4), &timings, Count::Exactly(2));
        assert_eq!(cut, [vec![0, 1, 6, 7], vec![2, 3, 4, 5]]);
    }

    #[test]
    fn the_number_follows_time_or_count_and_never_exceeds_the_limit() {
        let number = |projects, ms: Option<u64>| {
            let targets = targets(projects);
            let known = ms.map(|ms| targets.iter().map(|it| (it.0.clone(), ms)).collect());
            cut(&targets, &known.unwrap_or_default(), Count::Auto).len()
        };
        assert_eq!(number(0, None), 1);
        assert_eq!(number(25, None), 3);
        assert_eq!(number(10, Some(1_000)), 1);
        assert_eq!(number(10, Some(60_000)), 4);
        assert_eq!(number(2_000, Some(600_000)), MOST_SHARDS);
    }
}
