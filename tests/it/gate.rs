//! Several jobs work off one plan, and one verdict compares the plan with what was really run.

use std::process::{Child, Stdio};

use serde_json::Value;

use crate::sandbox::{Answer, Sandbox};

/// So many projects, each with one task, all changed. A task waits while a file of its project's name lies in
/// `hold`, which is no part of the repository.
struct Gate {
    repository: Sandbox,
    outside: Sandbox,
}

impl Gate {
    fn new(projects: usize) -> Self {
        let (repository, outside) = (Sandbox::new(), Sandbox::empty());
        let hold = outside.path().display().to_string();
        let mut config = String::new();
        for at in 1..=projects {
            let name = format!("p{at:02}");
            repository.write(
                &format!("{name}/package.json"),
                &format!(r#"{{"name":"{name}"}}"#),
            );
            let run = format!(
                "if [ -e {hold}/{name} ]; then echo > {hold}/started; sleep 60; fi; test ! -e fail"
            );
            config.push_str(&format!("[project.{name}]\ntest.unit = \"{run}\"\n"));
        }
        repository.write("affected.toml", &config);
        repository.commit("first");
        repository.git(&["checkout", "-q", "-b", "topic"]);
        for at in 1..=projects {
            repository.write(&format!("p{at:02}/index.js"), "// changed\n");
        }
        repository.commit("second");
        Self {
            repository,
            outside,
        }
    }

    fn file(&self, name: &str) -> String {
        self.outside.join(name).display().to_string()
    }

    fn plan(&self, more: &[&str]) -> Answer {
        let plan = self.file("plan.json");
        let mut arguments = vec!["ci", "plan", "--out", &plan];
        arguments.extend(more);
        let answer = self.repository.affected(&arguments);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer
    }

    fn start(&self, shard: usize, count: usize) -> Child {
        let (plan, report) = (self.file("plan.json"), self.file(&format!("r{shard}.json")));
        let shard = format!("{shard}/{count}");
        let arguments = [
            "test", "--plan", &plan, "--shard", &shard, "--report", &report,
        ];
        let mut command = self.repository.command(&arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn verdict(&self, reports: &[&str]) -> (Option<i32>, Value) {
        let plan = self.file("plan.json");
        let reports: Vec<_> = reports.iter().map(|name| self.file(name)).collect();
        let mut arguments = vec!["ci", "verdict", "--plan", &plan, "--format", "json"];
        arguments.extend(reports.iter().map(String::as_str));
        let answer = self.repository.affected(&arguments);
        (answer.code, answer.json())
    }
}

fn targets(list: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let all = list["tasks"].as_array().unwrap().iter();
    let wanted = all.filter(|task| wanted(task));
    wanted
        .map(|task| task["target"].as_str().unwrap().to_owned())
        .collect()
}

const REPORTS: [&str; 4] = ["r1.json", "r2.json", "r3.json", "r4.json"];

/// 40 tasks over 4 shards as 4 processes, one killed: what it did not run is named, and the verdict is no pass.
#[test]
fn a_killed_shard_fails_the_verdict_by_name() {
    let gate = Gate::new(40);
    let plan = gate.plan(&["--shards", "4"]).json();
    assert_eq!(plan["summary"]["tasks"], 40);
    let sizes: Vec<_> = plan["shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["tasks"].clone())
        .collect();
    assert_eq!(sizes, [10, 10, 10, 10]);
    let third = targets(&plan, |task| task["shard"] == 3);
    let held = third[0].split(':').next().unwrap();
    gate.outside.write(held, "");

    let mut jobs: Vec<Child> = (1..=4).map(|shard| gate.start(shard, 4)).collect();
    let began = std::time::Instant::now();
    while !gate.outside.join("started").exists() {
        assert!(began.elapsed().as_secs() < 30, "waited too long");
        std::thread::yield_now();
    }
    jobs[2].kill().unwrap();
    let codes: Vec<_> = jobs
        .iter_mut()
        .map(|job| job.wait().unwrap().code())
        .collect();
    assert_eq!(codes, [Some(0), Some(0), None, Some(0)]);

    let (code, verdict) = gate.verdict(&REPORTS);
    assert_eq!(
        (code, &verdict["verdict"]),
        (Some(5), &Value::from("incomplete"))
    );
    assert_eq!(
        targets(&verdict, |task| task["outcome"] == "not-run"),
        third
    );
    assert_eq!(verdict["summary"]["passed"], 30);
    assert_eq!(verdict["problems"][0]["code"], "report-unreadable");

    gate.outside.remove(held);
    assert!(gate.start(3, 4).wait().unwrap().success());
    let (code, verdict) = gate.verdict(&REPORTS);
    assert_eq!(
        (code, &verdict["verdict"]),
        (Some(0), &Value::from("passed"))
    );
    assert_eq!(verdict["summary"]["passed"], 40);

    let mut arguments = vec!["ci".to_owned(), "merge-reports".to_owned()];
    arguments.extend(REPORTS.map(|name| gate.file(name)));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let merged = gate.repository.affected(&arguments).json();
    assert_eq!(
        (&merged["schema"], &merged["summary"]["passed"]),
        (&Value::from("affected.run/1"), &Value::from(40))
    );
    assert_eq!(targets(&merged, |_| true), targets(&plan, |_| true));
}

/// An unaffected change passes as not needed; the list of jobs is not empty for that.
#[test]
fn not_needed_is_not_the_same_as_not_run() {
    let gate = Gate::new(3);
    let nothing = ["--base", "HEAD", "--format", "github"];
    let output = gate.plan(&nothing).stdout;
    assert_eq!(
        output,
        "has-tasks=false\nmatrix={\"include\":[{\"shard\":\"1/1\",\"tasks\":0}]}\n"
    );
    let (code, verdict) = gate.verdict(&[]);
    assert_eq!(
        (code, &verdict["verdict"]),
        (Some(0), &Value::from("not-needed"))
    );
    assert_eq!(verdict["summary"]["not_needed"], 3);
    // The one job that the list names has nothing to do, and passes.
    assert!(gate.start(1, 1).wait().unwrap().success());

    gate.plan(&[]);
    let (code, verdict) = gate.verdict(&[]);
    assert_eq!(
        (code, &verdict["verdict"]),
        (Some(5), &Value::from("incomplete"))
    );
    assert_eq!(verdict["summary"]["not_run"], 3);
}

#[test]
fn a_failure_fails_and_a_skipped_task_does_not_pass() {
    let gate = Gate::new(2);
    gate.repository.write("p01/fail", "");
    gate.repository.commit("fails");
    gate.plan(&["--shards", "1"]);
    assert_eq!(gate.start(1, 1).wait().unwrap().code(), Some(1));
    let (code, verdict) = gate.verdict(&["r1.json"]);
    assert_eq!(
        (code, &verdict["verdict"]),
        (Some(1), &Value::from("failed"))
    );

    let report = std::fs::read_to_string(gate.outside.join("r1.json")).unwrap();
    gate.outside
        .write("r1.json", &report.replace("\"failed\"", "\"skipped\""));
    assert_eq!(gate.verdict(&["r1.json"]).0, Some(5));
}

/// A plan binds two commits: it is refused elsewhere, when it was changed, and reports of another do not count.
#[test]
fn a_plan_is_bound_to_its_commits() {
    let gate = Gate::new(2);
    gate.plan(&["--shards", "1"]);
    assert!(gate.start(1, 1).wait().unwrap().success());
    let text = std::fs::read_to_string(gate.outside.join("plan.json")).unwrap();

    gate.outside
        .write("changed.json", &text.replace("p01", "p03"));
    let changed = gate.file("changed.json");
    let answer = gate
        .repository
        .affected(&["ci", "verdict", "--plan", &changed]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("was changed"), "{}", answer.stderr);

    gate.repository.write("p02/index.js", "// again\n");
    gate.repository.commit("third");
    let plan = gate.file("plan.json");
    let answer = gate.repository.affected(&["test", "--plan", &plan]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.contains("the plan is for commit"),
        "{}",
        answer.stderr
    );

    gate.plan(&["--shards", "1"]);
    let (code, verdict) = gate.verdict(&["r1.json"]);
    assert_eq!(
        (code, &verdict["problems"][0]["code"]),
        (Some(5), &Value::from("report-foreign"))
    );
}

/// Every list of jobs is what its host reads, and none is empty.
#[test]
fn job_lists_of_hosts() {
    let gate = Gate::new(3);
    let list = |format, more: &[&str]| {
        let mut arguments = vec!["--shards", "2", "--format", format];
        arguments.extend(more);
        gate.plan(&arguments).stdout
    };
    let nothing = ["--base", "HEAD"];

    let child: Value = serde_json::from_str(&list("gitlab", &[])).unwrap();
    assert_eq!(child["stages"], serde_json::json!(["test", "verdict"]));
    assert!(
        child["affected 2/2"]["script"][0]
            .as_str()
            .unwrap()
            .contains("--shard 2/2")
    );
    assert_eq!(child["affected verdict"]["when"], "always");
    let child: Value = serde_json::from_str(&list("gitlab", &nothing)).unwrap();
    assert!(
        child["affected verdict"]["script"][0]
            .as_str()
            .unwrap()
            .starts_with("affected ci verdict")
    );

    let steps: Value = serde_json::from_str(&list("buildkite", &[])).unwrap();
    assert_eq!(steps["steps"].as_array().unwrap().len(), 3);
    assert_eq!(
        steps["steps"][2]["depends_on"],
        serde_json::json!(["affected-1", "affected-2"])
    );
    assert_eq!(steps["steps"][2]["allow_dependency_failure"], true);
    let steps: Value = serde_json::from_str(&list("buildkite", &nothing)).unwrap();
    assert_eq!(steps["steps"].as_array().unwrap().len(), 1);

    let azure = list("azure", &[]);
    let (flag, matrix) = azure.split_once('\n').unwrap();
    assert_eq!(
        flag,
        "##vso[task.setvariable variable=hasTasks;isOutput=true]true"
    );
    let legs: Value = serde_json::from_str(matrix.split_once(']').unwrap().1).unwrap();
    assert_eq!(legs["shard_2"]["shard"], "2/2");
    assert!(list("azure", &nothing).contains("hasTasks;isOutput=true]false"));

    assert_eq!(list("jenkins", &[]), "1/2\n2/2\n");
    assert_eq!(list("jenkins", &nothing), "1/2\n");
}

/// Times of earlier runs balance the jobs.
#[test]
fn earlier_reports_balance_the_jobs() {
    let gate = Gate::new(4);
    gate.plan(&["--shards", "1"]);
    assert!(gate.start(1, 1).wait().unwrap().success());
    let path = gate.outside.join("r1.json");
    let mut report: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for task in report["tasks"].as_array_mut().unwrap() {
        task["ms"] = Value::from(if task["project"] == "p01" { 900 } else { 300 });
    }
    gate.outside.write("r1.json", &report.to_string());
    let plan = gate
        .plan(&["--shards", "2", "--timings", &gate.file("r1.json")])
        .json();
    assert_eq!(
        plan["shards"],
        serde_json::json!([
            { "index": 1, "tasks": 1, "ms": 900 },
            { "index": 2, "tasks": 3, "ms": 900 },
        ])
    );
}
