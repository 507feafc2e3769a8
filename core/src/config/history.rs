//! Settings about earlier runs: where they are kept, what follows from them, which failures are forgiven for a time.

use serde::Deserialize;

use super::SettingSource;

/// What `affected.toml` says of earlier runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryConfig {
    /// Where the history is kept.
    pub place: Place,
    /// `base`: a revision, or `last-green`.
    pub base: Option<String>,
    /// Whether targets that did not pass last time run again although nothing reaches them.
    pub rerun_failed: RerunFailed,
    /// How often a failed task is tried again.
    pub retries: u32,
    /// Failures that are forgiven for a time.
    pub quarantine: Vec<Quarantined>,
}

/// Where the history is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// Below git's common folder, or in the user's cache folder where that cannot be written.
    #[default]
    Usual,
    /// In this file, relative to the repository's root.
    File(String),
    /// Nowhere.
    Nowhere,
}

/// Whether targets that did not pass last time run again although nothing reaches them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RerunFailed {
    /// On work trees, outside of CI.
    #[default]
    Local,
    /// Whenever tests are run.
    Always,
    /// Only if the change reaches them.
    Never,
}

impl HistoryConfig {
    /// Lists what is in force, with its origin; `file` names the configuration.
    pub(super) fn sources(&self, file: &str) -> Vec<SettingSource> {
        let setting = |key: String, value: String, origin: &str| SettingSource {
            key,
            value,
            origin: origin.to_owned(),
        };
        let origin = match self.rerun_failed {
            RerunFailed::Local => "default",
            RerunFailed::Always | RerunFailed::Never => file,
        };
        let rerun = self.rerun_failed.as_str().to_owned();
        let mut all = vec![setting("rerun-failed".to_owned(), rerun, origin)];
        let origin = if self.retries == 0 { "default" } else { file };
        all.push(setting(
            "retries".to_owned(),
            self.retries.to_string(),
            origin,
        ));
        for entry in &self.quarantine {
            let value = format!("{} until {}", entry.owner, entry.until);
            all.push(setting(format!("quarantine.{}", entry.test), value, file));
        }
        all
    }
}

impl RerunFailed {
    /// Returns the word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// A target whose failure is forgiven for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// A glob over targets.
    pub test: String,
    /// Who mends it.
    pub owner: String,
    /// The last day, as written: `2026-12-01`.
    pub until: String,
    /// That day, counted from 1970-01-01 in UTC.
    pub last_day: i64,
}

/// `[[quarantine]]` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuarantineFile {
    test: String,
    owner: String,
    until: toml::Value,
}

/// `history` as written: `false`, or a file.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum PlaceFile {
    Switch(bool),
    File(String),
}

impl From<PlaceFile> for Place {
    fn from(file: PlaceFile) -> Self {
        match file {
            PlaceFile::Switch(true) => Self::Usual,
            PlaceFile::Switch(false) => Self::Nowhere,
            PlaceFile::File(path) => Self::File(path),
        }
    }
}

impl TryFrom<QuarantineFile> for Quarantined {
    type Error = String;

    fn try_from(file: QuarantineFile) -> Result<Self, String> {
        let wrong = |what: &str| format!("quarantine of `{}`: {what}", file.test);
        crate::glob::of_names(&file.test).map_err(|error| wrong(&error.to_string()))?;
        if file.owner.trim().is_empty() {
            return Err(wrong("`owner` is empty; name who mends it"));
        }
        let until = match &file.until {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let last_day = day(&until).ok_or_else(|| {
            wrong(&format!(
                "`until` is `{until}`, expected a day such as \"2026-12-01\""
            ))
        })?;
        Ok(Self {
            test: file.test,
            owner: file.owner,
            until,
            last_day,
        })
    }
}

/// Counts the days from 1970-01-01 to `YYYY-MM-DD` (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn day(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, '-');
    let mut next = |digits: usize| {
        let part = parts.next()?;
        let fine = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        fine.then(|| part.parse::<i64>().ok())?
    };
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-03-01"), Some(11_017));
        assert_eq!(day("2026-12-01"), Some(20_788));
        for wrong in [
            "",
            "2026-13-01",
            "2026-1-1",
            "soon",
            "2026-12-01T00:00:00Z",
            "-026-01-01",
        ] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}
