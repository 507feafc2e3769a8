//! Every form of report over one run with all that is hard to write.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use affected_graph::{Command, Needs, RepoPath, Stage};

use super::*;
use crate::plan::{Action, Plan};
use crate::report::run::{AllTasks, document};
use crate::report::wire::v1;
use crate::run::{Outcome, TaskResult, Unstarted};
use crate::runner::{TestCase, TestOutcome, Tests};

fn action(project: &str, after: &[usize]) -> Action {
    Action {
        target: format!("{project}:test"),
        project: project.to_owned(),
        stage: Some(Stage::new("unit")),
        command: Command::Argv(vec!["true".to_owned()]),
        script: None,
        cwd: RepoPath::root(),
        env: BTreeMap::new(),
        timeout: None,
        needs: Needs::default(),
        expected: None,
        after: after.iter().copied().collect::<BTreeSet<_>>(),
        reasons: Vec::new(),
        units: Vec::new(),
        unproved: BTreeMap::new(),
        widened: None,
    }
}

fn result(
    action: usize,
    outcome: Outcome,
    unstarted: Option<Unstarted>,
    ms: (u64, u64),
) -> TaskResult {
    TaskResult {
        forgiven: None,
        attempts: 1,
        action,
        outcome,
        unstarted,
        exit: (outcome == Outcome::Failed).then_some(1),
        cause: (!outcome.is_success()).then(|| "a <cause> | with ``` fences".to_owned()),
        started: Duration::from_millis(ms.0),
        duration: Duration::from_millis(ms.1),
        output: b"]]> \x1b[31m\x00 \xff </system-out>\n``` a\n".to_vec(),
        log: None,
        tests: None,
    }
}

fn write(id: &str) -> String {
    let plan = Plan {
        actions: vec![
            action("a<b>", &[]),
            action("c", &[0]),
            action("d", &[]),
            action("e", &[1]),
        ],
        judged: Vec::new(),
    };
    let results = [
        result(0, Outcome::Passed, None, (0, 30)),
        result(1, Outcome::Failed, None, (30, 20)),
        result(2, Outcome::TimedOut, None, (10, 45)),
        result(3, Outcome::Skipped, Some(Unstarted::Deferred), (0, 0)),
    ];
    written(id, &plan, &results, 10)
}

/// What the form `id` writes of a run, in a repository of so many tasks.
fn written(id: &str, plan: &Plan, results: &[TaskResult], count: usize) -> String {
    let list = v1::List::default();
    let all = AllTasks {
        count,
        ..AllTasks::default()
    };
    let document = document(&list, plan, results, all, Duration::from_millis(60));
    let form = ALL.iter().find(|form| form.id() == id).unwrap();
    let mut out = Vec::new();
    let ended = Ended {
        plan,
        results,
        document: &document,
    };
    form.write(ended, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn json_has_the_critical_path_and_what_was_spared() {
    let text = write("json");
    let run: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        run["critical_path"],
        serde_json::json!(["a<b>:test", "c:test"])
    );
    assert_eq!(
        (&run["summary"]["critical_ms"], &run["summary"]["spared"]),
        (&50.into(), &6.into())
    );
    assert_eq!(
        (&run["summary"]["deferred"], &run["tasks"][1]["start"]),
        (&1.into(), &30.into())
    );
    assert!(text.ends_with("}\n") && text.lines().count() == 1);
}

/// E4. Any output gives XML that a parser accepts.
#[test]
fn e4_junit_is_well_formed() {
    let text = write("junit");
    let xml = roxmltree::Document::parse(&text).unwrap();
    let count = |name: &str| {
        xml.descendants()
            .filter(|node| node.has_tag_name(name))
            .count()
    };
    assert_eq!(
        ["testsuite", "testcase", "failure", "error", "skipped"].map(count),
        [4, 4, 1, 1, 1],
        "{text}"
    );
    assert!(text.contains("affected test --stage unit --all --filter c"));
}

/// A failure that no test tells of is one of the task, and what somebody vouches for is none.
#[test]
fn junit_tells_every_test() {
    let case = |name: &str, outcome, message: &str| TestCase {
        place: "tests/a.py".to_owned(),
        name: name.to_owned(),
        outcome,
        ms: Some(5),
        message: message.to_owned(),
    };
    let told = |cases: Vec<TestCase>, outcome, forgiven: Option<&str>| {
        let mut result = result(0, outcome, None, (0, 30));
        let mut tests = Tests::default();
        tests.extend(cases);
        result.tests = Some(tests);
        result.forgiven = forgiven.map(str::to_owned);
        let plan = Plan {
            actions: vec![action("a", &[])],
            judged: Vec::new(),
        };
        let text = written("junit", &plan, &[result], 1);
        let xml = roxmltree::Document::parse(&text).unwrap();
        let cases = xml
            .descendants()
            .filter(|node| node.has_tag_name("testcase"));
        let line = |case: roxmltree::Node<'_, '_>| {
            let kinds = case.children().filter(roxmltree::Node::is_element);
            let kinds = kinds.map(|kind| {
                let message = kind.attribute("message").unwrap_or_default();
                format!(" {} {message}", kind.tag_name().name())
            });
            let words = |name| case.attribute(name).unwrap().to_owned();
            words("classname") + " " + &words("name") + &kinds.collect::<String>()
        };
        cases.map(line).collect::<Vec<_>>()
    };
    use TestOutcome::{Failed, Passed, Skipped};
    let cases = || {
        vec![
            case("one", Passed, ""),
            case("two", Skipped, ""),
            case("three", Failed, "\n1 != 2\nat a.py:3"),
        ]
    };
    let (one, two) = ("a/tests/a.py one", "a/tests/a.py two skipped ");
    assert_eq!(
        told(cases(), Outcome::Failed, None),
        [one, two, "a/tests/a.py three failure 1 != 2"]
    );
    let three = "a/tests/a.py three skipped 1 != 2, in quarantine: ann";
    assert_eq!(
        told(cases(), Outcome::Failed, Some("ann")),
        [one, two, three]
    );
    let passed = || vec![case("one", Passed, "")];
    assert_eq!(told(passed(), Outcome::Passed, None), [one]);
    let own = "a a:test failure a <cause> | with ``` fences system-out  system-err ";
    assert_eq!(told(passed(), Outcome::Failed, None), [one, own]);
    assert_eq!(told(Vec::new(), Outcome::Passed, None), ["a a:test"]);
}

#[test]
fn markdown_cannot_be_broken_out_of() {
    let text = write("markdown");
    assert!(text.starts_with(
        "**1 passed, 2 failed, 1 skipped, 0 canceled** in 0.1s; 6 other tasks were not run.\n"
    ));
    assert!(
        text.contains("| c:test | failed | a &lt;cause&gt; \\| with ``` fences |"),
        "{text}"
    );
    assert!(text.contains("````text\n") && !text.contains('\u{1b}'));
}

#[test]
fn trace_has_a_lane_for_each_task_at_once() {
    let trace: serde_json::Value = serde_json::from_str(&write("trace")).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| format!("{} {} {}", event["name"], event["ts"], event["tid"]))
        .collect();
    assert_eq!(
        told,
        [
            "\"a<b>:test\" 0 1",
            "\"d:test\" 10000 2",
            "\"c:test\" 30000 1"
        ]
    );
}

/// One run whose every name and word is `text`, as the form `id` writes it.
fn write_hostile(id: &str, text: &str) -> String {
    let mut action = action("x", &[]);
    action.target = format!("{text}:test");
    action.project = text.to_owned();
    let plan = Plan {
        actions: vec![action],
        judged: Vec::new(),
    };
    let mut failed = result(0, Outcome::Failed, None, (0, 30));
    failed.cause = Some(text.to_owned());
    failed.output = text.as_bytes().to_vec();
    written(id, &plan, &[failed], 1)
}

#[test]
fn x3_hostile_names_are_data_in_junit() {
    for text in affected_fixtures::hostile() {
        let written = write_hostile("junit", &text);
        let xml = roxmltree::Document::parse(&written)
            .unwrap_or_else(|error| panic!("{text:?}: {error}\n{written}"));
        let names = xml.descendants().filter(roxmltree::Node::is_element);
        let names: Vec<_> = names.map(|node| node.tag_name().name()).collect();
        let expected = [
            "testsuites",
            "testsuite",
            "testcase",
            "failure",
            "system-out",
            "system-err",
        ];
        assert_eq!(names, expected, "{text:?}: {written}");
        let case = xml
            .descendants()
            .find(|node| node.has_tag_name("testcase"))
            .unwrap();
        let name = case.attribute("name").unwrap();
        // What XML cannot hold is left out or shown; all else is what it was.
        let is_plain = !text
            .chars()
            .any(|char| char.is_control() || char == '\u{202e}');
        assert!(
            !is_plain || name == format!("{text}:test"),
            "{text:?}: {name:?}"
        );
    }
}

/// A cell ends at a bar that is not escaped, and a block at a fence that is long enough.
#[test]
fn x3_hostile_names_are_data_in_markdown() {
    for text in affected_fixtures::hostile() {
        let written = write_hostile("markdown", &text);
        let row = written.lines().nth(4).unwrap();
        let bars = row
            .replace("\\\\", "")
            .replace("\\|", "")
            .matches('|')
            .count();
        assert_eq!(bars, 4, "{text:?}: {row}");
        let outside = outside_of_fences(&written);
        let known = ["<details>", "<summary>", "</summary>", "</details>"];
        let left = known
            .iter()
            .fold(outside, |left, tag| left.replace(tag, ""));
        assert!(!left.contains('<'), "{text:?}: {left}");
        assert!(!left.contains(['\u{1b}', '\0', '\r']), "{text:?}: {left}");
        assert_eq!(left.matches("](").count(), 0, "{text:?}");
    }
}

/// The lines that no fence holds.
fn outside_of_fences(markdown: &str) -> String {
    let mut open: Option<String> = None;
    let mut outside = String::new();
    for line in markdown.lines() {
        let ticks: String = line.chars().take_while(|char| *char == '`').collect();
        match &open {
            Some(fence) if line == fence => open = None,
            None if ticks.len() >= 3 => open = Some(ticks),
            None => outside.push_str(&format!("{line}\n")),
            Some(_) => {}
        }
    }
    assert!(open.is_none(), "a fence stays open: {markdown}");
    outside
}

#[test]
fn x3_hostile_names_are_data_in_json_and_traces() {
    for text in affected_fixtures::hostile() {
        for id in ["json", "trace"] {
            let written = write_hostile(id, &text);
            let value: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert!(value.is_object() && written.ends_with('\n'), "{text:?}");
        }
    }
}
