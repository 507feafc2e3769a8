//! Lists of jobs as hosts take them, and the short pipelines that use them.

use serde_json::{Value, json};

/// One job of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// 1-based shard.
    pub index: usize,
    /// Tasks in it.
    pub tasks: usize,
}

/// The jobs that have something to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobList {
    /// Where the plan lies, as the jobs will find it.
    pub plan: String,
    /// Shards of the plan, those without tasks included.
    pub count: usize,
    /// Ascending.
    pub jobs: Vec<Job>,
}

/// A pipeline file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workflow {
    /// Where it belongs, from the repository root.
    pub path: &'static str,
    /// What is in it.
    pub text: &'static str,
}

impl JobList {
    /// Tells whether there is something to do.
    #[must_use]
    pub fn has_tasks(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Returns `1/4` and the number of tasks of each job. Hosts refuse an empty list, so a plan without tasks
    /// gives one job, which finds nothing to do and passes.
    #[must_use]
    pub fn shards(&self) -> Vec<(String, Job)> {
        let nothing = Job { index: 1, tasks: 0 };
        let count = self.count.max(1);
        let jobs = match self.jobs.as_slice() {
            [] => vec![nothing],
            jobs => jobs.to_vec(),
        };
        let named = jobs
            .into_iter()
            .map(|job| (format!("{}/{count}", job.index), job));
        named.collect()
    }

    /// The command that runs a shard; the plan's name is quoted for a shell.
    pub(super) fn test(&self, shard: &str, job: Job) -> String {
        format!(
            "affected test --plan {} --shard {shard} --report {}",
            quote(&self.plan),
            report(job)
        )
    }

    /// The command that judges all reports.
    pub(super) fn verdict(&self) -> String {
        let reports: Vec<_> = self.jobs.iter().map(|job| report(*job)).collect();
        format!(
            "affected ci verdict --plan {} {}",
            quote(&self.plan),
            reports.join(" ")
        )
        .trim_end()
        .to_owned()
    }

    /// `[{"shard":"1/4","tasks":10}]`.
    pub(super) fn entries(&self) -> Vec<Value> {
        let entry = |(shard, job): (String, Job)| json!({ "shard": shard, "tasks": job.tasks });
        self.shards().into_iter().map(entry).collect()
    }
}

/// The file that a job writes.
pub(super) fn report(job: Job) -> String {
    format!("affected-report-{}.json", job.index)
}

/// Quotes one word for a POSIX shell, where it needs it.
pub(super) fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
