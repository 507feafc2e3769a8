//! Repositories of one language each, with its real test runner. To add one: its struct and a member of the list.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::model::{Model, Part};
use super::write;

/// The path of a project, and a unit of it as `affected list` names it.
pub(super) type TestUnit = (String, String);

/// Which tests passed.
pub(super) type Outcomes = BTreeMap<TestUnit, bool>;

/// One language.
pub(super) trait Language: Sync {
    fn name(&self) -> &'static str;
    /// The program that runs its tests.
    fn tool(&self) -> &'static str;
    fn suffix(&self) -> &'static str;
    /// The source of a part.
    fn source(&self, part: usize) -> String;
    /// Writes every file.
    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String>;
    /// One more test of a part.
    fn new_test(&self, part: usize, passes: bool) -> (String, String);
    /// A file that several tests of a part take in, if there is one.
    fn support(&self, _part: usize, _broken: bool) -> Option<(String, String)> {
        None
    }
    /// Runs every test.
    fn run(&self, root: &Path) -> Result<Outcomes, String>;
}

/// Every language that is tried.
pub(super) static LANGUAGES: &[&dyn Language] = &[&Go, &JavaScript, &super::python::Python, &Rust];

pub(super) fn status(
    root: &Path,
    folder: &str,
    program: &str,
    arguments: &[&str],
) -> Result<(i32, String), String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root.join(folder))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("RUSTFLAGS")
        .output()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.code().unwrap_or(-1), text))
}

/// Folders at the top that hold a manifest of this name.
pub(super) fn projects(root: &Path, manifest: &str) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(root).map_err(|error| error.to_string())?;
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut found: Vec<String> = names
        .filter(|name| root.join(name).join(manifest).is_file())
        .collect();
    found.sort();
    Ok(found)
}

/// What is asked besides the sum.
pub(super) fn data(part: &Part, read: &str) -> String {
    part.data.map(|_| format!(" + {read}")).unwrap_or_default()
}

/// Writes the files that tests read.
pub(super) fn write_data(
    root: &Path,
    model: &Model,
    place: impl Fn(usize) -> String,
) -> Result<(), String> {
    for (number, part) in model.parts.iter().enumerate() {
        if let Some(data) = part.data {
            write(root, &place(number), &data.to_string())?;
        }
    }
    Ok(())
}

/// Three packages to a module.
struct Go;

const PACKAGES: usize = 3;

impl Go {
    fn folder(part: usize) -> String {
        format!("go{}/p{part}", part / PACKAGES)
    }
}

impl Language for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn tool(&self) -> &'static str {
        "go"
    }

    fn suffix(&self) -> &'static str {
        "go"
    }

    fn source(&self, part: usize) -> String {
        format!("{}/source.go", Self::folder(part))
    }

    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String> {
        let modules = model.parts.len().div_ceil(PACKAGES);
        for module in 0..modules {
            let mut text = format!("module ex.org/go{module}\n\ngo 1.22\n");
            for other in (0..modules).filter(|other| *other != module) {
                let _ = write!(
                    text,
                    "\nrequire ex.org/go{other} v0.0.0\n\nreplace ex.org/go{other} => ../go{other}\n"
                );
            }
            write(root, &format!("go{module}/go.mod"), &text)?;
        }
        for (number, part) in model.parts.iter().enumerate() {
            let mut text = format!("package p{number}\n\n");
            let mut sum = part.value.to_string();
            for used in &part.uses {
                let _ = writeln!(text, "import \"ex.org/{}\"", Self::folder(*used));
                let _ = write!(sum, " + p{used}.V()");
            }
            let _ = writeln!(
                text,
                "\nfunc V() int {{ return {sum} }}\n\n// {}",
                part.remark
            );
            write(root, &self.source(number), &text)?;
            let imports = if part.data.is_some() {
                "\"os\"\n\t\"strconv\"\n\t"
            } else {
                ""
            };
            let read = "func read() int {\n\ttext, _ := os.ReadFile(\"testdata/value.txt\")\n\tvalue, _ := strconv.Atoi(string(text))\n\treturn value\n}\n";
            let read = if part.data.is_some() { read } else { "" };
            let test = format!(
                "package p{number}\n\nimport (\n\t{imports}\"testing\"\n)\n\n{read}\nfunc TestSum(t *testing.T) {{\n\tif V(){} != {} {{\n\t\tt.Fail()\n\t}}\n}}\n",
                data(part, "read()"),
                part.expected
            );
            write(
                root,
                &format!("{}/source_test.go", Self::folder(number)),
                &test,
            )?;
        }
        write_data(root, model, |part| {
            format!("{}/testdata/value.txt", Self::folder(part))
        })
    }

    fn new_test(&self, part: usize, passes: bool) -> (String, String) {
        let fail = if passes { "" } else { "t.Fail()" };
        let text = format!(
            "package p{part}\n\nimport \"testing\"\n\nfunc TestNew(t *testing.T) {{ {fail} }}\n"
        );
        (format!("{}/new_test.go", Self::folder(part)), text)
    }

    fn run(&self, root: &Path) -> Result<Outcomes, String> {
        let mut found = Outcomes::new();
        for project in projects(root, "go.mod")? {
            let (_, text) = status(root, &project, "go", &["test", "./..."])?;
            for line in text.lines() {
                let mut words = line.split('\t');
                let verdict = words.next().unwrap_or_default().trim();
                let package = words.next().and_then(|name| name.split(' ').next());
                let inside =
                    package.and_then(|name| name.strip_prefix(&format!("ex.org/{project}")));
                if let (Some(inside), "ok" | "FAIL") = (inside, verdict) {
                    found.insert((project.clone(), format!(".{inside}")), verdict == "ok");
                }
            }
        }
        Ok(found)
    }
}

/// Workspaces of npm, tested with node's own runner.
struct JavaScript;

impl Language for JavaScript {
    fn name(&self) -> &'static str {
        "javascript"
    }

    fn tool(&self) -> &'static str {
        "node"
    }

    fn suffix(&self) -> &'static str {
        "js"
    }

    fn source(&self, part: usize) -> String {
        format!("js{part}/index.js")
    }

    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String> {
        let names: Vec<String> = (0..model.parts.len())
            .map(|part| format!("\"js{part}\""))
            .collect();
        let top = format!(
            "{{\"name\":\"root\",\"private\":true,\"workspaces\":[{}]}}\n",
            names.join(",")
        );
        write(root, "package.json", &top)?;
        write(root, ".gitignore", "node_modules\n")?;
        for (number, part) in model.parts.iter().enumerate() {
            let uses: Vec<String> = part
                .uses
                .iter()
                .map(|used| format!("\"js{used}\":\"*\""))
                .collect();
            let manifest = format!(
                "{{\"name\":\"js{number}\",\"version\":\"1.0.0\",\"scripts\":{{\"test\":\"node --test --require ./setup.js\"}},\"dependencies\":{{{}}}}}\n",
                uses.join(",")
            );
            write(root, &format!("js{number}/package.json"), &manifest)?;
            let sum = part.uses.iter().fold(part.value.to_string(), |sum, used| {
                format!("{sum} + require('js{used}').v()")
            });
            let text = format!("exports.v = () => {sum}\n// {}\n", part.remark);
            write(root, &self.source(number), &text)?;
            let read = "Number(require('fs').readFileSync(__dirname + '/value.txt'))";
            let test = format!(
                "const assert = require('assert')\nassert.strictEqual(require('..').v(){}, {})\n",
                data(part, read),
                part.expected
            );
            write(root, &format!("js{number}/test/sum.js"), &test)?;
            write(
                root,
                &format!("js{number}/setup.js"),
                "globalThis.ready = true\n",
            )?;
            let kept = "require('assert').ok(globalThis.ready && require('../support/holds')())\n";
            write(root, &format!("js{number}/test/kept.js"), kept)?;
            // A name that is computed, through which the source of the part is reached.
            let load = format!(
                "const name = ['in', 'dex'].join('')\nrequire('assert').strictEqual(require('../' + name).v() + {}, {})\n",
                part.data.unwrap_or_default(),
                part.expected
            );
            if number % 3 == 0 {
                write(root, &format!("js{number}/test/load.js"), &load)?;
            }
            if let Some((path, text)) = self.support(number, false) {
                write(root, &path, &text)?;
            }
            link(root, number)?;
        }
        write_data(root, model, |part| format!("js{part}/test/value.txt"))
    }

    fn new_test(&self, part: usize, passes: bool) -> (String, String) {
        let text = format!("require('assert').ok({passes})\n");
        (format!("js{part}/test/new.js"), text)
    }

    fn support(&self, part: usize, broken: bool) -> Option<(String, String)> {
        let text = format!("module.exports = () => {}\n", !broken);
        Some((format!("js{part}/support/holds.js"), text))
    }

    fn run(&self, root: &Path) -> Result<Outcomes, String> {
        let mut found = Outcomes::new();
        for project in projects(root, "package.json")? {
            let tests = std::fs::read_dir(root.join(&project).join("test"));
            for entry in tests.into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.ends_with(".js") {
                    continue;
                }
                let file = format!("test/{name}");
                let arguments = ["--require", "./setup.js", "--test", &file];
                let (code, _) = status(root, &project, "node", &arguments)?;
                found.insert((project.clone(), file), code == 0);
            }
        }
        Ok(found)
    }
}

/// Links a member as npm does when it installs.
fn link(root: &Path, part: usize) -> Result<(), String> {
    let folder = root.join("node_modules");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let at = folder.join(format!("js{part}"));
    if at.symlink_metadata().is_ok() {
        return Ok(());
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(format!("../js{part}"), at).map_err(|error| error.to_string())?;
    Ok(())
}

/// Crates of one workspace, each with tests inside and two integration tests.
struct Rust;

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn tool(&self) -> &'static str {
        "cargo"
    }

    fn suffix(&self) -> &'static str {
        "rs"
    }

    fn source(&self, part: usize) -> String {
        format!("rs{part}/src/part.rs")
    }

    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String> {
        let names: Vec<String> = (0..model.parts.len())
            .map(|part| format!("\"rs{part}\""))
            .collect();
        let top = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [{}]\n",
            names.join(", ")
        );
        write(root, "Cargo.toml", &top)?;
        write(root, ".gitignore", "target\nCargo.lock\n")?;
        for (number, part) in model.parts.iter().enumerate() {
            let mut sum = part.value.to_string();
            let mut manifest = format!(
                "[package]\nname = \"rs{number}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n\n[dependencies]\n"
            );
            for used in &part.uses {
                let _ = writeln!(manifest, "rs{used} = {{ path = \"../rs{used}\" }}");
                let _ = write!(sum, " + rs{used}::v()");
            }
            write(root, &format!("rs{number}/Cargo.toml"), &manifest)?;
            let source = format!(
                "pub fn v() -> u64 {{\n    {sum}\n}}\n\n#[test]\nfn is_more() {{\n    assert!(v() > 0);\n}}\n// {}\n",
                part.remark
            );
            write(root, &self.source(number), &source)?;
            // Without any target a manifest is broken, and with it all of the workspace: that is no matter of tests.
            let library = "mod part;\n\npub use part::v;\n";
            write(root, &format!("rs{number}/src/lib.rs"), library)?;
            let read =
                "std::fs::read_to_string(\"tests/value.txt\").unwrap().parse::<u64>().unwrap()";
            let test = format!(
                "#[test]\nfn sum() {{\n    assert_eq!(rs{number}::v(){}, {});\n}}\n",
                data(part, read),
                part.expected
            );
            write(root, &format!("rs{number}/tests/sum.rs"), &test)?;
            let test = "mod common;\n\n#[test]\nfn kept() {\n    assert!(common::holds());\n}\n";
            write(root, &format!("rs{number}/tests/kept.rs"), test)?;
            if let Some((path, text)) = self.support(number, false) {
                write(root, &path, &text)?;
            }
        }
        write_data(root, model, |part| format!("rs{part}/tests/value.txt"))
    }

    fn new_test(&self, part: usize, passes: bool) -> (String, String) {
        let text = format!("#[test]\nfn new() {{\n    assert!({passes});\n}}\n");
        (format!("rs{part}/tests/new.rs"), text)
    }

    fn support(&self, part: usize, broken: bool) -> Option<(String, String)> {
        let text = format!("pub fn holds() -> bool {{\n    {}\n}}\n", !broken);
        Some((format!("rs{part}/tests/common/mod.rs"), text))
    }

    fn run(&self, root: &Path) -> Result<Outcomes, String> {
        let mut found = Outcomes::new();
        for project in projects(root, "Cargo.toml")? {
            let mut units = vec![("lib".to_owned(), vec!["--lib".to_owned()])];
            let tests = std::fs::read_dir(root.join(&project).join("tests"));
            for entry in tests.into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if let Some(name) = name.strip_suffix(".rs") {
                    units.push((name.to_owned(), vec!["--test".to_owned(), name.to_owned()]));
                }
            }
            for (unit, which) in units {
                let mut arguments = vec!["test", "--offline", "-q", "-p", &project];
                arguments.extend(which.iter().map(String::as_str));
                let (code, _) = status(root, "", "cargo", &arguments)?;
                found.insert((project.clone(), unit), code == 0);
            }
        }
        Ok(found)
    }
}
