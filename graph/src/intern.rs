//! Names of ecosystems are written in the program; read back from a store they are looked up here, so that they stay
//! as cheap to copy and compare. There are few of them, each is kept once for the life of the process.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Such a name. (By its alias serde does not take it for a text that is borrowed from what is read.)
pub(crate) type Name = &'static str;

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Reads a name.
pub(crate) fn interned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
    deserializer.deserialize_str(LookUp)
}

/// Looks a text up where it is read, so that it is not copied first.
struct LookUp;

impl Visitor<'_> for LookUp {
    type Value = Name;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the name of an ecosystem")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Ok(known);
        }
        let name: Name = Box::leak(name.to_owned().into_boxed_str());
        names.insert(name);
        Ok(name)
    }
}
