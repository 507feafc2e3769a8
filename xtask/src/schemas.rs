//! The checked-in JSON Schemas.

/// Writes them, or compares only.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let folder = crate::root().join("cli/schemas");
    for (name, text) in affected_cli::schemas() {
        let path = folder.join(name);
        if check {
            let there = std::fs::read_to_string(&path).unwrap_or_default();
            if there != text {
                return Err(format!(
                    "cli/schemas/{name} is out of date; run `cargo xtask schemas`"
                ));
            }
        } else {
            std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::write(&path, text))
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
    }
    Ok(())
}
