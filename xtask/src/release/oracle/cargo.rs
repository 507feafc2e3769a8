//! Cargo workspaces, and git-cliff, which tells the next version of one folder (git-cliff.org/docs/usage/bump-version).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PACKAGES, Peer, Step, Versions, finished, git, uses, write};

/// Cargo and git-cliff.
pub(super) struct Cargo {
    pub(super) git_cliff: PathBuf,
    pub(super) start: &'static str,
}

/// Before 1.0.0 as Cargo reads it: a break raises the minor, all else the patch.
const CONFIG: &str = "[git]\nconventional_commits = true\nfilter_unconventional = false\n\
    [bump]\nfeatures_always_bump_minor = false\nbreaking_always_bump_major = false\n";

impl Peer for Cargo {
    fn title(&self) -> String {
        format!("Cargo, from {}; git-cliff", self.start)
    }

    fn lay_out(&self, root: &Path) -> Result<(), String> {
        let text = format!("[workspace]\nresolver = \"2\"\nmembers = {PACKAGES:?}\n");
        write(&root.join("Cargo.toml"), &text)?;
        for package in PACKAGES {
            let used = |it: &str| {
                format!(
                    "{it} = {{ path = \"../{it}\", version = \"{}\" }}\n",
                    self.start
                )
            };
            let build = uses(package).map_or_else(String::new, used);
            let test = match package {
                "qa" => "money = { path = \"../money\" }\n",
                _ => "",
            };
            let text = format!(
                "[package]\nname = \"{package}\"\nversion = \"{}\"\nedition = \"2021\"\n\n[dependencies]\n{build}\n[dev-dependencies]\n{test}",
                self.start
            );
            write(&root.join(package).join("Cargo.toml"), &text)?;
            write(&root.join(package).join("src/lib.rs"), "")?;
        }
        let mut command = Command::new("cargo");
        command
            .args(["generate-lockfile", "--offline"])
            .current_dir(root);
        finished(&mut command).map(drop)
    }

    fn versions(&self, copy: &Path, _released: &Path, _step: &Step) -> Result<Versions, String> {
        let config = copy.join("../cliff.toml");
        write(&config, CONFIG)?;
        let mut versions = Versions::new();
        for package in PACKAGES {
            let mut command = Command::new(&self.git_cliff);
            command
                .args([
                    "--bumped-version",
                    "--include-path",
                    &format!("{package}/**"),
                ])
                .args(["--tag-pattern", &format!("^{package}/v[0-9]"), "--config"])
                .arg(&config)
                .current_dir(copy);
            let output = finished(&mut command)?;
            let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let is_known = git(copy, &["tag", "--list", &told])?.trim() == told;
            let version = told.rsplit_once("/v").map(|(_, version)| version);
            if let Some(version) = version.filter(|_| !is_known) {
                versions.insert(package, version.to_owned());
            }
        }
        Ok(versions)
    }

    fn explain(
        &self,
        package: &str,
        step: &Step,
        ours: Option<&str>,
        theirs: Option<&str>,
    ) -> Option<&'static str> {
        match (ours, theirs) {
            (Some(_), None) if !step.touched().contains(package) => {
                Some("git-cliff looks at one folder and knows no dependents")
            }
            (Some(ours), Some(theirs)) if step.is_pre => {
                let is_same = ours.strip_suffix("-rc.1") == Some(theirs);
                is_same.then_some("git-cliff tells final versions only")
            }
            _ => None,
        }
    }

    /// The lockfile and every requirement fit, without a word from Cargo.
    fn accept(&self, released: &Path) -> Result<(), String> {
        let mut command = Command::new("cargo");
        command
            .args(["metadata", "--locked", "--offline", "--format-version", "1"])
            .current_dir(released);
        finished(&mut command).map(drop)
    }
}
