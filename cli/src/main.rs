//! The door: everything is behind [`affected_cli::main_entry`].

fn main() -> std::process::ExitCode {
    affected_cli::main_entry()
}
