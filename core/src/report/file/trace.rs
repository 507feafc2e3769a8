//! The Trace Event Format that `chrome://tracing` and Perfetto read: one complete event for each task.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::ReportFile;
use crate::report::run::Ended;
use crate::run::Outcome;

/// `{"traceEvents": […]}`, times in microseconds.
pub struct Trace;

impl ReportFile for Trace {
    fn id(&self) -> &'static str {
        "trace"
    }

    fn write(&self, ended: Ended<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut ran: Vec<_> = ended
            .results
            .iter()
            .filter(|result| result.unstarted.is_none() && result.outcome != Outcome::Cached)
            .collect();
        ran.sort_by_key(|result| (result.started, result.action));
        let mut lanes: Vec<Duration> = Vec::new();
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let events: Vec<_> = ran
            .into_iter()
            .map(|result| {
                let action = &ended.plan.actions[result.action];
                let lane = lane(&mut lanes, result.started, result.duration);
                json!({
                    "name": action.target,
                    "cat": action.stage.as_ref().map_or("task", |stage| stage.0.as_str()),
                    "ph": "X",
                    "ts": micros(result.started),
                    "dur": micros(result.duration),
                    "pid": 1,
                    "tid": lane + 1,
                    "args": {"outcome": result.outcome.as_str(), "cause": result.cause},
                })
            })
            .collect();
        serde_json::to_writer(
            &mut *out,
            &json!({"displayTimeUnit": "ms", "traceEvents": events}),
        )?;
        out.write_all(b"\n")
    }
}

/// The first lane that is free at `start`.
fn lane(lanes: &mut Vec<Duration>, start: Duration, duration: Duration) -> usize {
    let free = lanes.iter().position(|until| *until <= start);
    let lane = free.unwrap_or(lanes.len());
    if free.is_none() {
        lanes.push(Duration::ZERO);
    }
    lanes[lane] = start + duration;
    lane
}
