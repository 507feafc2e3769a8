//! The gate, the same here and on a CI host.

use std::process::Command;
use std::time::Instant;

type Step = (&'static str, fn() -> Result<(), String>);

const STEPS: &[Step] = &[
    ("tools", tools),
    ("format", || cargo(&["fmt", "--all", "--check"], &[])),
    ("lints", || {
        cargo(
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        )
    }),
    ("tests", || {
        cargo(&["test", "--workspace", "--no-fail-fast"], &[])
    }),
    ("soundness", crate::soundness::small),
    ("docs", || {
        let flags = [("RUSTDOCFLAGS", "-D warnings")];
        cargo(&["doc", "--workspace", "--no-deps", "--quiet"], &flags)
    }),
    ("deny", deny),
    ("tidy", crate::tidy::run),
    ("schemas", || crate::schemas::run(true)),
];

/// Runs every step and stops at the first that fails.
pub(crate) fn run() -> Result<(), String> {
    for (name, step) in STEPS {
        println!("== {name}");
        let began = Instant::now();
        step().map_err(|message| format!("{name}: {message}"))?;
        println!(
            "== {name}: fine after {:.1}s",
            began.elapsed().as_secs_f64()
        );
    }
    println!("all {} steps passed", STEPS.len());
    Ok(())
}

/// Runs cargo in the repository's root.
pub(crate) fn cargo(arguments: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command
        .args(arguments)
        .envs(env.iter().copied())
        .current_dir(crate::root());
    let status = command
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo {}` failed", arguments.join(" ")))
    }
}

fn starts(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .output()
        .is_ok_and(|output| output.status.success())
}

pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// What the end-to-end tests use. On a laptop an absent tool is named; on CI it is a failure.
fn tools() -> Result<(), String> {
    let wanted = [
        ("git", "--version", "apt-get install git"),
        ("node", "--version", "apt-get install nodejs"),
        ("npm", "--version", "apt-get install npm"),
        ("python3", "--version", "apt-get install python3"),
        ("go", "version", "apt-get install golang"),
        ("mvn", "--version", "apt-get install maven"),
    ];
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(name, flag, _)| !starts(name, flag))
        .collect();
    for (name, _, install) in &missing {
        println!("missing: {name} (install with `{install}`); its tests are skipped");
    }
    if in_ci() && !missing.is_empty() {
        return Err("a CI machine must have every tool".to_owned());
    }
    if in_ci() { linters() } else { Ok(()) }
}

/// What checks the pipelines that `init --ci` writes, what runs our hooks, and test runners of npm, into the cached folder.
fn linters() -> Result<(), String> {
    let folder = crate::root().join("target/tools");
    let place = |path: &str| folder.join(path).display().to_string();
    if !folder.join("bin/actionlint").exists() {
        let mut install = Command::new("go");
        install
            .args([
                "install",
                "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7",
            ])
            .env("GOBIN", place("bin"));
        succeed(install)?;
    }
    for (name, version) in [("check-jsonschema", "0.39.0"), ("pre-commit", "4.3.0")] {
        if folder.join(name).join("bin").join(name).exists() {
            continue;
        }
        let mut make = Command::new("python3");
        make.args(["-m", "venv", &place(name)]);
        succeed(make)?;
        let mut install = Command::new(place(&format!("{name}/bin/pip")));
        install.args(["install", "--quiet", &format!("{name}=={version}")]);
        succeed(install)?;
    }
    if !folder.join("node/node_modules/.bin/vitest").exists() {
        std::fs::create_dir_all(folder.join("node")).map_err(|error| error.to_string())?;
        let mut install = Command::new("npm");
        install
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .args(["--prefix", &place("node")])
            .args(["vitest@3.2.4", "jest@29.7.0", "mocha@10.8.2"]);
        succeed(install)?;
    }
    Ok(())
}

fn succeed(mut command: Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("`{command:?}` failed")),
    }
}

/// Licences, sources and bans; advisories need the network and are no part of the gate.
fn deny() -> Result<(), String> {
    let folder = crate::root().join("target/tools");
    let local = folder.join("bin/cargo-deny");
    if !local.exists() && !starts("cargo-deny", "--version") {
        if !in_ci() {
            println!(
                "skipped: cargo-deny is missing (install with `cargo install --locked cargo-deny`)"
            );
            return Ok(());
        }
        let folder = folder.display().to_string();
        cargo(
            &[
                "install",
                "--quiet",
                "--locked",
                "cargo-deny",
                "--root",
                &folder,
            ],
            &[],
        )?;
    }
    // Every platform's crates are looked at, so all must be here before going offline.
    cargo(&["fetch", "--quiet", "--locked"], &[])?;
    let program = if local.exists() {
        local.as_path()
    } else {
        std::path::Path::new("cargo-deny")
    };
    let arguments = ["--offline", "check", "licenses", "bans", "sources"];
    let status = Command::new(program)
        .args(arguments)
        .current_dir(crate::root())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("cargo-deny found something".to_owned()),
        Err(error) => Err(format!("cargo-deny does not start: {error}")),
    }
}
