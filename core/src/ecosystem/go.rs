//! The go ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The go ecosystem.
pub struct Go;

impl Ecosystem for Go {
    fn id(&self) -> EcosystemId {
        EcosystemId("go")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
