//! What people and machines see: stdout, stderr and exit code of each command on the small shop.
//! `SNAPSHOTS=overwrite cargo test -p affected-tests` writes them anew.

use snapbox::{assert_data_eq, file};

use crate::sandbox::Sandbox;

/// Everything that one call answers, as one text; the version of the tool is left out.
fn told(shop: &Sandbox, arguments: &[&str]) -> String {
    let answer = shop.affected(arguments);
    let text = format!(
        "$ affected {}\nexit: {:?}\n--- stdout\n{}--- stderr\n{}",
        arguments.join(" "),
        answer.code,
        answer.stdout,
        answer.stderr
    );
    text.replace(
        &format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION")),
        "\"version\":\"…\"",
    )
    .replace(&shop.path().display().to_string(), "SHOP")
}

fn changed() -> Sandbox {
    let shop = Sandbox::shop();
    shop.write("p/lib/index.js", "// changed\n");
    shop.write("notes.txt", "nobody owns this\n");
    shop.remove("notes.txt");
    shop.commit("a change of the library");
    shop
}

#[test]
fn status() {
    assert_data_eq!(told(&changed(), &[]), file!["snapshots/status.txt"]);
}

#[test]
fn list_in_every_format() {
    let shop = changed();
    assert_data_eq!(told(&shop, &["list"]), file!["snapshots/list.txt"]);
    assert_data_eq!(
        told(&shop, &["list", "--format", "json"]),
        file!["snapshots/list-json.txt"]
    );
    assert_data_eq!(
        told(&shop, &["list", "--format", "names"]),
        file!["snapshots/list-names.txt"]
    );
    assert_data_eq!(
        told(&shop, &["list", "--format", "short"]),
        file!["snapshots/list-short.txt"]
    );
}

#[test]
fn explanations() {
    let shop = changed();
    assert_data_eq!(told(&shop, &["why", "job"]), file!["snapshots/why.txt"]);
    assert_data_eq!(
        told(&shop, &["why", "job", "lib"]),
        file!["snapshots/why-chain.txt"]
    );
    assert_data_eq!(
        told(&shop, &["why-not", "lone"]),
        file!["snapshots/why-not.txt"]
    );
}

#[test]
fn graphs() {
    let shop = changed();
    assert_data_eq!(told(&shop, &["graph"]), file!["snapshots/graph.txt"]);
    assert_data_eq!(
        told(&shop, &["graph", "--format", "dot"]),
        file!["snapshots/graph-dot.txt"]
    );
    assert_data_eq!(
        told(&shop, &["graph", "--format", "mermaid"]),
        file!["snapshots/graph-mermaid.txt"]
    );
}

#[test]
fn mistakes() {
    let shop = changed();
    assert_data_eq!(
        told(&shop, &["list", "--base", "nowhere", "--on-unknown=fail"]),
        file!["snapshots/unknown-base.txt"]
    );
    assert_data_eq!(
        told(&shop, &["why", "nobody"]),
        file!["snapshots/unknown-project.txt"]
    );
    assert_data_eq!(
        told(&shop, &["test", "--stage", "unti"]),
        file!["snapshots/unknown-stage.txt"]
    );
    assert_data_eq!(
        told(&shop, &["list", "--files", "p/pay/index.js"]),
        file!["snapshots/named-files.txt"]
    );
    shop.write("affected.toml", "[project.web]\ncals = [\"pay\"]\n");
    assert_data_eq!(told(&shop, &["list"]), file!["snapshots/unknown-key.txt"]);
}

#[test]
fn a_dry_run() {
    assert_data_eq!(
        told(&changed(), &["test", "--dry-run"]),
        file!["snapshots/dry-run.txt"]
    );
}
