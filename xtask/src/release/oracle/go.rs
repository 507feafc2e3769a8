//! Go modules, and Go itself, which resolves what was tagged from a proxy of files (go.dev/ref/mod#goproxy-protocol).

use std::path::Path;
use std::process::Command;

use super::{PACKAGES, Peer, Step, Versions, finished, git, uses, write};

/// Go.
pub(super) struct Go;

impl Peer for Go {
    fn title(&self) -> String {
        "Go modules, from 0.1.0; `go list -m`".to_owned()
    }

    fn lay_out(&self, root: &Path) -> Result<(), String> {
        let all: Vec<_> = PACKAGES.iter().map(|it| format!("use ./{it}\n")).collect();
        write(
            &root.join("go.work"),
            &format!("go 1.21\n\n{}", all.concat()),
        )?;
        for package in PACKAGES {
            let used = uses(package).or((package == "qa").then_some("money"));
            let requires = used.map_or_else(String::new, |it| {
                format!("require example.com/x/{it} v0.1.0\n")
            });
            let text = format!("module example.com/x/{package}\n\ngo 1.21\n\n{requires}");
            write(&root.join(package).join("go.mod"), &text)?;
            let import = uses(package).map_or_else(String::new, |it| {
                format!("\nimport _ \"example.com/x/{it}\"\n")
            });
            let text = format!("package {package}\n{import}");
            write(&root.join(package).join(format!("{package}.go")), &text)?;
        }
        let test = "package qa\n\nimport _ \"example.com/x/money\"\n";
        write(&root.join("qa/qa_test.go"), test)
    }

    /// The last version that Go finds of each module, where it is one more than in the copy.
    fn versions(&self, copy: &Path, released: &Path, _step: &Step) -> Result<Versions, String> {
        let mut versions = Versions::new();
        for package in PACKAGES {
            let (before, after) = (listed(copy, package)?, listed(released, package)?);
            if let Some(last) = after.last().filter(|last| !before.contains(last)) {
                versions.insert(package, last.trim_start_matches('v').to_owned());
            }
        }
        Ok(versions)
    }

    fn explain(
        &self,
        _package: &str,
        _step: &Step,
        _ours: Option<&str>,
        _theirs: Option<&str>,
    ) -> Option<&'static str> {
        None
    }

    fn accept(&self, released: &Path) -> Result<(), String> {
        for package in PACKAGES {
            let mut command = Command::new("go");
            command
                .args(["build", "./..."])
                .current_dir(released.join(package))
                .env("GOFLAGS", "")
                .env("GOPROXY", "off");
            finished(&mut command)?;
        }
        Ok(())
    }
}

/// The versions of a module in ascending order, as Go lists them from what is tagged in a repository.
fn listed(repository: &Path, package: &str) -> Result<Vec<String>, String> {
    let proxy = tempfile::tempdir().map_err(|error| error.to_string())?;
    let module = format!("example.com/x/{package}");
    let folder = proxy.path().join(&module).join("@v");
    let tags = git(repository, &["tag", "--list", &format!("{package}/v*")])?;
    let mut versions = Vec::new();
    for tag in tags.lines() {
        let version = tag.trim_start_matches(&format!("{package}/"));
        let manifest = git(repository, &["show", &format!("{tag}:{package}/go.mod")])?;
        write(&folder.join(format!("{version}.mod")), &manifest)?;
        let info = format!("{{\"Version\":\"{version}\",\"Time\":\"2026-01-01T00:00:00Z\"}}");
        write(&folder.join(format!("{version}.info")), &info)?;
        versions.push(version.to_owned());
    }
    write(&folder.join("list"), &versions.join("\n"))?;
    let mut command = Command::new("go");
    command
        .args([
            "list",
            "-m",
            "-versions",
            "-f",
            "{{join .Versions \" \"}}",
            &module,
        ])
        .current_dir(proxy.path())
        .env("GOPROXY", format!("file://{}", proxy.path().display()))
        .env("GONOSUMDB", "*")
        .env("GOFLAGS", "-mod=mod -modcacherw")
        .env("GOMODCACHE", proxy.path().join("cache"));
    let output = finished(&mut command)?;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(words.split_whitespace().map(ToOwned::to_owned).collect())
}
