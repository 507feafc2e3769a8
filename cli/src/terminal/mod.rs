//! The terminal: where text leaves the process, how wide it may be, and what is made harmless first.

mod escape;
mod host_log;
mod printer;
mod progress;
mod quote;
pub(crate) mod style;

pub(crate) use escape::{escape, escape_bytes, escape_line};
pub(crate) use host_log::HostLog;
pub(crate) use printer::{Printer, Verbosity};
pub(crate) use progress::Progress;
pub(crate) use quote::{command_line, word};
pub(crate) use style::Style;
