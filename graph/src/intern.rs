//! Names of ecosystems are written in the program; read back from a store they are looked up here, so that they stay
//! as cheap to copy and compare. There are few of them, each is kept once for the life of the process.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

/// Such a name. (By its alias serde does not take it for a text that is borrowed from what is read.)
pub(crate) type Name = &'static str;

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Reads a name.
pub(crate) fn interned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
    let name = String::deserialize(deserializer)?;
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name.as_str()) {
        return Ok(known);
    }
    let name: Name = Box::leak(name.into_boxed_str());
    names.insert(name);
    Ok(name)
}
