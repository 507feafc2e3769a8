//! The maven ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The maven ecosystem.
pub struct Maven;

impl Ecosystem for Maven {
    fn id(&self) -> EcosystemId {
        EcosystemId("maven")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
