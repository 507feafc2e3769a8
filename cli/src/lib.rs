//! The command line of `affected`: arguments in, words out.
//!
//! No git, no manifest parsing and no scheduling happens here; `affected-core` does all of that.

mod app;
mod args;
mod commands;
mod diagnostic;
mod exit;
mod format;
mod request;
mod sinks;
mod terminal;

use std::process::ExitCode;

use affected_core::report::wire::{events, release, v1, watch};
use clap::{CommandFactory, Parser};

use exit::Exit;
use terminal::Printer;

/// Parses the arguments of this process, runs the command and returns its exit code.
#[must_use]
pub fn main_entry() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        Printer::process(terminal::Verbosity::Normal).tell(&format!(
            "error: a bug of affected: {}\n",
            terminal::escape(&panic.to_string())
        ));
    }));
    let app = match app::App::try_parse() {
        Ok(app) => app,
        Err(error) => {
            // Help and version go to stdout and are no error; a closed pipe changes nothing.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::USAGE.into()
            } else {
                Exit::OK.into()
            };
        }
    };
    std::panic::catch_unwind(|| app.run())
        .unwrap_or(Exit::BUG)
        .into()
}

/// Returns the whole command, for man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    app::App::command()
}

/// Returns every JSON Schema as file name and text, sorted by name.
#[must_use]
pub fn schemas() -> Vec<(&'static str, String)> {
    let text = |(name, schema): (&'static str, schemars::Schema)| {
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        (name, text)
    };
    documents().into_iter().map(text).collect()
}

#[rustfmt::skip]
fn documents() -> Vec<(&'static str, schemars::Schema)> {
    vec![
        ("affected.base.1.json", schemars::schema_for!(v1::Base)),
        ("affected.cache-explain.1.json", schemars::schema_for!(v1::CacheExplain)),
        ("affected.cache-stats.1.json", schemars::schema_for!(v1::CacheStats)),
        ("affected.events.1.json", schemars::schema_for!(events::Event)),
        ("affected.flaky.1.json", schemars::schema_for!(v1::Flaky)),
        ("affected.graph.1.json", schemars::schema_for!(v1::Graph)),
        ("affected.history.1.json", schemars::schema_for!(v1::History)),
        ("affected.list.1.json", schemars::schema_for!(v1::List)),
        ("affected.plan.1.json", schemars::schema_for!(v1::Plan)),
        ("affected.release-check.1.json", schemars::schema_for!(release::ReleaseCheck)),
        ("affected.release-notes.1.json", schemars::schema_for!(release::ReleaseNotes)),
        ("affected.release-plan.1.json", schemars::schema_for!(release::ReleasePlan)),
        ("affected.release-tags.1.json", schemars::schema_for!(release::ReleaseTags)),
        ("affected.release-version.1.json", schemars::schema_for!(release::ReleaseVersion)),
        ("affected.run.1.json", schemars::schema_for!(v1::Run)),
        ("affected.tests.1.json", schemars::schema_for!(v1::Tests)),
        ("affected.verdict.1.json", schemars::schema_for!(v1::Verdict)),
        ("affected.watch.1.json", schemars::schema_for!(watch::Watched)),
        ("affected.why-not.1.json", schemars::schema_for!(v1::WhyNot)),
        ("affected.why.1.json", schemars::schema_for!(v1::Why)),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_is_well_formed() {
        super::command().debug_assert();
    }

    #[test]
    fn the_checked_in_schemas_are_current() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for (name, text) in super::schemas() {
            let there = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            assert_eq!(there, text, "run `cargo xtask schemas`");
        }
    }
}
