//! C: the result cache, through the command line.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sandbox::{Answer, Sandbox};

/// The shop, whose tests are lines of the shell that leave a mark each time they really run.
fn shop() -> Sandbox {
    let shop = Sandbox::shop();
    let task = |name: &str, more: &str| {
        format!("[project.{name}]\ntest.unit = {{ run = \"echo {name} is fine\" }}\n{more}\n")
    };
    let mut config = String::new();
    for name in ["api", "job", "lib", "lone", "pay", "qa"] {
        config.push_str(&task(name, ""));
    }
    config.push_str(&task("web", "calls = [\"pay\"]"));
    shop.write("affected.toml", &config);
    shop.write(".gitignore", "ignored\nran\ndist\n");
    shop.commit("tasks");
    shop
}

/// A shop in which `lone` has this table for its unit tests.
fn with_task(table: &str) -> Sandbox {
    let shop = shop();
    shop.write(
        "affected.toml",
        &format!("[project.lone]\ntest.unit = {{ {table} }}\n"),
    );
    shop
}

fn test(shop: &Sandbox, more: &[&str]) -> Answer {
    let mut arguments = vec!["test", "--all", "--format", "json"];
    arguments.extend(more);
    shop.affected(&arguments)
}

/// `target outcome` of each task.
fn outcomes(run: &Value) -> Vec<String> {
    let tasks = run["tasks"].as_array().unwrap().iter();
    tasks
        .map(|task| {
            format!(
                "{} {}",
                task["target"].as_str().unwrap(),
                task["outcome"].as_str().unwrap()
            )
        })
        .collect()
}

/// Targets with this outcome, without `:test`, joined by spaces.
fn with_outcome(run: &Value, wanted: &str) -> String {
    let all = outcomes(run);
    let wanted = all
        .iter()
        .filter_map(|line| line.strip_suffix(wanted)?.trim().strip_suffix(":test"));
    wanted.collect::<Vec<_>>().join(" ")
}

/// How `lone:test` ends, first and second time.
fn twice(shop: &Sandbox) -> (String, String) {
    let once = || {
        let run = test(shop, &["--filter", "lone"]).json();
        run["tasks"][0]["outcome"].as_str().unwrap().to_owned()
    };
    (once(), once())
}

/// C2: the second run is all known; one edit makes exactly the affected ones miss, and `why --cache` says why.
#[test]
fn c2_exactly_the_affected_tasks_miss() {
    let shop = shop();
    let first = test(&shop, &[]).json();
    assert_eq!(
        with_outcome(&first, "passed"),
        "api job lib lone pay qa web"
    );
    let second = test(&shop, &[]).json();
    assert_eq!(
        with_outcome(&second, "cached"),
        "api job lib lone pay qa web",
        "{second}"
    );
    assert_eq!(second["summary"]["cached"], 7);
    assert_eq!(second["warnings"], Value::Array(Vec::new()));
    let hit = shop.affected(&["why", "--cache", "lone:test"]);
    assert!(hit.stdout.contains("is known"), "{}", hit.stdout);
    shop.write("p/api/index.js", "// changed\n");
    let why = shop.affected(&["why", "--cache", "job:test"]);
    assert_eq!(
        why.stdout,
        "`job:test` has other inputs than the last result that is known:\n  changed files of p/api\n    changed p/api/index.js\n"
    );
    assert_eq!(shop.names(&["--uncommitted"]), "api job");
    let third = test(&shop, &[]).json();
    assert_eq!(with_outcome(&third, "passed"), "api job");
    assert_eq!(with_outcome(&third, "cached"), "lib lone pay qa web");
    // Back to what it was: known again.
    shop.write("p/api/index.js", "// api\n");
    assert_eq!(
        with_outcome(&test(&shop, &[]).json(), "cached"),
        "api job lib lone pay qa web"
    );
}

/// A hit shows the log of then, and `--no-cache` runs all the same.
#[test]
fn c1_a_hit_replays_the_log() {
    let shop = with_task(r#"run = "echo marked; touch ran""#);
    assert_eq!(twice(&shop), ("passed".into(), "cached".into()));
    shop.remove("p/lone/ran");
    let shown = shop.affected(&["test", "--all", "--filter", "lone", "--verbose"]);
    assert!(
        shown.stderr.contains("marked") && shown.stdout.contains("1 known before"),
        "{}",
        shown.stdout
    );
    assert!(!shop.join("p/lone/ran").exists());
    let run = test(&shop, &["--filter", "lone", "--no-cache"]).json();
    assert_eq!(outcomes(&run), ["lone:test passed"]);
    assert!(shop.join("p/lone/ran").exists());
}

/// C3: failures, time-outs, deaths by signal and runs without tests are not kept; nor is what may talk to others.
#[test]
fn c3_only_real_passes_are_kept() {
    let cases = [
        (r#"run = "exit 3""#, "failed"),
        (r#"run = "sleep 60", timeout = "50ms""#, "timed-out"),
        (r#"run = "kill -KILL $$""#, "failed"),
        (r#"run = "echo Ran 0 tests in 0.000s""#, "passed"),
        (r#"run = "true", cache = false"#, "passed"),
    ];
    for (table, outcome) in cases {
        let shop = with_task(table);
        assert_eq!(twice(&shop), (outcome.into(), outcome.into()), "{table}");
    }
    let shop = shop();
    let config = "[project.lone]\ntest.e2e = \"true\"\ntest.integration = { run = \"true\", cache = true }\n";
    shop.write("affected.toml", config);
    let last = || {
        outcomes(
            &test(
                &shop,
                &[
                    "--filter",
                    "lone",
                    "--stage",
                    "e2e",
                    "--stage",
                    "integration",
                ],
            )
            .json(),
        )
    };
    last();
    assert_eq!(
        last(),
        ["lone:test:integration cached", "lone:test:e2e passed"]
    );
    let why = shop.affected(&["why", "--cache", "lone:test:e2e"]).stdout;
    assert!(why.contains("never kept"), "{why}");
}

/// C4: what changes its own inputs is shown, and not kept; nor is what finds a new file beside.
#[test]
fn c4_inputs_that_change_meanwhile() {
    for line in ["echo more >> index.js", "date +%N > new.txt"] {
        let shop = with_task(&format!("run = \"{line}\""));
        for _ in 0..2 {
            let run = test(&shop, &["--filter", "lone"]).json();
            assert_eq!(outcomes(&run), ["lone:test passed"]);
            assert!(
                run["warnings"][0]["message"]
                    .as_str()
                    .unwrap()
                    .contains("changed meanwhile")
            );
        }
    }
}

/// C2, S6: variables that are declared, ignored files that are declared, the command, and files that git does not
/// list all count.
#[test]
fn s6_declared_inputs_make_a_miss() {
    let table = r#"run = "cat ignored; echo $MODE", inputs = ["ignored"], env = ["MODE"]"#;
    let shop = with_task(table);
    shop.write("p/lone/ignored", "1");
    let run = |mode: &str| {
        let arguments = ["test", "--all", "--format", "json", "--filter", "lone"];
        let run = shop.affected_with(&arguments, &[("MODE", mode)]).json();
        run["tasks"][0]["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        [run("a"), run("a"), run("b"), run("b"), run("a")],
        ["passed", "cached", "passed", "cached", "cached"]
    );
    shop.write("p/lone/ignored", "2");
    assert_eq!([run("a"), run("a")], ["passed", "cached"]);
    shop.write("p/lone/.env", "X=1");
    shop.write(".gitignore", "ignored\n.env\n");
    shop.write(
        "affected.toml",
        &format!("[project.lone]\ntest.unit = {{ {table} }}\n# another comment\n"),
    );
    assert_eq!([run("a"), run("a")], ["passed", "cached"]);
    shop.write("p/lone/.env", "X=2");
    assert_eq!(run("a"), "passed");
}

/// C2, S6: a declared input without a glob is a file or all of a folder, tracked or ignored; a declared variable may be a
/// family of them, and those of languages are.
#[test]
fn c2_folders_and_families_of_variables_make_a_miss() {
    let table = r#"run = "true", inputs = ["kept", "/data/all/"], env = ["MODE_*"]"#;
    let shop = with_task(table);
    shop.write("p/lone/kept/deep/a", "1");
    shop.write(".gitignore", "kept\n");
    shop.write("data/all/deep/b", "1");
    shop.commit("data");
    let run = |variables: &[(&str, &str)]| {
        let arguments = ["test", "--all", "--format", "json", "--filter", "lone"];
        let run = shop.affected_with(&arguments, variables).json();
        run["tasks"][0]["outcome"].as_str().unwrap().to_owned()
    };
    let first = [("MODE_A", "a"), ("PYTHONOPTIMIZE", "1")];
    assert_eq!([run(&first), run(&first)], ["passed", "cached"]);
    assert_eq!(run(&[("MODE_A", "b"), first[1]]), "passed");
    assert_eq!(run(&[first[0], ("PYTHONOPTIMIZE", "2")]), "passed");
    // Who called and who is let in changes no result.
    let token = [first[0], first[1], ("CARGO_REGISTRY_TOKEN", "x")];
    assert_eq!(run(&token), "cached");
    shop.write("p/lone/kept/deep/a", "2");
    assert_eq!([run(&first), run(&first)], ["passed", "cached"]);
    shop.write("data/all/deep/b", "2");
    assert_eq!(run(&first), "passed");
    assert!(shop.names(&[]).split(' ').any(|name| name == "lone"));
}

/// C10: declared outputs come back with a hit.
#[test]
fn c10_outputs_come_back() {
    let shop = shop();
    let run = "mkdir -p dist/a && echo built > dist/a/x && echo '#!/bin/sh' > dist/run && chmod +x dist/run";
    let config =
        format!("[project.lone]\ntask.build = {{ run = {run:?}, outputs = [\"dist/**\"] }}\n");
    shop.write("affected.toml", &config);
    let build = || {
        outcomes(
            &shop
                .affected(&["run", "build", "--all", "--format", "json"])
                .json(),
        )
    };
    assert_eq!(build(), ["lone:build passed"]);
    shop.remove("p/lone/dist");
    assert_eq!(build(), ["lone:build cached"]);
    assert_eq!(
        std::fs::read_to_string(shop.join("p/lone/dist/a/x")).unwrap(),
        "built\n"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = shop
            .join("p/lone/dist/run")
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o111, 0o111);
    }
}

/// C5: killed at any moment, the store is whole and the next run right.
#[cfg(unix)]
#[test]
fn c5_killed_at_any_moment() {
    let shop = shop();
    let rounds = std::env::var("AFFECTED_TEST_KILLS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    let mut step = std::time::Duration::from_millis(3);
    for round in 0..rounds.unwrap_or(20_u64) {
        shop.write("p/lib/index.js", &format!("// {}\n", round / 3));
        let mut tool = shop.command(&["test", "--all"]);
        let mut tool = tool
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = std::time::Instant::now() + step;
        while std::time::Instant::now() < until && tool.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _ = tool.kill();
        tool.wait().unwrap();
        step = std::time::Duration::from_millis((3 + round * 7) % 250);
    }
    let verified = shop
        .affected(&["cache", "verify", "--format", "json"])
        .json();
    assert_eq!(verified["removed"], 0, "{verified}");
    let run = test(&shop, &[]).json();
    assert_eq!(run["summary"]["passed"], 7);
    assert_eq!(run["warnings"], Value::Array(Vec::new()));
    assert_eq!(test(&shop, &[]).json()["summary"]["cached"], 7);
}

/// C6: twenty processes on one cache: none torn, none lost.
#[test]
fn c6_twenty_processes_share_one_cache() {
    let shop = shop();
    let start = |_| {
        let mut command = shop.command(&["test", "--all", "--format", "json", "--jobs", "1"]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let all: Vec<_> = (0..20).map(start).collect();
    for tool in all {
        let answer = Answer::from(tool.wait_with_output().unwrap());
        assert_eq!(answer.json()["summary"]["passed"], 7);
        assert_eq!(answer.json()["warnings"], Value::Array(Vec::new()));
    }
    assert_eq!(test(&shop, &[]).json()["summary"]["cached"], 7);
    let verified = shop
        .affected(&["cache", "verify", "--format", "json"])
        .json();
    assert_eq!(
        (&verified["removed"], &verified["records"]),
        (&0.into(), &7.into())
    );
}

/// C7: no home, a place that is none, a full disk: one warning and the same verdict.
#[cfg(unix)]
#[test]
fn c7_without_a_place_the_verdict_is_the_same() {
    let shop = shop();
    let file = shop.join("file");
    std::fs::write(&file, "").unwrap();
    let arguments = ["test", "--all", "--format", "json"];
    let mut homeless = shop.command(&arguments);
    homeless.env_remove("AFFECTED_CACHE_DIR").env_remove("HOME");
    let mut nowhere = shop.command(&arguments);
    nowhere.env("AFFECTED_CACHE_DIR", file.join("x"));
    // No file may grow beyond nothing: what a full disk or a quota does to a write.
    let plain = shop.command(&arguments);
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(plain.get_program())
        .args(plain.get_args());
    full.env_clear().envs(
        plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    full.stdout(Stdio::piped()).stderr(Stdio::piped());
    for mut command in [homeless, nowhere, full] {
        let answer = Answer::from(command.output().unwrap());
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let run = answer.json();
        assert_eq!(
            (&run["summary"]["passed"], &run["summary"]["failed"]),
            (&7.into(), &0.into())
        );
        let told = run["warnings"].as_array().unwrap();
        assert_eq!(
            told.iter()
                .filter(|warning| warning["code"] == "cache")
                .count(),
            1,
            "{told:?}"
        );
    }
}

/// C12: a secret that a task prints is in no stored file.
#[test]
fn c12_no_secret_is_stored() {
    let shop = with_task(r#"run = "echo $DB_PASSWORD", env = ["DB_PASSWORD"]"#);
    let arguments = ["test", "--all", "--filter", "lone", "--verbose"];
    let secret = [("DB_PASSWORD", "correct-horse-battery")];
    shop.affected_with(&arguments, &secret);
    let again = shop.affected_with(&arguments, &secret);
    assert!(
        again.stdout.contains("1 known before") && again.stderr.contains("***"),
        "{}",
        again.stderr
    );
    for entry in walk(shop.cache()) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes
            .windows(21)
            .any(|window| window == b"correct-horse-battery");
        assert!(!found, "{}", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .flat_map(|entry| {
            if entry.path().is_dir() {
                walk(&entry.path())
            } else {
                vec![entry.path()]
            }
        })
        .collect()
}

/// The verbs of `cache`, as documents.
#[test]
fn the_cache_can_be_looked_into() {
    let shop = shop();
    let run = test(&shop, &[]).json();
    let stats = |verb: &str| shop.affected(&["cache", verb, "--format", "json"]).json();
    assert_eq!(stats("stats")["records"], 7);
    let digest = run["tasks"][0]["digest"].as_str().unwrap();
    let same = shop.affected(&[
        "cache",
        "explain",
        digest,
        run["tasks"][0]["target"].as_str().unwrap(),
    ]);
    assert_eq!(
        same.stdout, "both have the same inputs\n",
        "{}",
        same.stderr
    );
    let other = shop
        .affected(&[
            "cache",
            "explain",
            "lone:test",
            "pay:test",
            "--format",
            "json",
        ])
        .json();
    assert_eq!(other["state"], "changed");
    assert_eq!(
        shop.affected(&["cache", "explain", "nope:test", "pay:test"])
            .code,
        Some(2)
    );
    let small = [("AFFECTED_CACHE_SIZE", "1kb")];
    let left = shop
        .affected_with(&["cache", "gc", "--format", "json"], &small)
        .json();
    assert!(left["bytes"].as_u64().unwrap() <= 1024, "{left}");
}

/// S11: nobody is believed who depends on a project whose manifest cannot be read.
#[test]
fn s11_broken_manifests_are_never_known() {
    let shop = shop();
    test(&shop, &["--filter", "job"]);
    shop.write("p/api/package.json", "{ broken");
    for _ in 0..2 {
        let run = test(&shop, &["--filter", "job", "--filter", "api"]).json();
        assert_eq!(with_outcome(&run, "cached"), "", "{run}");
    }
}

/// Q6. A nightly run proves, so it takes nothing as known.
#[test]
fn q6_nightly_runs_what_is_known() {
    let shop = shop();
    test(&shop, &[]);
    let night = shop.affected(&["nightly", "--format", "json"]);
    assert_eq!(with_outcome(&night.json(), "cached"), "");
}

/// What is done in one go is only what is not known: a Maven run for several modules leaves the others out.
#[test]
fn c1_what_is_done_in_one_go_leaves_out_what_is_known() {
    use std::os::unix::fs::PermissionsExt;
    let repo = Sandbox::new();
    // Stands for Maven: notes the modules that it is given, and leaves a result for each.
    repo.write(
        "mvnw",
        "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = -pl ] && modules=$2; shift; done\necho \"$modules\" >> calls\n\
         for module in $(echo \"$modules\" | tr , ' '); do\nmkdir -p $module/target/surefire-reports\n\
         echo '<testsuite><testcase classname=\"ATest\" name=\"one\" time=\"0.01\"/></testsuite>' > $module/target/surefire-reports/TEST-ATest.xml\ndone\n",
    );
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(repo.join("mvnw"), mode).unwrap();
    let modules = ["a", "b", "c"];
    let list: String = modules
        .iter()
        .map(|name| format!("<module>{name}</module>"))
        .collect();
    let pom = |parts: &str| format!("<project><modelVersion>4.0.0</modelVersion>{parts}</project>");
    let root = "<groupId>ex</groupId><artifactId>kit</artifactId><version>1</version><packaging>pom</packaging>";
    repo.write("pom.xml", &pom(&format!("{root}<modules>{list}</modules>")));
    let parent =
        "<parent><groupId>ex</groupId><artifactId>kit</artifactId><version>1</version></parent>";
    for name in modules {
        repo.write(
            &format!("{name}/pom.xml"),
            &pom(&format!("{parent}<artifactId>{name}</artifactId>")),
        );
        repo.write(
            &format!("{name}/src/test/java/ATest.java"),
            "class ATest {}\n",
        );
    }
    repo.write(".gitignore", "target\ncalls\n");
    repo.commit("all");
    let mut calls = 0;
    let mut run = || {
        let answer = repo.affected(&["test", "--all", "--filter", "?", "--format", "json"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let text = std::fs::read_to_string(repo.join("calls")).unwrap();
        let told: Vec<String> = text.lines().skip(calls).map(str::to_owned).collect();
        calls += told.len();
        (with_outcome(&answer.json(), "cached"), told)
    };
    assert_eq!(run(), (String::new(), vec!["a,b,c".to_owned()]));
    assert_eq!(run(), ("a b c".to_owned(), Vec::new()));
    for name in ["b", "c"] {
        repo.write(
            &format!("{name}/src/test/java/ATest.java"),
            "class ATest { }\n",
        );
    }
    assert_eq!(run(), ("a".to_owned(), vec!["b,c".to_owned()]));
    repo.write("b/src/test/java/ATest.java", "class ATest {  }\n");
    assert_eq!(run(), ("a c".to_owned(), vec!["b".to_owned()]));
}
