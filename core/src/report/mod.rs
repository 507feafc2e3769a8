//! What is told to the outside: neutral values and the versioned wire form.

pub mod gate;
pub mod list;
pub mod tests;
pub mod wire;
