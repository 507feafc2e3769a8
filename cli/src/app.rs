//! The top of the command line: global options and the list of commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands;
use crate::diagnostic::{CliError, render};
use crate::exit::Exit;
use crate::terminal::{Printer, Style, Verbosity};

/// Runs only the tests that a change in a monorepo can break.
///
/// Without a command it tells what is affected. It scans the repository, builds the graph of its services,
/// compares with the base revision and follows every dependency; no configuration is needed.
#[derive(Debug, Parser)]
#[command(name = "affected", version, after_help = EXAMPLES)]
pub(crate) struct App {
    /// Start in this folder; may be repeated, each relative to the one before.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    directory: Vec<PathBuf>,
    /// Tell warnings and errors only.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Tell every reason, and the output of tasks that passed.
    #[arg(short, long, global = true)]
    verbose: bool,
    #[command(flatten)]
    selection: crate::args::Selection,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  affected                          what this branch affects
  affected test                     run the affected tests
  affected list --format json       the same for machines
  affected why web                  why `web` is affected
  affected list --base A --head B   compare two revisions, nothing is checked out

Exit codes: 0 fine, 1 a task failed, 2 usage or configuration, 3 undecidable with --on-unknown=fail,
4 no tasks with --no-tasks=fail, 5 a policy said no (`ci verdict`, `release check`), 6 the budget ended and
work is left, 70 a bug, 130/143 interrupted.";

/// One variant and one arm for each file in `commands`.
#[derive(Debug, Subcommand)]
enum Command {
    List(commands::list::List),
    Why(commands::why::Why),
    WhyNot(commands::why_not::WhyNot),
    Graph(commands::graph::Graph),
    Test(commands::test::Test),
    Tests(commands::tests::Tests),
    Run(commands::run::Run),
    Watch(Box<commands::watch::Watch>),
    Check(Box<commands::check::Check>),
    Nightly(commands::nightly::Nightly),
    Release(commands::release::Release),
    History(commands::history::History),
    Flaky(commands::flaky::Flaky),
    Hooks(commands::hooks::Hooks),
    Init(commands::init::Init),
    Ci(commands::ci::Ci),
    Config(commands::config::Config),
    Doctor(commands::doctor::Doctor),
    Schema(commands::schema::Schema),
    Cache(commands::cache::Cache),
    Completions(commands::completions::Completions),
    #[command(name = "__watchdog", hide = true)]
    Watchdog,
}

/// What every command gets.
pub(crate) struct Context {
    /// Where to start.
    pub(crate) directory: PathBuf,
    /// Where words go.
    pub(crate) printer: Printer,
}

impl App {
    /// Runs the command.
    pub(crate) fn run(self) -> Exit {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        // `-C a -C b` means `a/b`, as for git.
        let directory = self
            .directory
            .iter()
            .fold(PathBuf::from("."), |at, next| at.join(next));
        let mut context = Context {
            directory,
            printer: Printer::process(verbosity),
        };
        let style: Style = context.printer.style;
        match dispatch(self.command, &self.selection, &mut context) {
            Ok(exit) => exit,
            Err(error) => {
                context.printer.tell(&render(&error, style));
                error.exit()
            }
        }
    }
}

fn dispatch(
    command: Option<Command>,
    selection: &crate::args::Selection,
    context: &mut Context,
) -> Result<Exit, CliError> {
    match command {
        None => commands::status::run(selection, context),
        Some(Command::List(command)) => command.run(context),
        Some(Command::Why(command)) => command.run(context),
        Some(Command::WhyNot(command)) => command.run(context),
        Some(Command::Graph(command)) => command.run(context),
        Some(Command::Test(command)) => command.run(context),
        Some(Command::Tests(command)) => command.run(context),
        Some(Command::Run(command)) => command.run(context),
        Some(Command::Check(command)) => command.run(context),
        Some(Command::Watch(command)) => command.run(context),
        Some(Command::Nightly(command)) => command.run(context),
        Some(Command::Release(command)) => command.run(context),
        Some(Command::History(command)) => command.run(context),
        Some(Command::Flaky(command)) => command.run(context),
        Some(Command::Hooks(command)) => command.run(context),
        Some(Command::Init(command)) => command.run(context),
        Some(Command::Ci(command)) => command.run(context),
        Some(Command::Config(command)) => command.run(context),
        Some(Command::Doctor(command)) => command.run(context),
        Some(Command::Schema(command)) => command.run(context),
        Some(Command::Cache(command)) => command.run(context),
        Some(Command::Completions(command)) => command.run(context),
        Some(Command::Watchdog) => {
            affected_core::run::watchdog_main(std::io::stdin());
            Ok(Exit::OK)
        }
    }
}
