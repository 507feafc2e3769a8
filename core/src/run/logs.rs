//! Where output goes that is too long for memory: a folder for each run, of which the newest are kept.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many runs keep their logs.
const KEPT: usize = 8;

/// Names a folder for the logs of a new run below `state`, and removes those of old runs. Nothing is made before it is needed.
#[must_use]
pub fn log_folder(state: &Path) -> PathBuf {
    let folder = state.join("logs");
    let mut old: Vec<PathBuf> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    old.sort();
    // Another run may remove the same at the same time.
    for path in old.iter().rev().skip(KEPT - 1) {
        let _ = std::fs::remove_dir_all(path);
    }
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    folder.join(format!("{:013}-{}", since.as_millis(), std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E4. Logs do not pile up.
    #[test]
    fn e4_only_the_newest_logs_are_kept() {
        let state = tempfile::tempdir().unwrap();
        for number in 0..20 {
            std::fs::create_dir_all(state.path().join(format!("logs/{number:013}-1"))).unwrap();
        }
        let new = log_folder(state.path());
        assert!(!new.exists());
        let kept = std::fs::read_dir(state.path().join("logs"))
            .unwrap()
            .count();
        assert_eq!(kept, KEPT - 1);
        assert!(state.path().join("logs/0000000000019-1").exists());
    }
}
