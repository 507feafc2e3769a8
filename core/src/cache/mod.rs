//! Results of actions, kept under their digest: a trait and a registry of places that keep them.
//!
//! A place only moves bytes. What a record is, whether it is whole and who may believe it is decided in `record`;
//! [`Session`] is what a run asks and tells. A fault of a place never changes a verdict: it is told once, and the
//! run goes on without it (C7, C8).
//!
//! To add a place, add its file and the two lines below.

pub mod http;
mod idle;
pub mod local;
mod mask;
mod outputs;
pub mod record;
mod session;
mod settings;

use std::sync::Arc;

use thiserror::Error;

pub use mask::{Mask, is_secret};
pub use session::{Again, Asked, Recalled, Session, target};
pub use settings::Settings;

use crate::digest::Digest;
use record::Blob;

/// Every known kind of place, nearest first.
pub static ALL: &[&dyn Kind] = &[&local::Kind, &http::Kind];

/// One kind of place.
pub trait Kind: Sync {
    /// Its name.
    fn id(&self) -> &'static str;

    /// Opens the place that the settings name; `None` where they name none of this kind.
    fn open(&self, settings: &Settings) -> Option<Result<Box<dyn Place>, Fault>>;
}

/// Where records and blobs are kept. Whatever it returns is checked before it is believed.
pub trait Place: Send + Sync {
    /// Names it for people, without secrets.
    fn name(&self) -> String;

    /// How many faults in a row are borne before it is given up.
    fn patience(&self) -> u32;

    /// Returns what is stored at an address.
    fn record(&self, at: &Digest) -> Result<Option<Vec<u8>>, Fault>;

    /// Returns a blob.
    fn blob(&self, blob: &Blob) -> Result<Option<Vec<u8>>, Fault>;

    /// Stores entries: blobs first, so that a record never comes before what it names.
    fn store(&self, entries: &[Entry]) -> Result<(), Fault>;

    /// Removes a record that turned out to be damaged, as far as that can be done.
    fn remove(&self, at: &Digest);
}

/// A record to be stored.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its address.
    pub at: Digest,
    /// Names the task for [`local`], which remembers the last record of each.
    pub target: Digest,
    /// The sealed record.
    pub record: Vec<u8>,
    /// What it names.
    pub blobs: Vec<(Blob, Arc<Vec<u8>>)>,
    /// What explains it: lists of files, by their digest. Only a near place keeps them.
    pub lists: Vec<(Digest, Arc<Vec<u8>>)>,
}

/// Says why a place did not do its part.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Fault(pub String);

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests;
