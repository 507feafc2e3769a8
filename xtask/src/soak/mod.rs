//! Repeats what a gate does in short, or kills at random: `cargo xtask soak`.

mod facts;

use clap::{Args, Subcommand};

/// What to repeat.
#[derive(Args)]
pub(crate) struct Soak {
    #[command(subcommand)]
    test: Test,
}

#[derive(Subcommand)]
enum Test {
    /// Kills the tool while it writes facts of files and inventories of trees, and asks again.
    Facts(facts::Facts),
    /// Kills the tool at random moments of its runs, and looks what is lost.
    Kills {
        /// How often.
        #[arg(long, default_value_t = 300)]
        rounds: usize,
    },
    /// Runs the table of misbehaving tasks with a flood of output.
    Misbehave {
        /// How much of it, in MiB.
        #[arg(long, default_value_t = 4096)]
        mib: usize,
    },
}

/// Runs the test with its larger figure.
pub(crate) fn run(wanted: &Soak) -> Result<(), String> {
    let (test, variable, figure) = match &wanted.test {
        Test::Facts(wanted) => return facts::run(wanted),
        Test::Kills { rounds } => ("kills::", "AFFECTED_KILLS", rounds),
        Test::Misbehave { mib } => ("misbehave::", "AFFECTED_FLOOD_MIB", mib),
    };
    let arguments = ["test", "--package", "affected-tests", "--test", "it", test];
    crate::ci::cargo(&arguments, &[(variable, &figure.to_string())])
}
