//! `cache`.

use affected_core::cache::Settings;
use affected_core::pipeline::Environment;
use affected_core::pipeline::results::{self, Upkeep};
use affected_core::report::wire::v1;
use clap::{Args, Subcommand};

use crate::app::Context;
use crate::args::Output;
use crate::diagnostic::CliError;
use crate::exit::Exit;
use crate::format::json;
use crate::terminal::escape;

/// Look into the cache of results, or clean it
#[derive(Debug, Args)]
pub(crate) struct Cache {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Count what is kept on this machine.
    Stats(Output),
    /// Tell in which inputs two results differ: each a target (its last result here), or a digest of `test --format json`.
    Explain {
        /// A target such as `web:test`, or a digest.
        one: String,
        /// Another.
        other: String,
        #[command(flatten)]
        output: Output,
    },
    /// Remove what was not used for longest until the rest fits.
    Gc(Output),
    /// Check every result, and remove what is damaged.
    Verify(Output),
}

impl Cache {
    /// Does what was asked, and tells what is there afterwards.
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit, CliError> {
        let settings = Settings::of(&Environment::from_process());
        let (upkeep, output) = match self.verb {
            Verb::Stats(output) => (Upkeep::Count, output),
            Verb::Gc(output) => (Upkeep::Collect, output),
            Verb::Verify(output) => (Upkeep::Verify, output),
            Verb::Explain { one, other, output } => {
                let root = results::work_tree(&context.directory);
                let told = results::compare(&settings, &root, [&one, &other])?;
                return explained(&told, &output, context);
            }
        };
        let stats = results::look_after(&settings, upkeep)?;
        let text = match output.format.as_str() {
            "json" => json::line(&stats)?,
            _ => format!(
                "{} results, {} files beside, {:.1} MiB of {:.0} MiB, {} removed\n",
                stats.records,
                stats.blobs,
                mebibytes(stats.bytes),
                mebibytes(stats.limit),
                stats.removed
            ),
        };
        context.printer.data(&text)?;
        Ok(Exit::OK)
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Tells an explanation.
pub(super) fn explained(
    told: &v1::CacheExplain,
    output: &Output,
    context: &mut Context,
) -> Result<Exit, CliError> {
    let text = match output.format.as_str() {
        "json" => json::line(told)?,
        _ => in_words(told),
    };
    context.printer.data(&text)?;
    Ok(Exit::OK)
}

fn in_words(told: &v1::CacheExplain) -> String {
    let target = &told.target;
    let detail = told.detail.as_deref().unwrap_or_default();
    let mut lines = vec![match told.state.as_str() {
        "hit" => format!("`{target}` is known: it passed with the same inputs"),
        "never" => format!("`{target}` is never kept: {detail}"),
        "new" => format!("no result of `{target}` is known here"),
        "same" => "both have the same inputs".to_owned(),
        _ => format!("`{target}` has other inputs than the last result that is known:"),
    }];
    for difference in &told.differences {
        lines.push(format!("  {} {}", difference.change, difference.part));
        for file in &difference.files {
            lines.push(format!("    {} {}", file.change, file.path));
        }
    }
    lines
        .iter()
        .map(|line| format!("{}\n", escape(line)))
        .collect()
}
