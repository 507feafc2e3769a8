//! What is told to the outside: neutral values and the versioned wire form.

pub mod file;
pub mod gate;
pub mod list;
pub mod past;
pub mod run;
pub mod tests;
pub mod tree;
pub mod wire;
