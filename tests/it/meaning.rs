//! What manifests and lockfiles mean, and explanations, end to end.

use crate::sandbox::{Sandbox, projects};

const LOCK: &str = r#"{"name":"root","lockfileVersion":3,"packages":{
"":{"name":"root","workspaces":["p/*"]},
"p/lib":{"name":"lib","dependencies":{"left":"^1"}},
"p/lone":{"name":"lone","dependencies":{"right":"^1"}},
"node_modules/lib":{"resolved":"p/lib","link":true},
"node_modules/left":{"version":"1.0.0","dependencies":{"deep":"*"}},
"node_modules/right":{"version":"1.0.0"},
"node_modules/deep":{"version":"1.0.0"}}}"#;

fn locked() -> Sandbox {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    shop.write("package-lock.json", LOCK);
    shop.commit("locked");
    shop.git(&["checkout", "-q", "-B", "topic"]);
    shop
}

/// S4: exactly the projects whose resolved packages changed, and who depends on them.
#[test]
fn a_lockfile_selects_whose_packages_changed() {
    let shop = locked();
    let change = |from: &str, to: &str| {
        shop.write("package-lock.json", &LOCK.replace(from, to));
        shop.names(&[])
    };
    let right = "\"node_modules/right\":{\"version\":\"1.0.0\"";
    assert_eq!(change(right, &right.replace("1.0.0", "1.0.1")), "lone");
    let deep = "\"node_modules/deep\":{\"version\":\"1.0.0\"";
    assert_eq!(
        change(deep, &deep.replace("1.0.0", "1.0.1")),
        "api job lib qa web"
    );
    assert_eq!(change(",\n", ", \n"), "", "only the layout changed");
    let list = shop.list(&[]);
    assert_eq!(list["changes"][0]["disposition"], "ruled");
}

/// S4: what cannot be read selects all projects below it, and says so.
#[test]
fn an_unreadable_lockfile_selects_everybody_below_it() {
    let shop = locked();
    shop.write("package-lock.json", "<<<<<<< ours\n");
    let list = shop.list(&[]);
    let all = projects(&list, |_| true);
    assert_eq!(projects(&list, |project| project["affected"] == true), all);
    let warnings = list["warnings"].to_string();
    assert!(warnings.contains("package-lock.json"), "{warnings}");
}

/// S4: one environment for the project beside its lockfile and for those below without a lockfile of their own.
#[test]
fn a_lockfile_of_one_environment_spares_those_with_their_own() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let lock = |version: &str| {
        format!(
            "[[package]]\nname = \"requests\"\nversion = \"{version}\"\n\n[metadata]\nlock-version = \"2.0\"\ncontent-hash = \"{version}\"\n"
        )
    };
    let project = |name: &str| format!("[tool.poetry]\nname = \"{name}\"\n");
    for (folder, name) in [("py", "all"), ("py/shares", "shares"), ("py/own", "own")] {
        shop.write(&format!("{folder}/pyproject.toml"), &project(name));
    }
    shop.write("py/poetry.lock", &lock("1"));
    shop.write("py/own/poetry.lock", &lock("1"));
    shop.commit("poetry");
    shop.git(&["checkout", "-q", "-B", "topic"]);
    shop.write("py/poetry.lock", &lock("2"));
    assert_eq!(shop.names(&[]), "all shares");
    shop.write(
        "py/poetry.lock",
        &lock("1").replace("content-hash = \"1\"", "content-hash = \"2\""),
    );
    assert_eq!(shop.names(&[]), "", "only a remark changed");
    shop.write("py/poetry.lock", &lock("1"));
    shop.write("py/own/poetry.lock", &lock("2"));
    assert_eq!(shop.names(&[]), "own");
}

/// A workspace's manifest selects those who take what changed from it, and says which field changed.
#[test]
fn a_shared_manifest_selects_who_takes_from_it() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let root = |serde: &str, edition: &str| {
        format!(
            "[workspace]\nmembers = [\"*\"]\n[workspace.package]\nedition = \"{edition}\"\n[workspace.dependencies]\nserde = \"{serde}\"\n"
        )
    };
    shop.write("rs/Cargo.toml", &root("1", "2021"));
    shop.write(
        "rs/one/Cargo.toml",
        "[package]\nname = \"one\"\nversion = \"1.0.0\"\n[dependencies]\nserde.workspace = true\n",
    );
    shop.write(
        "rs/two/Cargo.toml",
        "[package]\nname = \"two\"\nversion = \"1.0.0\"\nedition.workspace = true\n",
    );
    shop.write("rs/one/src/lib.rs", "");
    shop.write("rs/two/src/lib.rs", "");
    shop.commit("crates");
    shop.git(&["checkout", "-q", "-B", "topic"]);
    shop.write("rs/Cargo.toml", &root("2", "2021"));
    assert_eq!(shop.names(&[]), "one");
    shop.write("rs/Cargo.toml", &root("1", "2024"));
    assert_eq!(shop.names(&[]), "two");
    shop.write("rs/Cargo.toml", &root("1", "2021"));
    shop.write(
        "rs/two/Cargo.toml",
        "[package]\nname = \"two\"\nversion = \"1.0.1\"\nedition.workspace = true\n",
    );
    let reasons = shop.list(&[]).to_string();
    assert!(
        reasons.contains("its manifest changed: package.version"),
        "{reasons}"
    );
}

/// The manifest of a crate.
fn package(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n")
}

/// S1, S5: the package at the root of a workspace owns the modules of its targets, wherever these lie. Source: "Module
/// source filenames" of the Rust reference.
#[test]
fn a_root_package_owns_the_modules_of_its_targets() {
    let repo = Sandbox::new();
    let target = "[[bin]]\nname = \"top\"\npath = \"parts/core/main.rs\"\n";
    let root = package("top") + target + "[workspace]\nmembers = [\"parts/one\"]\n";
    repo.write("Cargo.toml", &root);
    repo.write("parts/core/main.rs", "mod deep;\nfn main() {}\n");
    repo.write("parts/core/deep/mod.rs", "");
    repo.write("parts/one/Cargo.toml", &package("one"));
    repo.write("parts/one/src/lib.rs", "");
    repo.commit("workspace");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("parts/core/deep/mod.rs", "// changed\n");
    assert_eq!(repo.names(&["--base", "main"]), "top");
    repo.write("parts/core/strange.bin", "?");
    assert_eq!(repo.names(&["--base", "main"]), "one top");
}

/// S1: the README that a crate takes in is part of it: its examples are tests.
#[test]
fn documentation_that_is_compiled_counts() {
    let repo = Sandbox::new();
    repo.write("one/Cargo.toml", &package("one"));
    repo.write(
        "one/src/lib.rs",
        "#![doc = include_str!(\"../README.md\")]\n",
    );
    repo.write("one/README.md", "# one\n");
    repo.write("one/NOTES.md", "# notes\n");
    repo.commit("crate");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("one/NOTES.md", "# changed\n");
    assert_eq!(repo.names(&["--base", "main"]), "");
    repo.write("one/README.md", "# changed\n");
    assert_eq!(repo.names(&["--base", "main"]), "one");
}

/// S1: a package that takes the place of one of a registry is built into whoever is brought that, and into nobody else.
#[test]
fn a_patched_package_counts_through_packages_of_others() {
    let repo = Sandbox::new();
    let root = "[workspace]\nmembers = [\"a\", \"b\"]\n[patch.crates-io]\ndeep = { path = \"forks/deep\" }\n";
    repo.write("Cargo.toml", root);
    let a = package("a") + "[dependencies]\nouter = \"1\"\n";
    for (folder, manifest) in [
        ("a", a),
        ("b", package("b")),
        ("forks/deep", package("deep")),
    ] {
        repo.write(&format!("{folder}/Cargo.toml"), &manifest);
        repo.write(&format!("{folder}/src/lib.rs"), "");
    }
    let locked = |name: &str, more: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{more}\n")
    };
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let lock = [
        "version = 4\n".to_owned(),
        locked("a", "dependencies = [\"outer\"]\n"),
        locked("b", ""),
        locked("deep", ""),
        locked("outer", &format!("{registry}dependencies = [\"deep\"]\n")),
    ];
    repo.write("Cargo.lock", &lock.concat());
    repo.commit("workspace");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("forks/deep/src/lib.rs", "// changed\n");
    assert_eq!(repo.names(&["--base", "main"]), "a deep");
}

/// S6: a declared input counts wherever it lies.
#[test]
fn a_declared_input_counts_wherever_it_lies() {
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let text = "[project.web]\ncalls = [\"pay\"]\ninputs = [\"../../data/**\", \"../../more.y{,a}ml\", \"../pay/prices.json\"]\n";
    shop.write("affected.toml", text);
    shop.write("data/a.json", "1");
    shop.write("p/pay/prices.json", "1");
    shop.commit("inputs");
    shop.git(&["checkout", "-q", "-B", "topic"]);
    shop.write("data/a.json", "2");
    assert_eq!(shop.names(&[]), "web");
    shop.write("data/a.json", "1");
    shop.write("p/pay/prices.json", "2");
    assert_eq!(shop.names(&[]), "pay web");
    shop.write("p/pay/prices.json", "1");
    for name in ["more.yml", "more.yaml"] {
        shop.write(name, "2");
        assert_eq!(shop.names(&[]), "web", "{name}");
        shop.remove(name);
    }
}

/// S11: a broken manifest makes its project count as changed, the error names file and line, others go on.
#[test]
fn a_broken_manifest_names_its_place_and_the_others_go_on() {
    for (broken, line) in [
        ("{\n \"name\": \"lone\",\n<<<<<<< ours\n", ":3"),
        ("\u{0}", ":1"),
        ("{\"name\": [1}", ":1"),
    ] {
        let shop = Sandbox::shop();
        shop.write("p/lone/package.json", broken);
        let list = shop.list(&[]);
        assert_eq!(
            projects(&list, |project| project["affected"] == true),
            "lone",
            "{broken:?}"
        );
        let warnings = list["warnings"].to_string();
        assert!(
            warnings.contains(&format!("p/lone/package.json{line}")),
            "{warnings}"
        );
    }
}

#[test]
fn why_tells_each_edge_with_its_place() {
    let shop = Sandbox::shop();
    let answer = shop.affected(&["why", "job", "lib"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", answer.stdout);
    assert!(
        lines[0].starts_with("job -> api (link) p/job/package.json:1"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with("api -> lib (link) p/api/package.json:1"),
        "{}",
        lines[1]
    );
}

#[test]
fn why_not_proves_that_nothing_reaches_a_project() {
    let shop = Sandbox::shop();
    shop.write("p/lone/index.js", "// changed\n");
    let proof = shop
        .affected(&["why-not", "job", "--format", "json"])
        .json();
    assert_eq!(proof["schema"], "affected.why-not/1");
    assert_eq!(proof["affected"], false);
    assert_eq!(proof["depends_on"], serde_json::json!(["api", "lib"]));
    assert_eq!(proof["changed"], serde_json::json!(["lone"]));
    let told = shop.affected(&["why-not", "job"]).stdout;
    assert!(
        told.starts_with("`job` is not affected\n  it depends on 2: api, lib\n"),
        "{told}"
    );
    let after_all = shop.affected(&["why-not", "lone"]).stdout;
    assert!(
        after_all.starts_with("`lone` is affected; `affected why lone`"),
        "{after_all}"
    );
    let unknown = shop.affected(&["why-not", "nobody"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
}

/// S10: a linked work tree and a sparse one answer as the whole one does.
#[test]
fn linked_and_sparse_work_trees_answer_alike() {
    let shop = Sandbox::shop();
    shop.write("p/lib/index.js", "// changed\n");
    shop.commit("change");
    let whole = shop.names(&[]);
    let beside = tempfile::tempdir().unwrap();
    let linked = beside.path().join("linked");
    shop.git(&[
        "worktree",
        "add",
        "-q",
        "--detach",
        linked.to_str().unwrap(),
    ]);
    let answer = shop.affected(&["-C", linked.to_str().unwrap(), "list", "--format", "json"]);
    assert_eq!(
        projects(&answer.json(), |project| project["affected"] == true),
        whole
    );
    shop.git(&[
        "sparse-checkout",
        "set",
        "--no-cone",
        "p/lib",
        "/package.json",
    ]);
    assert!(!shop.join("p/web/index.js").exists());
    assert_eq!(shop.names(&[]), whole);
}
