//! Every JSON document that the tests see is held against its schema; and stdout holds one document and nothing else.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::sandbox::Sandbox;

/// The schemas by the name that documents give: `affected.list/1`.
fn schemas() -> &'static BTreeMap<String, Validator> {
    static ALL: OnceLock<BTreeMap<String, Validator>> = OnceLock::new();
    ALL.get_or_init(|| {
        let made = affected_cli::schemas().into_iter().map(|(file, text)| {
            let name = file.trim_end_matches(".json").replace(".1", "/1");
            let mut schema: Value = serde_json::from_str(&text).unwrap();
            close(&mut schema);
            (name, jsonschema::validator_for(&schema).unwrap())
        });
        made.collect()
    })
}

/// Nothing may be in a document that its schema does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            let is_object = fields.get("properties").is_some_and(Value::is_object);
            if is_object && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Checks a document, or a stream of them, if that is what the text is.
pub(crate) fn check(text: &str) {
    let Some(first) = text.lines().next() else {
        return;
    };
    let Ok(first) = serde_json::from_str::<Value>(first) else {
        return;
    };
    let Some(name) = first["schema"].as_str() else {
        return;
    };
    let validator = schemas()
        .get(name)
        .unwrap_or_else(|| panic!("there is no schema of `{name}`"));
    for line in text.lines() {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let faults: Vec<_> = validator
            .iter_errors(&value)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:?}\n{line}");
    }
}

/// Purity: whatever is asked for as JSON, stdout holds one document of one line, also where something went wrong before.
#[test]
fn stdout_holds_one_document_and_nothing_else() {
    let shop = Sandbox::shop();
    shop.write("p/lib/index.js", "// changed\n");
    shop.write("p/lone/package.json", "{ broken");
    let place = Sandbox::empty();
    let plan = place.join("plan.json").display().to_string();
    shop.affected(&["ci", "plan", "--out", &plan]);
    let report = place.join("run.json").display().to_string();
    let run = shop.affected(&["test", "--format", "json", "--verbose", "--report", &report]);
    assert!(run.code.is_some_and(|code| code < 2), "{}", run.stderr);
    let questions: &[(&[&str], &str)] = &[
        (&["list"], "list"),
        (&["list", "--base", "nowhere"], "list"),
        (&["why", "lib"], "why"),
        (&["why-not", "pay"], "why-not"),
        (&["graph"], "graph"),
        (&["tests"], "tests"),
        (&["test", "--dry-run"], "list"),
        (&["test"], "run"),
        (&["nightly"], "run"),
        (&["check"], "run"),
        (&["history"], "history"),
        (&["flaky"], "flaky"),
        (&["ci", "base"], "base"),
        (&["ci", "plan"], "plan"),
        (&["ci", "verdict", "--plan", &plan, &report], "verdict"),
        (&["release", "plan"], "release-plan"),
    ];
    for (question, name) in questions {
        let mut arguments = question.to_vec();
        arguments.extend(["--format", "json"]);
        for variables in [&[][..], &[("GITHUB_ACTIONS", "true")][..]] {
            let answer = shop.affected_with(&arguments, variables);
            let text = &answer.stdout;
            assert_eq!(
                text.lines().count(),
                1,
                "{question:?}: {text}{}",
                answer.stderr
            );
            assert!(text.ends_with('\n'), "{question:?}");
            assert_eq!(
                answer.json()["schema"],
                format!("affected.{name}/1"),
                "{question:?}"
            );
        }
    }
}
