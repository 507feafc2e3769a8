//! npm workspaces, and changesets (github.com/changesets/changesets).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PACKAGES, Peer, Step, Versions, finished, git, json, uses, write};

/// What our versions come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The messages of commits.
    Commits,
    /// The very change files that changesets reads.
    Changesets,
}

/// npm and changesets.
pub(super) struct Npm {
    pub(super) changesets: PathBuf,
    pub(super) start: &'static str,
    /// What stands before the version of what a package uses.
    pub(super) range: &'static str,
    pub(super) from: From,
}

impl Npm {
    /// The change files of a step, one for each commit.
    fn change_files(&self, root: &Path, step: &Step) -> Result<(), String> {
        for (at, (message, packages)) in step.commits.iter().enumerate() {
            let bump = match message.split(':').next() {
                Some("feat!") => "major",
                Some("feat") => "minor",
                _ => "patch",
            };
            let lines: Vec<String> = packages
                .iter()
                .map(|package| format!("\"@x/{package}\": {bump}\n"))
                .collect();
            let text = format!("---\n{}---\n\n{message}\n", lines.concat());
            write(&root.join(format!(".changeset/step-{at}.md")), &text)?;
        }
        Ok(())
    }

    fn changeset(&self, folder: &Path, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new("node");
        command
            .arg(&self.changesets)
            .args(arguments)
            .current_dir(folder)
            .env("CI", "true");
        finished(&mut command).map(drop)
    }
}

impl Peer for Npm {
    fn title(&self) -> String {
        let range = if self.range.is_empty() {
            "pinned"
        } else {
            "ranges"
        };
        let from = match self.from {
            From::Commits => "commits",
            From::Changesets => "the same change files",
        };
        format!("npm, {range}, from {}, {from}; changesets", self.start)
    }

    fn rules(&self) -> &'static str {
        // Changesets has no rule for versions before 1.0.0.
        match self.from {
            From::Commits => "[release]\nzero = \"strict\"\n",
            From::Changesets => "[release]\nzero = \"strict\"\nchanges = \".changeset\"\n",
        }
    }

    fn lay_out(&self, root: &Path) -> Result<(), String> {
        let all: Vec<_> = PACKAGES.iter().map(|it| format!("\"{it}\"")).collect();
        let text = format!(
            "{{\n  \"name\": \"root\",\n  \"private\": true,\n  \"workspaces\": [{}]\n}}\n",
            all.join(", ")
        );
        write(&root.join("package.json"), &text)?;
        for package in PACKAGES {
            let used = |it: &str| format!("{{ \"@x/{it}\": \"{}{}\" }}", self.range, self.start);
            let build = uses(package).map_or("{}".to_owned(), used);
            let test = if package == "qa" {
                used("money")
            } else {
                "{}".to_owned()
            };
            let text = format!(
                "{{\n  \"name\": \"@x/{package}\",\n  \"version\": \"{}\",\n  \"dependencies\": {build},\n  \"devDependencies\": {test}\n}}\n",
                self.start
            );
            write(&root.join(package).join("package.json"), &text)?;
            write(&root.join(package).join("index.js"), "")?;
        }
        let config = "{ \"changelog\": false, \"commit\": false, \"access\": \"public\", \"baseBranch\": \"main\" }\n";
        write(&root.join(".changeset/config.json"), config)?;
        lock(root)
    }

    fn announce(&self, root: &Path, step: &Step) -> Result<(), String> {
        match self.from {
            From::Commits => Ok(()),
            From::Changesets => self.change_files(root, step),
        }
    }

    fn message(&self, message: &'static str) -> &'static str {
        match self.from {
            From::Commits => message,
            From::Changesets => "chore: work",
        }
    }

    fn versions(&self, copy: &Path, _released: &Path, step: &Step) -> Result<Versions, String> {
        if step.is_pre {
            self.changeset(copy, &["pre", "enter", "rc"])?;
        }
        self.change_files(copy, step)?;
        let read = || -> Result<Versions, String> {
            let one = |package: &'static str| {
                let path = copy.join(package).join("package.json");
                let manifest = json(&std::fs::read(path).map_err(|error| error.to_string())?)?;
                let version = manifest["version"].as_str().unwrap_or_default();
                Ok((package, version.to_owned()))
            };
            PACKAGES.into_iter().map(one).collect()
        };
        let before = read()?;
        self.changeset(copy, &["version"])?;
        let mut after = read()?;
        after.retain(|package, version| before.get(package) != Some(version));
        Ok(after)
    }

    fn explain(
        &self,
        package: &str,
        step: &Step,
        ours: Option<&str>,
        theirs: Option<&str>,
    ) -> Option<&'static str> {
        match (ours, theirs) {
            (Some(_), None) if !step.touched().contains(package) && self.range == "^" => Some(
                "the range accepts the new version, and so changesets leaves it out; here what was built with it is built anew",
            ),
            (Some(ours), Some(theirs)) if step.is_pre => {
                let is_next = ours.strip_suffix("-rc.1") == theirs.strip_suffix("-rc.0");
                is_next.then_some("changesets counts pre-releases from 0")
            }
            _ => None,
        }
    }

    /// npm's own look at the lockfile changes nothing.
    fn accept(&self, released: &Path) -> Result<(), String> {
        lock(released)?;
        match git(released, &["status", "--porcelain"])? {
            clean if clean.is_empty() => Ok(()),
            changed => Err(format!(
                "npm writes the lockfile anew: {changed}{}",
                git(released, &["diff"])?
            )),
        }
    }
}

fn lock(root: &Path) -> Result<(), String> {
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--package-lock-only",
            "--offline",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ])
        .current_dir(root);
    finished(&mut command).map(drop)
}
