//! Running tasks.
