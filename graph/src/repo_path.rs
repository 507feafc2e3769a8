//! Paths inside a repository: bytes with `/` between components, never absolute, never leaving the root.

use std::fmt;

use bstr::{BString, ByteSlice, ByteVec};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A normalized path relative to the repository root; the root itself is the empty path.
///
/// Order is byte order, as in the git index. Text forms follow git: valid UTF-8 is shown as it is,
/// anything else in the C-style quotes of `git ls-files` (git-config, `core.quotePath`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RepoPath(BString);

/// Says why bytes are no [`RepoPath`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RepoPathError {
    /// The path starts with `/`.
    #[error("path `{0}` is absolute, expected one relative to the repository root")]
    Absolute(String),
    /// The path climbs above the root.
    #[error("path `{0}` leaves the repository")]
    Outside(String),
}

impl RepoPath {
    /// Returns the repository root.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Normalizes `path`: drops `.` and empty components, resolves `..` lexically.
    pub fn new(path: impl AsRef<[u8]>) -> Result<Self, RepoPathError> {
        Self::root().join(path)
    }

    /// Takes bytes that are known to be normalized, such as a path from git.
    #[must_use]
    pub fn from_normalized(path: impl Into<Vec<u8>>) -> Self {
        Self(BString::new(path.into()))
    }

    /// Resolves `relative` against this folder, as a manifest in this folder means it.
    pub fn join(&self, relative: impl AsRef<[u8]>) -> Result<Self, RepoPathError> {
        let relative = relative.as_ref();
        if relative.first() == Some(&b'/') {
            return Err(RepoPathError::Absolute(
                relative.to_str_lossy().into_owned(),
            ));
        }
        let mut out = self.0.clone();
        for component in relative.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." if out.is_empty() => {
                    return Err(RepoPathError::Outside(relative.to_str_lossy().into_owned()));
                }
                b".." => {
                    let end = out.rfind_byte(b'/').unwrap_or(0);
                    out.truncate(end);
                }
                name => {
                    if !out.is_empty() {
                        out.push_byte(b'/');
                    }
                    out.push_str(name);
                }
            }
        }
        Ok(Self(out))
    }

    /// Returns the bytes, empty for the root.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the path as text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.0.to_str().ok()
    }

    /// Tells whether this is the repository root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the folder above, `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0[..self.0.rfind_byte(b'/').unwrap_or(0)].into()))
    }

    /// Returns the last component, empty for the root.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        &self.0[self.0.rfind_byte(b'/').map_or(0, |slash| slash + 1)..]
    }

    /// Tells whether this path is `folder` or lies below it.
    #[must_use]
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.is_root()
            || (self.0.starts_with(&folder.0)
                && matches!(self.0.get(folder.0.len()), None | Some(b'/')))
    }

    /// Returns the part below `folder` (empty when equal), `None` if this path is not within it.
    #[must_use]
    pub fn relative_to(&self, folder: &Self) -> Option<&[u8]> {
        if !self.is_within(folder) {
            return None;
        }
        let rest = &self.0[folder.0.len()..];
        Some(rest.strip_prefix(b"/").unwrap_or(rest))
    }

    /// Yields this path, then each folder above it up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// Yields the components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_str() {
            Ok("") => f.write_str("."),
            Ok(text) => f.write_str(text),
            Err(_) => quote(f, &self.0),
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    for byte in bytes {
        match byte {
            b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
            0x20..=0x7e => write!(f, "{}", char::from(*byte))?,
            other => write!(f, "\\{other:03o}")?,
        }
    }
    f.write_str("\"")
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({self})")
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Bytes::deserialize(deserializer).map(|bytes| Self(BString::new(bytes.0)));
        }
        let text = String::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

/// Bytes as they are, for stores of the tool's own.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    #[test]
    fn joins_lexically_and_never_leaves_the_root() {
        let here = path("services/cart");
        assert_eq!(here.join("../../libs/./money").unwrap(), path("libs/money"));
        assert_eq!(here.join("../..").unwrap(), RepoPath::root());
        assert!(matches!(
            here.join("../../.."),
            Err(RepoPathError::Outside(_))
        ));
        assert!(matches!(here.join("/etc"), Err(RepoPathError::Absolute(_))));
    }

    #[test]
    fn prefix_stops_at_a_component() {
        assert!(!path("libs/money2/a").is_within(&path("libs/money")));
        assert!(path("libs/money").is_within(&path("libs/money")));
        assert!(path("libs").is_within(&RepoPath::root()));
        assert_eq!(path("a/b/c").relative_to(&path("a")), Some(&b"b/c"[..]));
    }

    #[test]
    fn bytes_that_are_not_text_are_quoted_as_git_does() {
        assert_eq!(
            RepoPath::new(b"caf\xe9/x").unwrap().to_string(),
            r#""caf\351/x""#
        );
        assert_eq!(RepoPath::root().to_string(), ".");
    }
}
