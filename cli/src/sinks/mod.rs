//! Where a run is told to, besides the terminal: a stream of events, and reports.

mod events;
mod recorded;
mod reports;

pub(crate) use events::Events;
pub(crate) use recorded::Recorded;
pub(crate) use reports::Reports;
