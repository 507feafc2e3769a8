//! End-to-end tests: the real binary over real git repositories.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod base;
#[cfg(unix)]
mod cache;
mod files;
mod gate;
mod history;
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
mod selection;
mod shop;
mod snapshots;
#[cfg(unix)]
mod vcs;
#[cfg(unix)]
mod workflows;
