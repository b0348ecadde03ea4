//! What parses and into which trees, what does not and with which words, and that no text makes the
//! parser panic.

mod errors;
mod fuzz;
mod recorded;
mod trees;
