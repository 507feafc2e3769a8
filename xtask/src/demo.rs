//! The first thing a newcomer runs: the shop, a change, and the tests that it can break.

use std::process::Command;

use crate::program::program;

/// Builds the tool, lays out the shop and runs what a change of a shared library affects.
pub(crate) fn run() -> Result<(), String> {
    let program = program(None, &[])?;
    let folder = tempfile::Builder::new().prefix("affected-demo-").tempdir();
    let folder = folder
        .map_err(|error| format!("no temporary folder: {error}"))?
        .keep();
    affected_fixtures::shop(&folder).map_err(|error| error.to_string())?;
    println!("a shop of small services stands in {}\n", folder.display());
    let library = folder.join("libs/money/src/lib.rs");
    let text = std::fs::read_to_string(&library).map_err(|error| error.to_string())?;
    std::fs::write(
        &library,
        format!("{text}\n// A change of the shared library.\n"),
    )
    .map_err(|error| error.to_string())?;
    for arguments in [&["graph"][..], &[], &["test", "--missing-tool", "skip"]] {
        println!("\n$ affected {}", arguments.join(" "));
        let status = Command::new(&program)
            .arg("-C")
            .arg(&folder)
            .args(arguments)
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => {
                return Err(format!(
                    "`affected {}` ended with {status}",
                    arguments.join(" ")
                ));
            }
            Err(error) => return Err(format!("`affected` does not start: {error}")),
        }
    }
    println!("\nnext: cd {} && affected why pricing", folder.display());
    Ok(())
}
