//! `watch`: a valid stream, one answer after each save.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::{Sandbox, projects};
use crate::schema;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running watch, and what it said so far.
struct Watching {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Watching {
    fn start(shop: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = shop.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let said = String::new();
        Self { child, lines, said }
    }

    fn line(&mut self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).expect("an answer");
        self.said.push_str(&line);
        self.said.push('\n');
        line
    }

    fn event(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Waits for an answer that `wanted` accepts.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.event();
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Waits for a list that names exactly these projects.
    fn lists(&mut self, names: &str) -> Value {
        self.until(|event| event["event"] == "listed" && affected(event) == names)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if !std::thread::panicking() && self.said.contains("affected.watch/1") {
            schema::check(&self.said);
        }
    }
}

fn affected(event: &Value) -> String {
    projects(&event["list"], |project| project["affected"] == true)
}

#[test]
fn each_save_is_answered() {
    let shop = Sandbox::shop();
    shop.write(".gitignore", "out/\n");
    shop.commit("ignore");
    shop.git(&["branch", "-f", "main"]);
    let mut watch = Watching::start(&shop, &["watch"]);
    assert_eq!(watch.event()["schema"], "affected.watch/1");
    watch.lists("");

    shop.write("p/lone/index.js", "// changed\n");
    let event = watch.lists("lone");
    assert_eq!(event["paths"], serde_json::json!(["p/lone/index.js"]));
    // The same answer again is not repeated.
    shop.write("p/lone/index.js", "// changed again\n");
    let event = watch.until(|event| event["event"] != "listed");
    assert_eq!(event["event"], "unchanged");

    // New folders are watched, those that git ignores are not.
    shop.write("out/deep/file.js", "// built\n");
    shop.write("p/pay/new/deep/file.js", "// new\n");
    watch.lists("lone pay");
    shop.write("p/pay/new/deep/more.js", "// more\n");
    watch.until(|event| event["list"]["summary"]["changes"] == 3);

    shop.write("affected.toml", "[project.web]\ncals = 1\n");
    watch.until(|event| event["event"] == "failed");
    shop.git(&["checkout", "-q", "affected.toml"]);
    watch.lists("lone pay");
    // A commit is noticed, too: the default branch moves.
    shop.remove("p/pay/new");
    shop.git(&["checkout", "-q", "."]);
    watch.lists("");
}

/// Done-when: the stream is valid under 1,000 rapid saves, and the last answer knows the last save.
#[test]
fn a_thousand_rapid_saves_are_answered_in_a_valid_stream() {
    let shop = Sandbox::shop();
    let mut watch = Watching::start(&shop, &["watch", "list"]);
    watch.lists("");
    let names = ["lib", "web", "api", "job", "lone"];
    for at in 0..1_000 {
        let path = format!("p/{}/saved{}.js", names[at % names.len()], at % 10);
        shop.write(&path, &format!("// {at}\n"));
    }
    shop.write("p/pay/last.js", "// last\n");
    let last = watch.lists("api job lib lone pay qa web");
    assert!(
        last["list"]["summary"]["changes"].as_u64() > Some(10),
        "{last}"
    );
}

/// `watch test` runs what a save affects, each time as if it had been typed.
#[test]
fn saves_run_the_tests() {
    let shop = Sandbox::shop();
    let mut watch = Watching::start(&shop, &["watch", "test", "--format", "json"]);
    let first = watch.event();
    assert_eq!(first["summary"]["passed"], 0);
    shop.write("p/lone/index.js", "// changed\n");
    let began = Instant::now();
    let run = watch.event();
    assert_eq!(run["tasks"][0]["target"], "lone:test", "{run}");
    assert!(began.elapsed() < PATIENCE);
}
