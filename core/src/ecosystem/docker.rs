//! The docker ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The docker ecosystem.
pub struct Docker;

impl Ecosystem for Docker {
    fn id(&self) -> EcosystemId {
        EcosystemId("docker")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
