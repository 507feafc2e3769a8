//! What is stored for one action that passed: sealed, so that nothing that was cut, bent or moved is believed (C1).
//!
//! `magic, check, signature, length, facts, log, parts`. The check covers the address and everything after the
//! signature; the signature covers key, check, level and version (C9). Anything that does not fit is no record.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, sha256_hex};
use crate::plan::digest::{CACHE_VERSION, Part};

const MAGIC: &[u8; 8] = b"AFFREC01";
const HEAD: usize = 8 + 32 + 32 + 4;
/// Logs up to this size are a part of the record: one file less to open.
const INLINE: usize = 64 << 10;
/// A longer record is none.
pub const MOST_BYTES: usize = 16 << 20;

/// A piece of content that a record names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its digest in hexadecimal.
    pub digest: String,
    /// The name that the Remote Execution API gives it.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
}

impl Blob {
    /// Names content.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            digest: Digest::of_bytes(bytes).to_string(),
            sha256: sha256_hex(bytes),
            size: bytes.len() as u64,
        }
    }

    /// Tells whether these bytes are the whole blob and nothing else.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.size && Digest::of_bytes(bytes).to_string() == self.digest
    }
}

/// A file that the action wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// From the repository root, `/` between components.
    pub path: String,
    /// Whether it may be executed.
    pub executable: bool,
    /// Its content.
    pub blob: Blob,
}

/// What is known about an action that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// [`CACHE_VERSION`].
    pub version: u32,
    /// The trust level of whoever wrote it.
    pub level: String,
    /// `project:task`, for people.
    pub target: String,
    /// How long it took.
    pub ms: u64,
    /// How many bytes of log follow, where it is no blob.
    pub log_bytes: u32,
    /// The log, where it is long.
    pub log: Option<Blob>,
    /// What it wrote.
    pub outputs: Vec<Output>,
}

/// A record that was found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What is known.
    pub facts: Facts,
    /// The log, where it is short.
    pub log: Vec<u8>,
    /// The parts of the digest.
    pub parts: Vec<Part>,
}

impl Record {
    /// Puts a result together; a long log becomes a blob.
    #[must_use]
    pub fn new(
        level: &str,
        target: &str,
        ms: u64,
        log: &[u8],
        outputs: Vec<Output>,
        parts: &[Part],
    ) -> Self {
        let is_long = log.len() > INLINE;
        let inline = if is_long { &[][..] } else { log };
        Self {
            facts: Facts {
                version: CACHE_VERSION,
                level: level.to_owned(),
                target: target.to_owned(),
                ms,
                log_bytes: u32::try_from(inline.len()).unwrap_or_default(),
                log: is_long.then(|| Blob::of(log)),
                outputs,
            },
            log: inline.to_vec(),
            parts: parts.to_vec(),
        }
    }

    /// Returns every blob that must be there.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let outputs = self.facts.outputs.iter().map(|output| &output.blob);
        self.facts.log.iter().chain(outputs)
    }

    /// Seals the record for its address; signs it where there is a secret.
    #[must_use]
    pub fn seal(&self, at: &Digest, secret: Option<&Digest>) -> Option<Vec<u8>> {
        let facts = serde_json::to_vec(&self.facts).ok()?;
        let mut rest = u32::try_from(facts.len()).ok()?.to_le_bytes().to_vec();
        rest.extend_from_slice(&facts);
        rest.extend_from_slice(&self.log);
        for part in &self.parts {
            rest.extend_from_slice(&u16::try_from(part.name.len()).ok()?.to_le_bytes());
            rest.extend_from_slice(part.name.as_bytes());
            rest.extend_from_slice(part.digest.as_bytes());
        }
        let check = check(at, &rest);
        let signature = secret.map(|secret| signature(secret, at, &check, &self.facts));
        let mut sealed = MAGIC.to_vec();
        sealed.extend_from_slice(check.as_bytes());
        sealed.extend_from_slice(signature.as_ref().map_or(&[0; 32], |it| it.as_bytes()));
        sealed.extend_from_slice(&rest);
        (sealed.len() <= MOST_BYTES).then_some(sealed)
    }

    /// Opens a record that was found at `at`. `None` for anything that is not exactly what was sealed for this
    /// address, or not signed although a secret is given.
    #[must_use]
    pub fn open(sealed: &[u8], at: &Digest, secret: Option<&Digest>) -> Option<Self> {
        if sealed.len() > MOST_BYTES || sealed.get(..8)? != MAGIC {
            return None;
        }
        let claimed = Digest::from_bytes(sealed.get(8..40)?)?;
        let signed = Digest::from_bytes(sealed.get(40..72)?)?;
        let rest = sealed.get(72..)?;
        if check(at, rest) != claimed {
            return None;
        }
        let length = u32::from_le_bytes(sealed.get(72..HEAD)?.try_into().ok()?) as usize;
        let facts: Facts =
            serde_json::from_slice(sealed.get(HEAD..HEAD.checked_add(length)?)?).ok()?;
        if facts.version != CACHE_VERSION {
            return None;
        }
        if let Some(secret) = secret
            && !signature(secret, at, &claimed, &facts).is_same_secret(&signed)
        {
            return None;
        }
        let log_start = HEAD + length;
        let log_end = log_start.checked_add(facts.log_bytes as usize)?;
        let log = sealed.get(log_start..log_end)?.to_vec();
        let parts = parts(sealed.get(log_end..)?)?;
        Some(Self { facts, log, parts })
    }
}

fn check(at: &Digest, rest: &[u8]) -> Digest {
    Digest::of_fields([&b"record"[..], at.as_bytes(), rest])
}

fn signature(secret: &Digest, at: &Digest, check: &Digest, facts: &Facts) -> Digest {
    let fields = [
        &b"record"[..],
        at.as_bytes(),
        check.as_bytes(),
        facts.level.as_bytes(),
        &facts.version.to_le_bytes(),
    ];
    Digest::signed(secret, fields)
}

fn parts(mut bytes: &[u8]) -> Option<Vec<Part>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?) as usize;
        let name = std::str::from_utf8(bytes.get(2..2 + length)?).ok()?;
        let digest = Digest::from_bytes(bytes.get(2 + length..2 + length + 32)?)?;
        found.push(Part {
            name: name.into(),
            digest,
        });
        bytes = &bytes[2 + length + 32..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn record() -> Record {
        let outputs = vec![Output {
            path: "p/out".into(),
            executable: true,
            blob: Blob::of(b"out"),
        }];
        let parts = [Part::new("command", b"x"), Part::new("folder", b"p")];
        Record::new("untrusted", "p:test", 12, b"all well\n", outputs, &parts)
    }

    /// C1: whatever is bent, cut, or lies at another address is no record.
    #[test]
    fn c1_bent_cut_and_moved_records_are_none() {
        let at = Digest::of_bytes(b"at");
        let sealed = record().seal(&at, None).unwrap();
        assert_eq!(Record::open(&sealed, &at, None), Some(record()));
        assert_eq!(
            Record::open(&sealed, &Digest::of_bytes(b"other"), None),
            None
        );
        for length in 0..sealed.len() {
            assert_eq!(Record::open(&sealed[..length], &at, None), None, "{length}");
        }
        for bit in 0..sealed.len() * 8 {
            let mut bent = sealed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let is_signature = (40..72).contains(&(bit / 8));
            let expected = is_signature.then(record);
            assert_eq!(Record::open(&bent, &at, None), expected, "bit {bit}");
        }
        let longer = [&sealed[..], b"x"].concat();
        assert_eq!(Record::open(&longer, &at, None), None);
    }

    /// C9: the signature covers address, content, level and version; without the secret none can be made.
    #[test]
    fn c9_signatures_cover_everything() {
        let (at, secret) = (Digest::of_bytes(b"at"), Digest::of_bytes(b"secret"));
        let open = |sealed: &[u8], at| Record::open(sealed, at, Some(&secret));
        let signed = record().seal(&at, Some(&secret)).unwrap();
        assert_eq!(open(&signed, &at), Some(record()));
        let unsigned = record().seal(&at, None).unwrap();
        let other = record()
            .seal(&at, Some(&Digest::of_bytes(b"guess")))
            .unwrap();
        let mut raised = record();
        raised.facts.level = "trusted".into();
        let mut forged = raised.seal(&at, None).unwrap();
        forged[40..72].copy_from_slice(&signed[40..72]);
        for wrong in [unsigned, other, forged] {
            assert_eq!(open(&wrong, &at), None);
        }
        for bit in 0..signed.len() * 8 {
            let mut bent = signed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&bent, &at), None, "bit {bit}");
        }
    }
}
