//! What a made repository holds, whatever its language: parts with a value each, which is added to the values of the
//! parts that they use. The test of a part knows the sum.
//!
//! As in repositories of services, most parts are used by nobody: the first third are libraries, which use one another,
//! and the rest are services, which use libraries. Only tests reach from one service into another.

use std::collections::BTreeSet;

use affected_fixtures::Random;

/// One part of so many is a library.
const LIBRARIES: usize = 3;

/// One part of so many has a test that nobody can follow.
const DYNAMIC: usize = 6;

/// Tells whether a part has a test that reaches its sources in a way that nobody can follow.
pub(super) fn is_dynamic(part: usize) -> bool {
    part % DYNAMIC == DYNAMIC - 1
}

/// A part: a Go package, a crate, a npm or Python package.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What it adds.
    pub(super) value: u64,
    /// Parts before it, by number.
    pub(super) uses: Vec<usize>,
    /// What its test expects.
    pub(super) expected: u64,
    /// What stands in the file that its test reads; nothing if it reads none.
    pub(super) data: Option<u64>,
    /// A line at the end of its source.
    pub(super) remark: String,
}

/// All parts; each uses earlier ones only.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) parts: Vec<Part>,
}

impl Model {
    /// Makes nine to fourteen parts.
    pub(super) fn random(random: &mut Random) -> Self {
        let count = 9 + random.below(6);
        let mut model = Self {
            parts: Vec::with_capacity(count),
        };
        for number in 0..count {
            let below = number.min(count / LIBRARIES);
            let mut uses: Vec<usize> = (0..2.min(below)).map(|_| random.below(below)).collect();
            uses.sort_unstable();
            uses.dedup();
            uses.truncate(random.below(3));
            let data = (random.below(3) == 0).then(|| 10 + random.below(90) as u64);
            model.parts.push(Part {
                value: 1 + random.below(1000) as u64,
                uses,
                expected: 0,
                data,
                remark: String::new(),
            });
            model.parts[number].expected = model.sum(number) + data.unwrap_or_default();
        }
        model
    }

    /// How many of the parts are libraries.
    pub(super) fn libraries(&self) -> usize {
        self.parts.len() / LIBRARIES
    }

    /// All parts that one is built with, itself too.
    pub(super) fn below(&self, part: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([part]);
        for used in &self.parts[part].uses {
            found.extend(self.below(*used));
        }
        found
    }

    fn sum(&self, part: usize) -> u64 {
        let part = &self.parts[part];
        part.value + part.uses.iter().map(|used| self.sum(*used)).sum::<u64>()
    }
}
