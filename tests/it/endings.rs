//! E: how a run ends whose surroundings misbehave: terminals, readers, signals, limits, foreign checkouts.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use crate::misbehave::assert_nothing_lives;
use crate::sandbox::Sandbox;

/// A repository with one project for each line of the shell: `t0`, `t1` …
fn with_tasks(lines: &[&str]) -> Sandbox {
    let shop = Sandbox::new();
    let mut config = String::new();
    for (at, line) in lines.iter().enumerate() {
        let line = serde_json::to_string(line).unwrap();
        config.push_str(&format!(
            "[project.t{at}]\npath = \"t{at}\"\ntest.unit = {{ run = {line}, timeout = \"60s\" }}\n"
        ));
        shop.write(&format!("t{at}/file"), "text\n");
    }
    shop.write("affected.toml", &config);
    shop.write(".gitignore", "ready\n");
    shop.commit("all");
    shop
}

fn mark(name: &str) -> String {
    format!("ending-{name}-{}", std::process::id())
}

/// The tool in a group of its own, as a shell starts it, with pipes that nobody reads yet.
fn start(shop: &Sandbox, arguments: &[&str], mark: &str) -> Child {
    let mut command = shop.command(arguments);
    command.env("MARK", mark).process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn pid(tool: &Child) -> Pid {
    Pid::from_raw(i32::try_from(tool.id()).unwrap()).unwrap()
}

/// Waits for what the tasks do when they are ready.
fn wait_for(tool: &mut Child, what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(tool.try_wait().unwrap().is_none(), "it ended before that");
        assert!(began.elapsed() < Duration::from_secs(30), "waited too long");
        std::thread::yield_now();
    }
}

fn rest(tool: Child) -> (ExitStatus, String, String) {
    let output = tool.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status, text(&output.stdout), text(&output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const TEST: [&str; 4] = ["test", "--all", "--format", "json"];

/// E1, E5: the interrupt of a terminal, which reaches the group of the tool; the document is complete all the same.
#[test]
fn e1_e5_ctrl_c_ends_everything_and_the_summary_is_complete() {
    let shop = with_tasks(&["touch ready; sleep 300 & wait", "exit 0", "sleep 300"]);
    let mark = mark("ctrl-c");
    let report = shop.cache().join("report.json");
    let report_flag = format!("json={}", report.display());
    let flags = [&TEST[..], &["-j", "3", "--report", &report_flag]].concat();
    let mut tool = start(&shop, &flags, &mark);
    wait_for(&mut tool, || shop.join("t0/ready").exists());
    kill_process_group(pid(&tool), Signal::INT).unwrap();
    let (status, stdout, _) = rest(tool);
    assert_eq!(status.code(), Some(130));
    let told = json(&stdout);
    let outcomes: Vec<_> = told["tasks"].as_array().unwrap().iter().collect();
    assert_eq!(outcomes.len(), 3, "{told}");
    assert_eq!(outcomes[0]["outcome"], "canceled");
    assert_eq!(
        json(&std::fs::read_to_string(report).unwrap())["tasks"],
        told["tasks"]
    );
    assert_nothing_lives(&mark);
}

/// E1: SIGTERM, and a second one at once for tasks that do not listen.
#[test]
fn e1_the_second_signal_does_not_wait() {
    let shop = with_tasks(&["trap '' TERM; touch ready; while :; do sleep 300; done"]);
    let mark = mark("twice");
    let mut tool = start(&shop, &TEST, &mark);
    wait_for(&mut tool, || shop.join("t0/ready").exists());
    let began = Instant::now();
    kill_process(pid(&tool), Signal::TERM).unwrap();
    let (mut last, mut sent) = (began, 1);
    while tool.try_wait().unwrap().is_none() {
        // Two that come together are one.
        if last.elapsed() > Duration::from_millis(30) && sent < 20 {
            kill_process(pid(&tool), Signal::TERM).unwrap();
            (last, sent) = (Instant::now(), sent + 1);
        }
        std::thread::yield_now();
    }
    let (status, ..) = rest(tool);
    assert!(
        status.code() == Some(143) || status.signal() == Some(15),
        "{status:?}"
    );
    assert!(
        began.elapsed() < Duration::from_millis(2500),
        "before the grace time"
    );
    assert_nothing_lives(&mark);
}

/// E1, E6: a task that ends the tool, or tries to end the group that started it.
#[test]
fn e1_a_task_that_turns_on_the_tool_is_an_interrupt() {
    let shop = with_tasks(&["kill -TERM $PPID; sleep 300", "sleep 300"]);
    let mark = mark("turns");
    let (status, stdout, _) = rest(start(&shop, &[&TEST[..], &["-j", "2"]].concat(), &mark));
    assert_eq!(status.code(), Some(143));
    assert_eq!(json(&stdout)["summary"]["canceled"], 2);
    assert_nothing_lives(&mark);
    let shop = with_tasks(&["kill -KILL $PPID; sleep 300", "setsid sleep 300"]);
    let (status, ..) = rest(start(&shop, &[&TEST[..], &["-j", "2"]].concat(), &mark));
    assert_eq!(status.signal(), Some(9));
    assert_nothing_lives(&mark);
}

/// E2: a task in the background of a terminal cannot read from it or change it, and does not wait for that for ever.
#[test]
fn e2_the_terminal_stays_with_the_user() {
    let shop = with_tasks(&[
        "read line < /dev/tty; echo \"got $line\"",
        "stty raw < /dev/tty",
        "echo shown > /dev/tty; exit 0",
    ]);
    let report = shop.cache().join("report.json");
    let tool = shop.command(&["test", "--all", "-j", "3", "--report"]);
    let words = tool
        .get_args()
        .map(|word| word.to_string_lossy().into_owned());
    let line = format!(
        "'{}' {} 'json={}'",
        tool.get_program().to_string_lossy(),
        words
            .map(|word| format!("'{word}'"))
            .collect::<Vec<_>>()
            .join(" "),
        report.display()
    );
    // A pseudo-terminal whose input stays open and silent.
    let mut script = Command::new("script");
    script.args(["-qefc", &line, "/dev/null"]).env_clear();
    script.envs(
        tool.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = script.spawn().expect("script(1) of util-linux starts");
    let input = script.stdin.take();
    let output = script.wait_with_output().unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(1));
    let told = json(&std::fs::read_to_string(report).unwrap());
    let cause = |at: usize| {
        told["tasks"][at]["cause"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(cause(0).contains("it wants the terminal"), "{told}");
    assert!(cause(1).contains("it wants the terminal"), "{told}");
    assert_eq!(told["tasks"][2]["outcome"], "passed", "{told}");
}

/// E2: while the tool is stopped its tasks are, and no time-out counts.
#[test]
fn e2_suspend_and_resume() {
    let shop = with_tasks(&["touch ready; sleep 0.3; exit 0"]);
    let mark = mark("suspend");
    let mut tool = start(&shop, &[&TEST[..], &["--timeout", "2s"]].concat(), &mark);
    wait_for(&mut tool, || shop.join("t0/ready").exists());
    kill_process(pid(&tool), Signal::TSTP).unwrap();
    let stat = format!("/proc/{}/stat", tool.id());
    let is_stopped = || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "));
    wait_for(&mut tool, is_stopped);
    kill_process(pid(&tool), Signal::CONT).unwrap();
    let (status, stdout, stderr) = rest(tool);
    assert_eq!(status.code(), Some(0), "{stdout}{stderr}");
}

/// E5: whoever reads the summary slowly gets all of it.
#[test]
fn e5_a_slow_reader_gets_everything() {
    let lines = vec!["exit 0"; 400];
    let shop = with_tasks(&lines);
    let mark = mark("slow");
    let mut tool = start(&shop, &[&TEST[..], &["-j", "8", "--quiet"]].concat(), &mark);
    let mut stdout = tool.stdout.take().unwrap();
    let mut text = vec![0; 1];
    stdout.read_exact(&mut text).unwrap();
    // More than a pipe takes: it has to wait for us.
    assert!(tool.try_wait().unwrap().is_none());
    while stdout.read_to_end(&mut text).unwrap() > 0 {}
    assert_eq!(tool.wait().unwrap().code(), Some(0));
    assert!(text.len() > 64 * 1024, "{}", text.len());
    assert_eq!(
        json(&String::from_utf8(text).unwrap())["tasks"]
            .as_array()
            .unwrap()
            .len(),
        400
    );
}

/// E5: a reader that went away changes neither the verdict nor the report.
#[test]
fn e5_a_closed_pipe_keeps_the_verdict_and_the_report() {
    let shop = with_tasks(&["exit 3", "exit 0"]);
    let mark = mark("closed");
    for flags in [&["test", "--all"][..], &TEST[..]] {
        let report = shop.cache().join("report.json");
        let report_flag = format!("json={}", report.display());
        let mut tool = start(&shop, &[flags, &["--report", &report_flag]].concat(), &mark);
        drop(tool.stdout.take());
        drop(tool.stderr.take());
        assert_eq!(tool.wait().unwrap().code(), Some(1), "{flags:?}");
        let told = json(&std::fs::read_to_string(&report).unwrap());
        assert_eq!(told["summary"]["failed"], 1);
        std::fs::remove_file(report).unwrap();
    }
}

/// E5: the exit codes that a run can have are all different.
#[test]
fn e5_exit_codes_are_distinct() {
    let shop = with_tasks(&["exit 3"]);
    let code = |flags: &[&str]| shop.affected(flags).code;
    assert_eq!(code(&["test", "--all"]), Some(1));
    assert_eq!(code(&["test", "--all", "--no-such-flag"]), Some(2));
    assert_eq!(
        code(&["test", "--base", "nowhere", "--on-unknown", "fail"]),
        Some(3)
    );
    assert_eq!(
        code(&[
            "test",
            "--files",
            "t0/file",
            "--filter",
            "none",
            "--no-tasks",
            "fail"
        ]),
        Some(4)
    );
    assert_eq!(code(&["test", "--all", "--budget", "0s"]), Some(6));
}

/// E7: with few open files and few processes less is done at once, and nothing hangs or fails.
#[test]
fn e7_few_files_and_few_processes_are_enough() {
    let lines = vec!["exit 0"; 60];
    let shop = with_tasks(&lines);
    let run = |limit: &[&str]| {
        let tool = shop.command(&[
            "test",
            "--all",
            "--no-cache",
            "-j",
            "50",
            "--format",
            "json",
        ]);
        let mut limited = Command::new("prlimit");
        limited
            .args(limit)
            .arg(tool.get_program())
            .args(tool.get_args())
            .env_clear();
        limited.envs(
            tool.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let output = limited.output().expect("prlimit(1) of util-linux starts");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            json(&String::from_utf8_lossy(&output.stdout)),
            stderr,
        )
    };
    let (code, told, stderr) = run(&["--nofile=48"]);
    assert_eq!(
        (code, &told["summary"]["passed"]),
        (Some(0), &60.into()),
        "{stderr}"
    );
    if rustix::process::geteuid().is_root() {
        // Root has no limit of processes, so take one of memory for its threads.
        let (code, told, stderr) = run(&["--as=1500000000"]);
        assert_eq!(
            (code, &told["summary"]["passed"]),
            (Some(0), &60.into()),
            "{stderr}"
        );
    }
}

/// E7: a tool that calls itself without end is refused, and says so.
#[test]
fn e7_a_tool_that_calls_itself_is_refused() {
    let shop = with_tasks(&["\"$TOOL\" -C .. test --all --no-cache"]);
    let tool = env!("CARGO_BIN_EXE_affected-under-test");
    let answer = shop.affected_with(&["-v", "test", "--all", "--no-cache"], &[("TOOL", tool)]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("cli::nested"), "{}", answer.stderr);
}

/// E9: without locale, home, terminal name or a place of its own in `PATH` a run works.
#[test]
fn e9_a_bare_environment_is_enough() {
    let shop = with_tasks(&["test -z \"$HOME$LANG$TERM\""]);
    let mut command = shop.command(&["test", "--all"]);
    let path = std::env::var_os("PATH").unwrap();
    command.env_clear().env("PATH", path);
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// E9: a checkout that belongs to somebody else works, or one message says what to do.
#[test]
fn e9_a_foreign_checkout_works_or_says_what_to_do() {
    let shop = with_tasks(&["exit 0"]);
    if !rustix::process::geteuid().is_root() {
        // Only root can give files away; then the message of git itself is what is looked at.
        let answer = shop.affected_with(
            &["test", "--all"],
            &[("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")],
        );
        assert!(matches!(answer.code, Some(0 | 2)), "{}", answer.stderr);
        return;
    }
    let status = Command::new("chown")
        .args(["-R", "54321:54321"])
        .arg(shop.path())
        .status();
    assert!(status.unwrap().success());
    let answer = shop.affected(&["test", "--all", "--no-cache"]);
    let is_refused = answer.stderr.contains("safe.directory") || answer.stderr.contains("owner");
    assert!(
        answer.code == Some(0) || (answer.code == Some(2) && is_refused),
        "{:?} {}",
        answer.code,
        answer.stderr
    );
}

/// E5, C7: events that cannot be written are told once, and change nothing.
#[test]
fn e5_events_on_a_full_disk_change_no_verdict() {
    let shop = with_tasks(&["exit 0", "exit 0"]);
    let answer = shop.affected(&["test", "--all", "--events", "/dev/full"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let told = answer.stderr.matches("not all events are written");
    assert_eq!(told.count(), 1, "{}", answer.stderr);
}

/// E5: a report that cannot be written is told, and hides neither the summary nor the verdict.
#[test]
fn e5_a_report_that_cannot_be_written_hides_nothing() {
    for (line, code) in [("exit 3", 1), ("exit 0", 2)] {
        let shop = with_tasks(&[line]);
        let answer = shop.affected(&["test", "--all", "--report", "json=/dev/full"]);
        assert_eq!(answer.code, Some(code), "{}", answer.stderr);
        assert!(
            answer.stdout.contains("1 failed") || answer.stdout.contains("1 passed"),
            "{}",
            answer.stdout
        );
        assert!(
            answer.stderr.contains("failed to write a report"),
            "{}",
            answer.stderr
        );
    }
}

/// E7: what runs below runs adds up to the places of the first one.
#[test]
fn e7_nested_runs_share_the_places_of_the_first() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let count = "touch ../now/$$; ls ../now | wc -l >> ../counts; sleep 0.05; rm ../now/$$";
    let lines = vec![count; 6 * cores];
    let inner = with_tasks(&lines);
    inner.write("now/.keep", "");
    let nested = "exec \"$TOOL\" -C \"$INNER\" test --all --no-cache -j \"$MANY\"";
    let outer = with_tasks(&[nested, nested]);
    let tool = env!("CARGO_BIN_EXE_affected-under-test");
    let many = (4 * cores).to_string();
    let inside = inner.path().to_str().unwrap();
    let answer = outer.affected_with(
        &["-v", "test", "--all", "--no-cache", "-j", "2"],
        &[("TOOL", tool), ("INNER", inside), ("MANY", &many)],
    );
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let counts = std::fs::read_to_string(inner.join("counts")).unwrap();
    let most = counts
        .lines()
        .map(|line| line.trim().parse::<usize>().unwrap())
        .max();
    assert!(
        most <= Some(cores.max(2)),
        "{most:?} at once on {cores} cores"
    );
}

/// E1: however many signals come, the end comes.
#[test]
fn e1_a_flood_of_signals_holds_nothing_up() {
    let shop = with_tasks(&["trap '' TERM; touch ready; while :; do sleep 300; done"]);
    let mark = mark("flood");
    let mut tool = start(&shop, &TEST, &mark);
    wait_for(&mut tool, || shop.join("t0/ready").exists());
    let began = Instant::now();
    while tool.try_wait().unwrap().is_none() {
        kill_process(pid(&tool), Signal::TERM).unwrap();
        assert!(began.elapsed() < Duration::from_secs(30), "it never ends");
    }
    assert_nothing_lives(&mark);
}
