//! Repositories of one language each, with its real test runner. To add one: its struct and a member of the list.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::model::{Model, Part};
use super::write;
use affected_fixtures::Random;

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
    /// Makes a change that only this language knows, and tells which.
    fn own_change(
        &self,
        _root: &Path,
        _part: usize,
        _random: &mut Random,
    ) -> Result<Option<&'static str>, String> {
        Ok(None)
    }
    /// Runs every test.
    fn run(&self, root: &Path) -> Result<Outcomes, String>;
}

/// Every language that is tried.
pub(super) static LANGUAGES: &[&dyn Language] = &[
    &Go,
    &super::java::Java,
    &super::javascript::JavaScript,
    &super::python::Python,
    &super::rust::Rust,
];

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
                "\nfunc V() int {{ return {sum} + flag }}\n\n// {}",
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
        more(root, model)?;
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

    fn own_change(
        &self,
        root: &Path,
        part: usize,
        random: &mut Random,
    ) -> Result<Option<&'static str>, String> {
        let folder = Self::folder(part);
        match random.below(3) {
            0 => {
                let flag = format!("//go:build special\n\npackage p{part}\n\nconst flag = 0\n");
                write(root, &format!("{folder}/flag.go"), &flag)?;
                Ok(Some("build tag"))
            }
            1 if part % 3 == 1 => {
                write(root, &format!("{folder}/asset.txt"), "two")?;
                Ok(Some("embedded file"))
            }
            _ => {
                let module = part / PACKAGES;
                let text = format!("module ex.org/go{module}\n\ngo 1.22\n");
                write(root, &format!("go{module}/go.mod"), &text)?;
                Ok(Some("dependencies removed"))
            }
        }
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

/// A test outside of its package, which uses another one besides.
fn outer(model: &Model, number: usize, before: usize) -> String {
    let other = &model.parts[before];
    let expected = other.expected - other.data.unwrap_or_default();
    format!(
        "package p{number}_test\n\nimport (\n\t\"testing\"\n\n\t\"ex.org/{}\"\n)\n\nfunc TestOuter(t *testing.T) {{\n\tif p{before}.V() != {expected} {{\n\t\tt.Fail()\n\t}}\n}}\n",
        Go::folder(before)
    )
}

/// A file under a build tag for each package, and tests that stand outside of it or embed a file.
fn more(root: &Path, model: &Model) -> Result<(), String> {
    for number in 0..model.parts.len() {
        let folder = Go::folder(number);
        let flag = format!("//go:build !special\n\npackage p{number}\n\nconst flag = 0\n");
        write(root, &format!("{folder}/flag.go"), &flag)?;
        if let Some(before) = number.checked_sub(1) {
            write(
                root,
                &format!("{folder}/outer_test.go"),
                &outer(model, number, before),
            )?;
        }
        if number % 3 == 1 {
            let test = format!(
                "package p{number}\n\nimport (\n\t_ \"embed\"\n\t\"testing\"\n)\n\n//go:embed asset.txt\nvar asset string\n\nfunc TestAsset(t *testing.T) {{\n\tif asset != \"one\" {{\n\t\tt.Fail()\n\t}}\n}}\n"
            );
            write(root, &format!("{folder}/asset_test.go"), &test)?;
            write(root, &format!("{folder}/asset.txt"), "one")?;
        }
    }
    Ok(())
}
