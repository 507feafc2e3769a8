//! `hooks`.

use affected_core::hooks::{self, Hook, State};
use affected_core::pipeline;
use clap::{Args, Subcommand};

use crate::app::Context;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::terminal::escape;

/// Run `check` from git's hooks
#[derive(Debug, Args)]
pub(crate) struct Hooks {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write git's hooks; where others have theirs, only tell what to add to them.
    Install {
        /// Only before a commit, not before a push.
        #[arg(long)]
        commit_only: bool,
    },
    /// Remove the hooks that `install` wrote, and no others.
    Uninstall,
    /// Tell whose hooks there are.
    Status,
}

impl Hooks {
    /// Runs the verb; 1 where something is left to do by hand.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let repository = pipeline::repository(&context.directory)?;
        let wanted: &[Hook] = match self.verb {
            Verb::Install { commit_only: true } => &[Hook::PreCommit],
            _ => &[Hook::PreCommit, Hook::PrePush],
        };
        let mut exit = Exit::OK;
        for hook in wanted {
            let changed = |done: std::io::Result<State>| {
                done.map_err(CliError::io(format!("change the hook `{}`", hook.name())))
            };
            let (text, is_left) = match self.verb {
                Verb::Install { .. } => {
                    let before = changed(hooks::install(&repository, *hook))?;
                    (installed(&before), matches!(before, State::Foreign { .. }))
                }
                Verb::Uninstall => {
                    let before = changed(hooks::uninstall(&repository, *hook))?;
                    let still = matches!(before, State::Called { .. });
                    (removed(&before), still)
                }
                Verb::Status => (told(&hooks::state(&repository, *hook)), false),
            };
            let text = format!("{}: {text}\n", hook.name());
            context.printer.data(&escape(&text))?;
            if is_left {
                exit = Exit::FAILED;
            }
        }
        Ok(exit)
    }
}

fn installed(before: &State) -> String {
    match before {
        State::Absent => "written".to_owned(),
        State::Ours => "written again".to_owned(),
        State::Called { .. } => told(before),
        State::Foreign {
            manager,
            file,
            lines,
        } => {
            let whose = manager.unwrap_or("somebody else's");
            format!("left as it is ({whose}); add to {file}:\n\n{lines}")
        }
    }
}

fn removed(before: &State) -> String {
    match before {
        State::Ours => "removed".to_owned(),
        State::Called { file } => {
            format!("left as it is; take `affected check` out of {file}")
        }
        State::Absent | State::Foreign { .. } => "was not there".to_owned(),
    }
}

fn told(state: &State) -> String {
    match state {
        State::Absent => "not installed".to_owned(),
        State::Ours => "installed".to_owned(),
        State::Called { file } => format!("called from {file}"),
        State::Foreign { manager, file, .. } => {
            let whose = manager.unwrap_or("somebody else");
            format!("not installed; {whose} has {file}")
        }
    }
}
