//! Other tools at the same question. turbo and moon are started as their native programs, without the start of Node.js.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::row::Row;

/// Where they are.
pub(super) struct Peers(PathBuf);

/// Installs what is missing.
pub(super) fn install(folder: &Path) -> Result<Peers, String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    let peers = Peers(folder);
    if !peers.0.join("node_modules/.bin/turbo").exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"]);
        run(npm.arg(&peers.0).args(["turbo", "nx", "@moonrepo/cli"]))?;
    }
    if !peers.0.join("bin/affected").exists() {
        let mut cargo = Command::new("cargo");
        // Outside of this workspace, whose settings are none of its business.
        cargo.current_dir(&peers.0);
        run(cargo
            .args(["install", "--quiet", "--locked", "affected-cli", "--root"])
            .arg(&peers.0))?;
    }
    Ok(peers)
}

fn run(command: &mut Command) -> Result<(), String> {
    let words = format!("{command:?}");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.map_err(|error| format!("{words} does not start: {error}"))?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| format!("{words} ended with {status}"))
}

/// While it lasts, the packages of the peers are the repository's: nx runs only where it is itself installed.
pub(super) struct Installed<'p> {
    peers: &'p Peers,
    folder: PathBuf,
    link: Option<PathBuf>,
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        let nx = self.peers.0.join("node_modules/.bin/nx");
        let mut stop = Command::new(nx);
        stop.args(["daemon", "--stop"]).current_dir(&self.folder);
        // Nothing is left behind where it was never started, either.
        let _ = run(stop.env("NX_TUI", "false"));
        if let Some(link) = &self.link {
            let _ = std::fs::remove_file(link);
        }
    }
}

impl Peers {
    /// Lends the peers to a repository, which git ignores.
    pub(super) fn lend(&self, folder: &Path) -> Installed<'_> {
        let link = folder.join("node_modules");
        let made = std::os::unix::fs::symlink(self.0.join("node_modules"), &link);
        Installed {
            peers: self,
            folder: folder.to_path_buf(),
            link: made.is_ok().then_some(link),
        }
    }

    /// A program of a package for this platform: `node_modules/<scope>/<one of several>/<path>`.
    fn native(&self, scope: &str, path: &str, otherwise: &str) -> PathBuf {
        let modules = self.0.join("node_modules");
        let packages = std::fs::read_dir(modules.join(scope)).into_iter().flatten();
        let programs = packages.flatten().map(|package| package.path().join(path));
        let mut found: Vec<_> = programs.filter(|path| path.is_file()).collect();
        found.sort();
        let plain = || modules.join(".bin").join(otherwise);
        found.pop().unwrap_or_else(plain)
    }

    /// The same question, as each of them is asked it: what is affected, with all dependents.
    pub(super) fn rows(&self, base: &str) -> Vec<Row> {
        let quiet = |row: Row| {
            row.with("DO_NOT_TRACK", "1")
                .with("TURBO_TELEMETRY_DISABLED", "1")
                .with("TURBO_SCM_BASE", base)
                .with("MOON_BASE", base)
                .with("MOON_TELEMETRY", "false")
                .with("NX_NO_CLOUD", "true")
                .with("NX_TUI", "false")
        };
        let turbo = self.native("@turbo", "bin/turbo", "turbo");
        let moon = self.native("@moonrepo", "moon", "moon");
        let nx = self.0.join("node_modules/.bin/nx");
        let nx = || {
            let base = format!("--base={base}");
            Row::new(nx.clone(), &["show", "projects", "--affected", &base])
        };
        let downstream = ["query", "projects", "--affected", "--downstream", "deep"];
        let crate_words = ["list", "--base", base];
        let rows = vec![
            Row::new(
                turbo,
                &["ls", "--affected", "--output", "json", "--skip-infer"],
            ),
            Row::new(moon, &downstream),
            nx().with("NX_DAEMON", "true")
                .named("nx show projects --affected (daemon)"),
            nx().with("NX_DAEMON", "false")
                .named("nx show projects --affected (no daemon)"),
            Row::new(self.0.join("bin/affected"), &crate_words)
                .named("the crate affected-cli: list --base"),
        ];
        rows.into_iter().map(quiet).collect()
    }
}
