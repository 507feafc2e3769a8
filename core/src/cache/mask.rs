//! Secrets are taken out of whatever is stored (C12).

use std::borrow::Cow;
use std::ffi::OsString;

use memchr::memmem;

/// A shorter value is no secret, and would be found everywhere.
const SHORTEST: usize = 5;
const MASK: &[u8] = b"***";

/// Values that must not be stored.
#[derive(Clone, Default)]
pub struct Mask {
    /// Longest first, so that a secret within another leaves nothing of it.
    secrets: Vec<Vec<u8>>,
}

/// Tells by its name whether a variable holds a secret.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "APIKEY",
    ];
    let ends = ["_KEY", "_PASS", "_PAT", "_AUTH"];
    words.iter().any(|word| name.contains(word)) || ends.iter().any(|end| name.ends_with(end))
}

impl Mask {
    /// Takes the values of all variables that hold secrets by their names, each also line by line.
    #[must_use]
    pub fn of(variables: &[(OsString, OsString)]) -> Self {
        let secret = variables
            .iter()
            .filter(|(name, _)| is_secret(&name.to_string_lossy()));
        let mut secrets: Vec<Vec<u8>> = secret
            .flat_map(|(_, value)| {
                let bytes = value.as_encoded_bytes();
                let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
                lines
                    .chain([bytes.trim_ascii()])
                    .map(<[u8]>::to_vec)
                    .collect::<Vec<_>>()
            })
            .filter(|value| value.len() >= SHORTEST)
            .collect();
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets }
    }

    /// Replaces every secret in a log.
    #[must_use]
    pub fn hide<'l>(&self, log: &'l [u8]) -> Cow<'l, [u8]> {
        let mut log = Cow::Borrowed(log);
        for secret in &self.secrets {
            if memmem::find(&log, secret).is_some() {
                log = Cow::Owned(replaced(&log, secret));
            }
        }
        log
    }

    /// Tells whether a secret stands in there.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        let mut secrets = self.secrets.iter();
        secrets.any(|secret| memmem::find(bytes, secret).is_some())
    }
}

fn replaced(log: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(log.len());
    let mut rest = log;
    while let Some(at) = memmem::find(rest, secret) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(MASK);
        rest = &rest[at + secret.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C12.
    #[test]
    fn c12_values_of_secret_variables_are_masked() {
        let pairs = [
            ("NPM_TOKEN", "npm_abcdef"),
            ("DEPLOY_KEY", "-----BEGIN-----\nMIIEpAIB\n"),
            ("PIN_SECRET", "1234"),
            ("HOME", "/home/someone"),
        ];
        let pairs = pairs.map(|(name, value)| (name.into(), value.into()));
        let mask = Mask::of(&pairs);
        let hidden =
            mask.hide(b"a npm_abcdef b MIIEpAIB c 1234 /home/someone npm_abcdefnpm_abcdef");
        assert_eq!(&hidden[..], b"a *** b *** c 1234 /home/someone ******");
        assert!(mask.finds(b"xMIIEpAIBx") && !mask.finds(b"1234"));
    }
}
