//! Documents as machines read them. A version only gains fields; a break needs a new module.

pub mod events;
pub mod release;
pub mod v1;
pub mod watch;
