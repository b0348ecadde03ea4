//! The fuzz targets by name, for `cargo fuzz run NAME`; see README.md. The functions themselves are in
//! `targets.rs`, which a test of the workspace runs, too.

mod targets;

pub use targets::{TARGETS, Target};

/// Runs a target.
///
/// # Panics
/// When the bytes break something, which is what is looked for; or when no target is called so.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of that name").run)(data);
}
