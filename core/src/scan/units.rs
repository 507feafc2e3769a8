//! Compile units of an inventory. Most questions never look at them, so what was kept is unpacked when first asked for.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use affected_graph::EcosystemId;

use crate::ecosystem::Unit;

type ByEcosystem = BTreeMap<String, Vec<Unit>>;

/// Units by ecosystem.
#[derive(Debug, Clone, Default)]
pub struct Units {
    kept: Vec<u8>,
    found: OnceLock<ByEcosystem>,
}

impl Units {
    /// Takes what a scan found.
    #[must_use]
    pub(crate) fn new(found: ByEcosystem) -> Self {
        Self {
            kept: Vec::new(),
            found: OnceLock::from(found),
        }
    }

    /// Takes what [`Self::to_bytes`] gave.
    #[must_use]
    pub(super) fn kept(kept: Vec<u8>) -> Self {
        Self {
            kept,
            found: OnceLock::new(),
        }
    }

    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        bitcode::serialize(self.all()).ok()
    }

    /// Returns the units of one ecosystem; `None` where it names none.
    #[must_use]
    pub fn of(&self, id: EcosystemId) -> Option<&[Unit]> {
        self.all().get(id.0).map(Vec::as_slice)
    }

    fn all(&self) -> &ByEcosystem {
        let unpack = || bitcode::deserialize(&self.kept).unwrap_or_default();
        self.found.get_or_init(unpack)
    }
}
