//! Test runners: each recognises its own commands, restricts them to a part of the tests, and says how every test ended.
//!
//! To add one, add its file and the two lines marked below. A runner is pure: it starts nothing, reads no file and no
//! environment. What it does not understand it leaves alone: then all tests run, and only the exit code tells how they ended.

mod call;
mod case;
pub mod junit;
mod lines;
mod placeholder;
mod shell;
mod wrapper;

pub mod cargo;
pub mod dotnet;
pub mod go;
pub mod gradle;
pub mod jest;
pub mod maven;
pub mod mocha;
pub mod nextest;
pub mod node;
pub mod pytest;
pub mod unittest;
pub mod vitest; // <- a module here

pub use call::Call;
pub use case::{TestCase, TestOutcome, Tests};
pub use placeholder::{has_placeholder, whole};

use affected_graph::{Command, Task};

/// Every supported runner. The first that recognises a command has it.
pub static ALL: &[&dyn Runner] = &[
    &cargo::CargoTest,
    &nextest::Nextest,
    &go::GoTest,
    &maven::Maven,
    &gradle::Gradle,
    &dotnet::DotnetTest,
    &jest::Jest,
    &mocha::Mocha,
    &node::NodeTest,
    &pytest::Pytest,
    &unittest::Unittest,
    &vitest::Vitest, // <- and a member here
];

/// The name of a runner, in messages and stored outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunnerId(pub &'static str);

/// A part of the tests of one project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selected {
    /// A package as the runner names it, from the folder where the command starts: `./store`.
    Package(String),
    /// An integration test of a Cargo package, by its name.
    Target(String),
    /// A file, from the folder where the command starts.
    File(String),
    /// A class with its package: `com.acme.CartTest`.
    Class(String),
    /// One test, as the runner names it: a pytest node id.
    Test(String),
}

impl Selected {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Package(name)
            | Self::Target(name)
            | Self::File(name)
            | Self::Class(name)
            | Self::Test(name) => name,
        }
    }

    /// Returns the names of files; `None` where some are of another kind.
    #[must_use]
    pub fn files(parts: &[Self]) -> Option<Vec<String>> {
        let name = |part: &Self| match part {
            Self::File(name) => Some(name.clone()),
            _ => None,
        };
        parts.iter().map(name).collect()
    }
}

/// One test runner.
pub trait Runner: Sync {
    /// Its name.
    fn id(&self) -> RunnerId;

    /// Tells whether a command is one of its own that runs tests. Wrappers such as `npx` and `uv run` are taken off.
    fn recognises(&self, call: &Call) -> bool;

    /// Gives the words that run these parts only; `None` where that cannot be said, also for parts of a kind that it does not know.
    /// What the user's own arguments say stays.
    fn restrict(&self, call: &Call, parts: &[Selected]) -> Option<Vec<String>>;

    /// What stands for all packages, where naming none means fewer.
    fn all_packages(&self) -> &'static str {
        ""
    }

    /// Joins commands of several projects into one that does what they do; `None` where that cannot be said. It goes on after a
    /// failure, and each call's [`Report::files`] tell of its own project.
    fn join(&self, _calls: &[&Call]) -> Option<Vec<String>> {
        None
    }

    /// Splits a command into one that builds and one that tests what is built, where the tool does not keep two builds of the same
    /// apart: then only the first half keeps others waiting. `None` where the tool does, or where that cannot be said.
    fn halves(&self, _call: &Call) -> Option<Halves> {
        None
    }

    /// Gives what to add to a command so that it leaves a result; by default it adds nothing and nothing is read.
    /// `folder` is an empty one for its files. Options of the user's own are never taken away or doubled.
    fn report(&self, _call: &Call, _folder: &str) -> Report {
        Report::default()
    }

    /// Settings that may ask for a result of the user's own, which ours would stand in the way of: then nothing is added.
    fn own_results(&self) -> OwnResults {
        OwnResults::default()
    }

    /// Reads one file of those that [`Report::files`] names.
    fn read(&self, _bytes: &[u8]) -> Result<Vec<TestCase>, BadReport> {
        Ok(Vec::new())
    }

    /// Follows the output, where the result is in it.
    fn listen(&self, _call: &Call, _report: &Report) -> Option<Box<dyn Listener>> {
        None
    }

    /// Tells whether a run that ended so did nothing but find no test.
    fn is_empty_run(&self, _exit: Option<i32>) -> bool {
        false
    }
}

impl std::fmt::Debug for dyn Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id().0)
    }
}

/// The words of a command in two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halves {
    /// Builds; one at a time.
    pub build: Vec<String>,
    /// Tests what is built.
    pub test: Vec<String>,
}

/// What is added to a command so that it leaves a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The words to run in the place of the old ones; `None` to leave them.
    pub words: Option<Vec<String>>,
    /// Variables to set besides.
    pub env: Vec<(String, String)>,
    /// Files to read afterwards.
    pub files: Vec<ReportFiles>,
    /// Whether the output is for machines, so that [`Listener::hear`] gives what people see.
    pub is_machine_output: bool,
    /// Whether a run that leaves no file ran no test.
    pub is_complete: bool,
}

/// Where a user's own wish for a result would stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnResults {
    /// How the names of files begin, in the folder where the command starts or above it.
    pub files: &'static [&'static str],
    /// Words that mean one.
    pub words: &'static [&'static str],
}

/// Result files. Those older than the run are nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// The folder: absolute, or from the folder where the command starts.
    pub folder: String,
    /// How their names begin.
    pub prefix: String,
    /// How their names end.
    pub suffix: String,
}

/// A result that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadReport(pub String);

/// Follows the output of one run.
pub trait Listener: Send {
    /// Takes the next bytes, cut anywhere; returns what people see in their place.
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8>;

    /// Returns what people see of the rest, and what was heard; `None` where nothing told of tests.
    fn finish(&mut self) -> (Vec<u8>, Option<Tests>);
}

/// Finds the runner of a command, and the command as it sees it: one that runs everything, where it has a place for a part.
/// `script` is [`Task::script`].
#[must_use]
pub fn recognise(command: &Command, script: Option<&str>) -> Option<(&'static dyn Runner, Call)> {
    if matches!(command, Command::Shell(line) if has_placeholder(line)) {
        return recognise(&whole(command), script);
    }
    let mut found = None;
    for call in Call::all(command, script) {
        let runner = ALL.iter().copied().find(|runner| runner.recognises(&call));
        if let Some(runner) = runner {
            // Two runs in one line: neither is all of it.
            if found.replace((runner, call)).is_some() {
                return None;
            }
        }
    }
    found
}

/// Restricts the command of a task, one of the user's own at its placeholder; `None` where its runner is unknown or cannot.
#[must_use]
pub fn restrict(task: &Task, parts: &[Selected]) -> Option<Command> {
    restricted(&task.command, task.script.as_deref(), parts)
}

/// The same for a command by itself. A name that begins with a dash would be an option of the runner (X2), so all of it runs.
fn restricted(command: &Command, script: Option<&str>, parts: &[Selected]) -> Option<Command> {
    if parts.iter().any(|part| part.name().starts_with('-')) {
        return None;
    }
    if let Command::Shell(line) = command
        && has_placeholder(line)
    {
        return placeholder::part(line, parts);
    }
    let (runner, call) = recognise(command, script)?;
    call.command(&runner.restrict(&call, parts)?)
}

#[cfg(test)]
mod tests;
