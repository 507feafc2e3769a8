//! The cargo ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The cargo ecosystem.
pub struct Cargo;

impl Ecosystem for Cargo {
    fn id(&self) -> EcosystemId {
        EcosystemId("cargo")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
