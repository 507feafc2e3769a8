//! Versions next to those of the tools that each language has: `cargo xtask release oracle`.
//!
//! One scripted history is played in workspaces of npm, Cargo and Go. Before each release the other tool answers in a copy of
//! the same state, so that one difference brings no others. A version that differs must be explained by a rule of that tool, or the
//! run fails. After each release the language's own tool has to accept the workspace as it was written.

mod cargo;
mod go;
mod npm;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::{affected, finished, git, json};
use crate::program::program;

/// What to compare.
#[derive(Args)]
pub(crate) struct Oracle {
    /// The program; the one of this repository, built now, if not given.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Only tracks whose title contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// `cart` is built with `money`, `web` with `cart`; `qa` tests with `money`; `lone` stands alone.
const PACKAGES: [&str; 5] = ["money", "cart", "web", "qa", "lone"];

/// What a package is built with.
fn uses(package: &str) -> Option<&'static str> {
    match package {
        "cart" => Some("money"),
        "web" => Some("cart"),
        _ => None,
    }
}

/// Commits, then a release.
struct Step {
    name: &'static str,
    commits: &'static [(&'static str, &'static [&'static str])],
    /// Whether a pre-release is made.
    is_pre: bool,
}

const STEPS: [Step; 7] = [
    Step {
        name: "a fix in a shared library",
        commits: &[("fix: rounding", &["money"])],
        is_pre: false,
    },
    Step {
        name: "a feature in the middle",
        commits: &[("feat: coupons", &["cart"])],
        is_pre: false,
    },
    Step {
        name: "a fix and a feature",
        commits: &[("fix: a", &["lone"]), ("feat: b", &["lone"])],
        is_pre: false,
    },
    Step {
        name: "a break in a shared library",
        commits: &[("feat!: other names", &["money"])],
        is_pre: false,
    },
    Step {
        name: "one commit in two packages",
        commits: &[("fix: both", &["money", "lone"])],
        is_pre: false,
    },
    Step {
        name: "a test only",
        commits: &[("fix: a check", &["qa"])],
        is_pre: false,
    },
    Step {
        name: "a pre-release",
        commits: &[("feat: soon", &["lone"])],
        is_pre: true,
    },
];

impl Step {
    fn touched(&self) -> BTreeSet<&'static str> {
        let commits = self.commits.iter();
        commits
            .flat_map(|(_, packages)| packages.iter().copied())
            .collect()
    }
}

/// Versions that are released, by package.
type Versions = BTreeMap<&'static str, String>;

/// A language, and a tool that tells versions for it.
trait Peer {
    /// The language and the tool.
    fn title(&self) -> String;

    /// What is written about releases in `affected.toml`.
    fn rules(&self) -> &'static str {
        ""
    }

    /// Lays out the workspace.
    fn lay_out(&self, root: &Path) -> Result<(), String>;

    /// Writes beside the commits of a step what they do, where that is not their messages.
    fn announce(&self, _root: &Path, _step: &Step) -> Result<(), String> {
        Ok(())
    }

    /// The message of a commit, where it is not the step's.
    fn message(&self, message: &'static str) -> &'static str {
        message
    }

    /// Returns what the tool releases: in `copy` is the state before, in `released` the one after our release.
    fn versions(&self, copy: &Path, released: &Path, step: &Step) -> Result<Versions, String>;

    /// Why the tool releases something else, if that is one of its rules.
    fn explain(
        &self,
        package: &str,
        step: &Step,
        ours: Option<&str>,
        theirs: Option<&str>,
    ) -> Option<&'static str>;

    /// Demands that the language's own tool takes the workspace as it is.
    fn accept(&self, released: &Path) -> Result<(), String>;
}

/// What was counted.
#[derive(Default)]
struct Tally {
    same: usize,
    explained: usize,
    wrong: usize,
}

/// Plays every track and prints the table; an error if a difference is not explained.
pub(crate) fn run(wanted: &Oracle) -> Result<(), String> {
    let program = program(wanted.program.as_deref(), &[])?;
    let tools = tools()?;
    let mut tally = Tally::default();
    for peer in tracks(&tools) {
        if peer.title().contains(&wanted.only) {
            track(&program, peer.as_ref(), &mut tally)?;
        }
    }
    println!(
        "\n{} versions: {} the same, {} explained, {} wrong",
        tally.same + tally.explained + tally.wrong,
        tally.same,
        tally.explained,
        tally.wrong
    );
    match tally.wrong {
        0 => Ok(()),
        wrong => Err(format!("{wrong} versions differ and no rule explains it")),
    }
}

fn tracks(tools: &Path) -> Vec<Box<dyn Peer>> {
    let npm = |start, range, from| npm::Npm {
        changesets: tools.join("node_modules/@changesets/cli/bin.js"),
        start,
        range,
        from,
    };
    let cargo = |start| cargo::Cargo {
        git_cliff: tools.join("node_modules/.bin/git-cliff"),
        start,
    };
    vec![
        Box::new(npm("1.0.0", "", npm::From::Commits)),
        Box::new(npm("1.0.0", "", npm::From::Changesets)),
        Box::new(npm("1.0.0", "^", npm::From::Commits)),
        Box::new(npm("0.1.0", "", npm::From::Commits)),
        Box::new(cargo("1.0.0")),
        Box::new(cargo("0.1.0")),
        Box::new(go::Go),
    ]
}

/// The tools from npm, prebuilt, into the folder for them.
fn tools() -> Result<PathBuf, String> {
    const WANTED: [&str; 2] = ["@changesets/cli@2.31.1", "git-cliff@2.14.2"];
    let folder = crate::root().join("target/tools/release");
    let stamp = folder.join("installed");
    let wanted = WANTED.join(" ");
    if std::fs::read_to_string(&stamp).is_ok_and(|known| known == wanted) {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut install = Command::new("npm");
    install
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--prefix",
        ])
        .arg(&folder)
        .args(WANTED);
    finished(&mut install)?;
    write(&stamp, &wanted)?;
    Ok(folder)
}

fn track(program: &Path, peer: &dyn Peer, tally: &mut Tally) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = scratch.path().join("work");
    std::fs::create_dir_all(&root).map_err(|error| error.to_string())?;
    println!("\n## {}\n", peer.title());
    println!("| step | package | affected | the other | |");
    println!("|---|---|---|---|---|");
    git(&root, &["init", "-q", "-b", "main"])?;
    write(&root.join("affected.toml"), peer.rules())?;
    peer.lay_out(&root)?;
    commit(&root, "chore: first")?;
    let ours = Ours {
        program,
        root: &root,
        cache: &scratch.path().join("cache"),
    };
    ours.tag(&[])?;
    peer.accept(&root)?;
    for (at, step) in STEPS.iter().enumerate() {
        for (message, packages) in step.commits {
            for package in *packages {
                let source = root.join(package).join("notes.txt");
                let old = std::fs::read_to_string(&source).unwrap_or_default();
                write(&source, &format!("{old}{at} {message}\n"))?;
            }
            commit(&root, peer.message(message))?;
        }
        peer.announce(&root, step)?;
        commit(&root, "chore: announced")?;
        let copy = scratch.path().join(format!("copy{at}"));
        let place = copy.display().to_string();
        git(scratch.path(), &["clone", "-q", "work", &place])?;
        let released = ours.release(step)?;
        let theirs = peer.versions(&copy, &root, step)?;
        peer.accept(&root)?;
        rows(peer, step, &released, &theirs, tally);
    }
    Ok(())
}

fn rows(peer: &dyn Peer, step: &Step, ours: &Versions, theirs: &Versions, tally: &mut Tally) {
    for package in PACKAGES {
        let (ours, theirs) = (ours.get(package), theirs.get(package));
        let why = match () {
            () if ours.is_none() && theirs.is_none() => continue,
            () if ours == theirs => {
                tally.same += 1;
                "same"
            }
            () => {
                let (ours, theirs) = (ours.map(String::as_str), theirs.map(String::as_str));
                let why = peer.explain(package, step, ours, theirs);
                match why {
                    Some(_) => tally.explained += 1,
                    None => tally.wrong += 1,
                }
                why.unwrap_or("WRONG")
            }
        };
        let word = |version: Option<&String>| version.map_or("-", String::as_str).to_owned();
        println!(
            "| {} | {package} | {} | {} | {why} |",
            step.name,
            word(ours),
            word(theirs)
        );
    }
}

/// Releases with the tool itself.
struct Ours<'o> {
    program: &'o Path,
    root: &'o Path,
    cache: &'o Path,
}

impl Ours<'_> {
    fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let mut command = affected(self.program, self.root, self.cache, arguments);
        Ok(finished(&mut command)?.stdout)
    }

    fn tag(&self, more: &[&str]) -> Result<(), String> {
        self.ask(&[&["release", "tag"], more].concat()).map(drop)
    }

    /// Plans, writes, commits and tags. Returns what was planned.
    fn release(&self, step: &Step) -> Result<Versions, String> {
        let pre: &[&str] = if step.is_pre { &["--pre", "rc"] } else { &[] };
        let plan = json(&self.ask(&[&["release", "plan", "--format", "json"], pre].concat())?)?;
        let releases = plan["releases"].as_array().into_iter().flatten();
        let versions = releases.filter_map(|release| {
            let path = release["path"].as_str()?;
            let package = PACKAGES.into_iter().find(|package| *package == path)?;
            Some((package, release["to"].as_str()?.to_owned()))
        });
        let versions = versions.collect();
        self.ask(&[&["release", "version"], pre].concat())?;
        commit(self.root, "chore: release")?;
        self.tag(pre)?;
        Ok(versions)
    }
}

fn commit(root: &Path, message: &str) -> Result<(), String> {
    git(root, &["add", "-A"])?;
    git(root, &["commit", "-q", "--allow-empty", "-m", message]).map(drop)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
