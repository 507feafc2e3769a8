//! What is kept between runs only saves time: facts of files and inventories of trees, below git's common folder.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

/// Several languages, so that sources, manifests and lockfiles all say something.
fn mixed() -> Sandbox {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    shop.write("rs/Cargo.toml", "[workspace]\nmembers = [\"*\"]\n");
    for (name, rest) in [
        ("one", ""),
        ("two", "[dependencies]\none = { path = \"../one\" }\n"),
    ] {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}");
        shop.write(&format!("rs/{name}/Cargo.toml"), &manifest);
        shop.write(&format!("rs/{name}/src/lib.rs"), "// source\n");
    }
    shop.write("data/a.txt", "a\n");
    shop.write("go/a/go.mod", "module a\n\ngo 1.22\n\nreplace b => ../b\n");
    shop.write("go/a/a.go", "package a\n");
    shop.write("go/b/go.mod", "module b\n\ngo 1.22\n");
    shop.write("go/b/b.go", "package b\n");
    shop.commit("mixed");
    shop.git(&["checkout", "-q", "-B", "topic"]);
    shop
}

const QUESTIONS: &[&[&str]] = &[
    &["list", "--format", "json"],
    &["list", "--format", "json", "--head", "HEAD"],
    &["list", "--format", "json", "--staged"],
    &["list", "--format", "json", "--uncommitted"],
    &["list", "--format", "json", "--all"],
    &["list", "--format", "json", "--files", "rs/one/src/lib.rs"],
];

fn answers(shop: &Sandbox) -> Vec<String> {
    let ask = |question: &&[&str]| {
        let answer = shop.affected(question);
        assert_eq!(answer.code, Some(0), "{question:?}: {}", answer.stderr);
        answer.stdout
    };
    QUESTIONS.iter().map(ask).collect()
}

/// S16: with all that earlier states left behind the answers are those of a first run.
#[test]
fn s16_what_is_kept_changes_no_answer() {
    let shop = mixed();
    let steps: &[(&str, &dyn Fn())] = &[
        ("nothing", &|| {}),
        ("a comment", &|| {
            shop.write("rs/one/src/lib.rs", "// other\n");
        }),
        ("an include", &|| {
            shop.write(
                "rs/one/src/lib.rs",
                "const A: &str = include_str!(\"../../../data/a.txt\");\n",
            );
        }),
        ("what is included", &|| shop.write("data/a.txt", "b\n")),
        ("staged", &|| drop(shop.git(&["add", "-A"]))),
        ("committed", &|| drop(shop.commit("one"))),
        ("an import", &|| {
            shop.write("go/a/a.go", "package a\n\nimport _ \"b\"\n");
        }),
        ("a dependency", &|| {
            shop.write(
                "p/lone/package.json",
                r#"{"name":"lone","dependencies":{"lib":"*"}}"#,
            );
        }),
        ("a new file", &|| shop.write("p/lone/new.js", "")),
        ("a new project", &|| {
            shop.write("p/fresh/package.json", r#"{"name":"fresh"}"#);
        }),
        ("committed again", &|| drop(shop.commit("two"))),
        ("configuration", &|| {
            shop.write("affected.toml", "[project.lone]\ncalls = [\"web\"]\n");
        }),
        ("configuration of a project", &|| {
            shop.write("p/api/affected.toml", "inputs = [\"../../data/**\"]\n");
        }),
        ("a rename", &|| {
            drop(shop.git(&["mv", "rs/two", "rs/three"]));
        }),
        ("a project deleted", &|| shop.remove("p/qa")),
        ("all committed", &|| drop(shop.commit("three"))),
        ("a broken manifest", &|| {
            shop.write("p/pay/package.json", "{");
        }),
        ("back", &|| {
            drop(shop.git(&["checkout", "-q", "-f", "main"]));
        }),
        ("forth", &|| drop(shop.git(&["checkout", "-q", "topic"]))),
    ];
    for (what, step) in steps {
        step();
        let warm = [answers(&shop), answers(&shop)];
        let kept = shop.join(".git/affected");
        let aside = shop.join(".git/aside");
        std::fs::rename(&kept, &aside).unwrap();
        let cold = answers(&shop);
        assert_eq!(warm[0], cold, "{what}");
        assert_eq!(warm[1], cold, "{what}, once more");
        std::fs::remove_dir_all(&kept).unwrap();
        std::fs::rename(&aside, &kept).unwrap();
    }
}

/// C6: eight processes that start with nothing and all want to keep what they find.
#[test]
fn c6_processes_share_what_is_kept() {
    let shop = mixed();
    shop.write("rs/one/src/lib.rs", "// other\n");
    let wanted = shop.affected(QUESTIONS[0]).stdout;
    for _ in 0..4 {
        std::fs::remove_dir_all(shop.join(".git/affected")).unwrap();
        let start = || shop.command(QUESTIONS[0]).stdout(Stdio::piped()).spawn();
        let running: Vec<_> = (0..8).map(|_| start().unwrap()).collect();
        for process in running {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success());
            assert_eq!(String::from_utf8(output.stdout).unwrap(), wanted);
        }
        assert_eq!(shop.affected(QUESTIONS[0]).stdout, wanted);
    }
}

/// C5: killed at any moment, the next run answers as ever.
#[test]
fn c5_a_kill_leaves_nothing_that_misleads() {
    let shop = mixed();
    shop.write("rs/one/src/lib.rs", "// other\n");
    let began = Instant::now();
    let wanted = shop.affected(QUESTIONS[0]).stdout;
    let whole = began.elapsed();
    for round in 0..200_u32 {
        if round % 4 == 0 {
            std::fs::remove_dir_all(shop.join(".git/affected")).unwrap_or_default();
        }
        let mut process = shop
            .command(QUESTIONS[0])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Moments spread over a whole run, in an order that does not follow the rounds.
        let moment = whole * (round * 73 % 200) / 200;
        busy(moment);
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(shop.affected(QUESTIONS[0]).stdout, wanted, "round {round}");
    }
}

fn busy(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// C7: a store that cannot be written, or holds rubbish, costs time only.
#[test]
fn c7_rubbish_and_places_that_cannot_be_written_are_survived() {
    let shop = mixed();
    shop.write("rs/one/src/lib.rs", "// other\n");
    let wanted = shop.affected(QUESTIONS[0]).stdout;
    let kept = shop.join(".git/affected");
    for folder in [kept.clone(), kept.join("graphs")] {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_file() {
                let mut bytes = std::fs::read(entry.path()).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(entry.path(), bytes).unwrap();
            }
        }
    }
    assert_eq!(shop.affected(QUESTIONS[0]).stdout, wanted);
    std::fs::remove_dir_all(&kept).unwrap();
    std::fs::write(&kept, "not a folder").unwrap();
    let answer = shop.affected(QUESTIONS[0]);
    assert_eq!((answer.stdout, answer.code), (wanted, Some(0)));
}

#[test]
fn timings_name_every_stage_and_leave_the_answer_alone() {
    let shop = mixed();
    shop.write("p/lib/index.js", "changed\n");
    let plain = shop.affected(&["list", "--format", "json"]);
    let timed = shop.affected(&["list", "--format", "json", "--timings"]);
    assert_eq!((timed.code, &timed.stdout), (Some(0), &plain.stdout));
    let names: Vec<_> = timed
        .stderr
        .lines()
        .filter_map(|line| line.strip_suffix(" ms")?.split_whitespace().next())
        .collect();
    let stages = [
        "open", "index", "facts", "graph", "diff", "select", "narrow", "print", "sum",
    ];
    assert_eq!(names, stages);
}
