//! What a made repository holds, whatever its language: parts with a value each, which is added to the values of the
//! parts that they use. The test of a part knows the sum.

use affected_fixtures::Random;

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
    /// Makes four to seven parts.
    pub(super) fn random(random: &mut Random) -> Self {
        let count = 4 + random.below(4);
        let mut model = Self { parts: Vec::new() };
        for number in 0..count {
            let mut uses: Vec<usize> = (0..2.min(number)).map(|_| random.below(number)).collect();
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

    fn sum(&self, part: usize) -> u64 {
        let part = &self.parts[part];
        part.value + part.uses.iter().map(|used| self.sum(*used)).sum::<u64>()
    }
}
