//! Builds before tests, one at a time, for tools that do not keep two builds of the same apart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::Action;
use crate::runner;

/// The build locks of a run, by name.
#[derive(Debug, Default)]
pub(super) struct Builds(Mutex<BTreeMap<String, Arc<Mutex<()>>>>);

impl Builds {
    /// Does `work` while nobody else has one of these locks. `names` are sorted, so that no two wait for one another.
    pub(super) fn alone<T>(&self, names: &[String], work: impl FnOnce() -> T) -> T {
        let locks: Vec<Arc<Mutex<()>>> = names.iter().map(|name| self.lock(name)).collect();
        // Who panicked while building has left nothing that another build would not make anew.
        let held = locks.iter().map(|lock| lock.lock());
        let held: Vec<_> = held
            .map(|guard| guard.unwrap_or_else(PoisonError::into_inner))
            .collect();
        let done = work();
        drop(held);
        done
    }

    fn lock(&self, name: &str) -> Arc<Mutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.to_owned()).or_default())
    }
}

/// The action in two, what builds and what tests; `None` where its tool needs no help.
pub(super) fn halves(action: &Action) -> Option<(Action, Action)> {
    if action.needs.build_locks.is_empty() {
        return None;
    }
    let (runner, call) = runner::recognise(&action.command, action.script.as_deref())?;
    let halves = runner.halves(&call)?;
    let build = Action {
        command: call.command(&halves.build)?,
        // It leaves no results of tests.
        stage: None,
        ..action.clone()
    };
    let test = Action {
        command: call.command(&halves.test)?,
        ..action.clone()
    };
    Some((build, test))
}

#[cfg(test)]
mod tests {
    use affected_graph::{Command, Stage};

    use super::*;

    #[test]
    fn only_tools_that_need_it_are_split() {
        let words = |line: &str| line.split(' ').map(ToOwned::to_owned).collect();
        let action = |line: &str, lock: &str| {
            let mut action = Action {
                stage: Some(Stage::new("unit")),
                command: Command::Argv(words(line)),
                ..Action::default()
            };
            action.needs.build_locks.push(lock.to_owned());
            action
        };
        let (build, test) = halves(&action("dotnet test a.csproj", "dotnet a")).expect("two");
        assert_eq!(build.command, Command::Argv(words("dotnet build a.csproj")));
        assert_eq!(build.stage, None);
        let line = "dotnet test a.csproj --no-build";
        assert_eq!(test.command, Command::Argv(words(line)));
        assert_eq!(test.stage, Some(Stage::new("unit")));
        assert_eq!(halves(&action("cargo test -p a", "cargo")), None);
        let mut free = action("dotnet test a.csproj", "x");
        free.needs.build_locks.clear();
        assert_eq!(halves(&free), None);
    }

    #[test]
    fn who_has_a_lock_is_alone() {
        let builds = Builds::default();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let names = ["a".to_owned(), "b".to_owned()];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        builds.alone(&names, || {
                            let before = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            std::thread::yield_now();
                            inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            assert_eq!(before, 0);
                        });
                    }
                });
            }
        });
    }
}
