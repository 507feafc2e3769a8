//! `tests`: what an editor shows, and runs of one test by its id.

use serde_json::Value;

use crate::sandbox::Sandbox;

/// `web` has two test files of node's own runner, of which one imports what changes.
fn shop() -> Sandbox {
    let shop = Sandbox::shop();
    shop.write(
        "p/web/package.json",
        r#"{"name":"web","type":"module","scripts":{"test":"node --test"}}"#,
    );
    shop.write("p/web/index.js", "export const x = 1;\n");
    shop.write("p/web/other.js", "export const y = 1;\n");
    for (name, from) in [("a", "index"), ("b", "other")] {
        let text = format!(
            "import test from 'node:test';\nimport './{from}.js';\ntest('{name}', () => {{}});\n"
        );
        shop.write(&format!("p/web/{name}.test.js"), &text);
    }
    shop.commit("tests of web");
    shop.git(&["branch", "-f", "main"]);
    shop.write("p/web/index.js", "export const x = 2;\n");
    shop
}

fn parts(tests: &Value) -> Vec<String> {
    let services = tests["services"].as_array().unwrap();
    let web = services
        .iter()
        .find(|service| service["name"] == "web")
        .unwrap();
    let parts = web["stages"][0]["tasks"][0]["parts"].as_array().unwrap();
    let told = parts.iter().map(|part| {
        let text = |name: &str| part[name].as_str().unwrap().to_owned();
        format!("{} {} {}", text("id"), text("file"), part["selected"])
    });
    told.collect()
}

#[test]
fn an_editor_gets_every_test_with_its_id() {
    let shop = shop();
    let answer = shop.affected(&["tests", "--format", "json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let tests = answer.json();
    assert_eq!(
        parts(&tests),
        [
            "web:test#a.test.js p/web/a.test.js true",
            "web:test#b.test.js p/web/b.test.js false"
        ]
    );
    assert_eq!(tests["summary"]["tasks"], 8, "{tests}");
    let ids = shop.affected(&["tests", "--format", "names"]).stdout;
    assert_eq!(ids, "web:test#a.test.js\n");
    let shown = shop.affected(&["tests"]).stdout;
    assert!(
        shown.contains("1 of 8 test tasks selected, 4 parts known"),
        "{shown}"
    );
}

fn targets(answer: &crate::sandbox::Answer) -> String {
    let json = answer.json();
    let tasks = json["tasks"].as_array().unwrap().clone();
    let told = tasks.iter().map(|task| {
        format!(
            "{} {} {}",
            task["target"], task["outcome"], task["tests"]["passed"]
        )
    });
    told.collect::<Vec<_>>().join(", ").replace('"', "")
}

#[test]
fn one_test_is_run_by_its_id_whatever_changed() {
    let shop = shop();
    let run = |ids: &[&str]| {
        let mut arguments = vec!["test", "--format", "json"];
        arguments.extend(ids.iter().flat_map(|id| ["--id", id]));
        let answer = shop.affected(&arguments);
        (answer.code, answer)
    };
    let (code, answer) = run(&["lone:test"]);
    assert_eq!(
        (code, targets(&answer).as_str()),
        (Some(0), "lone:test passed null")
    );
    let (code, answer) = run(&["web:test#b.test.js"]);
    assert_eq!(code, Some(0), "{}", answer.stderr);
    assert!(
        targets(&answer).starts_with("web:test passed"),
        "{}",
        targets(&answer)
    );
    let dry = shop
        .affected(&["test", "--dry-run", "--id", "web:test#b.test.js"])
        .stdout;
    assert!(
        dry.contains("b.test.js") && !dry.contains("a.test.js"),
        "{dry}"
    );
    // All of a task counts more than a part of it.
    let dry = shop
        .affected(&[
            "test",
            "--dry-run",
            "--id",
            "web:test#b.test.js",
            "--id",
            "web:test",
        ])
        .stdout;
    assert!(!dry.contains("b.test.js"), "{dry}");
    let (code, answer) = run(&["nobody:test"]);
    assert_eq!(code, Some(2));
    assert!(
        answer.stderr.contains("there is no test `nobody:test`"),
        "{}",
        answer.stderr
    );
    let (code, answer) = run(&["web:test#gone.test.js"]);
    assert_eq!(code, Some(2), "a renamed file is no test that passes");
    assert!(
        answer
            .stderr
            .contains("there is no test `web:test#gone.test.js`"),
        "{}",
        answer.stderr
    );
    let (code, _) = run(&["lone:test#x"]);
    assert_eq!(
        code,
        Some(2),
        "what cannot be restricted is not run whole in silence"
    );
}
