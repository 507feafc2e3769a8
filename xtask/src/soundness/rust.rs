//! Rust: crates of one workspace, each with tests inside, integration tests and a dependency of the tests only. All are built
//! by one command that goes on after errors, and the programs are started one by one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::language::{Language, Outcomes, data, projects, status, write_data};
use super::model::Model;
use super::write;

pub(super) struct Rust;

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

    fn manifests(&self) -> &'static [&'static str] {
        &["Cargo.toml"]
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
            let tested = number
                .checked_sub(1)
                .filter(|before| !part.uses.contains(before));
            if let Some(before) = tested {
                let _ = writeln!(
                    manifest,
                    "\n[dev-dependencies]\nrs{before} = {{ path = \"../rs{before}\" }}"
                );
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
            let before = tested.map(|before| {
                let before_it = &model.parts[before];
                let expected = before_it.expected - before_it.data.unwrap_or_default();
                format!("    assert_eq!(rs{before}::v(), {expected});\n")
            });
            let shared = shared(number);
            let test = format!(
                "mod {shared};\n\n#[test]\nfn kept() {{\n    assert!({shared}::holds());\n{}}}\n",
                before.unwrap_or_default()
            );
            write(root, &format!("rs{number}/tests/kept.rs"), &test)?;
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
        let shared = shared(part);
        let file = if shared == "common" { "/mod.rs" } else { ".rs" };
        Some((format!("rs{part}/tests/{shared}{file}"), text))
    }

    fn run(&self, root: &Path) -> Result<Outcomes, String> {
        let arguments = [
            "build",
            "--workspace",
            "--tests",
            "--offline",
            "--keep-going",
            "--message-format=json",
        ];
        let (_, text) = status(root, "", "cargo", &arguments)?;
        let built = programs(&text);
        let mut found = Outcomes::new();
        for project in projects(root, "Cargo.toml")? {
            let mut units = vec!["lib".to_owned()];
            let tests = std::fs::read_dir(root.join(&project).join("tests"));
            for entry in tests.into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                units.extend(name.strip_suffix(".rs").map(ToOwned::to_owned));
            }
            for unit in units {
                let key = (project.clone(), unit);
                let run = built.get(&key).map(|program| {
                    let run = Command::new(program)
                        .current_dir(root.join(&project))
                        .output();
                    run.map_err(|error| format!("{program}: {error}"))
                });
                let passed = run.transpose()?.is_some_and(|run| run.status.success());
                found.insert(key, passed);
            }
        }
        Ok(found)
    }
}

/// What tests take in: in a folder, or in a file that is a test program of its own, too.
fn shared(part: usize) -> &'static str {
    if part.is_multiple_of(2) {
        "common"
    } else {
        "shared"
    }
}

/// The test programs that were built, by package and target.
fn programs(messages: &str) -> BTreeMap<(String, String), String> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = |message: Value| {
        let program = message["executable"].as_str()?.to_owned();
        let manifest = Path::new(message["manifest_path"].as_str()?);
        let project = manifest
            .parent()?
            .file_name()?
            .to_string_lossy()
            .into_owned();
        let is_library = message["target"]["kind"][0] == "lib";
        let name = message["target"]["name"].as_str()?;
        let unit = if is_library { "lib" } else { name };
        Some(((project, unit.to_owned()), program))
    };
    messages.filter_map(program).collect()
}
