//! E: execution, through the command line.

use std::os::unix::process::ExitStatusExt;

use crate::sandbox::Sandbox;

fn with_task(run: &str) -> Sandbox {
    let shop = Sandbox::shop();
    let quoted = serde_json::to_string(run).unwrap();
    shop.write(
        "affected.toml",
        &format!("[project.lone]\ntest.unit = {{ run = {quoted}, timeout = \"20s\" }}\n"),
    );
    shop
}

fn outcome(shop: &Sandbox) -> (Option<i32>, serde_json::Value) {
    let answer = shop.affected(&["test", "--filter", "lone", "--all", "--format", "json"]);
    (answer.code, answer.json()["tasks"][0].clone())
}

#[test]
fn a_passing_run_exits_0_and_tells_each_task() {
    let (code, task) = outcome(&with_task("echo fine"));
    assert_eq!((code, task["outcome"].as_str()), (Some(0), Some("passed")));
}

/// E6: exit codes and deaths by signal are failures with their cause named.
#[test]
fn e6_failures_name_their_cause() {
    let (code, task) = outcome(&with_task("exit 255"));
    assert_eq!((code, task["exit"].as_i64()), (Some(1), Some(255)));
    let (code, task) = outcome(&with_task("kill -SEGV $$"));
    assert_eq!((code, task["outcome"].as_str()), (Some(1), Some("failed")));
    assert!(
        task["cause"].as_str().unwrap().contains("SIGSEGV"),
        "{task}"
    );
}

/// E1: interrupt reaches the whole group of a task, and nothing is left behind.
#[test]
fn e1_interrupt_leaves_nothing_behind() {
    let shop = with_task("sleep 300 & echo $! > child.pid; echo ready > ready; wait");
    let mut command = shop.command(&["test", "--filter", "lone", "--all"]);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut tool = command.spawn().unwrap();
    wait_for(|| shop.join("p/lone/ready").exists());
    let child = std::fs::read_to_string(shop.join("p/lone/child.pid")).unwrap();
    interrupt(&tool, rustix::process::Signal::INT);
    let status = tool.wait().unwrap();
    assert!(
        status.code() == Some(130) || status.signal() == Some(2),
        "{status:?}"
    );
    wait_for(|| !alive(child.trim()));
}

/// E1: also if the tool itself was killed.
#[test]
fn e1_a_killed_tool_leaves_nothing_behind() {
    let shop = with_task("sleep 300 & echo $! > child.pid; echo ready > ready; wait");
    let mut command = shop.command(&["test", "--filter", "lone", "--all"]);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut tool = command.spawn().unwrap();
    wait_for(|| shop.join("p/lone/ready").exists());
    let child = std::fs::read_to_string(shop.join("p/lone/child.pid")).unwrap();
    interrupt(&tool, rustix::process::Signal::KILL);
    tool.wait().unwrap();
    wait_for(|| !alive(child.trim()));
}

fn interrupt(child: &std::process::Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Tells whether a process runs; a zombie that nobody waited for does not.
fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

fn wait_for(condition: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed().as_secs() < 15, "waited too long");
        std::thread::yield_now();
    }
}

/// The pyramid: a service's next stage starts only if its last one passed; other services go on.
#[test]
fn a_failed_stage_holds_the_next_one_back() {
    let shop = Sandbox::shop();
    shop.write(
        "affected.toml",
        "[project.lone]\ntest.smoke = \"exit 1\"\ntest.unit = \"touch ran\"\n[project.pay]\ntest.unit = \"touch ran\"\n",
    );
    let arguments = [
        "test", "--filter", "lone", "--filter", "pay", "--all", "--format", "json",
    ];
    let run = shop.affected(&arguments).json();
    let told: Vec<_> = run["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            format!(
                "{} {}",
                task["target"].as_str().unwrap(),
                task["outcome"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "lone:test:smoke failed",
            "lone:test skipped",
            "pay:test passed"
        ]
    );
    assert!(!shop.join("p/lone/ran").exists() && shop.join("p/pay/ran").exists());
}

/// Q3: retries only where asked; a pass after one is an outcome of its own, and `--flaky=fail` says no.
#[test]
fn q3_a_pass_after_a_retry_is_told_as_flaky() {
    let once = "test -e tried || { touch tried; exit 3; }";
    let flags = ["test", "--filter", "lone", "--all", "--format", "json"];
    let (code, task) = outcome(&with_task(once));
    assert_eq!((code, task["outcome"].as_str()), (Some(1), Some("failed")));
    let run = |more: &[&str]| {
        let answer = with_task(once).affected(&[&flags[..], more].concat());
        (answer.code, answer.json())
    };
    let (code, told) = run(&["--retries", "2"]);
    let task = &told["tasks"][0];
    assert_eq!((code, task["outcome"].as_str()), (Some(0), Some("flaky")));
    assert_eq!(
        (&task["attempts"], &told["summary"]["flaky"]),
        (&2.into(), &1.into())
    );
    assert_eq!(told["summary"]["passed"], 0, "never silent green");
    assert!(
        task["cause"].as_str().unwrap().contains("exit code 3"),
        "{task}"
    );
    assert_eq!(run(&["--retries", "1", "--flaky", "fail"]).0, Some(1));
}

/// E4: where the rest of a long output is, is told so that it is found from wherever the tool was called.
#[test]
fn e4_the_log_is_told_by_its_whole_path() {
    let shop = with_task("head -c 600000 /dev/zero; exit 1");
    let whole = shop.command(&[]);
    let mut command = std::process::Command::new(whole.get_program());
    command.current_dir(shop.join("p/lone")).env_clear();
    command.envs(
        whole
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command.args([
        "-C", "../..", "test", "--filter", "lone", "--all", "--format", "json",
    ]);
    let told: serde_json::Value =
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let log = std::path::Path::new(told["tasks"][0]["log"].as_str().unwrap());
    assert!(log.is_absolute(), "{told}");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 600_000);
}

/// What the run spared is told in time as soon as that is known.
#[test]
fn the_time_saved_against_running_all_is_told() {
    let shop = Sandbox::shop();
    let config =
        "[project.lone]\ntest.unit = \"sleep 0.15\"\n[project.pay]\ntest.unit = \"true\"\n";
    shop.write("affected.toml", config);
    shop.commit("tasks");
    let all = [
        "test",
        "--all",
        "--filter",
        "lone",
        "--filter",
        "pay",
        "--no-cache",
        "--format",
        "json",
    ];
    assert_eq!(shop.affected(&all).json()["summary"]["passed"], 2);
    let part = [
        "test",
        "--files",
        "p/pay/index.js",
        "--format",
        "json",
        "--no-cache",
    ];
    let summary = shop.affected(&part).json()["summary"].clone();
    assert!(summary["spared_ms"].as_u64().unwrap() >= 150, "{summary}");
    let words = shop.affected(&part[..3]).stdout;
    assert!(words.contains("other tasks were not run, 0."), "{words}");
}
