//! The pipelines that `init --ci` writes, checked with the host's own linter or schema where it can be had.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::sandbox::Sandbox;

const HOSTS: [(&str, &str); 9] = [
    ("github", ".github/workflows/affected.yml"),
    ("gitlab", ".gitlab-ci.yml"),
    ("buildkite", ".buildkite/pipeline.yml"),
    ("jenkins", "Jenkinsfile"),
    ("teamcity", ".teamcity/settings.kts"),
    ("azure", "azure-pipelines.yml"),
    ("circleci", ".circleci/config.yml"),
    ("bitbucket", "bitbucket-pipelines.yml"),
    ("generic", "affected-ci.sh"),
];

fn written(host: &str, path: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let answer = sandbox.affected(&["init", "--ci", host]);
    assert_eq!(answer.code, Some(0), "{host}: {}", answer.stderr);
    let text = std::fs::read_to_string(sandbox.join(path)).unwrap();
    (sandbox, text)
}

/// Every pipeline plans, tests what was planned, and ends with the verdict; a file that is there stays.
#[test]
fn init_writes_a_pipeline_for_every_host() {
    for (host, path) in HOSTS {
        let (sandbox, text) = written(host, path);
        assert!(text.contains("affected ci plan"), "{host}");
        // The jobs of a generated list are part of that list.
        let listed = ["gitlab", "buildkite"].contains(&host);
        assert!(listed || text.contains("affected ci verdict"), "{host}");
        assert!(text.lines().count() < 90, "{host}");
        let again = sandbox.affected(&["init", "--ci", host]);
        assert_eq!(again.code, Some(2), "{host}: {}", again.stderr);
    }
    assert_eq!(
        Sandbox::new().affected(&["init", "--ci", "nowhere"]).code,
        Some(2)
    );
}

/// The whole of the generic pipeline, run for real.
#[test]
fn the_generic_pipeline_works() {
    let (sandbox, _) = written("generic", "affected-ci.sh");
    sandbox.write("p/package.json", r#"{"name":"p"}"#);
    sandbox.write("affected.toml", "[project.p]\ntest.unit = \"echo fine\"\n");
    sandbox.write(".gitignore", "affected/\n");
    sandbox.commit("first");
    let binary = sandbox.command(&[]);
    let program = PathBuf::from(binary.get_program());
    let tools = Sandbox::empty();
    std::os::unix::fs::symlink(program, tools.join("affected")).unwrap();
    let path = format!(
        "{}:{}",
        tools.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("sh")
        .arg("affected-ci.sh")
        .current_dir(sandbox.path())
        .env_clear()
        .env("PATH", path)
        .env("CI", "true")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{shown}{told}");
    assert!(shown.contains("passed: 1 planned, 1 passed"), "{shown}");
}

/// GitHub's workflow, by actionlint from the Go module proxy.
#[test]
fn the_github_workflow_passes_actionlint() {
    let Some(tool) = tool("bin/actionlint", "actionlint", "-version") else {
        return;
    };
    let (sandbox, _) = written("github", ".github/workflows/affected.yml");
    let output = Command::new(tool)
        .args(["-no-color", "-shellcheck=", "-pyflakes="])
        .arg(sandbox.join(".github/workflows/affected.yml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
}

/// The hosts' published schemas, by check-jsonschema (PyPI), which carries copies of them.
#[test]
fn pipelines_and_generated_ones_match_the_published_schemas() {
    let place = "check-jsonschema/bin/check-jsonschema";
    let Some(tool) = tool(place, "check-jsonschema", "--version") else {
        return;
    };
    let check = |name: &str, schema: &str, more: &[&str], path: PathBuf| {
        let output = Command::new(&tool)
            .args(["--builtin-schema", schema])
            .args(more)
            .arg(path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {said}");
    };
    let gitlab = ["--data-transform", "gitlab-ci"];
    let azure = [
        "--data-transform",
        "azure-pipelines",
        "--regex-variant",
        "nonunicode",
    ];
    let schemas: [(&str, &str, &[&str]); 6] = [
        ("github", "vendor.github-workflows", &[]),
        ("gitlab", "vendor.gitlab-ci", &gitlab),
        ("buildkite", "vendor.buildkite", &[]),
        ("azure", "vendor.azure-pipelines", &azure),
        ("circleci", "vendor.circle-ci", &[]),
        ("bitbucket", "vendor.bitbucket-pipelines", &[]),
    ];
    for (host, schema, more) in schemas {
        let (_, path) = HOSTS.iter().find(|(id, _)| *id == host).unwrap();
        let (sandbox, _) = written(host, path);
        check(host, schema, more, sandbox.join(path));
    }
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let action = here.join("../.github/actions/affected/action.yml");
    check("action", "vendor.github-actions", &[], action);
    let shop = Sandbox::shop();
    let place = Sandbox::empty();
    for base in ["--all", "--base=HEAD"] {
        for (host, schema, more) in [schemas[1], schemas[2]] {
            let arguments = ["ci", "plan", "--shards", "3", base, "--format", host];
            let name = format!("{host}{base}.json");
            place.write(&name, &shop.affected(&arguments).stdout);
            check(&name, schema, more, place.join(&name));
        }
    }
}

/// Finds a tool in the cached folder or on PATH. Absent ones are named on a laptop and a failure on a CI machine.
pub(crate) fn tool(cached: &str, name: &str, flag: &str) -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let cached = here.join("../target/tools").join(cached);
    if cached.exists() {
        return Some(cached);
    }
    let on_path = Command::new(name).arg(flag).output();
    if on_path.is_ok_and(|output| output.status.success()) {
        return Some(PathBuf::from(name));
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(
        !in_ci,
        "a CI machine must have {name}: `cargo xtask ci` installs it"
    );
    let told = writeln!(std::io::stderr(), "skipped: {name} is missing");
    told.unwrap();
    None
}
