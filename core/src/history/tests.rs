//! The file under stress, and what is learnt from runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

fn about(selected: &[&str], commit: &str) -> RunRecord {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    RunRecord {
        command: "test".to_owned(),
        mode: "affected".to_owned(),
        scope: Scope::Whole,
        branch: Some("main".to_owned()),
        commit: Some(commit.to_owned()),
        state: Some(format!("state of {commit}")),
        clean: true,
        base: Some("c0".to_owned()),
        base_source: Some("flag".to_owned()),
        fallback: None,
        universe: names(&["a:test", "b:test", "c:test"]),
        selected: names(selected),
        changed: names(&["a/x.rs"]),
    }
}

fn task(target: &str, outcome: &str) -> TaskRecord {
    let (project, _) = target.split_once(':').unwrap();
    TaskRecord {
        target: target.to_owned(),
        project: project.to_owned(),
        outcome: outcome.to_owned(),
        duration: Duration::from_millis(100),
        attempts: 1,
        ..TaskRecord::default()
    }
}

struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("affected/history.db")
    }

    fn open(&self) -> History {
        open(&[self.file()]).unwrap().history
    }

    /// Records a whole run; returns whether its commit is green then.
    fn run(&self, about: RunRecord, tasks: &[TaskRecord]) -> bool {
        let mut recorder = self.open().begin(about).unwrap();
        for task in tasks {
            recorder.task(task).unwrap();
        }
        recorder.finish().unwrap()
    }

    /// Records a run of everything.
    fn nightly(&self, commit: &str, outcomes: [&str; 3]) -> i64 {
        let names = ["a:test", "b:test", "c:test"];
        let mut about = about(&names, commit);
        (about.mode, about.command) = ("all".to_owned(), "nightly".to_owned());
        let mut recorder = self.open().begin(about).unwrap();
        for (name, outcome) in names.into_iter().zip(outcomes) {
            recorder.task(&task(name, outcome)).unwrap();
        }
        let run = recorder.run();
        recorder.finish().unwrap();
        run
    }
}

fn unpassed(history: &History) -> Vec<String> {
    history.unpassed("main").unwrap().into_keys().collect()
}

/// Yesterday's file is understood, and what stood in it is kept.
#[test]
fn a_file_of_the_first_release_is_read() {
    let shelf = Shelf::new();
    std::fs::create_dir(shelf.0.path().join("affected")).unwrap();
    schema::tests::yesterday(&shelf.file());
    let history = shelf.open();
    assert_eq!(unpassed(&history), ["a:test"]);
    let runs = history.runs(10).unwrap();
    assert_eq!((runs[0].run, runs[0].failed), (7, 1));
    assert!(history.green().unwrap().is_empty());
    assert!(shelf.run(
        RunRecord {
            mode: "all".to_owned(),
            ..about(&["a:test"], "c1")
        },
        &[task("a:test", "passed")]
    ));
    assert_eq!(shelf.open().green().unwrap(), ["c1"]);
}

/// X6: nobody else can read or write it.
#[cfg(unix)]
#[test]
fn x6_the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let shelf = Shelf::new();
    shelf.nightly("c1", ["passed"; 3]);
    let mode = std::fs::metadata(shelf.file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let link = shelf.0.path().join("link.db");
    std::os::unix::fs::symlink(shelf.file(), &link).unwrap();
    assert!(open(&[link]).is_err(), "a link is not followed");
}

/// C6: many threads with a connection each, as processes have, lose nothing and wait for one another.
#[test]
fn c6_many_writers_lose_nothing() {
    let shelf = Shelf::new();
    std::thread::scope(|scope| {
        for writer in 0..12 {
            let shelf = &shelf;
            scope.spawn(move || {
                for round in 0..8 {
                    let target = format!("w{writer}:r{round}");
                    shelf.run(about(&["a:test"], "c1"), &[task(&target, "passed")]);
                }
            });
        }
    });
    let history = shelf.open();
    assert_eq!(history.runs(1_000).unwrap().len(), 96);
    assert_eq!(history.past(&[]).unwrap().targets.len(), 96);
}

/// C7: a damaged file is set aside, which is said once; a newer one is left alone.
#[test]
fn c7_damage_is_set_aside_and_told() {
    for damage in ["no database at all", ""] {
        let shelf = Shelf::new();
        shelf.nightly("c1", ["passed"; 3]);
        let whole = std::fs::read(shelf.file()).unwrap();
        let mut bytes = whole.clone();
        if damage.is_empty() {
            // The header is whole, the pages are not.
            bytes[100..].fill(0xa5);
        } else {
            bytes = damage.repeat(100).into_bytes();
        }
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", shelf.file().display()));
        }
        std::fs::write(shelf.file(), &bytes).unwrap();
        let opened = open(&[shelf.file()]).unwrap();
        let warning = opened.warning.as_ref().expect("it is said");
        assert!(warning.contains("history.db.damaged"), "{warning}");
        assert!(opened.history.runs(9).unwrap().is_empty());
        drop(opened.history);
        let aside = shelf.0.path().join("affected/history.db.damaged");
        assert_eq!(std::fs::read(aside).unwrap(), bytes);
        assert!(
            open(&[shelf.file()]).unwrap().warning.is_none(),
            "only once"
        );
    }
}

/// C7: where nothing can be written the next place is taken, and without any there is an error to be told.
#[test]
fn c7_the_next_place_is_taken() {
    let shelf = Shelf::new();
    std::fs::write(shelf.0.path().join("file"), "x").unwrap();
    let wrong = shelf.0.path().join("file/history.db");
    assert!(open(&[wrong.clone(), shelf.file()]).is_ok());
    let error = open(std::slice::from_ref(&wrong)).err().expect("no place");
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert!(open_existing(&[wrong]).unwrap().is_none());
    // One that is there and cannot be read, as beside a read-only checkout, hides no other.
    let unreadable = shelf.0.path().join("unreadable.db");
    std::fs::write(shelf.0.path().join("text"), "no history\n".repeat(100)).unwrap();
    std::os::unix::fs::symlink("text", &unreadable).unwrap();
    let opened = open_existing(&[unreadable.clone(), shelf.file()]).unwrap();
    assert_eq!(opened.unwrap().history.path, shelf.file());
    assert!(open_existing(&[unreadable]).is_err());
}

/// Damage that shows in the middle of a run: recording ends with one line, and the next run begins anew.
#[test]
fn c7_damage_in_the_middle_of_a_run() {
    let shelf = Shelf::new();
    let mut recorder = shelf.open().begin(about(&["a:test"], "c1")).unwrap();
    recorder
        .history()
        .connection
        .execute_batch("DROP TABLE targets")
        .unwrap();
    let error = recorder.task(&task("a:test", "passed")).unwrap_err();
    assert!(error.is_damage(), "{error}");
    let told = recorder.give_up(&error);
    assert!(!told.is_empty());
}

/// Issue 5: what did not pass last time on this branch, and what that held back; a pass of a part of it is not enough.
#[test]
fn targets_stand_unpassed_until_they_pass_as_a_whole() {
    let shelf = Shelf::new();
    let held = TaskRecord {
        held: true,
        ..task("a:test:e2e", "skipped")
    };
    let all = ["a:test", "b:test"];
    shelf.run(
        about(&all, "c1"),
        &[task("a:test", "failed"), held, task("b:test", "skipped")],
    );
    assert_eq!(unpassed(&shelf.open()), ["a:test", "a:test:e2e"]);
    assert!(shelf.open().unpassed("other").unwrap().is_empty());
    let part = TaskRecord {
        units: vec!["./x".to_owned()],
        ..task("a:test", "passed")
    };
    shelf.run(about(&all, "c2"), &[part, task("b:test", "canceled")]);
    assert_eq!(unpassed(&shelf.open()), ["a:test", "a:test:e2e"]);
    shelf.run(
        about(&all, "c3"),
        &[task("a:test", "passed"), task("a:test:e2e", "flaky")],
    );
    assert!(unpassed(&shelf.open()).is_empty());
}

/// Issue 5: where a part failed, passing that part is enough; what failed before it is owed as well.
#[test]
fn parts_that_failed_are_owed_until_they_pass() {
    let shelf = Shelf::new();
    let run = |units: &[&str], outcome: &str| {
        let units = units.iter().map(|unit| (*unit).to_owned()).collect();
        let record = TaskRecord {
            units,
            ..task("a:test", outcome)
        };
        shelf.run(about(&["a:test"], "c"), &[record]);
        shelf.open().unpassed("main").unwrap().remove("a:test")
    };
    assert_eq!(run(&["x"], "failed").unwrap(), ["x"]);
    assert_eq!(run(&["y"], "passed").unwrap(), ["x"]);
    assert_eq!(run(&["y"], "failed").unwrap(), ["x", "y"]);
    assert_eq!(run(&["x"], "passed").unwrap(), ["x", "y"]);
    assert_eq!(run(&["x", "y", "z"], "passed"), None);
    run(&["x"], "failed");
    assert!(run(&[], "failed").unwrap().is_empty(), "all of it failed");
    assert!(run(&["x"], "passed").unwrap().is_empty());
    assert_eq!(run(&[], "passed"), None);
}

/// Q3: the same inputs with another outcome are flaky, also without a retry; other inputs are not.
#[test]
fn q3_the_same_inputs_with_other_outcomes_are_flaky() {
    let shelf = Shelf::new();
    let flaky = |shelf: &Shelf| -> Vec<String> {
        let found = shelf.open().flaky().unwrap();
        found.into_iter().map(|one| one.target).collect()
    };
    shelf.run(about(&["a:test"], "c1"), &[task("a:test", "passed")]);
    shelf.run(about(&["a:test"], "c2"), &[task("a:test", "failed")]);
    assert!(flaky(&shelf).is_empty());
    shelf.run(about(&["a:test"], "c2"), &[task("a:test", "passed")]);
    assert_eq!(flaky(&shelf), ["a:test"]);
    shelf.run(about(&["b:test"], "c2"), &[task("b:test", "flaky")]);
    assert_eq!(flaky(&shelf), ["b:test", "a:test"], "the shakiest first");
    let test = |outcome: &str| TestRecord {
        name: "adds".to_owned(),
        outcome: outcome.to_owned(),
        duration: None,
    };
    for (digest, outcome) in [("d1", "failed"), ("d1", "passed")] {
        let ran = TaskRecord {
            digest: Some(digest.to_owned()),
            tests: vec![test(outcome)],
            ..task("c:test", outcome)
        };
        shelf.run(about(&["c:test"], digest), &[ran]);
    }
    let story = shelf.open().stories("c:test adds").unwrap().remove(0);
    assert_eq!((story.runs, story.failures, story.flakes), (2, 1, 1));
    assert_eq!(story.recent, "FP");
    let runs = shelf.open().runs_of_test("c:test", "adds", 9).unwrap();
    let outcomes: Vec<_> = runs.iter().map(|ran| ran.outcome.as_str()).collect();
    assert_eq!(outcomes, ["passed", "failed"]);
}

/// Q6: what fails now, passed before and was left out in between is named with the run that left it out.
#[test]
fn q6_a_full_run_names_what_had_been_left_out() {
    let shelf = Shelf::new();
    shelf.nightly("c0", ["passed"; 3]);
    shelf.run(about(&["a:test"], "c1"), &[task("a:test", "passed")]);
    shelf.run(about(&["b:test"], "c2"), &[task("b:test", "failed")]);
    let run = shelf.nightly("c3", ["passed", "failed", "failed"]);
    let misses = shelf.open().misses(run).unwrap();
    let names: Vec<_> = misses.iter().map(|miss| miss.target.as_str()).collect();
    assert_eq!(names, ["c:test"], "b was seen failing when it was selected");
    let by: Vec<_> = misses[0]
        .left_out_by
        .iter()
        .map(|run| (run.commit.as_deref().unwrap(), run.changed[0].as_str()))
        .collect();
    assert_eq!(by, [("c1", "a/x.rs"), ("c2", "a/x.rs")]);
    let again = shelf.nightly("c4", ["passed", "failed", "failed"]);
    assert!(
        shelf.open().misses(again).unwrap().is_empty(),
        "known by now"
    );
}

/// Q6: a part of a target is not the target.
#[test]
fn q6_what_ran_in_part_may_have_been_missed() {
    let shelf = Shelf::new();
    shelf.nightly("c0", ["passed"; 3]);
    let part = TaskRecord {
        units: vec!["./x".to_owned()],
        ..task("a:test", "passed")
    };
    shelf.run(about(&["a:test", "b:test", "c:test"], "c1"), &[part]);
    let run = shelf.nightly("c2", ["failed", "passed", "passed"]);
    let misses = shelf.open().misses(run).unwrap();
    assert_eq!(misses[0].left_out_by[0].units, ["./x"]);
}

/// B3: green grows from a run of everything, over runs whose base is green; a red trunk stays red until what failed
/// passes; flaky, dirty and filtered runs make nothing green.
#[test]
fn b3_green_grows_from_green_only() {
    let shelf = Shelf::new();
    let from = |commit: &str, base: &str| RunRecord {
        base: Some(base.to_owned()),
        ..about(&["a:test"], commit)
    };
    let (pass, fail) = ([task("a:test", "passed")], [task("a:test", "failed")]);
    assert!(!shelf.run(from("c1", "c0"), &pass), "nothing is green yet");
    shelf.nightly("c1", ["passed", "flaky", "passed"]);
    assert!(
        shelf.open().green().unwrap().is_empty(),
        "flaky is not green"
    );
    shelf.nightly("c1", ["passed", "cached", "passed"]);
    assert!(!shelf.run(from("c2", "c1"), &fail));
    assert!(!shelf.run(from("c3", "c2"), &pass), "c2 is red");
    assert!(
        !shelf.run(from("c3", "c1"), &[]),
        "it was killed before its end"
    );
    let dirty = RunRecord {
        clean: false,
        ..from("c3", "c1")
    };
    assert!(!shelf.run(dirty, &pass));
    let part = RunRecord {
        scope: Scope::Part,
        ..from("c3", "c1")
    };
    assert!(!shelf.run(part, &pass));
    assert!(shelf.run(from("c3", "c1"), &pass));
    assert_eq!(shelf.open().green().unwrap(), ["c3", "c1"]);
}

/// B6.
#[test]
fn b6_fallbacks_are_counted() {
    let shelf = Shelf::new();
    shelf.nightly("c0", ["passed"; 3]);
    for fallback in [None, Some("base-missing"), Some("base-missing")] {
        let about = RunRecord {
            fallback: fallback.map(ToOwned::to_owned),
            ..about(&["a:test"], "c1")
        };
        shelf.run(about, &[]);
    }
    assert_eq!(shelf.open().fallbacks(20).unwrap(), (2, 3));
}

/// Old runs go, what was learnt from them stays, and no clock takes part (C11).
#[test]
fn c11_limits_count_and_do_not_read_the_clock() {
    let shelf = Shelf::new();
    shelf.run(about(&["a:test"], "c0"), &[task("a:test", "failed")]);
    shelf.run(about(&["a:test"], "c1"), &[task("a:test", "passed")]);
    let history = shelf.open();
    let later = "UPDATE runs SET began = 99999999999999, ended = 0";
    history.connection.execute_batch(later).unwrap();
    let far = "UPDATE sqlite_sequence SET seq = 1500 WHERE name = 'runs'";
    history.connection.execute_batch(far).unwrap();
    drop(history);
    shelf.run(about(&["a:test"], "c2"), &[task("a:test", "passed")]);
    let history = shelf.open();
    let runs = history.runs(10).unwrap();
    assert_eq!(runs.iter().map(|run| run.run).collect::<Vec<_>>(), [1501]);
    assert_eq!(history.runs_of("a:test", 9).unwrap().len(), 1);
    let story = history.stories("a:test").unwrap().remove(0);
    assert_eq!((story.runs, story.recent.as_str()), (3, "FPP"));
}

/// What planning reads: times of passes, what the changed paths broke, what fails together.
#[test]
fn planning_learns_from_runs() {
    let shelf = Shelf::new();
    let both = ["a:test", "b:test"];
    shelf.run(about(&both, "c1"), &both.map(|name| task(name, "passed")));
    shelf.run(about(&both, "c2"), &both.map(|name| task(name, "failed")));
    let past = shelf
        .open()
        .past(&["a/x.rs".to_owned(), "y".to_owned()])
        .unwrap();
    let a = &past.targets["a:test"];
    assert_eq!(a.took, Some(Duration::from_millis(100)));
    assert_eq!((a.failed_last, a.runs, a.failures), (true, 2, 1));
    assert_eq!((past.paths.len(), past.paths[0].times), (1, 2));
    assert_eq!(past.paths[0].broke["b:test"], 1);
    assert_eq!(past.together["a:test"]["b:test"], 1);
}

/// The tables that the README describes can be asked by users.
#[test]
fn users_can_query_it() {
    let shelf = Shelf::new();
    shelf.run(about(&["a:test"], "c1"), &[task("a:test", "passed")]);
    let history = shelf.open();
    let mut ask = history
        .connection
        .prepare("SELECT target FROM skipped ORDER BY target")
        .unwrap();
    let rows = ask.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let skipped: Vec<String> = rows.map(Result::unwrap).collect();
    assert_eq!(skipped, ["b:test", "c:test"]);
    let private: &Path = &history.path;
    assert!(private.ends_with("affected/history.db"));
}
