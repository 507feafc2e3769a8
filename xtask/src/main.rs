//! Every automation of this repository: `cargo xtask <verb>`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the terminal"
)]

mod bench;
mod ci;
mod demo;
mod engine;
mod order;
mod program;
mod release;
mod schemas;
mod soak;
mod soundness;
mod tidy;
mod truth;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Xtask {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// The gate: format, lints, tests, docs, tidy, schemas.
    Ci,
    /// The tests only.
    Test,
    /// Checks rooms, sizes, names and registrations.
    Tidy,
    /// Builds the tool, makes a small monorepo, changes a shared library and runs what is affected.
    Demo,
    /// Times deciding against git in the same run.
    Bench(bench::Bench),
    /// Kills at random moments, floods, repeats: what a gate does in short.
    Soak(soak::Soak),
    /// Measures the selection against known answers of real repositories.
    Truth(truth::Truth),
    /// Proves releases on real histories, against real tools, and under kills.
    Release(release::Release),
    /// Proves by real runs of made repositories that no test is missed.
    Soundness(soundness::Soundness),
    /// Writes the JSON Schemas; with `--check` only compares.
    Schemas {
        /// Compare only.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Xtask::parse().verb {
        Verb::Ci => ci::run(),
        Verb::Test => ci::cargo(&["test", "--workspace"], &[]),
        Verb::Tidy => tidy::run(),
        Verb::Demo => demo::run(),
        Verb::Bench(wanted) => bench::run(&wanted),
        Verb::Soak(wanted) => soak::run(&wanted),
        Verb::Truth(wanted) => truth::run(&wanted),
        Verb::Release(wanted) => release::run(&wanted),
        Verb::Soundness(wanted) => soundness::run(&wanted),
        Verb::Schemas { check } => schemas::run(check),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of this repository.
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
