//! `--events FILE|-`: what happens, one line of JSON each.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use affected_core::plan::Plan;
use affected_core::report::run::{ms, task};
use affected_core::report::wire::{events::Event, v1};
use affected_core::run::{Interrupt, RunEvent, Sink, Urgency};

use crate::diagnostic::CliError;
use crate::exit::Exit;

/// How often a waiting end looks whether somebody has lost patience.
const LOOK: Duration = Duration::from_millis(50);

/// A stream of events; a thread of its own writes, so that a slow reader does not hold up the run. Without an end in
/// words it ends as a bug.
pub(crate) struct Events {
    lines: Option<Sender<String>>,
    written: Receiver<std::io::Error>,
}

impl Events {
    /// Opens the stream, `-` for stdout, and says hello.
    pub(crate) fn open(file: &str, tool: v1::Tool) -> Result<Self, CliError> {
        let target: Box<dyn Write + Send> = if file == "-" {
            Box::new(std::io::stdout())
        } else {
            let mut options = OpenOptions::new();
            let open = options.write(true).create(true).truncate(true).open(file);
            Box::new(open.map_err(CliError::io("open the file of `--events`"))?)
        };
        let (lines, queue) = mpsc::channel();
        let (done, written) = mpsc::channel();
        let writer = thread::Builder::new().name("events".to_owned());
        let started = writer.spawn(move || {
            if let Err(error) = write_all(target, &queue) {
                let _ = done.send(error);
            }
        });
        started.map_err(CliError::io("start to write events"))?;
        let events = Self {
            lines: Some(lines),
            written,
        };
        let schema = "affected.events/1".to_owned();
        events.send(&Event::Hello { schema, tool });
        Ok(events)
    }

    /// Says what is going to be run.
    pub(crate) fn plan(&self, plan: &Plan, jobs: usize) {
        let tasks = plan.actions.iter().map(|action| action.target.clone());
        self.send(&Event::Planned {
            tasks: tasks.collect(),
            jobs,
        });
    }

    /// Writes the last event and waits until all is written, unless a second interrupt comes; returns why not all is.
    pub(crate) fn finish(
        mut self,
        exit: Exit,
        error: Option<String>,
        summary: Option<v1::RunSummary>,
        interrupt: &Interrupt,
    ) -> Option<std::io::Error> {
        self.send(&Event::RunFinished {
            exit: exit.0,
            error,
            summary,
        });
        self.lines = None;
        loop {
            match self.written.recv_timeout(LOOK) {
                Ok(error) => return Some(error),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if interrupt.urgency() == Some(Urgency::Kill) => {
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn send(&self, event: &Event) {
        let line = serde_json::to_string(event).unwrap_or_default();
        if let Some(lines) = &self.lines {
            // The writer has gone where its reader has.
            let _ = lines.send(line);
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if self.lines.is_some() {
            let error = Some("the run did not end as it should".to_owned());
            self.send(&Event::RunFinished {
                exit: Exit::BUG.0,
                error,
                summary: None,
            });
            self.lines = None;
            let _ = self.written.recv();
        }
    }
}

impl Sink for &mut Events {
    fn tell(&mut self, plan: &Plan, event: &RunEvent) {
        let event = match event {
            RunEvent::Started { action, at } => Event::TaskStarted {
                target: plan.actions[*action].target.clone(),
                at: ms(*at),
            },
            RunEvent::Finished(result) => Event::TaskFinished {
                task: task(&plan.actions[result.action], result),
            },
            RunEvent::Warning(message) => Event::Warning {
                message: message.clone(),
            },
        };
        self.send(&event);
    }
}

/// Writes and flushes line by line; a reader that went away is no error.
fn write_all(
    mut target: Box<dyn Write + Send>,
    lines: &Receiver<String>,
) -> Result<(), std::io::Error> {
    for mut line in lines {
        line.push('\n');
        let written = target
            .write_all(line.as_bytes())
            .and_then(|()| target.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
