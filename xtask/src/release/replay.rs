//! Replays the commits of real repositories: `cargo xtask release replay --repos DIR --commits N`.
//!
//! For each commit along the first parents, everything counts as released at its parent. Then what would be released must
//! be what is affected over edges that build: the projects that the commit hits by itself, and who reaches one of them over
//! `link`, `build` and `declared` edges of the graph of either side, which is walked here anew from `affected graph`. Those that
//! only share their version with a released one, and who only is built with those, are counted apart, and configuration of this tool ships nothing. The same question twice must give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::Value;
use walkdir::WalkDir;

use super::{affected, finished, git, json};
use crate::program::program;

/// What to replay.
#[derive(Args)]
pub(crate) struct Replay {
    /// Folder of repositories.
    #[arg(long)]
    repos: PathBuf,
    /// Commits of each, from the newest on.
    #[arg(long, default_value_t = 200)]
    commits: usize,
    /// Only repositories whose folder contains this; may be repeated.
    #[arg(long)]
    only: Vec<String>,
    /// The program; the one of this repository, built now, if not given.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What was counted.
#[derive(Default)]
struct Tally {
    commits: usize,
    released: usize,
    by_others: usize,
    together: usize,
    repeats: usize,
    wrong: Vec<String>,
}

/// Replays each repository and prints a table; an error if one commit is answered wrongly.
pub(crate) fn run(wanted: &Replay) -> Result<(), String> {
    let program = program(wanted.program.as_deref(), &[])?;
    println!(
        "{:52} commits  releases  by others  one version  repeats  wrong  seconds",
        "repository"
    );
    let mut wrong = 0;
    let mut seen = 0;
    for (name, git_dir) in repositories(wanted) {
        let began = Instant::now();
        let tally = repository(wanted, &program, &git_dir)?;
        println!(
            "{name:52} {:7}  {:8}  {:9}  {:11}  {:7}  {:5}  {:7.1}",
            tally.commits,
            tally.released,
            tally.by_others,
            tally.together,
            tally.repeats,
            tally.wrong.len(),
            began.elapsed().as_secs_f64()
        );
        for line in &tally.wrong {
            println!("  {line}");
        }
        wrong += tally.wrong.len();
        seen += tally.commits;
    }
    match (seen, wrong) {
        (0, _) => Err("there is no such repository".to_owned()),
        (_, 0) => Ok(()),
        _ => Err(format!("{wrong} of {seen} commits are answered wrongly")),
    }
}

/// The repositories below the folder by name.
fn repositories(wanted: &Replay) -> Vec<(String, PathBuf)> {
    let is_wanted = |name: &str| {
        let mut all = wanted.only.iter();
        wanted.only.is_empty() || all.any(|only| name.contains(only.as_str()))
    };
    let is_git = |path: &Path| path.join(".git").exists() || path.join("objects").is_dir();
    let folders = WalkDir::new(&wanted.repos)
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name();
    let mut found = Vec::new();
    for folder in folders.into_iter().flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let mut below = WalkDir::new(folder.path())
            .max_depth(2)
            .into_iter()
            .flatten();
        if let Some(place) = below.find(|entry| is_git(entry.path()))
            && is_wanted(&name)
        {
            found.push((name, place.into_path()));
        }
    }
    found
}

/// Replays one repository in a clone that borrows its objects, so that nothing is written into it.
fn repository(wanted: &Replay, program: &Path, git_dir: &Path) -> Result<Tally, String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (clone, cache) = (scratch.path().join("clone"), scratch.path().join("cache"));
    let words = |path: &Path| path.display().to_string();
    git(
        scratch.path(),
        &[
            "clone",
            "-q",
            "--bare",
            "--shared",
            &words(git_dir),
            &words(&clone),
        ],
    )?;
    let count = (wanted.commits + 1).to_string();
    let listed = git(
        &clone,
        &["rev-list", "--first-parent", "-n", &count, "HEAD"],
    )?;
    let commits: Vec<&str> = listed.lines().collect();
    let mut tally = Tally::default();
    for pair in commits.windows(2) {
        let step = Step {
            program,
            clone: &clone,
            cache: &cache,
            head: pair[0],
            base: pair[1],
        };
        tally.commits += 1;
        match step.judge() {
            Ok(judged) => {
                tally.released += judged.released;
                tally.by_others += judged.by_others;
                tally.together += judged.together;
                tally.repeats += usize::from(judged.repeats);
            }
            Err(words) => tally.wrong.push(format!("{:.12} {words}", step.head)),
        }
    }
    Ok(tally)
}

/// One commit and its parent.
struct Step<'s> {
    program: &'s Path,
    clone: &'s Path,
    cache: &'s Path,
    head: &'s str,
    base: &'s str,
}

/// How many projects are released; how many of them because they are built with others, and because they share a version;
/// whether the commit only raises and repeats versions, which releases nobody else.
#[derive(Default)]
struct Judged {
    released: usize,
    by_others: usize,
    together: usize,
    repeats: bool,
}

impl Step<'_> {
    fn ask(&self, command: &[&str]) -> Result<Vec<u8>, String> {
        let range = ["--base", self.base, "--head", self.head, "--format", "json"];
        let arguments = [command, &range].concat();
        Ok(finished(&mut affected(
            self.program,
            self.clone,
            self.cache,
            &arguments,
        ))?
        .stdout)
    }

    fn judge(&self) -> Result<Judged, String> {
        let first = self.ask(&["release", "plan"])?;
        if first != self.ask(&["release", "plan"])? {
            return Err("the second answer has other bytes".to_owned());
        }
        let (plan, list) = (json(&first)?, json(&self.ask(&["list"])?)?);
        let edges = self.edges()?;
        let (rebuilt, seeds) = rebuilt(&list, &edges);
        let sharing = paths(&plan["releases"], shares_its_version);
        let released = paths(&plan["releases"], |_| true);
        // Who is built with one of those follows it, as it follows every release.
        let followers = reached(&sharing, &edges);
        let together: BTreeSet<String> = followers
            .into_iter()
            .filter(|path| !rebuilt.contains(path) || sharing.contains(path))
            .filter(|path| released.contains(path))
            .collect();
        let (mut missing, mut extra) = (Vec::new(), Vec::new());
        for project in list["projects"].as_array().into_iter().flatten() {
            let path = project["path"].as_str().unwrap_or_default();
            let is_shipped = matches!(project["kind"].as_str(), Some("service" | "library"));
            match (rebuilt.contains(path), released.contains(path)) {
                (true, false) if is_shipped => missing.push(path),
                (false, true) if !together.contains(path) => extra.push(path),
                _ => {}
            }
        }
        if missing.is_empty() && extra.is_empty() {
            let built: BTreeSet<_> = released.difference(&together).collect();
            return Ok(Judged {
                released: released.len(),
                by_others: built.iter().filter(|path| !seeds.contains(**path)).count(),
                together: together.len(),
                repeats: false,
            });
        }
        if extra.is_empty() && self.only_repeats()? {
            return Ok(Judged {
                repeats: true,
                ..Judged::default()
            });
        }
        Err(format!("not released: {missing:?}; released: {extra:?}"))
    }

    /// Tells whether a commit does no more than to raise versions, and to repeat those that its manifests declare, with words in
    /// changelogs, which is the end of a release and not the cause of one. Read from the diff alone, by other means than those of the program.
    fn only_repeats(&self) -> Result<bool, String> {
        let but_changelogs = ":(exclude,icase,glob)**/changelog*";
        let arguments = ["diff", "-U0", "--no-renames", self.base, self.head];
        let arguments = [&arguments[..], &["--", ".", but_changelogs]].concat();
        let diff = git(self.clone, &arguments)?;
        let side = |sign: char, head: &str| {
            let lines = diff
                .lines()
                .filter(move |line| line.starts_with(sign) && !line.starts_with(head));
            lines.map(|line| line[1..].to_owned()).collect::<Vec<_>>()
        };
        let (old, new) = (side('-', "---"), side('+', "+++"));
        if old.is_empty() || old.len() != new.len() {
            return Ok(false);
        }
        for (old, new) in old.iter().zip(&new) {
            let ((old_words, _), (new_words, versions)) = (masked(old), masked(new));
            if old_words != new_words {
                return Ok(false);
            }
            for version in versions {
                let declared = format!("version[^0-9]{{1,9}}{}", version.replace('.', "[.]"));
                let grep = ["grep", "-c", "-i", "-E", &declared, self.head];
                if git(self.clone, &grep).unwrap_or_default().is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Who depends on whom over edges that build, in the graph of either side: dependents by dependency.
    fn edges(&self) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for side in [self.base, self.head] {
            let arguments = ["graph", "--base", side, "--head", side, "--format", "json"];
            let mut command = affected(self.program, self.clone, self.cache, &arguments);
            let graph = json(&finished(&mut command)?.stdout)?;
            let mut places = BTreeMap::new();
            for project in graph["projects"].as_array().into_iter().flatten() {
                places.insert(project["name"].as_str(), project["path"].as_str());
            }
            for edge in graph["dependencies"].as_array().into_iter().flatten() {
                let builds = matches!(edge["kind"].as_str(), Some("link" | "build" | "declared"));
                let place = |end: &str| places.get(&edge[end].as_str()).copied().flatten();
                if let (Some(from), Some(to)) = (place("from"), place("to"))
                    && builds
                {
                    edges
                        .entry(to.to_owned())
                        .or_default()
                        .insert(from.to_owned());
                }
            }
        }
        Ok(edges)
    }
}

/// A line with a mark in place of each version, and the versions.
fn masked(line: &str) -> (String, Vec<String>) {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || ".+-".contains(letter);
    let (mut words, mut versions) = (String::new(), Vec::new());
    let mut rest = line;
    while let Some(at) = rest.find(is_part) {
        words.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.starts_with(|letter: char| letter.is_ascii_digit()) && word.contains('.') {
            words.push('#');
            versions.push(word.to_owned());
        } else {
            words.push_str(word);
        }
        rest = &rest[end..];
    }
    (words + rest, versions)
}

/// Walks from the projects that are hit by themselves to all that must be built anew. Returns both.
fn rebuilt(
    list: &Value,
    edges: &BTreeMap<String, BTreeSet<String>>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let hits = |reason: &Value| {
        let detail = reason["detail"].as_str().unwrap_or_default();
        let weaker = ["test", "observed", "contract", "runtime"];
        let mut weaker = weaker.iter().map(|kind| format!("reads it ({kind})"));
        let is_direct = reason["via"].as_array().is_none_or(Vec::is_empty);
        let ships = reason["code"] != "config-changed";
        is_direct && ships && !weaker.any(|words| detail.contains(&words))
    };
    let seeds = paths(&list["projects"], |project| {
        project["reasons"]
            .as_array()
            .into_iter()
            .flatten()
            .any(hits)
    });
    (reached(&seeds, edges), seeds)
}

/// Follows dependents to the end; with where it began.
fn reached(
    seeds: &BTreeSet<String>,
    edges: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let mut found = seeds.clone();
    let mut queue: Vec<String> = seeds.iter().cloned().collect();
    while let Some(path) = queue.pop() {
        for dependent in edges.get(&path).into_iter().flatten() {
            if found.insert(dependent.clone()) {
                queue.push(dependent.clone());
            }
        }
    }
    found
}

/// Tells whether a release is only made since another project has the same version.
fn shares_its_version(release: &Value) -> bool {
    let mut reasons = release["reasons"].as_array().into_iter().flatten();
    reasons.all(|reason| {
        let detail = reason["detail"].as_str().unwrap_or_default();
        detail.starts_with("it has one version with `")
    })
}

fn paths(projects: &Value, wanted: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let all = projects.as_array().into_iter().flatten();
    all.filter(|project| wanted(project))
        .filter_map(|project| Some(project["path"].as_str()?.to_owned()))
        .collect()
}
