//! The door: everything is behind [`affected_cli::main_entry`], under another name for the end-to-end tests.

fn main() -> std::process::ExitCode {
    affected_cli::main_entry()
}
