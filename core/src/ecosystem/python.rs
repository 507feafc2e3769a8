//! The python ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The python ecosystem.
pub struct Python;

impl Ecosystem for Python {
    fn id(&self) -> EcosystemId {
        EcosystemId("python")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
