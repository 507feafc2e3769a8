//! The protobuf ecosystem.

use affected_graph::EcosystemId;

use super::{Discovery, Ecosystem, FileName, Scan};

/// The protobuf ecosystem.
pub struct Protobuf;

impl Ecosystem for Protobuf {
    fn id(&self) -> EcosystemId {
        EcosystemId("protobuf")
    }

    fn reads(&self) -> &'static [FileName] {
        &[]
    }

    fn discover(&self, _scan: &Scan<'_>) -> Discovery {
        Discovery::default()
    }
}
