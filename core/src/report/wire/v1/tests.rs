//! `affected.tests/1`: the tests as an editor shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Revision, Tool, Warning};

/// `affected.tests/1`: every test task, and which a change selects. Each `id` can be run with `affected test --id`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tests {
    /// Always `affected.tests/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What is compared with; absent where everything is selected without a base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// What is judged.
    pub head: Revision,
    /// `affected` or `all`.
    pub mode: String,
    /// Projects with tests, sorted by path.
    pub services: Vec<TestService>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Counts.
    pub summary: TestsSummary,
}

/// One project with tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestService {
    /// Unique.
    pub name: String,
    /// The root folder, `.` for the repository's.
    pub path: String,
    /// `service library contract infra`.
    pub kind: String,
    /// Whether it changed or is reached other than at run time only.
    pub affected: bool,
    /// Lowest first.
    pub stages: Vec<TestStage>,
}

/// The tests of one stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestStage {
    /// `smoke unit contract component integration e2e`, or one of your own.
    pub stage: String,
    /// Sorted by name.
    pub tasks: Vec<TestTask>,
}

/// One test task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestTask {
    /// `project:task`.
    pub id: String,
    /// Whether it would be run, at least in part.
    pub selected: bool,
    /// Where it starts.
    pub cwd: String,
    /// Where its command is written.
    pub origin: String,
    /// Its test files or compile units, where they are known.
    pub parts: Vec<TestPart>,
}

/// One test file or compile unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestPart {
    /// `project:task#name`.
    pub id: String,
    /// As the runner names it.
    pub name: String,
    /// Whether it would be run.
    pub selected: bool,
    /// The test file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The folder of a compile unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestsSummary {
    /// Projects with tests.
    pub services: usize,
    /// Their test tasks.
    pub tasks: usize,
    /// Those of them that would be run.
    pub selected: usize,
    /// Known parts.
    pub parts: usize,
}
