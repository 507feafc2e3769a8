//! End-to-end tests: the real binary over real git repositories.

mod base;
mod hostile;
mod run;
mod sandbox;
mod selection;
