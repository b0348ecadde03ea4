//! What parses, what does not and with which words; that no text makes the parser panic; and that every
//! statement of the recorded conversations parses.

mod errors;
mod recorded;
mod trees;
