//! The compose ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The compose ecosystem.
pub struct Compose;

impl Ecosystem for Compose {
    fn id(&self) -> EcosystemId {
        EcosystemId("compose")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
