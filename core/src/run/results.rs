//! How the single tests of a task ended: asks its runner for a result, and reads it when the task is over.
//!
//! Nothing here decides about the task: its exit code does. A result that is missing or cannot be read is a result less.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use affected_graph::Command;

use crate::plan::Action;
use crate::runner::{
    self, Call, Listener, OwnResults, Report, ReportFiles, Runner, TestCase, Tests,
};

/// Result files of one task that are read.
const FILES: usize = 20_000;
/// Larger files are left out.
const SIZE: u64 = 64 * 1024 * 1024;
/// All files of one task together.
const TOTAL: u64 = 512 * 1024 * 1024;
/// Clocks of file systems go in steps.
const STEP: Duration = Duration::from_millis(20);

/// Counts the folders for results of this process.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

/// A listener that the reader of the output and its worker share.
#[derive(Clone)]
pub(super) struct Ear(Arc<Mutex<Box<dyn Listener>>>);

impl Ear {
    fn new(listener: Box<dyn Listener>) -> Self {
        Self(Arc::new(Mutex::new(listener)))
    }

    /// Takes what the task wrote; returns what people see.
    pub(super) fn hear(&self, bytes: &[u8]) -> Vec<u8> {
        let mut listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listener.hear(bytes)
    }

    fn finish(&self) -> (Vec<u8>, Option<Tests>) {
        let mut listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listener.finish()
    }
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ear")
    }
}

/// A task whose runner is known.
pub(super) struct Asked {
    runner: &'static dyn Runner,
    call: Call,
    report: Report,
    folder: Option<PathBuf>,
    since: SystemTime,
    /// Listens to the output, where the result is in it.
    pub(super) ear: Option<Ear>,
}

impl Asked {
    /// Finds the runner of a test task and asks it; `cwd` is where it starts, `reports` where folders for results are made.
    pub(super) fn of(action: &Action, cwd: &Path, reports: Option<&Path>) -> Option<Self> {
        action.stage.as_ref()?;
        let (runner, call) = runner::recognise(&action.command, action.script.as_deref())?;
        let folder = reports.and_then(new_folder);
        let place = folder.as_ref().and_then(|folder| folder.to_str());
        let place = place.filter(|_| !has_own(&runner.own_results(), cwd));
        let report = place.map(|place| runner.report(&call, place));
        let report = report.unwrap_or_default();
        let ear = runner.listen(&call, &report).map(Ear::new);
        Some(Self {
            runner,
            call,
            report,
            folder,
            since: SystemTime::now(),
            ear,
        })
    }

    /// Returns the command that leaves a result.
    pub(super) fn command(&self) -> Option<Command> {
        self.call.command(self.report.words.as_ref()?)
    }

    /// Returns the variables of the task, and those for its result; the task's own stay.
    pub(super) fn variables(&self, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all: BTreeMap<_, _> = self.report.env.iter().cloned().collect();
        all.extend(own.clone());
        all
    }

    /// Tells whether a run that ended so found no test.
    pub(super) fn is_empty_run(&self, exit: Option<i32>) -> bool {
        self.runner.is_empty_run(exit)
    }

    /// Reads what the task left in `cwd`, and returns what people see at the end of its output.
    pub(super) fn read(&self, cwd: &Path) -> (Vec<u8>, Option<Tests>) {
        let (shown, heard) = self.ear.as_ref().map(Ear::finish).unwrap_or_default();
        let mut tests = heard;
        for case in tests.iter_mut().flat_map(|tests| &mut tests.cases) {
            inside(case, cwd);
        }
        let mut total = 0;
        for path in self.files(cwd) {
            let size = fs::metadata(&path).map_or(u64::MAX, |about| about.len());
            total += size.min(TOTAL);
            if size > SIZE || total > TOTAL {
                continue;
            }
            let bytes = fs::read(&path).unwrap_or_default();
            if let Ok(cases) = self.runner.read(&bytes) {
                let cases = cases.into_iter().map(|mut case| {
                    inside(&mut case, cwd);
                    case
                });
                tests.get_or_insert_default().extend(cases);
            }
        }
        if self.report.is_complete {
            tests.get_or_insert_default();
        }
        (shown, tests)
    }

    /// The result files that were written since the task began, sorted.
    fn files(&self, cwd: &Path) -> Vec<PathBuf> {
        let since = self.since.checked_sub(STEP).unwrap_or(self.since);
        let of = |wanted: &ReportFiles| {
            let entries = fs::read_dir(cwd.join(&wanted.folder)).into_iter().flatten();
            let named = entries.flatten().filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(&wanted.prefix) && name.ends_with(&wanted.suffix)
            });
            let fresh = named.filter(|entry| {
                let about = entry.metadata();
                let about = about.ok().filter(fs::Metadata::is_file);
                about.is_some_and(|about| about.modified().is_ok_and(|at| at >= since))
            });
            fresh.map(|entry| entry.path()).collect::<Vec<_>>()
        };
        let mut files: Vec<_> = self.report.files.iter().flat_map(of).collect();
        files.sort();
        files.truncate(FILES);
        files
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What is left behind is only a few files below git's folder.
            drop(fs::remove_dir_all(folder));
        }
    }
}

/// Names a place from the folder where the command started.
fn inside(case: &mut TestCase, cwd: &Path) {
    if !Path::new(&case.place).is_absolute() {
        return;
    }
    let real = fs::canonicalize(cwd).ok();
    let folders = [Some(cwd), real.as_deref()].into_iter().flatten();
    let place = Path::new(&case.place);
    let inside = { folders }.find_map(|folder| place.strip_prefix(folder).ok()?.to_str());
    if let Some(inside) = inside.map(ToOwned::to_owned) {
        case.place = inside;
    }
}

/// Settings beyond this size are not looked into: they count as asking for a result of their own.
const SETTINGS: u64 = 1 << 20;

/// Tells whether settings of the folder where a command starts, or above it up to the repository, ask for a result of the
/// user's own.
fn has_own(own: &OwnResults, cwd: &Path) -> bool {
    if own.files.is_empty() {
        return false;
    }
    for folder in cwd.ancestors().take(32) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if own.files.iter().any(|start| name.starts_with(start)) && asks(own, &entry.path()) {
                return true;
            }
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    false
}

fn asks(own: &OwnResults, path: &Path) -> bool {
    if fs::metadata(path).is_ok_and(|about| about.len() > SETTINGS) {
        return true;
    }
    let text = fs::read(path).unwrap_or_default();
    let mut words = own.words.iter();
    words.any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some())
}

/// Makes an empty folder; where that fails, runners are asked for nothing: some fail where they cannot write.
fn new_folder(below: &Path) -> Option<PathBuf> {
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = below.join(format!("{}-{number}", std::process::id()));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).ok()?;
    Some(folder)
}
