//! X4, S11: hundreds of broken and hostile manifests and lockfiles give a value or an error that names the place:
//! no panic, at most 256 MiB, at most a second each, or on a slow or busy machine no more than in proportion to their size.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use affected_core::config;
use affected_core::facts::FactStore;
use affected_core::lockfile;
use affected_core::scan;
use affected_core::tree::memory::MemoryTree;

/// Every kind of manifest and lockfile, by a name that the tool reads.
const NAMES: &[&str] = &[
    "Cargo.toml",
    "build.rs",
    "src/lib.rs",
    "package.json",
    "pnpm-workspace.yaml",
    "tsconfig.json",
    "go.mod",
    "go.work",
    "main.go",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "pom.xml",
    "build.gradle",
    "settings.gradle.kts",
    "libs.versions.toml",
    "A.csproj",
    "Directory.Build.props",
    "Gemfile",
    "a.gemspec",
    "composer.json",
    "mix.exs",
    "pubspec.yaml",
    "a.proto",
    "buf.yaml",
    "Dockerfile",
    "compose.yaml",
    "docker-compose.yml",
    "main.tf",
    "Chart.yaml",
    "kustomization.yaml",
    "skaffold.yaml",
    "turbo.json",
    "nx.json",
    "project.json",
    "Pipfile",
    "tox.ini",
    "BUILD",
    "Directory.Packages.props",
];
const LOCKS: &[&str] = &[
    "Cargo.lock",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "composer.lock",
    "Gemfile.lock",
    "mix.lock",
    "packages.lock.json",
    "gradle.lockfile",
    "go.work.sum",
    "libs.versions.toml",
    "Directory.Packages.props",
    "Cargo.toml",
    "package.json",
    "pnpm-workspace.yaml",
];

/// How long one file may take.
const BAR: Duration = Duration::from_secs(1);

/// Contents that break naive parsers.
fn poisons() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str| open.repeat(100_000).into_bytes();
    let mut laughs = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (from, to) in ('a'..='y').zip('b'..='z') {
        laughs.push_str(&format!(
            "{to}: &{to} [*{from},*{from},*{from},*{from},*{from},*{from},*{from},*{from}]\n"
        ));
    }
    let entities = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><project>&b;</project>";
    vec![
        ("nothing", Vec::new()),
        ("one zero", vec![0]),
        ("no text", vec![0xff, 0xfe, 0x00, 0x80, 0xc3]),
        (
            "marks of a conflict",
            b"<<<<<<< ours\na = 1\n=======\na = 2\n>>>>>>> theirs\n".to_vec(),
        ),
        ("open brackets", deep("[")),
        ("open braces", deep("{\"a\":")),
        ("open elements", deep("<a>")),
        ("open parentheses", deep("(")),
        ("open blocks", deep("subprojects { ")),
        (
            "open properties",
            format!(
                "<Project><PropertyGroup><A>{}</A></PropertyGroup></Project>",
                "$(".repeat(50_000)
            )
            .into_bytes(),
        ),
        (
            "nested flows",
            format!("a: {}", "[".repeat(50_000)).into_bytes(),
        ),
        (
            "deep indents",
            (0..2_000)
                .map(|depth| format!("{}a:\n", " ".repeat(depth)))
                .collect::<String>()
                .into_bytes(),
        ),
        (
            "dotted keys",
            format!("[{}]\n", vec!["a"; 20_000].join(".")).into_bytes(),
        ),
        ("aliases of aliases", laughs.into_bytes()),
        ("entities of entities", entities.as_bytes().to_vec()),
        ("one long line", vec![b'a'; 4 << 20]),
        ("many lines", b"include 'a:b:c'\n".repeat(200_000)),
        ("many quotes", b"\"'`".repeat(300_000)),
        (
            "climbing paths",
            b"\"../../../../../../../../x\" include_str!(\"../../../../x\")\n".repeat(5_000),
        ),
    ]
}

/// Demands that a file is done in time. Seconds say as much of the machine as of the parser: where they are too many, a quarter
/// of the file must take about a quarter of them, where a sixteenth would mean that time grows with the square.
fn in_time(what: &str, bytes: &[u8], attempt: impl Fn(&[u8]) -> Duration) {
    let best = |bytes: &[u8]| (0..3).map(|_| attempt(bytes)).min().unwrap();
    if attempt(bytes) < BAR {
        return;
    }
    let (whole, quarter) = (best(bytes), best(&bytes[..bytes.len() / 4]));
    assert!(
        whole < BAR || (whole < 5 * BAR && whole < 8 * quarter),
        "{what} took {whole:?}, a quarter of it {quarter:?}"
    );
}

fn scan_one(name: &str, bytes: Vec<u8>) -> Duration {
    let tree = MemoryTree::new([
        (format!("p/{name}"), bytes),
        ("q/package.json".to_owned(), b"{\"name\":\"q\"}".to_vec()),
    ]);
    let config = config::load(&tree).unwrap();
    let began = Instant::now();
    let found = scan::inventory(&tree, &config, &FactStore::default());
    let spent = began.elapsed();
    let others = found
        .graph
        .projects()
        .any(|(_, project)| project.name == "q");
    assert!(others, "{name}: the other project was lost");
    spent
}

/// The largest amount of memory that this process ever held, in MiB; `None` where the system does not tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

/// Damaged copies of real files: cut off at every eighth, and with single bytes replaced.
fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    let cut = (1..8).map(|eighth| bytes[..bytes.len() * eighth / 8].to_vec());
    let flipped = (0..8).map(|eighth| {
        let mut copy = bytes.to_vec();
        let at = bytes.len() * eighth / 8;
        copy[at] = [b'{', b'"', b'<', 0xff, b']', b':', b'\n', b'$'][eighth];
        copy
    });
    cut.chain(flipped).collect()
}

#[test]
fn hostile_manifests_cost_no_panic_no_time_and_no_memory() {
    let mut count = 0;
    for name in NAMES {
        for (what, bytes) in poisons() {
            in_time(&format!("{name} with {what}"), &bytes, |bytes| {
                scan_one(name, bytes.to_vec())
            });
            count += 1;
        }
    }
    assert!(count >= 200, "{count} are too few");
    assert!(peak().is_none_or(|mib| mib < 256), "{:?} MiB", peak());
}

#[test]
fn hostile_lockfiles_cost_no_panic_no_time_and_no_memory() {
    for name in LOCKS {
        let format = lockfile::format_of(name.as_bytes()).unwrap();
        for (what, bytes) in poisons() {
            in_time(&format!("{name} with {what}"), &bytes, |bytes| {
                let text = String::from_utf8_lossy(bytes);
                let began = Instant::now();
                if let Ok(lock) = format.parse(&text) {
                    let _ = lockfile::compare(&lock, &lock);
                }
                began.elapsed()
            });
        }
    }
    assert!(peak().is_none_or(|mib| mib < 256), "{:?} MiB", peak());
}

#[test]
fn damaged_copies_of_every_fixture_are_survived() {
    let mut count = 0;
    for case in affected_fixtures::cases() {
        for file in walk(&case.tree) {
            let bytes = std::fs::read(&file).unwrap();
            if bytes.is_empty() {
                continue;
            }
            let name = file.file_name().unwrap().to_str().unwrap();
            for copy in damaged(&bytes) {
                let what = file.display().to_string();
                in_time(&what, &copy, |bytes| scan_one(name, bytes.to_vec()));
                count += 1;
            }
        }
    }
    assert!(count >= 200, "{count} are too few");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
        {
            if path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}
