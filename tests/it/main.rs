//! End-to-end tests: the real binary over real git repositories.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod base;
#[cfg(unix)]
mod cache;
#[cfg(unix)]
mod check;
mod files;
mod gate;
mod history;
#[cfg(unix)]
mod hooks;
mod host_log;
mod hostile;
mod hosts;
mod meaning;
mod memory;
mod narrow;
mod python;
mod release;
mod run;
mod runners;
mod sandbox;
mod schema;
mod selection;
mod shop;
mod snapshots;
mod tests;
#[cfg(unix)]
mod vcs;
#[cfg(unix)]
mod watch;
#[cfg(unix)]
mod workflows;
