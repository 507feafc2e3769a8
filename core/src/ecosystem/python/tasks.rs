//! Which test runner a Python project uses.

use std::collections::BTreeMap;

use affected_graph::{Command, RepoPath, Stage, Task};

use super::manifest::Manifest;
use super::{ID, Scan};

const STAGES: [&str; 5] = ["smoke", "contract", "component", "integration", "e2e"];

/// Infers test tasks where there are tests: the whole project as `unit`, less folders and markers named after other
/// stages.
pub(super) fn infer(scan: &Scan<'_>, folder: &RepoPath, manifest: &Manifest) -> Vec<Task> {
    let tests = |below: &RepoPath| has_tests(scan, below);
    if !tests(folder) {
        return Vec::new();
    }
    let has = |file: &str| {
        folder
            .join(file)
            .is_ok_and(|path| scan.files().is_file(&path))
    };
    let pytest =
        manifest.uses_pytest || has("conftest.py") || has("pytest.ini") || has("tests/conftest.py");
    let runner = runner(scan, folder, pytest);
    let task = |name: &str, stage: &str, arguments| task(folder, runner, (name, stage), arguments);
    let staged: Vec<&str> = STAGES
        .into_iter()
        .filter(|stage| {
            folder
                .join(format!("tests/{stage}"))
                .is_ok_and(|path| tests(&path))
        })
        .collect();
    let marked = marked(manifest, &staged);
    let unit = if pytest {
        let ignored = staged.iter().map(|stage| format!("--ignore=tests/{stage}"));
        let mut unit: Vec<String> = ignored.collect();
        // A choice of the project's own stays.
        if !marked.is_empty() && !manifest.pytest.chooses {
            let not: Vec<_> = marked.iter().map(|stage| format!("not {stage}")).collect();
            unit.extend(["-m".to_owned(), not.join(" and ")]);
        }
        unit
    } else if folder.join("tests").is_ok_and(|path| tests(&path)) {
        // A folder that is no package can only be the top itself.
        let start = if has("tests/__init__.py") {
            &["-s", "tests", "-t", "."][..]
        } else {
            &["-s", "tests"]
        };
        start.iter().map(ToString::to_string).collect()
    } else {
        Vec::new()
    };
    let mut tasks = vec![task("test", "unit", unit)];
    if pytest {
        let more = staged.iter();
        tasks.extend(more.map(|stage| {
            task(
                &format!("test:{stage}"),
                stage,
                vec![format!("tests/{stage}")],
            )
        }));
        tasks.extend(marked.iter().map(|stage| {
            let arguments = vec!["-m".to_owned(), (*stage).to_owned()];
            task(&format!("test:{stage}"), stage, arguments)
        }));
    }
    tasks
}

/// Stages that a marker of pytest stands for, and no folder.
fn marked(manifest: &Manifest, staged: &[&str]) -> Vec<&'static str> {
    let markers = &manifest.pytest.markers;
    let stages = STAGES.into_iter();
    stages
        .filter(|stage| !staged.contains(stage))
        .filter(|stage| markers.iter().any(|known| known == stage))
        .collect()
}

fn task(
    folder: &RepoPath,
    runner: &[&str],
    (name, stage): (&str, &str),
    arguments: Vec<String>,
) -> Task {
    Task {
        name: name.to_owned(),
        stage: Some(Stage::new(stage)),
        command: Command::Argv(
            runner
                .iter()
                .map(ToString::to_string)
                .chain(arguments)
                .collect(),
        ),
        cwd: folder.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: if runner.contains(&"unittest") {
            "unittest"
        } else {
            "pytest"
        }
        .to_owned(),
    }
}

fn has_tests(scan: &Scan<'_>, below: &RepoPath) -> bool {
    scan.files().below(below).iter().any(|entry| {
        let name = entry.path.file_name();
        (name.starts_with(b"test_") && name.ends_with(b".py")) || name.ends_with(b"_test.py")
    })
}

/// The program and first arguments that run tests here.
fn runner(scan: &Scan<'_>, folder: &RepoPath, pytest: bool) -> &'static [&'static str] {
    let poetry = folder
        .join("poetry.lock")
        .is_ok_and(|path| scan.files().is_file(&path));
    match () {
        () if pytest && locked(scan, folder, "uv.lock") => &["uv", "run", "pytest"],
        () if pytest && poetry => &["poetry", "run", "pytest"],
        () if pytest => &["python3", "-m", "pytest"],
        () => &["python3", "-m", "unittest", "discover"],
    }
}

fn locked(scan: &Scan<'_>, folder: &RepoPath, file: &str) -> bool {
    folder.ancestors().any(|above| {
        above
            .join(file)
            .is_ok_and(|path| scan.files().is_file(&path))
    })
}
