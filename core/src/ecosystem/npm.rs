//! The npm ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The npm ecosystem.
pub struct Npm;

impl Ecosystem for Npm {
    fn id(&self) -> EcosystemId {
        EcosystemId("npm")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
