//! Running a plan: a scheduler that is a pure state machine, workers on a pool of their own, one process
//! group per task, and events for whoever tells people about it.
//!
//! `execution` is the loop that owns all state; `scheduler` decides what may start; `worker` turns one action
//! into one result with `environment` (variables and programs), `process` (a supervised process group), `ears` (what
//! it hears of it) and `capture` (bounded output); `jobserver` shares the machine with what tasks start; `roster` and `descendants` know who lives, `clock` counts time. [`Interrupt`] stops a run, [`watchdog_main`] cleans up if the tool is killed.
//! Nothing here prints, and the environment arrives as a value.

mod batch;
mod build;
mod capture;
mod clock;
mod descendants;
mod ears;
mod environment;
mod event;
mod execution;
mod group;
mod interrupt;
mod jobserver;
mod logs;
mod options;
mod process;
mod quarantine;
mod remember;
mod results;
mod retry;
mod roster;
mod scheduler;
pub mod surroundings;
#[cfg(all(test, unix))]
mod tests;
mod watchdog;
mod worker;

pub use event::{Outcome, RunEvent, Sink, Sinks, TaskResult, Unstarted};
pub use execution::execute;
pub use interrupt::{Interrupt, Subscription, Suspension, Urgency};
pub use logs::log_folder;
pub use options::{Batching, MissingTool, Order, Orphans, Overrun, RunOptions, Stop};
pub use quarantine::Quarantine;
pub use watchdog::watchdog_main;
