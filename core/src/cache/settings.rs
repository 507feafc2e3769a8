//! Where results are kept and who may believe them. All of it comes from the environment of the one who runs, nothing
//! from the repository: a change must not choose the cache that judges it (X5, C9).

use std::path::PathBuf;

use crate::ci::{self, Environment, Trust};
use crate::digest::Digest;

/// Without `AFFECTED_CACHE_SIZE`.
const USUAL_SIZE: u64 = 5 << 30;

/// What the environment says about caches.
#[derive(Clone)]
pub struct Settings {
    /// The local folder, or why there is none.
    pub folder: Result<PathBuf, String>,
    /// At most this many bytes in it.
    pub limit: u64,
    /// A server, as `https://host/path`.
    pub url: Option<String>,
    /// Shown to the server.
    pub token: Option<String>,
    /// Signs what is written.
    pub secret: Option<Digest>,
    /// What the CI host says of this build.
    pub trust: Trust,
    /// How long one request may take, in milliseconds.
    pub patience_ms: u64,
}

impl Settings {
    /// Reads the variables that the README names.
    #[must_use]
    pub fn of(env: &Environment) -> Self {
        let secret = env.get("AFFECTED_CACHE_KEY");
        let limit = env.get("AFFECTED_CACHE_SIZE").and_then(parse_size);
        let patience = env.get("AFFECTED_CACHE_TIMEOUT");
        let patience = patience.and_then(crate::config::parse_duration);
        Self {
            folder: folder(env),
            limit: limit.unwrap_or(USUAL_SIZE),
            url: env.get("AFFECTED_CACHE_URL").map(str::to_owned),
            token: env.get("AFFECTED_CACHE_TOKEN").map(str::to_owned),
            secret: secret.map(|secret| Digest::of_fields([&b"key"[..], secret.as_bytes()])),
            trust: ci::trust(env),
            patience_ms: patience
                .and_then(|time| u64::try_from(time.as_millis()).ok())
                .map_or(5_000, |ms| ms.clamp(50, 120_000)),
        }
    }
}

fn folder(env: &Environment) -> Result<PathBuf, String> {
    let absolute = |path: PathBuf| {
        let told = format!("`{}` is no absolute path", path.display());
        path.is_absolute().then_some(path).ok_or(told)
    };
    if let Some(folder) = env.get("AFFECTED_CACHE_DIR") {
        return absolute(folder.into());
    }
    let caches = if cfg!(windows) {
        env.get("LOCALAPPDATA").map(PathBuf::from)
    } else {
        let home = || Some(PathBuf::from(env.get("HOME")?).join(".cache"));
        env.get("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)
    };
    let caches = caches.ok_or("there is no home folder; set AFFECTED_CACHE_DIR")?;
    absolute(caches.join("affected"))
}

/// Reads `500MB`, `2GiB`, `1000000`.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let amount: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    amount.checked_mul(unit)
}
