//! `release`: per service, from the graph that chose the tests.

use affected_core::pipeline::Environment;
use affected_core::pipeline::release::{
    self, Against, Planned, Publishing, ReleaseRequest, Writing,
};
use affected_core::report::wire::release as wire;
use affected_core::vcs::Signing;
use clap::{Args, Subcommand, ValueEnum};

use crate::app::Context;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::terminal::escape;

const IN_CI: &str = "In CI, after the trunk is green, in a clone with all history and tags:
  affected release version
  git add -A && git commit -m \"chore: release\" && git push
  affected release tag --push";

/// Plan, write and tag releases per service
///
/// Each service is released since its own last tag. A service whose files changed gets what its commits and change files say
/// (`feat` minor, a break major, all else patch; before 1.0.0 a break is minor and all else patch). Who is built with it gets a
/// patch, over the same `link` and `build` edges that chose the tests.
#[derive(Debug, Args)]
#[command(after_help = IN_CI)]
pub(crate) struct Release {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell what would be released, and why; reads only.
    Plan(Shared),
    /// Write versions, requirements, lockfiles and changelogs into the work tree.
    Version {
        #[command(flatten)]
        shared: Shared,
        /// Only tell which files would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the notes of what would be released; reads only.
    Notes(Shared),
    /// Tag what is to be released; tags are never moved or deleted.
    Tag {
        #[command(flatten)]
        shared: Shared,
        /// Push the tags, atomically.
        #[arg(long)]
        push: bool,
        /// Where they are pushed.
        #[arg(long, default_value = "origin", value_name = "NAME")]
        remote: String,
        /// Sign, or do not; without it `tag.gpgSign` decides.
        #[arg(long, value_enum)]
        sign: Option<Sign>,
        /// Print every command that would do the same, and do nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Fail with 5 where a tag has not its version, a version not its tag, or the remote not a tag; reads only.
    Check {
        #[command(flatten)]
        shared: Shared,
        /// The remote that must have the tags; `origin` if there is one.
        #[arg(long, value_name = "NAME", conflicts_with = "offline")]
        remote: Option<String>,
        /// Ask no remote.
        #[arg(long)]
        offline: bool,
    },
}

/// Whether tags are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sign {
    Yes,
    No,
}

/// What every verb takes.
#[derive(Debug, Args)]
struct Shared {
    /// The commit that is released; HEAD if not given.
    #[arg(long, value_name = "REVISION")]
    head: Option<String>,
    /// Count every project as released at this commit, whatever tags say.
    #[arg(long, value_name = "REVISION")]
    base: Option<String>,
    /// Pre-releases with this word: `rc` gives 1.2.0-rc.1.
    #[arg(long, value_name = "WORD", value_parser = pre_release)]
    pre: Option<String>,
    /// Only these projects: globs over names and paths; may be repeated.
    #[arg(long, value_name = "GLOB")]
    filter: Vec<String>,
    /// Not these projects; may be repeated.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One identifier of a pre-release (<https://semver.org/#spec-item-9>) that is no number: an empty variable must not release a
/// final version, and the number behind the word is ours.
fn pre_release(word: &str) -> Result<String, String> {
    let is_word = word.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && word
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    match is_word {
        true => Ok(word.to_owned()),
        false => Err("take a word of letters, digits and dashes, such as `rc`".to_owned()),
    }
}

/// How it is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

impl Release {
    /// Does what the verb says.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        match self.verb {
            Verb::Plan(shared) => plan(&shared, context),
            Verb::Notes(shared) => notes(&shared, context),
            Verb::Check {
                shared,
                remote,
                offline,
            } => {
                let against = match (remote, offline) {
                    (Some(remote), _) => Against::Remote(remote),
                    (None, true) => Against::Nothing,
                    (None, false) => Against::Origin,
                };
                check(&shared, &against, context)
            }
            Verb::Version { shared, dry_run } => {
                let writing = if dry_run { Writing::Dry } else { Writing::Real };
                version(&shared, writing, context)
            }
            Verb::Tag {
                shared,
                push,
                remote,
                sign,
                dry_run,
            } => {
                let how = Publishing {
                    remote: push.then_some(remote),
                    signing: match sign {
                        Some(Sign::Yes) => Signing::Always,
                        Some(Sign::No) => Signing::Never,
                        None => Signing::AsConfigured,
                    },
                    is_dry: dry_run,
                };
                tag(&shared, &how, context)
            }
        }
    }
}

fn planned(shared: &Shared, context: &mut Context) -> Result<Planned, CliError> {
    let request = ReleaseRequest {
        directory: context.directory.clone(),
        head: shared.head.clone(),
        base: shared.base.clone(),
        pre: shared.pre.clone(),
        filter: shared.filter.clone(),
        exclude: shared.exclude.clone(),
    };
    Ok(release::plan(&request, &Environment::from_process())?)
}

fn plan(shared: &Shared, context: &mut Context) -> Result<Exit, CliError> {
    let document = planned(shared, context)?.document();
    context.printer.warnings(&document.warnings);
    if shared.format == Format::Json {
        context.printer.data(&json::line(&document)?)?;
        return Ok(Exit::OK);
    }
    let mut text: String = document.releases.iter().map(told).collect();
    if document.releases.is_empty() {
        text.push_str("nothing to release\n");
    }
    context.printer.data(&text)?;
    for problem in &document.problems {
        context.printer.warn(&problem.message, Some(&problem.help));
    }
    Ok(Exit::OK)
}

/// One release, and the line that says why.
fn told(release: &wire::Release) -> String {
    let from = release.from.as_deref().unwrap_or("(new)");
    let first = release.reasons.first();
    let why = first.map(|reason| {
        let chain = reason.via.join(" → ");
        let arrow = if chain.is_empty() {
            String::new()
        } else {
            format!("  {chain}")
        };
        format!("{}{arrow}  {}", reason.code, reason.detail)
    });
    let head = format!(
        "{}  {from} → {}  {}",
        release.project, release.to, release.bump
    );
    let mut text = format!(
        "{}\n    {}\n",
        escape(&head),
        escape(&why.unwrap_or_default())
    );
    for commit in &release.commits {
        let short: String = commit.id.chars().take(9).collect();
        let kind = match (commit.kind.as_str(), commit.breaking) {
            ("", _) => String::new(),
            (kind, true) => format!("{kind}!: "),
            (kind, false) => format!("{kind}: "),
        };
        text.push_str(&format!(
            "    {}\n",
            escape(&format!("{short} {kind}{}", commit.subject))
        ));
    }
    text
}

fn notes(shared: &Shared, context: &mut Context) -> Result<Exit, CliError> {
    let planned = planned(shared, context)?;
    context.printer.warnings(planned.warnings());
    let document = planned.notes()?;
    if shared.format == Format::Json {
        context.printer.data(&json::line(&document)?)?;
        return Ok(Exit::OK);
    }
    let mut text = String::new();
    for note in &document.notes {
        text.push_str(&format!(
            "# {}\n\n{}\n",
            escape(&note.project),
            note.markdown
        ));
    }
    context.printer.data(&text)?;
    Ok(Exit::OK)
}

fn version(shared: &Shared, writing: Writing, context: &mut Context) -> Result<Exit, CliError> {
    let planned = planned(shared, context)?;
    context.printer.warnings(planned.warnings());
    let document = release::write(&planned, writing)?;
    if shared.format == Format::Json {
        context.printer.data(&json::line(&document)?)?;
        return Ok(Exit::OK);
    }
    let mut text: String = document
        .releases
        .iter()
        .map(|it| format!("{}\n", escape(&format!("{}  {}", it.project, it.to))))
        .collect();
    for file in &document.files {
        text.push_str(&format!("    {}\n", escape(file)));
    }
    context.printer.data(&text)?;
    Ok(Exit::OK)
}

fn tag(shared: &Shared, how: &Publishing, context: &mut Context) -> Result<Exit, CliError> {
    let document = release::publish(&planned(shared, context)?, how)?;
    context.printer.warnings(&document.warnings);
    if shared.format == Format::Json {
        context.printer.data(&json::line(&document)?)?;
    } else {
        let line = |tag: &wire::Tag| format!("{}  {}\n", tag.state.as_str(), escape(&tag.name));
        let mut text: String = document.tags.iter().map(line).collect();
        for command in &document.commands {
            text.push_str(&format!("{}\n", escape(command)));
        }
        if document.tags.is_empty() {
            text.push_str("nothing to tag\n");
        }
        context.printer.data(&text)?;
    }
    let Some(refusal) = &document.refusal else {
        return Ok(Exit::OK);
    };
    let help = "fetch the tags and run it again: what is there is kept, what is missing is pushed";
    context
        .printer
        .warn(&format!("the remote refused: {refusal}"), Some(help));
    Ok(Exit::FAILED)
}

fn check(shared: &Shared, against: &Against, context: &mut Context) -> Result<Exit, CliError> {
    let document = release::check(&planned(shared, context)?, against)?;
    context.printer.warnings(&document.warnings);
    if shared.format == Format::Json {
        context.printer.data(&json::line(&document)?)?;
    } else {
        let line = |it: &wire::Problem| {
            format!("{}\n    help: {}\n", escape(&it.message), escape(&it.help))
        };
        let text: String = document.problems.iter().map(line).collect();
        let fine = "every tag has its version, and every version its tag\n".to_owned();
        let text = if document.problems.is_empty() {
            fine
        } else {
            text
        };
        context.printer.data(&text)?;
    }
    Ok(if document.problems.is_empty() {
        Exit::OK
    } else {
        Exit::POLICY
    })
}
