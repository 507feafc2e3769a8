//! The program under test: one that was given, or that of this repository, built now.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

/// Options of cargo that make the program as users get it.
pub(crate) const AS_RELEASED: &[&str] = &["--profile", "dist"];

/// The program that was given, by its whole path, or the one that cargo makes with these options.
///
/// Where it lies is taken from what cargo says of it, since people and hosts set a target folder of their own.
/// Source: <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>.
pub(crate) fn program(given: Option<&Path>, options: &[&str]) -> Result<PathBuf, String> {
    if let Some(given) = given {
        let found = given.canonicalize();
        return found.map_err(|error| format!("{}: {error}", given.display()));
    }
    let output = crate::ci::cargo_command()
        .args(["build", "--quiet", "--package", "affected-cli"])
        .args(["--message-format", "json-render-diagnostics"])
        .args(options)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        return Err("`affected` cannot be built".to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    executable(&text).ok_or_else(|| "cargo names no program that it built".to_owned())
}

fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| {
        let path = message["executable"].as_str()?;
        Some(PathBuf::from(path))
    });
    programs.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_where_cargo_says() {
        let messages = "\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"affected_core\"},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"affected\"},\"executable\":\"/t/debug/affected\"}\n\
            {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some("/t/debug/affected".into()));
        assert_eq!(executable("no JSON\n"), None);
    }
}
