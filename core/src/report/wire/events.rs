//! `affected.events/1`: what happens while tasks run, one JSON object a line, flushed one by one. `hello` is the first,
//! `run-finished` always the last, also after an interrupt or an error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::v1::{RanTask, RunSummary, Tool};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first.
    Hello {
        /// Always `affected.events/1`.
        schema: String,
        /// The tool.
        tool: Tool,
    },
    /// What is going to be run.
    Planned {
        /// Targets, in plan order.
        tasks: Vec<String>,
        /// How many at once.
        jobs: usize,
    },
    /// A task was started.
    TaskStarted {
        /// `project:task`.
        target: String,
        /// In ms from the beginning of the run.
        at: u64,
    },
    /// A task has ended, or will never start; exactly one for each that was planned.
    TaskFinished {
        /// How.
        #[serde(flatten)]
        task: RanTask,
    },
    /// Something the user should know.
    Warning {
        /// In words.
        message: String,
    },
    /// The last.
    RunFinished {
        /// The exit code of the tool.
        exit: u8,
        /// Why there was no run.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Counts, where there was a run.
        #[serde(skip_serializing_if = "Option::is_none")]
        summary: Option<RunSummary>,
    },
}
