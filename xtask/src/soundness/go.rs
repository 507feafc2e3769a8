//! Go: three packages to a module, each with tests inside and outside of its package, files under build tags, embedded
//! files and data. Modules need one another by `replace`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::language::{Language, Outcomes, data, projects, status, write_data};
use super::model::Model;
use super::write;
use affected_fixtures::Random;

/// Three packages to a module.
pub(super) struct Go;

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

    fn manifests(&self) -> &'static [&'static str] {
        &["go.mod"]
    }

    fn source(&self, part: usize) -> String {
        format!("{}/source.go", Self::folder(part))
    }

    fn lay_out(&self, root: &Path, model: &Model) -> Result<(), String> {
        let modules = model.parts.len().div_ceil(PACKAGES);
        for module in 0..modules {
            write(
                root,
                &format!("go{module}/go.mod"),
                &manifest(model, module),
            )?;
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
            // A module that cannot be read says nothing about its packages.
            for package in tested(&root.join(&project)) {
                found.insert((project.clone(), format!("./{package}")), false);
            }
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

/// A module that needs the modules of all that its packages, and their tests, are built with.
fn manifest(model: &Model, module: usize) -> String {
    let packages = module * PACKAGES..((module + 1) * PACKAGES).min(model.parts.len());
    let with_tests = packages.flat_map(|part| [Some(part), part.checked_sub(1)]);
    let used = with_tests.flatten().flat_map(|part| model.below(part));
    let used: BTreeSet<usize> = used.map(|part| part / PACKAGES).collect();
    let mut text = format!("module ex.org/go{module}\n\ngo 1.22\n");
    for other in used.into_iter().filter(|other| *other != module) {
        let _ = write!(
            text,
            "\nrequire ex.org/go{other} v0.0.0\n\nreplace ex.org/go{other} => ../go{other}\n"
        );
    }
    text
}

/// Folders of a module that hold tests.
fn tested(module: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(module).into_iter().flatten().flatten();
    let is_test = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with("_test.go");
    let has_tests = |folder: &Path| {
        let mut files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.any(|file| is_test(&file.file_name()))
    };
    folders
        .filter(|folder| has_tests(&folder.path()))
        .map(|folder| folder.file_name().to_string_lossy().into_owned())
        .collect()
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
