//! Writes tasks on a thread of its own. A run that knows a thousand results would otherwise wait for a thousand commits:
//! what has come in while one was written goes into the next one together.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

use super::{HistoryError, Recorder, TaskRecord};

/// Results of tasks that wait to be written; who has more waits.
const WAITING: usize = 256;

/// A task, and whom to tell when a kill cannot take it any more.
type Message = (TaskRecord, Option<SyncSender<()>>);

/// Has a recorder write what ended.
pub struct Writer {
    tasks: SyncSender<Message>,
    thread: JoinHandle<(Recorder, Option<HistoryError>)>,
}

/// Nothing more is written: [`Writer::stop`] says why.
#[derive(Debug)]
pub struct Stopped;

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(recorder: Recorder) -> std::io::Result<Self> {
        let (tasks, waiting) = mpsc::sync_channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || write(recorder, &waiting))?;
        Ok(Self { tasks, thread })
    }

    /// Records how a task ended. One that really ran is written when this returns; of one whose result was known the cache
    /// still knows it, whatever happens, so that nobody waits.
    pub fn task(&self, task: TaskRecord) -> Result<(), Stopped> {
        if task.outcome == "cached" {
            return self.tasks.send((task, None)).map_err(|_| Stopped);
        }
        let (written, heard) = mpsc::sync_channel(1);
        self.tasks
            .send((task, Some(written)))
            .map_err(|_| Stopped)?;
        heard.recv().map_err(|_| Stopped)
    }

    /// Waits until all is written, and gives the recorder back; `None` after a bug in the thread.
    #[must_use]
    pub fn stop(self) -> Option<(Recorder, Option<HistoryError>)> {
        drop(self.tasks);
        self.thread.join().ok()
    }
}

/// Writes what comes until nothing can come any more, or the first error.
fn write(mut recorder: Recorder, waiting: &Receiver<Message>) -> (Recorder, Option<HistoryError>) {
    while let Ok(first) = waiting.recv() {
        let more = waiting.try_iter().take(WAITING);
        let (tasks, told): (Vec<_>, Vec<_>) = std::iter::once(first).chain(more).unzip();
        if let Err(error) = recorder.tasks(&tasks) {
            return (recorder, Some(error));
        }
        for told in told.into_iter().flatten() {
            // Whoever asked may be gone.
            let _ = told.send(());
        }
    }
    (recorder, None)
}
