//! End-to-end tests: the real binary over real git repositories.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod base;
#[cfg(unix)]
mod cache;
#[cfg(unix)]
mod check;
#[cfg(target_os = "linux")]
mod dotnet;
#[cfg(target_os = "linux")]
mod endings;
mod files;
mod gate;
mod history;
#[cfg(unix)]
mod hooks;
mod host_log;
mod hostile;
mod hosts;
#[cfg(target_os = "linux")]
mod kills;
mod meaning;
mod memory;
#[cfg(target_os = "linux")]
mod misbehave;
mod narrow;
mod parts;
mod python;
mod release;
mod release_cycle;
mod release_tags;
mod run;
mod runners;
mod sandbox;
mod schema;
mod selection;
mod shop;
mod snapshots;
mod stages;
mod stat;
mod tests;
#[cfg(unix)]
mod vcs;
#[cfg(unix)]
mod watch;
#[cfg(unix)]
mod workflows;
