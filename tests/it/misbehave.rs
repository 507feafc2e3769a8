//! E: tasks that misbehave. A table of lines of the shell, all run at once by the real binary; each gets its verdict,
//! nothing of them is left, and the memory of the tool does not grow with them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::Sandbox;

/// How a task misbehaves, and what is to become of it.
struct Kind {
    /// The line of the list of behaviours that it is about, then its own name.
    name: &'static str,
    /// For the shell; `$MARK` is unique to the test, `$TOOL` is the binary, `$FLOOD` the number of bytes of a large output.
    run: &'static str,
    /// Its outcome, and with what its cause begins.
    ends: (&'static str, &'static str),
    /// Part of a warning about it.
    warns: &'static str,
}

const fn kind(
    name: &'static str,
    run: &'static str,
    ends: (&'static str, &'static str),
    warns: &'static str,
) -> Kind {
    Kind {
        name,
        run,
        ends,
        warns,
    }
}

const PASSED: (&str, &str) = ("passed", "");
const TIMED_OUT: (&str, &str) = ("timed-out", "timed out after 1s");
const BACKGROUND: &str = "left processes running in the background";
const OUTSIDE: &str = "outside its group";

/// Those that end, or do not, in the presence of signals and of processes that stay behind.
const LIVING: [Kind; 24] = [
    kind(
        "e1-ignores-sigterm",
        "trap '' TERM; while :; do sleep 300; done",
        TIMED_OUT,
        "",
    ),
    kind(
        "e1-grandchildren-ignore-sigterm",
        "(trap '' TERM; (sleep 300; sleep 300) & sleep 300; sleep 300) & wait",
        TIMED_OUT,
        "",
    ),
    kind(
        "e1-double-fork",
        "(sh -c 'sleep 300 </dev/null >/dev/null 2>&1 &')",
        PASSED,
        BACKGROUND,
    ),
    kind("e1-new-session", "setsid -f sleep 300", PASSED, OUTSIDE),
    kind(
        "e1-daemon",
        "setsid -f sleep 300 </dev/null >/dev/null 2>&1",
        PASSED,
        OUTSIDE,
    ),
    kind(
        "e1-daemon-without-environment",
        "setsid -f env -i sh -c 'sleep 300; :' \"$MARK\" </dev/null >/dev/null 2>&1",
        PASSED,
        "",
    ),
    kind(
        "e1-daemon-ignores-sigterm",
        "setsid -f sh -c 'trap \"\" TERM; while :; do sleep 300; done' >/dev/null 2>&1",
        PASSED,
        OUTSIDE,
    ),
    kind(
        "e1-daemon-starts-another-when-ended",
        "setsid -f sh -c 'trap \"setsid -f sleep 300; exit\" TERM; sleep 300 & wait' >/dev/null 2>&1",
        PASSED,
        OUTSIDE,
    ),
    kind(
        "e1-group-of-its-own",
        "perl -e 'setpgrp(0, 0); exec @ARGV' sleep 300 >/dev/null 2>&1 &",
        PASSED,
        "left ",
    ),
    kind(
        "e1-kills-its-group",
        "sleep 300 & kill -KILL 0",
        ("failed", "killed by SIGKILL (9)"),
        "",
    ),
    kind(
        "e1-many-children",
        "i=0; while [ $i -lt 60 ]; do sleep 300 & i=$((i+1)); done",
        PASSED,
        BACKGROUND,
    ),
    kind(
        "e1-ignores-hangup",
        "nohup sleep 300 >/dev/null 2>&1 &",
        PASSED,
        BACKGROUND,
    ),
    kind(
        "e1-leader-goes-first",
        "(trap '' TERM; exec sleep 300) & exit 0",
        PASSED,
        BACKGROUND,
    ),
    kind(
        "e1-leaves-a-stopped-child",
        "sleep 300 & kill -STOP $!; exit 0",
        PASSED,
        BACKGROUND,
    ),
    kind(
        "e2-stops-itself",
        "kill -STOP $$",
        TIMED_OUT,
        "was stopped by a signal for a while",
    ),
    kind("e3-hangs", "exec sleep 300", TIMED_OUT, ""),
    kind(
        "e3-hangs-with-grandchildren",
        "sh -c 'sleep 300 & sleep 300; :' & wait",
        TIMED_OUT,
        "",
    ),
    kind(
        "e3-says-0-when-ended",
        "trap 'exit 0' TERM; while :; do sleep 0.05; done",
        TIMED_OUT,
        "",
    ),
    kind(
        "e3-closes-its-output-and-hangs",
        "exec >&- 2>&-; sleep 300",
        TIMED_OUT,
        "",
    ),
    kind(
        "e3-hangs-and-left-a-daemon",
        "setsid -f sleep 300; sleep 300",
        TIMED_OUT,
        OUTSIDE,
    ),
    kind(
        "e3-floods-for-ever",
        "while :; do head -c 65536 /dev/zero; sleep 0.01; done",
        TIMED_OUT,
        "",
    ),
    kind(
        "e3-exits-and-a-child-still-writes",
        "(while :; do echo more; sleep 0.01; done) & exit 0",
        PASSED,
        BACKGROUND,
    ),
    kind(
        "e6-fails-and-leaves-children",
        "sleep 300 & exit 3",
        ("failed", "exit code 3"),
        BACKGROUND,
    ),
    kind(
        "e7-zombies",
        "i=0; while [ $i -lt 50 ]; do : & i=$((i+1)); done; exec sleep 0.1",
        PASSED,
        "",
    ),
];

/// Those whose end needs a name.
const ENDING: [Kind; 22] = [
    kind("e6-exit-1", "exit 1", ("failed", "exit code 1"), ""),
    kind("e6-exit-255", "exit 255", ("failed", "exit code 255"), ""),
    kind(
        "e6-no-such-command",
        "no-such-command",
        ("failed", "exit code 127"),
        "",
    ),
    kind(
        "e6-not-executable",
        "./file",
        ("failed", "exit code 126"),
        "",
    ),
    kind(
        "e6-segmentation-fault",
        "ulimit -c unlimited; kill -SEGV $$",
        ("failed", "killed by SIGSEGV (11)"),
        "",
    ),
    kind(
        "e6-abort",
        "kill -ABRT $$",
        ("failed", "killed by SIGABRT (6)"),
        "",
    ),
    kind(
        "e6-quit",
        "kill -QUIT $$",
        ("failed", "killed by SIGQUIT (3)"),
        "",
    ),
    kind(
        "e6-bus-error",
        "kill -BUS $$",
        ("failed", "killed by SIGBUS (7)"),
        "",
    ),
    kind(
        "e6-terminates-itself",
        "kill -TERM $$",
        ("failed", "killed by SIGTERM (15)"),
        "",
    ),
    kind(
        "e6-killed",
        "kill -KILL $$",
        (
            "failed",
            "killed by SIGKILL (9), perhaps for lack of memory",
        ),
        "",
    ),
    kind(
        "e6-hangup",
        "kill -HUP $$",
        ("failed", "killed by SIGHUP (1)"),
        "",
    ),
    kind(
        "e6-real-time-signal",
        "kill -40 $$",
        ("failed", "killed by signal 40 (40)"),
        "",
    ),
    kind(
        "e6-child-killed",
        "sh -c 'kill -KILL $$'",
        ("failed", "exit code 137"),
        "",
    ),
    kind(
        "e6-missing-interpreter",
        "printf '#!/no/such/interpreter\\n' > run.sh; chmod +x run.sh; ./run.sh",
        ("failed", "exit code 127"),
        "",
    ),
    kind(
        "e6-too-little-memory",
        "ulimit -v 60000; tail -n 1 /dev/zero",
        ("failed", "exit code 1"),
        "",
    ),
    kind(
        "e6-too-large-a-file",
        "ulimit -f 1; head -c 1000000 /dev/zero > big",
        ("failed", "exit code"),
        "",
    ),
    kind(
        "e6-interrupted-inside",
        "kill -INT $$",
        ("failed", "killed by SIGINT (2)"),
        "",
    ),
    kind(
        "e7-no-more-processes",
        "run='sleep 0 & sleep 0; true | true'; if [ \"$(id -u)\" = 0 ]; then user='setpriv --reuid=54321 --regid=54321 --clear-groups'; fi; exec prlimit --nproc=1 $user sh -c \"$run\"",
        ("failed", "exit code"),
        "",
    ),
    kind(
        "e7-no-more-files",
        "ulimit -n 3; cat file",
        ("failed", "exit code"),
        "",
    ),
    kind(
        "e7-calls-itself",
        "exec \"$TOOL\" -C ../.. test --all --filter e7-calls-itself --no-cache",
        ("failed", "exit code"),
        "",
    ),
    kind(
        "e8-looks-for-secrets-and-hooks",
        "test -z \"$AFFECTED_TOKEN$AFFECTED_CACHE_KEY$GIT_PREFIX\"",
        PASSED,
        "",
    ),
    kind(
        "e9-deletes-its-folder",
        "gone=$PWD; cd ..; rm -rf \"$gone\"; cd \"$gone\" 2>/dev/null; exit 0",
        PASSED,
        "",
    ),
];

/// Those that write, or read, what nobody expects.
const WRITING: [Kind; 18] = [
    kind(
        "e2-reads-its-input",
        "cat; read line || exit 0; exit 1",
        PASSED,
        "",
    ),
    kind(
        "e2-writes-to-the-terminal",
        "(exec 3<>/dev/tty) 2>/dev/null; exit 0",
        PASSED,
        "",
    ),
    kind("e4-flood", "head -c $FLOOD /dev/zero", PASSED, ""),
    kind(
        "e4-flood-of-lines",
        "yes 'all work and no play' | head -c $FLOOD",
        PASSED,
        "",
    ),
    kind(
        "e4-flood-on-both",
        "head -c 30000000 /dev/zero >&2 & head -c 30000000 /dev/zero; wait",
        PASSED,
        "",
    ),
    kind(
        "e4-flood-and-failure",
        "head -c 30000000 /dev/zero; exit 7",
        ("failed", "exit code 7"),
        "",
    ),
    kind(
        "e4-flood-of-escapes",
        "yes \"$(printf '\\033[2J\\033]0;title\\007\\033c')\" | head -c 10000000; exit 1",
        ("failed", "exit code 1"),
        "",
    ),
    kind(
        "e4-takes-the-screen",
        "printf '\\033[?1049h\\033[?25l\\033[31mred'; exit 1",
        ("failed", "exit code 1"),
        "",
    ),
    kind(
        "e4-no-newline",
        "printf 'no newline'; exit 1",
        ("failed", "exit code 1"),
        "",
    ),
    kind(
        "e4-nul",
        "printf 'a\\0b\\0'; exit 1",
        ("failed", "exit code 1"),
        "",
    ),
    kind(
        "e4-invalid-utf-8",
        "printf '\\377\\376\\303'; exit 1",
        ("failed", "exit code 1"),
        "",
    ),
    kind(
        "e4-carriage-returns",
        "i=0; while [ $i -lt 5000 ]; do printf '\\r%s' $i; i=$((i+1)); done",
        PASSED,
        "",
    ),
    kind(
        "e4-byte-by-byte",
        "dd if=/dev/zero bs=1 count=20000 2>/dev/null",
        PASSED,
        "",
    ),
    kind(
        "e4-line-without-end",
        "head -c 20000000 /dev/zero | tr '\\0' x",
        PASSED,
        "",
    ),
    kind(
        "e4-closed-pipe",
        "(yes; echo $? > code) | head -n 1; test \"$(cat code)\" = 141",
        PASSED,
        "",
    ),
    kind(
        "e4-closes-its-output",
        "exec >&- 2>&-; echo unheard; exit 0",
        PASSED,
        "",
    ),
    kind(
        "e4-a-child-writes-after-the-end",
        "setsid -f sh -c 'while :; do echo late; sleep 0.01; done'",
        PASSED,
        OUTSIDE,
    ),
    kind(
        "e4-slow",
        "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done",
        PASSED,
        "",
    ),
];

/// What the tool may need beyond a run of tasks that do nothing.
const GROWTH_KIB: u64 = 64 * 1024;

/// E1 to E9: more than sixty kinds at once; right verdicts, the right warnings, nothing alive 5 s later, bounded memory.
#[test]
fn e1_to_e9_each_misbehaviour_has_its_verdict_and_leaves_nothing() {
    let kinds: Vec<&Kind> = LIVING.iter().chain(&ENDING).chain(&WRITING).collect();
    let shop = shop(kinds.iter().map(|kind| {
        // A busy machine is no reason to time out.
        let patience = if kind.ends == TIMED_OUT { "1s" } else { "60s" };
        (kind.name, kind.run, patience)
    }));
    let told = run(&shop, "all");
    let mut wrong = Vec::new();
    for kind in &kinds {
        let Some(task) = told.tasks.get(kind.name) else {
            wrong.push(format!("{}: no end was told", kind.name));
            continue;
        };
        let cause = task["cause"].as_str().unwrap_or_default();
        let (outcome, begins) = kind.ends;
        if task["outcome"] != outcome || !cause.starts_with(begins) {
            wrong.push(format!("{}: {} ({cause})", kind.name, task["outcome"]));
        }
        let about = format!("`{}:test`", kind.name);
        let about: Vec<&String> = told
            .warnings
            .iter()
            .filter(|w| w.contains(&about))
            .collect();
        let is_warned = about.iter().any(|warning| warning.contains(kind.warns));
        // What has left its group may be found early or late; more words than expected are wrong elsewhere.
        if !kind.warns.is_empty() && !is_warned || kind.warns.is_empty() && !about.is_empty() {
            wrong.push(format!("{}: warned {about:?}", kind.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let words = ["pass ", "FAIL ", "TIME "];
    let ends = told
        .stderr
        .lines()
        .filter(|line| line.contains(":test") && words.iter().any(|word| line.starts_with(word)))
        // This one shows what it was told by a run of its own.
        .filter(|line| !line.contains("e7-calls-itself"));
    assert_eq!(
        ends.count(),
        kinds.len() - 1,
        "E4: each end has a line of its own"
    );
    assert_eq!(told.code, Some(1));
    assert_nothing_lives(&told.mark);
    let plain = shop_of_nothing(kinds.len());
    let usual = run(&plain, "none");
    assert_eq!(usual.code, Some(0), "{}", usual.stderr);
    let growth = told.peak_kib.saturating_sub(usual.peak_kib);
    assert!(
        usual.peak_kib > 0 && growth <= GROWTH_KIB,
        "{} KiB beside {} KiB of a run of nothing",
        told.peak_kib,
        usual.peak_kib
    );
    assert!(
        !told.stderr.contains('\x1b') && !told.stderr.contains('\0'),
        "E4: what tasks write does not drive the terminal"
    );
}

fn shop_of_nothing(count: usize) -> Sandbox {
    let names: Vec<String> = (0..count).map(|at| format!("e7-nothing-{at}")).collect();
    shop(names.iter().map(|name| (name.as_str(), ":", "60s")))
}

/// A repository with a project for each name, whose unit tests are this line of the shell and may take so long.
fn shop<'k>(kinds: impl Iterator<Item = (&'k str, &'k str, &'k str)>) -> Sandbox {
    let shop = Sandbox::new();
    let mut config = String::new();
    for (name, run, patience) in kinds {
        let line = serde_json::to_string(run).unwrap();
        config.push_str(&format!(
            "[project.{name}]\npath = \"k/{name}\"\ntest.unit = {{ run = {line}, timeout = \"{patience}\" }}\n"
        ));
        shop.write(&format!("k/{name}/file"), "text\n");
    }
    shop.write("affected.toml", &config);
    shop.commit("all");
    shop
}

/// What a run told.
struct Told {
    code: Option<i32>,
    tasks: BTreeMap<String, Value>,
    warnings: BTreeSet<String>,
    stderr: String,
    /// In the environment of each of its processes, or in their arguments.
    mark: String,
    /// The most memory that the tool had at the end of a task.
    peak_kib: u64,
}

fn run(shop: &Sandbox, name: &str) -> Told {
    let mark = format!("misbehave-{name}-{}", std::process::id());
    let flood: u64 = std::env::var("AFFECTED_FLOOD_MIB").map_or(200, |mib| mib.parse().unwrap());
    let events = shop.cache().join("events");
    let mut command = shop.command(&["-v", "test", "--all", "-j", "24", "--events"]);
    command.arg(&events);
    command
        .env("MARK", &mark)
        .env("TOOL", env!("CARGO_BIN_EXE_affected-under-test"))
        .env("FLOOD", (flood << 20).to_string())
        .envs(["AFFECTED_TOKEN", "AFFECTED_CACHE_KEY", "GIT_PREFIX"].map(|name| (name, "secret")))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tool = command.spawn().unwrap();
    let mut summary = tool.stdout.take().unwrap();
    let lines = BufReader::new(tool.stderr.take().unwrap());
    let status = format!("/proc/{}/status", tool.id());
    let summary = std::thread::spawn(move || summary.read_to_end(&mut Vec::new()));
    let (mut peak_kib, mut stderr) = (0, String::new());
    for line in lines.split(b'\n') {
        peak_kib = peak_kib.max(high_water(&status));
        stderr.push_str(&String::from_utf8_lossy(&line.unwrap()));
        stderr.push('\n');
    }
    let code = tool.wait().unwrap().code();
    summary.join().unwrap().unwrap();
    let (mut tasks, mut warnings) = (BTreeMap::new(), BTreeSet::new());
    for line in std::fs::read_to_string(events).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        match event["event"].as_str() {
            Some("task-finished") => {
                let project = event["project"].as_str().unwrap().to_owned();
                assert!(tasks.insert(project, event).is_none(), "one end each");
            }
            Some("warning") => {
                warnings.insert(event["message"].as_str().unwrap().to_owned());
            }
            _ => {}
        }
    }
    Told {
        code,
        tasks,
        warnings,
        stderr,
        mark,
        peak_kib,
    }
}

/// `VmHWM` of `/proc/PID/status`; 0 where there is none.
fn high_water(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok())
        .unwrap_or(0)
}

/// E1: 5 s after the tool has ended none of its processes runs.
pub(crate) fn assert_nothing_lives(mark: &str) {
    let began = Instant::now();
    loop {
        let alive = alive(mark);
        if alive.is_empty() {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{alive:?}");
        std::thread::yield_now();
    }
}

/// Command lines of the running processes that have the mark in their environment or arguments.
fn alive(mark: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let command = |folder: std::path::PathBuf| {
        let read = |name: &str| std::fs::read(folder.join(name)).ok();
        let stat = String::from_utf8_lossy(&read("stat")?).into_owned();
        let state = stat.rsplit(')').next()?.trim_start().chars().next()?;
        let line = read("cmdline")?;
        let has = |bytes: &[u8]| {
            bytes
                .windows(mark.len())
                .any(|part| part == mark.as_bytes())
        };
        let is_ours = has(&line) || has(&read("environ")?);
        (is_ours && !matches!(state, 'Z' | 'X'))
            .then(|| String::from_utf8_lossy(&line).replace('\0', " "))
    };
    processes
        .filter_map(|entry| command(entry.path()))
        .collect()
}
