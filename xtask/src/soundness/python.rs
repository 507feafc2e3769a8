//! Python: three modules to a project, each with a test file of its own, run by pytest. Modules import one another
//! relatively inside a project and by name across them; tests import their module, or load it by a name that is written
//! down or made up; all take a fixture, some a helper, some read data.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::language::{Language, Outcomes, data, projects, relink, set_mode, status, write_data};
use super::model::Model;
use super::write;
use affected_fixtures::Random;

pub(super) struct Python;

const MODULES: usize = 3;

/// Runs pytest in each folder given, each in a process of its own that has pytest loaded already.
const RUN: &str = "\
import os, sys, pytest
for folder in sys.argv[1:]:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        # As it is installed: plugins are loaded before settings move the path.
        sys.path.insert(0, os.path.join(folder, 'src'))
        print('in', folder, flush=True)
        options = ['-q', '-rA', '--tb=no', '--continue-on-collection-errors', '-p', 'no:cacheprovider']
        pytest.main(options)
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
";

fn project(part: usize) -> usize {
    part / MODULES
}

fn test_file(part: usize) -> String {
    format!("tests/test_part{part}.py")
}

/// Tests of these take the helper.
fn is_helped(part: usize) -> bool {
    part.is_multiple_of(2)
}

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn tool(&self) -> &'static str {
        "pytest"
    }

    fn suffix(&self) -> &'static str {
        "py"
    }

    fn manifests(&self) -> &'static [&'static str] {
        &["pyproject.toml"]
    }

    fn source(&self, part: usize) -> String {
        let project = project(part);
        format!("py{project}/src/pkg{project}/part{part}.py")
    }

    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String> {
        write(root, ".gitignore", "__pycache__\n")?;
        for number in 0..model.parts.len().div_ceil(MODULES) {
            write(
                root,
                &format!("py{number}/pyproject.toml"),
                &manifest(model, number),
            )?;
            write(root, &format!("py{number}/src/pkg{number}/__init__.py"), "")?;
            extras(root, number)?;
            for part in [number * MODULES, number * MODULES + 1] {
                if let Some((path, text)) = self.support(part, false) {
                    write(root, &path, &text)?;
                }
            }
        }
        for (number, part) in model.parts.iter().enumerate() {
            let (mut imports, mut sum) = (String::new(), part.value.to_string());
            for used in &part.uses {
                let package = if project(*used) == project(number) {
                    ".".to_owned()
                } else {
                    format!("pkg{}", project(*used))
                };
                let _ = writeln!(imports, "from {package} import part{used}");
                let _ = write!(sum, " + part{used}.v()");
            }
            let remark = &part.remark;
            let text = format!("{imports}\n\ndef v():\n    return {sum}\n\n# {remark}\n");
            write(root, &self.source(number), &text)?;
            // Half of the names are made when the test runs, and nobody can read them off.
            let name = if number % 2 == 0 {
                format!("'value{number}.txt'")
            } else {
                format!("''.join(['value', '{number}', '.txt'])")
            };
            let read = format!("int((pathlib.Path(__file__).parent / ({name})).read_text())");
            let test = format!(
                "import importlib\nimport pathlib\n{}\n\n\ndef test_sum(zero):\n    assert {}.v(){} + zero == {}\n",
                if is_helped(number) {
                    "from support import zero as helper"
                } else {
                    "helper = None"
                },
                "part",
                data(part, &read),
                part.expected
            );
            let test = format!("{}\n{test}", loading(number));
            let path = format!("py{}/{}", project(number), test_file(number));
            write(root, &path, &test)?;
        }
        write_data(root, model, |part| {
            format!("py{}/tests/value{part}.txt", project(part))
        })
    }

    fn new_test(&self, part: usize, passes: bool) -> (String, String) {
        let text = format!("def test_new():\n    assert {}\n", u8::from(passes));
        let path = format!("py{}/tests/test_new{part}.py", project(part));
        (path, text)
    }

    /// The helper of some tests, or the fixture of all.
    fn support(&self, part: usize, broken: bool) -> Option<(String, String)> {
        let folder = format!("py{}/tests", project(part));
        let wrong = u8::from(broken);
        Some(if is_helped(part) {
            let text = format!("zero = 0\nassert not {wrong}\n");
            (format!("{folder}/support.py"), text)
        } else {
            let text =
                format!("import pytest\n\n\n@pytest.fixture\ndef zero():\n    return {wrong}\n");
            (format!("{folder}/conftest.py"), text)
        })
    }

    fn own_change(
        &self,
        root: &Path,
        part: usize,
        random: &mut Random,
    ) -> Result<Option<&'static str>, String> {
        let project = project(part);
        let (package, tests) = (
            format!("py{project}/src/pkg{project}"),
            format!("py{project}/tests"),
        );
        Ok(Some(match random.below(6) {
            0 => {
                set_mode(&root.join(&tests).join("tool.sh"), 0o644)?;
                "mode"
            }
            1 => {
                write(
                    root,
                    &format!("{package}/__init__.py"),
                    "raise ValueError\n",
                )?;
                "package"
            }
            2 => {
                write(root, &format!("{package}/plug.py"), &plugin(2))?;
                "plugin"
            }
            3 => {
                relink(&root.join(&tests).join("current.txt"), "two.txt")?;
                "link"
            }
            4 => {
                write(root, &format!("py{project}/note.txt"), "done")?;
                "note"
            }
            _ => {
                let path = format!("py{project}/pyproject.toml");
                let text = std::fs::read_to_string(root.join(&path));
                let text = text.map_err(|error| error.to_string())?;
                write(root, &path, &text.replace("\"src\"", "\"none\""))?;
                "settings"
            }
        }))
    }

    fn run(&self, root: &Path) -> Result<Outcomes, String> {
        let all = projects(root, "pyproject.toml")?;
        let folders = all
            .iter()
            .map(|project| root.join(project).display().to_string());
        let mut arguments = vec!["-c".to_owned(), RUN.to_owned()];
        arguments.extend(folders);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (_, text) = status(root, "", "python3", &arguments)?;
        let mut found = Outcomes::new();
        for project in &all {
            for entry in std::fs::read_dir(root.join(project).join("tests"))
                .into_iter()
                .flatten()
                .flatten()
            {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with("test_") && name.ends_with(".py") {
                    found.insert((project.clone(), format!("tests/{name}")), false);
                }
            }
        }
        let (mut project, mut failed) = (String::new(), Vec::new());
        for line in text.lines() {
            if let Some(folder) = line.strip_prefix("in ") {
                project = folder.rsplit('/').next().unwrap_or_default().to_owned();
            }
            let passed = line
                .strip_prefix("PASSED ")
                .and_then(|name| name.split_once("::"));
            if let Some((file, _)) = passed {
                found.insert((project.clone(), file.to_owned()), true);
            }
            let broken = ["FAILED ", "ERROR "];
            let broken = broken.iter().find_map(|word| line.strip_prefix(word));
            if let Some(file) = broken.and_then(|name| name.split([':', ' ']).next()) {
                failed.push((project.clone(), file.to_owned()));
            }
        }
        for unit in failed {
            found.entry(unit).and_modify(|passed| *passed = false);
        }
        Ok(found)
    }
}

/// Which other projects the modules of one are run with.
fn used(model: &Model, number: usize) -> BTreeSet<usize> {
    let modules = number * MODULES..((number + 1) * MODULES).min(model.parts.len());
    let used = modules.flat_map(|part| model.below(part)).map(project);
    used.filter(|other| *other != number).collect()
}

/// A project that uses others by their folders.
fn manifest(model: &Model, number: usize) -> String {
    let used = used(model, number);
    let names: Vec<String> = used.iter().map(|other| format!("\"py{other}\"")).collect();
    let mut text = format!(
        "[project]\nname = \"py{number}\"\nversion = \"1.0.0\"\ndependencies = [{}]\n\n[tool.uv.sources]\n",
        names.join(", ")
    );
    let mut paths = vec!["\"src\"".to_owned()];
    for other in used {
        let _ = writeln!(
            text,
            "py{other} = {{ path = \"../py{other}\", editable = true }}"
        );
        paths.push(format!("\"../py{other}/src\""));
    }
    let _ = writeln!(
        text,
        "\n[tool.pytest.ini_options]\naddopts = \"-p pkg{number}.plug\"\npythonpath = [{}]",
        paths.join(", ")
    );
    text
}

/// What a project has besides: a plugin, and tests of the plugin, a mode, a link and a file that is named nowhere.
fn extras(root: &Path, project: usize) -> Result<(), String> {
    let (package, tests) = (
        format!("py{project}/src/pkg{project}"),
        format!("py{project}/tests"),
    );
    write(root, &format!("{package}/plug.py"), &plugin(1))?;
    write(root, &format!("{tests}/one.txt"), "one")?;
    write(root, &format!("{tests}/two.txt"), "two")?;
    write(root, &format!("{tests}/tool.sh"), "exit 0\n")?;
    write(root, &format!("py{project}/note.txt"), "open")?;
    set_mode(&root.join(&tests).join("tool.sh"), 0o755)?;
    relink(&root.join(&tests).join("current.txt"), "one.txt")?;
    let text = "\
import os
import pathlib


def test_plugin(plugged):
    assert plugged == 1


def test_mode():
    assert os.access(pathlib.Path(__file__).parent / 'tool.sh', os.X_OK)
";
    write(root, &format!("{tests}/test_extra.py"), text)?;
    let text = "\
import pathlib


def test_link():
    assert (pathlib.Path(__file__).parent / 'current.txt').read_text() == 'one'
";
    write(root, &format!("{tests}/test_link.py"), text)?;
    let text = "\
def test_note():
    with open(''.join(['no', 'te', '.txt'])) as note:
        assert note.read() == 'open'
";
    write(root, &format!("{tests}/test_note.py"), text)
}

fn plugin(value: u8) -> String {
    format!("import pytest\n\n\n@pytest.fixture\ndef plugged():\n    return {value}\n")
}

/// How a test gets its module.
fn loading(part: usize) -> String {
    let project = project(part);
    match part % 6 {
        1 => {
            format!("import importlib\npart = importlib.import_module('pkg{project}.part{part}')\n")
        }
        // Named in a text, as patches are.
        2 => format!(
            "from unittest import mock\npart = mock.patch('pkg{project}.part{part}.v').getter()\n"
        ),
        3 => format!("from pkg{project} import part{part} as part, plug\n"),
        4 => format!("import pkg{project}.part{part} as part\n"),
        // A test that nobody can follow.
        5 => format!(
            "import importlib\nname = '.'.join(['pkg{project}', 'part{part}'])\npart = importlib.import_module(name)\n"
        ),
        _ => format!("from pkg{project} import part{part} as part\n"),
    }
}
