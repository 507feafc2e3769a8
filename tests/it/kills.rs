//! C5, E1, E5: the tool is killed at any moment while it runs tasks, caches and records; nothing that it said is lost,
//! nothing is damaged, and the next run is right without help.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::misbehave::assert_nothing_lives;
use crate::sandbox::Sandbox;

const PROJECTS: usize = 10;

/// Small and repeatable; Knuth's MMIX generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }
}

/// Each task copies what it was given to a folder that nobody watches, half of it before and half of it after a while.
fn shop() -> Sandbox {
    let shop = Sandbox::new();
    let mut config = String::new();
    for at in 0..PROJECTS {
        let run = format!("cp in ../out/p{at}; sleep 0.01; cat in; cat in >> ../out/p{at}");
        config.push_str(&format!(
            "[project.p{at}]\npath = \"p{at}\"\ntest.unit = {{ run = \"{run}\" }}\n"
        ));
        shop.write(&format!("p{at}/in"), "0\n");
    }
    shop.write("affected.toml", &config);
    shop.write(".gitignore", "out\n");
    shop.commit("all");
    shop.write("out/.keep", "");
    shop
}

const TEST: [&str; 6] = ["test", "--all", "-j", "4", "--format", "json"];

/// C5, C6, E1: `AFFECTED_KILLS` asks for more rounds, as `cargo xtask soak kills` does.
#[test]
fn c5_e1_killed_at_any_moment_nothing_is_lost() {
    let rounds = std::env::var("AFFECTED_KILLS").map_or(8, |rounds| rounds.parse().unwrap());
    let shop = shop();
    let began = Instant::now();
    whole_run(&shop, 0);
    let usual = u64::try_from(began.elapsed().as_micros()).unwrap();
    let mut dice = Dice(rounds);
    let mut cut = 0;
    for round in 1..=rounds {
        for _ in 0..4 {
            let project = dice.below(PROJECTS as u64);
            shop.write(&format!("p{project}/in"), &format!("{round}\n"));
        }
        let wait = Duration::from_micros(dice.below(usual * 11 / 10));
        let told = killed_after(&shop, wait, round);
        cut += usize::from(told < PROJECTS);
        let recorded = recorded(&shop);
        assert!(
            recorded >= told,
            "round {round}: {told} ends were told, {recorded} are recorded"
        );
        whole_run(&shop, round);
    }
    assert!(cut > 0, "no round was killed in time");
    // Whatever was whole at some time is still known.
    let run = shop.affected(&TEST).json();
    assert_eq!(run["summary"]["cached"], PROJECTS, "{run}");
}

/// Kills a run after a while; returns how many ends it had told.
fn killed_after(shop: &Sandbox, wait: Duration, round: u64) -> usize {
    let mark = format!("kills-{round}-{}", std::process::id());
    let mut command = shop.command(&["test", "--all", "-j", "4", "--quiet", "--events", "-"]);
    command.env("MARK", &mark).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let began = Instant::now();
    let mut tool = command.spawn().unwrap();
    while began.elapsed() < wait && tool.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let _ = tool.kill();
    let mut events = String::new();
    tool.stdout
        .take()
        .unwrap()
        .read_to_string(&mut events)
        .unwrap();
    tool.wait().unwrap();
    assert_nothing_lives(&mark);
    let lines = events
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let told = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    told.filter(|event| event["event"] == "task-finished")
        .count()
}

/// How many ends the newest run in the history has.
fn recorded(shop: &Sandbox) -> usize {
    let answer = shop.affected(&["history", "--format", "json"]);
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    let newest = &answer.json()["runs"][0];
    let counts = ["passed", "failed", "others"].iter();
    let count = |name: &&str| usize::try_from(newest[name].as_u64().unwrap()).unwrap();
    counts.map(count).sum()
}

/// A run that nobody kills: everything passes, each task has seen what is there now, and no store is damaged.
fn whole_run(shop: &Sandbox, round: u64) {
    let answer = shop.affected(&TEST);
    assert_eq!(answer.code, Some(0), "round {round}: {}", answer.stderr);
    let run = answer.json();
    assert_eq!(run["summary"]["passed"], PROJECTS, "round {round}: {run}");
    assert_eq!(run["warnings"], Value::Array(Vec::new()), "round {round}");
    let read = |path: String| std::fs::read_to_string(shop.join(&path)).unwrap();
    for at in 0..PROJECTS {
        let given = read(format!("p{at}/in"));
        assert_eq!(
            read(format!("out/p{at}")),
            given.repeat(2),
            "round {round}, p{at}"
        );
    }
    let verified = shop.affected(&["cache", "verify", "--format", "json"]);
    assert_eq!(
        verified.json()["removed"],
        0,
        "round {round}: {}",
        verified.stdout
    );
}
