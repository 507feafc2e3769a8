//! JavaScript: workspaces of npm, tested by node. What is installed is made from the lockfile before each run.

use std::path::Path;

use serde_json::Value;

use super::language::{Language, Outcomes, data, status, write_data};
use super::model::{Model, is_dynamic};
use super::write;
use affected_fixtures::Random;

pub(super) struct JavaScript;

/// Runs every test file as `node --test --require ./setup.js` does, each alone, but in a thread instead of a process.
const RUN: &str = include_str!("truth.js");

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

    fn manifests(&self) -> &'static [&'static str] {
        &["package.json", "package-lock.json"]
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
        write(root, "package-lock.json", &lockfile(model))?;
        for (number, part) in model.parts.iter().enumerate() {
            let uses = uses(number, &part.uses);
            let script = if is_tested(number) {
                "\"test\":\"node --test --require ./setup.js\""
            } else {
                ""
            };
            let manifest = format!(
                "{{\"name\":\"js{number}\",\"version\":\"1.0.0\",\"scripts\":{{{script}}},\"dependencies\":{{{uses}}}}}\n"
            );
            write(root, &format!("js{number}/package.json"), &manifest)?;
            let sum = part.uses.iter().fold(part.value.to_string(), |sum, used| {
                format!("{sum} + require('js{used}').v()")
            });
            let text = format!("exports.v = () => {sum}\n// {}\n", part.remark);
            write(root, &self.source(number), &text)?;
            // A name that nobody can read off.
            let name = if number % 2 == 0 {
                "/value.txt"
            } else {
                "/val' + 'ue.txt"
            };
            let read = format!("Number(require('fs').readFileSync(__dirname + '{name}'))");
            let test = format!(
                "const assert = require('assert')\nassert.strictEqual(require('..').v(){}, {})\n",
                data(part, &read),
                part.expected
            );
            write(root, &format!("js{number}/test/sum.js"), &test)?;
            write(
                root,
                &format!("js{number}/setup.js"),
                "globalThis.ready = true\n",
            )?;
            beside(root, number)?;
            // A name that is computed, through which the source of the part is reached.
            let load = format!(
                "const name = ['in', 'dex'].join('')\nrequire('assert').strictEqual(require('../' + name).v() + {}, {})\n",
                part.data.unwrap_or_default(),
                part.expected
            );
            if is_dynamic(number) {
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
        if !is_tested(part) {
            return None;
        }
        let text = format!("module.exports = () => {}\n", !broken);
        Some((format!("js{part}/support/holds.js"), text))
    }

    fn own_change(
        &self,
        root: &Path,
        part: usize,
        random: &mut Random,
    ) -> Result<Option<&'static str>, String> {
        let (path, from, to, told) = match random.below(4) {
            0 => {
                let outside = part - part % 2;
                let (from, to) = (format!("ext{outside}-1.0.1"), format!("ext{outside}-1.0.2"));
                ("package-lock.json".to_owned(), from, to, "lockfile")
            }
            1 => {
                let main = "\"version\":\"1.0.0\"".to_owned();
                let to = format!("{main},\"main\":\"other.js\"");
                (format!("js{part}/package.json"), main, to, "main file")
            }
            2 => {
                let (from, to) = ("true".to_owned(), "false".to_owned());
                (format!("js{part}/setup.js"), from, to, "setup file")
            }
            _ => {
                let (from, to) = ("1".to_owned(), "2".to_owned());
                (format!("js{part}/.env"), from, to, "environment file")
            }
        };
        let text = std::fs::read_to_string(root.join(&path)).map_err(|error| error.to_string())?;
        write(root, &path, &text.replace(&from, &to))?;
        Ok(Some(told))
    }

    fn run(&self, root: &Path) -> Result<Outcomes, String> {
        install(root)?;
        let folder = root.display().to_string();
        let (code, text) = status(root, "", "node", &["-e", RUN, &folder])?;
        if code != 0 {
            return Err(format!("the tests cannot be run: {text}"));
        }
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split('\t');
            let (project, file, outcome) = (words.next()?, words.next()?, words.next()?);
            Some(((project.to_owned(), file.to_owned()), outcome == "passed"))
        });
        Ok(lines.collect())
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

/// One library is tried through its users only.
fn is_tested(part: usize) -> bool {
    part != 1
}

/// Some parts use a package that is not of the repository.
fn has_outside(part: usize) -> bool {
    part.is_multiple_of(2)
}

/// The dependencies of a part, as JSON writes them.
fn uses(part: usize, used: &[usize]) -> String {
    let mut found: Vec<String> = used
        .iter()
        .map(|used| format!("\"js{used}\":\"*\""))
        .collect();
    if has_outside(part) {
        found.push(format!("\"ext{part}\":\"^1.0.0\""));
    }
    found.join(",")
}

fn lockfile(model: &Model) -> String {
    let mut packages = vec!["\"\":{\"name\":\"root\"}".to_owned()];
    for (number, part) in model.parts.iter().enumerate() {
        let uses = uses(number, &part.uses);
        packages.push(format!(
            "\"js{number}\":{{\"version\":\"1.0.0\",\"dependencies\":{{{uses}}}}}"
        ));
        packages.push(format!(
            "\"node_modules/js{number}\":{{\"resolved\":\"js{number}\",\"link\":true}}"
        ));
        if has_outside(number) {
            packages.push(format!(
                "\"node_modules/ext{number}\":{{\"version\":\"1.0.1\",\"resolved\":\"https://registry.invalid/ext{number}-1.0.1.tgz\"}}"
            ));
        }
    }
    format!(
        "{{\"name\":\"root\",\"lockfileVersion\":3,\"packages\":{{\n{}\n}}}}\n",
        packages.join(",\n")
    )
}

/// Puts there what the lockfile names: packages that export the last number of their version.
fn install(root: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(root.join("package-lock.json")).unwrap_or_default();
    let lock: Value = serde_json::from_str(&text).unwrap_or_default();
    for (at, package) in lock["packages"].as_object().into_iter().flatten() {
        let number = package["resolved"].as_str().and_then(|from| {
            let version = from.strip_suffix(".tgz")?;
            version.rsplit('.').next()?.parse::<u64>().ok()
        });
        if let Some(number) = number {
            write(
                root,
                &format!("{at}/index.js"),
                &format!("module.exports = {number}\n"),
            )?;
        }
    }
    Ok(())
}

/// Tests of a part that know nothing of its source, and what they need.
fn beside(root: &Path, number: usize) -> Result<(), String> {
    let kept = "require('assert').ok(globalThis.ready && require('../support/holds')())\n";
    write(root, &format!("js{number}/test/kept.js"), kept)?;
    write(root, &format!("js{number}/.env"), "MODE=1\n")?;
    write(
        root,
        &format!("js{number}/other.js"),
        "exports.v = () => 0\n",
    )?;
    let name = if number.is_multiple_of(2) {
        ".env"
    } else {
        ".e' + 'nv"
    };
    let own = format!(
        "require('assert').ok(require('fs').readFileSync(__dirname + '/../{name}', 'utf8') === 'MODE=1\\n')\n"
    );
    if has_outside(number) {
        let outside = format!("require('assert').strictEqual(require('ext{number}'), 1)\n");
        write(root, &format!("js{number}/test/outside.js"), &outside)?;
    }
    write(root, &format!("js{number}/test/mode.js"), &own)
}
