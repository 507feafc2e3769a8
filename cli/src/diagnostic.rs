//! Errors as people read them: message, causes, stable code and help.

use affected_core::pipeline::PipelineError;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use thiserror::Error;

use crate::exit::Exit;
use crate::terminal::{Style, escape};

/// Everything that can stop a command.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum CliError {
    /// A stage of the pipeline failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pipeline(#[from] PipelineError),
    /// Two flags contradict each other.
    #[error("`{first}` and `{second}` cannot be used together")]
    #[diagnostic(
        code(cli::conflict),
        help("each of them decides what is compared; leave one out")
    )]
    Conflict {
        /// One flag.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A value means nothing.
    #[error("`{value}` is no value for `{flag}`")]
    #[diagnostic(code(cli::value), help("{help}"))]
    Value {
        /// The flag.
        flag: &'static str,
        /// What was typed.
        value: String,
        /// What would be right.
        help: String,
    },
    /// Tasks that start the tool, which starts them.
    #[error(
        "this run was started by a task of a run that was started by a task of a run of the same work tree"
    )]
    #[diagnostic(
        code(cli::nested),
        help("let the task start its tests itself, or leave its project out with `--exclude`")
    )]
    Nested,
    /// Tasks run in a work tree, and there is none.
    #[error("there is no work tree to run tasks in")]
    #[diagnostic(
        code(cli::no_work_tree),
        help("clone the repository without `--bare`, or ask `affected list`")
    )]
    NoWorkTree,
    /// `init` found a file.
    #[error("`{path}` is already there")]
    #[diagnostic(
        code(cli::init_exists),
        help("see what is in force with `affected config show --sources`")
    )]
    AlreadyThere {
        /// The file.
        path: String,
    },
    /// A file, pipe or signal handler did not do its part.
    #[error("failed to {doing}")]
    #[diagnostic(code(cli::io))]
    Io {
        /// What was tried.
        doing: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A document that was handed in cannot be used.
    #[error("failed to {doing}: {why}")]
    #[diagnostic(
        code(cli::document),
        help("make it again with `affected ci plan` and `affected test --plan`")
    )]
    Document {
        /// What was tried.
        doing: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A document could not be written as JSON.
    #[error("failed to write the document as JSON")]
    #[diagnostic(code(cli::json))]
    Json(#[from] serde_json::Error),
}

impl CliError {
    /// Names what was tried when the system said no.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }

    /// Returns the exit code for this error.
    #[must_use]
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Pipeline(PipelineError::UnknownBase { .. }) => Exit::UNKNOWN_BASE,
            Self::Json(_) => Exit::BUG,
            _ => Exit::USAGE,
        }
    }
}

/// Draws `error`. Messages hold names and paths from the repository, so the whole drawing is
/// escaped; that is why it carries no colour of its own (X3).
#[must_use]
pub(crate) fn render(error: &dyn Diagnostic, style: Style) -> String {
    let theme = if style.unicode {
        GraphicalTheme::unicode_nocolor()
    } else {
        GraphicalTheme::none()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(style.width)
        .with_wrap_lines(style.tty);
    let mut drawn = String::new();
    match handler.render_report(&mut drawn, error) {
        Ok(()) => escape(&drawn).into_owned(),
        Err(_) => format!("error: {}\n", escape(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X3, E9.
    #[test]
    fn errors_name_code_and_help_and_stay_harmless() {
        let error = CliError::AlreadyThere {
            path: "a\u{1b}[2J/affected.toml".to_owned(),
        };
        let drawn = render(&error, Style::plain());
        assert!(drawn.contains("cli::init_exists"), "{drawn}");
        assert!(drawn.contains("config show --sources"), "{drawn}");
        assert!(drawn.contains(r"a\x1b[2J/affected.toml"), "{drawn}");
        assert!(!drawn.contains('\u{1b}'));
        assert_eq!(error.exit(), Exit::USAGE);
    }
}
