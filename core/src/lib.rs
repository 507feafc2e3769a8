//! The stages of `affected`, one folder each, in the order in which a request passes them.
//!
//! `digest` and `glob` are for all, `vcs` and `tree` read, `hooks` looks after git's hooks, `facts` remembers what parsers found in a blob, `config` holds what the user
//! wrote, `runner` knows the commands of test runners, `ecosystem` turns manifests into projects, `scan` makes them an inventory, `ci` knows the host,
//! `diff` the changed paths, `select` the affected projects, `narrow` the parts of them, `plan` the tasks, `run` runs them, `history` remembers how
//! they ended, `release` decides what is released and `report` tells.
//! A stage imports earlier ones only; [`pipeline`] alone knows them all. Nothing here prints, exits or
//! reads arguments; the environment is read in `ci` and `config` only.

pub mod cache;
pub mod ci;
pub mod config;
pub mod diff;
pub mod digest;
pub mod ecosystem;
pub mod facts;
pub(crate) mod glob;
pub mod history;
pub mod hooks;
pub mod lockfile;
pub mod narrow;
pub mod pipeline;
pub mod plan;
pub mod release;
pub mod report;
pub mod run;
pub mod runner;
pub mod scan;
pub mod select;
pub mod tree;
pub mod vcs;
pub mod watch;
