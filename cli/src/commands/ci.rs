//! `ci`: what a pipeline needs around `test`.

use std::path::{Path, PathBuf};

use affected_core::ci;
use affected_core::pipeline::{self, Environment};
use affected_core::plan::jobs::{Count, MOST_SHARDS, Timings};
use affected_core::report::gate::{self, Report};
use affected_core::report::wire::v1;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use crate::app::Context;
use crate::args::{Output, Selection};
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::request;
use crate::terminal::{Printer, Verbosity, escape};

/// Serve a CI pipeline: its base, a plan for several jobs, and one verdict over them
#[derive(Debug, Args)]
pub(crate) struct Ci {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell which host this is, what it builds, and what that is compared with.
    Base {
        #[command(flatten)]
        selection: Box<Selection>,
        #[command(flatten)]
        output: Output,
    },
    /// Plan the affected tests for several jobs.
    Plan {
        #[command(flatten)]
        selection: Box<Selection>,
        /// How many jobs: a number, or `auto`.
        #[arg(long, value_name = "N", default_value = "auto")]
        shards: String,
        /// The form of the job list.
        #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = formats())]
        format: String,
        /// Write the plan itself here, for the jobs and the verdict.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Reports of earlier runs, whose times balance the jobs; may be repeated.
        #[arg(long, value_name = "FILE")]
        timings: Vec<PathBuf>,
    },
    /// Join the reports of several jobs into one.
    MergeReports {
        /// Reports, or folders of them.
        #[arg(required = true)]
        reports: Vec<PathBuf>,
    },
    /// Compare the plan with what was really run; passes only if all of it was.
    Verdict {
        /// What was planned.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// Reports, or folders of them.
        reports: Vec<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
}

fn formats() -> PossibleValuesParser {
    let hosts = ci::ALL
        .iter()
        .filter(|host| host.job_list(&ci::JobList::default()).is_some());
    PossibleValuesParser::new(std::iter::once("json").chain(hosts.map(|host| host.id())))
}

impl Ci {
    /// Runs the verb.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        match self.verb {
            Verb::Base { selection, output } => base(&selection, &output, context),
            Verb::Plan {
                selection,
                shards,
                format,
                out,
                timings,
            } => {
                let count = count(&shards)?;
                let timings = times(&timings)?;
                let request = request::resolve(&selection, None, context)?;
                let plan = pipeline::cut(&request, &Environment::from_process(), count, &timings)?;
                context.printer.warnings(&plan.warnings);
                let line = json::line(&plan)?;
                if let Some(out) = &out {
                    write(out, &line)?;
                }
                told(&plan, context);
                let list = ci::named(&format).and_then(|host| host.job_list(&jobs(&plan, out)));
                context.printer.data(&list.unwrap_or(line))?;
                Ok(Exit::OK)
            }
            Verb::MergeReports { reports } => {
                let merged =
                    gate::merge(&read_all(&reports)).map_err(|why| CliError::Document {
                        doing: "merge the reports",
                        why,
                    })?;
                context.printer.data(&json::line(&merged)?)?;
                Ok(Exit::OK)
            }
            Verb::Verdict {
                plan,
                reports,
                output,
            } => verdict(&plan, &reports, &output, context),
        }
    }
}

fn base(selection: &Selection, output: &Output, context: &mut Context) -> Result<Exit, CliError> {
    let request = request::resolve(selection, None, context)?;
    let found = pipeline::base(&request, &Environment::from_process())?;
    if output.format == "json" {
        context.printer.data(&json::line(&found)?)?;
        return Ok(Exit::OK);
    }
    context.printer.warnings(&found.warnings);
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let base = match &found.base {
        Some(base) => format!(
            "{} {} ({})",
            or_none(&base.commit),
            base.reference,
            base.source
        ),
        None => "none: everything is selected".to_owned(),
    };
    let text = format!(
        "host  {}\nevent {}\nhead  {} {}\nbase  {base}\n",
        or_none(&found.host),
        or_none(&found.event),
        or_none(&found.head.commit),
        found.head.reference,
    );
    context.printer.data(&escape(&text))?;
    Ok(Exit::OK)
}

fn count(text: &str) -> Result<Count, CliError> {
    if text == "auto" {
        return Ok(Count::Auto);
    }
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=MOST_SHARDS).contains(number));
    number.map(Count::Exactly).ok_or_else(|| CliError::Value {
        flag: "--shards",
        value: text.to_owned(),
        help: format!("write a number up to {MOST_SHARDS}, or `auto`"),
    })
}

/// How long tasks took in earlier runs; where several tell, the last one counts.
fn times(paths: &[PathBuf]) -> Result<Timings, CliError> {
    let mut timings = Timings::new();
    for report in read_all(paths) {
        let run = report.run.map_err(|why| CliError::Document {
            doing: "read the times of an earlier run",
            why: format!("`{}`: {why}", report.name),
        })?;
        let passed = run.tasks.iter().filter(|task| task.outcome == "passed");
        timings.extend(passed.map(|task| (task.target.clone(), task.ms)));
    }
    Ok(timings)
}

fn told(plan: &v1::Plan, context: &mut Context) {
    let counts = &plan.summary;
    context.printer.note(&format!(
        "{} of {} projects affected, {} tasks in {} jobs\n",
        counts.affected, counts.projects, counts.tasks, counts.shards
    ));
}

fn jobs(plan: &v1::Plan, out: Option<PathBuf>) -> ci::JobList {
    let jobs = plan.shards.iter().filter(|shard| shard.tasks > 0);
    ci::JobList {
        plan: out.map_or_else(|| "plan.json".to_owned(), |out| out.display().to_string()),
        count: plan.shards.len(),
        jobs: jobs
            .map(|shard| ci::Job {
                index: shard.index,
                tasks: shard.tasks,
            })
            .collect(),
    }
}

fn verdict(
    plan: &Path,
    reports: &[PathBuf],
    output: &Output,
    context: &mut Context,
) -> Result<Exit, CliError> {
    let plan = read_plan(plan)?;
    let verdict = gate::verdict(&plan, &read_all(reports));
    if output.format == "json" {
        context.printer.data(&json::line(&verdict)?)?;
    } else {
        context.printer.data(&drawn(&verdict, &context.printer))?;
    }
    Ok(match verdict.verdict.as_str() {
        "passed" | "not-needed" => Exit::OK,
        "failed" => Exit::FAILED,
        _ => Exit::POLICY,
    })
}

fn drawn(verdict: &v1::Verdict, printer: &Printer) -> String {
    let mut text = String::new();
    for problem in &verdict.problems {
        text.push_str(&format!("ignored {}\n", escape(&problem.message)));
    }
    let fine = ["passed", "cached", "flaky"];
    let all = printer.verbosity == Verbosity::Verbose;
    for task in &verdict.tasks {
        if all || !fine.contains(&task.outcome.as_str()) {
            let cause = task.cause.as_deref().unwrap_or_default();
            let line = format!("{:9} {}  {cause}", task.outcome, task.target);
            text.push_str(&format!("{}\n", escape(line.trim_end())));
        }
    }
    let counts = &verdict.summary;
    text.push_str(&format!(
        "{}: {} planned, {} passed, {} failed, {} not run; {} projects not needed\n",
        verdict.verdict,
        counts.planned,
        counts.passed,
        counts.failed,
        counts.not_run,
        counts.not_needed
    ));
    text
}

/// Reads a plan file.
pub(super) fn read_plan(path: &Path) -> Result<v1::Plan, CliError> {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(CliError::io(format!("read the plan `{name}`")))?;
    gate::read_plan(&text).map_err(|why| CliError::Document {
        doing: "use the plan",
        why: format!("`{name}`: {why}"),
    })
}

/// Reads reports; a folder stands for every `.json` file below it that is a report.
fn read_all(paths: &[PathBuf]) -> Vec<Report> {
    let mut reports = Vec::new();
    for path in paths {
        if !path.is_dir() {
            reports.push(report(path));
            continue;
        }
        let below = files_below(path, 3).into_iter();
        let found = below.map(|file| report(&file));
        // Plans and other documents may lie next to reports.
        reports.extend(found.filter(|report| {
            !matches!(&report.run, Err(why) if why.contains("its schema is") || why.contains("missing field"))
        }));
    }
    reports
}

fn files_below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() && depth > 0 {
            files.extend(files_below(&path, depth - 1));
        } else if path.extension().is_some_and(|end| end == "json") {
            files.push(path);
        }
    }
    files
}

fn report(path: &Path) -> Report {
    let read = std::fs::read(path).map_err(|error| error.to_string());
    Report {
        name: path.display().to_string(),
        run: read.and_then(|text| gate::read_run(&text)),
    }
}

/// Writes a document in one step: a job that is killed leaves the old file or the whole new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let name = path.display().to_string();
    let doing = format!("write `{name}`");
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(CliError::io(doing.clone()))?;
    }
    let mut end = path.file_name().unwrap_or_default().to_os_string();
    end.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(end);
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(CliError::io(doing))
}
