//! Runs real processes: a plan of `sh` lines in, outcomes and events out.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use affected_graph::{Command, RepoPath};

use super::*;
use crate::plan::{Action, Plan};

fn action(command: Command, after: &[usize]) -> Action {
    Action {
        target: String::new(),
        project: String::new(),
        stage: None,
        command,
        cwd: RepoPath::root(),
        env: BTreeMap::new(),
        timeout: None,
        needs: affected_graph::Needs::default(),
        expected: None,
        after: after.iter().copied().collect::<BTreeSet<_>>(),
        reasons: Vec::new(),
        script: None,
        units: Vec::new(),
        unproved: BTreeMap::new(),
        widened: None,
    }
}

fn shell(line: &str) -> Action {
    action(Command::Shell(line.to_owned()), &[])
}

fn argv(words: &[&str]) -> Action {
    action(
        Command::Argv(words.iter().map(|&word| word.to_owned()).collect()),
        &[],
    )
}

/// Names the actions `p0:test`, `p1:test` …
fn plan(actions: impl IntoIterator<Item = Action>) -> Plan {
    let named = |(index, mut action): (usize, Action)| {
        action.project = format!("p{index}");
        action.target = format!("p{index}:test");
        action
    };
    Plan {
        actions: actions.into_iter().enumerate().map(named).collect(),
        judged: Vec::new(),
    }
}

fn options() -> RunOptions {
    RunOptions {
        jobs: 2,
        grace: Duration::from_millis(100),
        root: std::env::temp_dir(),
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        ..RunOptions::default()
    }
}

fn execute_all(plan: &Plan, options: &RunOptions) -> (Vec<TaskResult>, Vec<RunEvent>) {
    let mut events = Vec::new();
    let results = execute(plan, options, &Interrupt::new(), &mut |event: &RunEvent| {
        events.push(event.clone());
    });
    (in_full(results, &events), events)
}

/// Gives results back their output, of which only events are sure to have all.
fn in_full(mut results: Vec<TaskResult>, events: &[RunEvent]) -> Vec<TaskResult> {
    for event in events {
        if let RunEvent::Finished(result) = event {
            results[result.action].output.clone_from(&result.output);
        }
    }
    results
}

fn run_one(action: Action) -> TaskResult {
    let (mut results, _) = execute_all(&plan([action]), &options());
    results.remove(0)
}

/// `outcome, exit, cause`.
fn words(result: &TaskResult) -> String {
    let exit = result.exit.map_or("-".to_owned(), |exit| exit.to_string());
    format!(
        "{}, {exit}, {}",
        result.outcome.as_str(),
        result.cause.as_deref().unwrap_or("-")
    )
}

fn text(result: &TaskResult) -> String {
    String::from_utf8_lossy(&result.output).into_owned()
}

fn warnings(events: &[RunEvent]) -> Vec<&str> {
    let mut texts = Vec::new();
    for event in events {
        if let RunEvent::Warning(text) = event {
            texts.push(text.as_str());
        }
    }
    texts
}

/// Waits until a process is gone or only its exit status is left.
fn is_gone(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(3);
    let raw = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    while Instant::now() < until {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        let is_zombie = stat.is_ok_and(|stat| stat.contains(") Z "));
        if is_zombie || rustix::process::test_kill_process(raw).is_err() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// E6. Every way to end is named.
#[test]
fn e6_outcomes_and_causes() {
    let in_missing_folder = Action {
        cwd: RepoPath::new("no/such/folder").unwrap(),
        ..shell(":")
    };
    let cases = [
        (shell(":"), "passed, 0, -"),
        (argv(&["true"]), "passed, 0, -"),
        (shell("exit 3"), "failed, 3, exit code 3"),
        (shell("exit 255"), "failed, 255, exit code 255"),
        (shell("kill -SEGV $$"), "failed, -, killed by SIGSEGV (11)"),
        (
            shell("kill -KILL $$"),
            "failed, -, killed by SIGKILL (9), perhaps for lack of memory",
        ),
        (
            argv(&["no-such-tool"]),
            "failed, -, `no-such-tool` is not installed or not on PATH",
        ),
        (
            argv(&["./no-such-file"]),
            "failed, -, `./no-such-file` does not exist",
        ),
        (
            argv(&["/"]),
            "failed, -, `/` cannot be executed: permission denied",
        ),
        (argv(&[]), "failed, -, the command is empty"),
        (
            argv(&["true", "a\0b"]),
            "failed, -, `true` cannot be started: nul byte found in provided data",
        ),
        (
            in_missing_folder,
            "failed, -, folder `no/such/folder` does not exist",
        ),
    ];
    let (actions, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let (results, events) = execute_all(&plan(actions), &options());
    assert_eq!(results.iter().map(words).collect::<Vec<_>>(), expected);
    assert!(warnings(&events).is_empty());
}

/// E6. A script whose interpreter is absent is not "missing" itself.
#[test]
fn e6_missing_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let options = RunOptions {
        root: folder.path().into(),
        ..options()
    };
    let (results, _) = execute_all(&plan([argv(&["./script"])]), &options);
    assert_eq!(
        words(&results[0]),
        "failed, -, `./script` cannot be executed: its interpreter is missing"
    );
}

/// E6.
#[test]
fn e6_missing_tool_may_be_skipped_by_name() {
    let actions = [
        argv(&["no-such-tool"]),
        action(Command::Shell(":".into()), &[0]),
    ];
    let options = RunOptions {
        missing_tool: MissingTool::Skip,
        ..options()
    };
    let (results, _) = execute_all(&plan(actions), &options);
    let expected = [
        "skipped, -, `no-such-tool` is not installed or not on PATH",
        "skipped, -, because p0:test was skipped",
    ];
    assert_eq!(results.iter().map(words).collect::<Vec<_>>(), expected);
}

/// E3. A task that ignores SIGTERM is killed with its children after the grace time.
#[test]
fn e3_timeout_is_its_own_verdict() {
    let line = "trap '' TERM; sleep 30 & echo $!; while :; do sleep 1; done";
    let timeout = Some(Duration::from_millis(150));
    let result = run_one(Action {
        timeout,
        ..shell(line)
    });
    assert_eq!(words(&result), "timed-out, -, timed out after 150ms");
    assert!(
        result.duration < Duration::from_secs(5),
        "{:?}",
        result.duration
    );
    assert!(is_gone(&text(&result)));
}

/// E3. The default time-out counts for actions without their own; a long one does not disturb.
#[test]
fn e3_default_timeout() {
    let options = RunOptions {
        default_timeout: Some(Duration::from_millis(50)),
        ..options()
    };
    let long = Action {
        timeout: Some(Duration::MAX),
        ..shell(":")
    };
    let (results, _) = execute_all(&plan([shell("exec sleep 30"), long]), &options);
    assert_eq!(words(&results[0]), "timed-out, -, timed out after 50ms");
    assert_eq!(words(&results[1]), "passed, 0, -");
}

/// E1, E3. What a passed task leaves behind is ended and reported.
#[test]
fn e3_background_children_are_ended_and_reported() {
    for line in [
        "sleep 30 & echo $!",
        "(trap '' TERM; exec sleep 30) & echo $!",
    ] {
        let (results, events) = execute_all(&plan([shell(line)]), &options());
        assert_eq!(words(&results[0]), "passed, 0, -");
        assert!(is_gone(&text(&results[0])), "{line}");
        let expected = "`p0:test` left processes running in the background; they were ended";
        assert_eq!(warnings(&events), [expected]);
    }
}

/// E3. A process that left the group and holds the output open does not hold the run.
#[cfg(target_os = "linux")]
#[test]
fn e3_escaped_output_holders_are_waited_for_only_so_long() {
    let folder = tempfile::tempdir().unwrap();
    let line = "mkfifo up; setsid sh -c 'echo $$ > up; exec sleep 30' & read pid < up; echo $pid";
    let options = RunOptions {
        root: folder.path().into(),
        ..options()
    };
    let (results, events) = execute_all(&plan([shell(line)]), &options);
    assert_eq!(words(&results[0]), "passed, 0, -");
    let expected = "`p0:test` left a process outside its group that held its output; it was ended";
    assert_eq!(warnings(&events), [expected]);
    assert!(is_gone(&text(&results[0])));
}

/// Runs `line`, which opens the FIFO `ready` once it is, and interrupts it then, `times` times.
fn interrupt_when_ready(line: &str, times: usize, grace: Duration) -> (Vec<TaskResult>, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("ready");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let actions = [
        shell(line),
        shell(":"),
        action(Command::Shell(":".into()), &[0]),
    ];
    let options = RunOptions {
        jobs: 1,
        grace,
        root: folder.path().into(),
        ..options()
    };
    let interrupt = Interrupt::new();
    let (mut events, mut started) = (Vec::new(), None);
    let results = std::thread::scope(|scope| {
        scope.spawn(|| {
            BufReader::new(std::fs::File::open(&fifo).unwrap())
                .read_line(&mut String::new())
                .unwrap();
            (0..times).for_each(|_| interrupt.trigger());
        });
        execute(
            &plan(actions),
            &options,
            &interrupt,
            &mut |event: &RunEvent| {
                match event {
                    RunEvent::Finished(_) => {}
                    RunEvent::Started { .. } => started = started.or(Some(Instant::now())),
                    RunEvent::Warning(text) => panic!("{text}"),
                }
                events.push(event.clone());
            },
        )
    });
    let finished = |event: &&RunEvent| matches!(event, RunEvent::Finished(_));
    assert_eq!(events.iter().filter(finished).count(), 3);
    let results = in_full(results, &events);
    assert_eq!(interrupt.signal(), Some(2));
    (results, started.unwrap().elapsed())
}

/// E1. An interrupt reaches the whole group, and nothing is started any more.
#[test]
fn e1_interrupt_ends_groups_and_cancels_the_rest() {
    let line = "sleep 30 & echo $!; echo > ready; wait";
    let (results, _) = interrupt_when_ready(line, 1, Duration::from_secs(20));
    let expected = [
        "canceled, -, interrupted by SIGINT",
        "canceled, -, interrupted before it started",
        "canceled, -, interrupted before it started",
    ];
    assert_eq!(results.iter().map(words).collect::<Vec<_>>(), expected);
    assert!(is_gone(&text(&results[0])));
}

/// E1. What ignores SIGTERM is killed after the grace time.
#[test]
fn e1_interrupt_kills_after_the_grace_time() {
    let line = "trap '' TERM; sleep 30 & echo $!; echo > ready; while :; do sleep 1; done";
    let (results, _) = interrupt_when_ready(line, 1, Duration::from_millis(100));
    assert_eq!(words(&results[0]), "canceled, -, interrupted by SIGINT");
    assert!(is_gone(&text(&results[0])));
}

/// E1. The second interrupt does not wait for the grace time.
#[test]
fn e1_second_interrupt_kills_at_once() {
    let line = "trap '' TERM; sleep 30 & echo $!; echo > ready; while :; do sleep 1; done";
    let (results, took) = interrupt_when_ready(line, 2, Duration::from_secs(20));
    assert_eq!(words(&results[0]), "canceled, -, interrupted by SIGINT");
    assert!(is_gone(&text(&results[0])));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// E1. After an interrupt nothing is started at all.
#[test]
fn e1_interrupted_before_the_start() {
    let interrupt = Interrupt::new();
    interrupt.trigger();
    let mut events = 0;
    let results = execute(
        &plan([shell(":")]),
        &options(),
        &interrupt,
        &mut |_: &RunEvent| {
            events += 1;
        },
    );
    assert_eq!(
        words(&results[0]),
        "canceled, -, interrupted before it started"
    );
    assert_eq!(events, 1);
}

/// E4. Bytes are passed as they are, both streams in the order in which they came.
#[test]
fn e4_any_bytes_in_order() {
    let cases: [(&str, &[u8]); 5] = [
        ("printf 'no newline'", b"no newline"),
        ("printf 'a\\0b\\n'", b"a\0b\n"),
        ("printf '\\377\\376'", b"\xff\xfe"),
        ("echo 1; echo 2 >&2; echo 3; echo 4 >&2", b"1\n2\n3\n4\n"),
        (":", b""),
    ];
    for (line, expected) in cases {
        assert_eq!(run_one(shell(line)).output, expected, "{line}");
    }
}

/// E4. A flood is bounded and never blocks the child.
#[test]
fn e4_twenty_mebibytes_stay_bounded() {
    let result = run_one(shell(
        "echo first; head -c 20971520 /dev/zero; echo; echo last",
    ));
    assert_eq!(result.outcome, Outcome::Passed);
    assert!(result.output.len() < 513 * 1024, "{}", result.output.len());
    assert!(result.output.starts_with(b"first\n\0") && result.output.ends_with(b"\0\nlast\n"));
    let cut = format!(
        "\n[... {} bytes cut ...]\n",
        20 * 1024 * 1024 + 12 - 512 * 1024
    );
    assert!(text(&result).contains(&cut));
}

/// E2. Nobody takes the user's input: a reader sees its end.
#[test]
fn e2_standard_input_is_empty() {
    let result = run_one(shell("cat; read line || echo end"));
    assert_eq!(
        (result.outcome, text(&result)),
        (Outcome::Passed, "end\n".to_owned())
    );
}

/// E8. The environment is the declared one.
#[test]
fn e8_environment_is_what_was_given() {
    let mut options = options();
    let given = ["GIT_DIR", "GIT_INDEX_FILE", "AFFECTED_TOKEN", "KEPT"];
    options
        .environment
        .extend(given.map(|name| (OsString::from(name), OsString::from("x"))));
    let env = BTreeMap::from([("OWN".to_owned(), "y z".to_owned())]);
    let line = "echo \"$GIT_DIR,$GIT_INDEX_FILE,$AFFECTED_TOKEN,$HOME,$KEPT,$OWN\"";
    let (results, _) = execute_all(&plan([Action { env, ..shell(line) }]), &options);
    assert_eq!(text(&results[0]), ",,,,x,y z\n");
}

#[test]
fn results_are_in_plan_order_and_each_ends_once() {
    let actions = (0..10).map(|index| shell(&format!("echo {index}")));
    let (results, events) = execute_all(&plan(actions), &options());
    let output: String = results.iter().map(text).collect();
    assert_eq!(output, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    let started = |event: &RunEvent| match event {
        RunEvent::Started { action, .. } => Some(*action),
        _ => None,
    };
    assert_eq!(
        events.iter().filter_map(started).collect::<Vec<_>>(),
        (0..10).collect::<Vec<_>>()
    );
    let (mut running, mut most, mut ended) = (BTreeSet::new(), 0, BTreeSet::new());
    for event in &events {
        match event {
            RunEvent::Started { action, .. } => assert!(running.insert(*action)),
            RunEvent::Finished(result) => {
                assert!(running.remove(&result.action) && ended.insert(result.action));
                assert_eq!(result, &results[result.action]);
            }
            RunEvent::Warning(text) => panic!("{text}"),
        }
        most = most.max(running.len());
    }
    assert_eq!((most, ended.len()), (2, 10));
}

#[test]
fn what_waits_for_a_failure_is_skipped_with_its_cause() {
    let shell = |line: &str, after| action(Command::Shell(line.to_owned()), after);
    let actions = [
        shell("exit 1", &[]),
        shell(":", &[0]),
        shell(":", &[]),
        shell(":", &[1, 2]),
        shell(":", &[2]),
    ];
    let (results, events) = execute_all(&plan(actions), &options());
    let expected = [
        "failed, 1, exit code 1",
        "skipped, -, because p0:test failed",
        "passed, 0, -",
        "skipped, -, because p0:test failed",
        "passed, 0, -",
    ];
    assert_eq!(results.iter().map(words).collect::<Vec<_>>(), expected);
    let finished = events
        .iter()
        .filter(|event| matches!(event, RunEvent::Finished(_)));
    assert_eq!(finished.count(), 5);
}

#[test]
fn fail_fast_starts_nothing_after_the_first_failure() {
    let options = RunOptions {
        jobs: 1,
        stop: Stop::AfterFailures(1),
        ..options()
    };
    let (results, _) = execute_all(&plan([shell(":"), shell("exit 1"), shell(":")]), &options);
    let expected = [
        "passed, 0, -",
        "failed, 1, exit code 1",
        "skipped, -, because p1:test failed and the run stops there",
    ];
    assert_eq!(results.iter().map(words).collect::<Vec<_>>(), expected);
}

/// E1. The watchdog hears of every group, and `done` at the end.
#[test]
fn e1_watchdog_is_told_of_groups() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = "cat > \"$0\"";
    let watchdog = ["sh", "-c", script]
        .map(OsString::from)
        .into_iter()
        .chain([log.clone().into()]);
    let options = RunOptions {
        watchdog: Some(watchdog.collect()),
        ..options()
    };
    let (results, events) = execute_all(&plan([shell("echo $$")]), &options);
    assert!(warnings(&events).is_empty());
    let pid = text(&results[0]).trim().to_owned();
    let told = read(&log);
    let (mark, groups) = told.split_once('\n').unwrap();
    assert!(mark.starts_with('='), "{mark}");
    assert_eq!(groups, format!("+{pid}\n-{pid}\ndone\n"));
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// E1. Without a watchdog the run goes on, with one warning.
#[test]
fn e1_absent_watchdog_is_one_warning() {
    let options = RunOptions {
        watchdog: Some(vec!["/no/such/watchdog".into()]),
        ..options()
    };
    let (results, events) = execute_all(&plan([shell(":"), shell(":")]), &options);
    assert!(
        results
            .iter()
            .all(|result| result.outcome == Outcome::Passed)
    );
    let warnings = warnings(&events);
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("the watchdog cannot be started: "),
        "{}",
        warnings[0]
    );
}

/// E7. Many small tasks on few workers.
#[test]
fn e7_many_tasks() {
    let actions = (0..100).map(|_| argv(&["true"]));
    let (results, _) = execute_all(
        &plan(actions),
        &RunOptions {
            jobs: 4,
            ..options()
        },
    );
    assert_eq!(results.len(), 100);
    assert!(
        results
            .iter()
            .all(|result| result.outcome == Outcome::Passed)
    );
}

#[test]
fn an_empty_plan_is_nothing() {
    assert_eq!(
        execute_all(&Plan::default(), &options()),
        (Vec::new(), Vec::new())
    );
}
