//! Tags under pressure: `cargo xtask release soak` (Q4).
//!
//! First, taggers at once: in each round the trunk gets a fix, and a crowd of clones tags it and pushes to one bare remote.
//! Every second clone has a commit more, so that its tags have the same names and another meaning; every fourth pair shares
//! one clone. No tag may ever move, a round's tags all name one commit, each tagger that was not done says what is and what
//! is not, and says the same or better when it is run again.
//!
//! Then, kills: a tagger is killed at a random moment, alone or with its children, but not with what receives its push, which
//! on a host lives elsewhere. What the remote has must be whole rounds only, and a rerun must complete this one: every tag once,
//! here and there, versions without a gap.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use tempfile::TempDir;

use super::{affected, finished, git, json};
use crate::program::program;
use affected_fixtures::Random;

/// How much pressure.
#[derive(Args)]
pub(crate) struct Soak {
    /// Taggers at once.
    #[arg(long, default_value_t = 20)]
    taggers: usize,
    /// Rounds of taggers.
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Taggers that are killed.
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// Where the randomness starts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program; the one of this repository, built now, if not given.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Modules of the repository; all are built with the first.
const MODULES: [&str; 5] = ["money", "cart", "orders", "pay", "web"];

/// Puts on the pressure and prints what was counted; an error where something moved, was lost, or was not told.
pub(crate) fn run(wanted: &Soak) -> Result<(), String> {
    let program = program(wanted.program.as_deref(), &[])?;
    let yard = Yard::new(&program)?;
    taggers(&yard, wanted)?;
    kills(&Yard::new(&program)?, wanted)
}

/// A bare remote, and the clone in which its trunk goes on.
struct Yard<'p> {
    program: &'p Path,
    scratch: TempDir,
}

/// Tags of the remote: the object and the commit by name.
type Tags = BTreeMap<String, (String, String)>;

impl<'p> Yard<'p> {
    fn new(program: &'p Path) -> Result<Self, String> {
        let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
        let yard = Self { program, scratch };
        git(
            &yard.place(""),
            &["init", "-q", "--bare", "-b", "main", "remote"],
        )?;
        git(&yard.place(""), &["init", "-q", "-b", "main", "trunk"])?;
        let (first, others) = MODULES.split_first().expect("there are modules");
        for module in MODULES {
            let uses = match others.contains(&module) {
                true => format!(
                    "require example.com/x/{first} v0.1.0\nreplace example.com/x/{first} => ../{first}\n"
                ),
                false => String::new(),
            };
            let text = format!("module example.com/x/{module}\n\ngo 1.21\n\n{uses}");
            yard.write(&format!("trunk/{module}/go.mod"), &text)?;
            yard.write(
                &format!("trunk/{module}/{module}.go"),
                &format!("package {module}\n"),
            )?;
        }
        let remote = yard.place("remote").display().to_string();
        git(&yard.place("trunk"), &["remote", "add", "origin", &remote])?;
        Ok(yard)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write(&self, path: &str, text: &str) -> Result<(), String> {
        let path = self.place(path);
        let folder = path.parent().unwrap_or(self.scratch.path());
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Brings the trunk up to date, fixes what all are built with, and pushes.
    fn fix(&self, round: usize) -> Result<(), String> {
        let (trunk, first) = (self.place("trunk"), MODULES[0]);
        self.write(
            &format!("trunk/{first}/{first}.go"),
            &format!("package {first}\n\n// Round {round}.\n"),
        )?;
        git(&trunk, &["add", "-A"])?;
        git(
            &trunk,
            &["commit", "-q", "-m", &format!("fix: round {round}")],
        )?;
        git(&trunk, &["push", "-q", "origin", "HEAD:main"]).map(drop)
    }

    fn clone(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.place(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
        }
        git(
            &self.place(""),
            &["clone", "-q", "--shared", "remote", name],
        )?;
        Ok(folder)
    }

    fn tagger(&self, clone: &Path) -> Command {
        let arguments = ["release", "tag", "--push", "--format", "json"];
        let mut command = affected(self.program, clone, &self.place("cache"), &arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn tags(&self, clone: &Path) -> Result<Tags, String> {
        let format = "--format=%(refname:strip=2) %(objectname) %(*objectname)";
        let listed = git(clone, &["for-each-ref", "refs/tags", format])?;
        let mut tags = Tags::new();
        for line in listed.lines() {
            let mut words = line.split(' ').map(ToOwned::to_owned);
            if let (Some(name), Some(object), Some(commit)) =
                (words.next(), words.next(), words.next())
            {
                tags.insert(name, (object, commit));
            }
        }
        Ok(tags)
    }
}

/// The names of the tags that a round makes.
fn expected(round: usize) -> Vec<String> {
    let name = |module: &&str| format!("{module}/v0.1.{round}");
    MODULES.iter().map(name).collect()
}

/// Demands that what was there is there unchanged, and that this round is there as a whole, on one commit.
fn whole(before: &Tags, now: &Tags, round: usize) -> Result<(), String> {
    for (name, at) in before {
        if now.get(name) != Some(at) {
            return Err(format!("round {round}: `{name}` moved"));
        }
    }
    let names = expected(round);
    let fresh: Vec<_> = now
        .keys()
        .filter(|name| !before.contains_key(*name))
        .collect();
    let mut wanted: Vec<_> = names.iter().collect();
    wanted.sort();
    if fresh != wanted {
        return Err(format!(
            "round {round}: there are {fresh:?}, not {wanted:?}"
        ));
    }
    let mut commits = names.iter().filter_map(|name| Some(&now.get(name)?.1));
    let first = commits.next();
    match commits.all(|commit| Some(commit) == first) {
        true => Ok(()),
        false => Err(format!("round {round}: its tags name several commits")),
    }
}

fn taggers(yard: &Yard<'_>, wanted: &Soak) -> Result<(), String> {
    let (began, remote) = (Instant::now(), yard.place("remote"));
    let (mut done, mut told, mut again) = (0, 0, 0);
    for round in 0..wanted.rounds {
        yard.fix(round)?;
        let before = yard.tags(&remote)?;
        let clones = clones(yard, wanted.taggers)?;
        let first = all_at_once(yard, &clones, round)?;
        done += first;
        told += clones.len() - first;
        let after = yard.tags(&remote)?;
        whole(&before, &after, round)?;
        let winner = &after[&expected(round)[0]].1;
        again += one_by_one(yard, &clones, winner, round)?;
        if yard.tags(&remote)? != after {
            return Err(format!(
                "round {round}: running it again changed the remote"
            ));
        }
        // The trunk goes on from what was released.
        let trunk = yard.place("trunk");
        git(&trunk, &["fetch", "-q", "--tags", "origin"])?;
        git(&trunk, &["reset", "-q", "--hard", winner])?;
    }
    println!(
        "{} rounds of {} taggers: {done} done, {told} told, {again} done when run again; {} tags, 0 moved, 0 half done; {:.1}s",
        wanted.rounds,
        wanted.taggers,
        yard.tags(&remote)?.len(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Clones for so many taggers: half of them stand on a commit of their own, and every eighth shares one with another.
fn clones(yard: &Yard<'_>, taggers: usize) -> Result<Vec<PathBuf>, String> {
    let mut clones: Vec<PathBuf> = Vec::new();
    for at in 0..taggers {
        match (at % 8, clones.last().cloned()) {
            (7, Some(last)) => clones.push(last),
            _ => clones.push(yard.clone(&format!("clone{at}"))?),
        }
        if at % 2 == 1 && at % 8 != 7 {
            git(
                &clones[at],
                &["commit", "-q", "--allow-empty", "-m", "other"],
            )?;
        }
    }
    Ok(clones)
}

/// Starts a tagger in each clone, and counts those that were done.
fn all_at_once(yard: &Yard<'_>, clones: &[PathBuf], round: usize) -> Result<usize, String> {
    let start = |clone: &PathBuf| yard.tagger(clone).spawn();
    let started: Result<Vec<Child>, _> = clones.iter().map(start).collect();
    let mut done = 0;
    for child in started.map_err(|error| error.to_string())? {
        let output = child.wait_with_output();
        let output = output.map_err(|error| error.to_string())?;
        let ended = report(&output).map_err(|words| format!("round {round}: {words}"))?;
        done += usize::from(ended == Ended::Done);
    }
    Ok(done)
}

/// Runs each again: those that stand on the winning commit are done, no other is. Returns how many were.
fn one_by_one(
    yard: &Yard<'_>,
    clones: &[PathBuf],
    winner: &str,
    round: usize,
) -> Result<usize, String> {
    let mut done = 0;
    for clone in clones {
        let output = yard.tagger(clone).output();
        let output = output.map_err(|error| error.to_string())?;
        let ended = report(&output).map_err(|words| format!("round {round}, again: {words}"))?;
        let head = git(clone, &["rev-parse", "HEAD"])?;
        let is_winner = winner == head.trim();
        if is_winner != (ended == Ended::Done) {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!(
                "round {round}: run again, {head} ended wrongly: {words}"
            ));
        }
        done += usize::from(is_winner);
    }
    Ok(done)
}

/// How a tagger ended.
#[derive(PartialEq, Eq)]
enum Ended {
    /// All is tagged and pushed.
    Done,
    /// It is not, and what is was told.
    Told,
}

/// Reads what a tagger said. One that is not done must say what was done, or that nothing was.
fn report(output: &Output) -> Result<Ended, String> {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let states = || -> Result<Vec<String>, String> {
        let document = json(&output.stdout)?;
        let tags = document["tags"].as_array().into_iter().flatten();
        let state = |tag: &serde_json::Value| tag["state"].as_str().map(ToOwned::to_owned);
        Ok(tags.filter_map(state).collect())
    };
    match output.status.code() {
        Some(0)
            if states()?
                .iter()
                .all(|state| state == "pushed" || state == "present") =>
        {
            Ok(Ended::Done)
        }
        Some(1) if states()?.len() == MODULES.len() && words.contains("help:") => Ok(Ended::Told),
        Some(2) if words.contains("nothing was written") => Ok(Ended::Told),
        code => Err(format!("ended with {code:?}: {words}")),
    }
}

fn kills(yard: &Yard<'_>, wanted: &Soak) -> Result<(), String> {
    let (began, remote) = (Instant::now(), yard.place("remote"));
    let mut random = Random(wanted.seed);
    let (mut whole_run, mut early, mut local, mut late) = (Duration::ZERO, 0, 0, 0);
    yard.fix(0)?;
    let clone = yard.clone("clone")?;
    // What receives holds a lock, so that it can be waited for once its sender is dead.
    let lock = yard.place("receiving").display().to_string();
    let apart = format!("setsid -w flock -s '{lock}' git-receive-pack");
    git(&clone, &["config", "remote.origin.receivepack", &apart])?;
    for round in 0..=wanted.kills {
        if round > 0 {
            yard.fix(round)?;
            git(&clone, &["pull", "-q", "--ff-only", "--no-tags"])?;
        }
        let before = yard.tags(&remote)?;
        if round == 0 {
            // The first one lives, to tell how long it takes.
            let started = Instant::now();
            finished(&mut yard.tagger(&clone))?;
            whole_run = started.elapsed();
        } else {
            let moment = whole_run.mul_f64(1.2 * random.below(1000) as f64 / 1000.0);
            killed(yard.tagger(&clone), moment, random.below(2) == 0)?;
            finished(Command::new("flock").args([lock.as_str(), "true"]))?;
            let (here, there) = (yard.tags(&clone)?, yard.tags(&remote)?);
            if there.len() != before.len() {
                late += 1;
                whole(&before, &there, round)?;
            } else if here.len() != before.len() {
                local += 1;
            } else {
                early += 1;
            }
            finished(&mut yard.tagger(&clone)).map_err(|words| format!("kill {round}: {words}"))?;
        }
        let there = yard.tags(&remote)?;
        whole(&before, &there, round)?;
        if yard.tags(&clone)? != there {
            return Err(format!("kill {round}: here are other tags than there"));
        }
    }
    println!(
        "{} kills: {early} before a tag, {local} with tags here, {late} with tags there; every rerun completed, {} tags, no duplicate, no gap; {:.1}s",
        wanted.kills,
        yard.tags(&remote)?.len(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Starts a command and kills it after a while: alone, or with its children.
fn killed(mut command: Command, after: Duration, with_children: bool) -> Result<(), String> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    std::thread::sleep(after);
    if with_children {
        let group = format!("-{}", child.id());
        drop(Command::new("kill").args(["-9", "--", &group]).output());
    }
    drop(child.kill());
    child.wait().map(drop).map_err(|error| error.to_string())
}
