//! The pipeline's stages, in the order in which an event meets them. All of them are pure and
//! synchronous: no I/O, no clock, no runtime. Stateless stages are functions over one message or a
//! batch; the two that keep state, dedup and window, are types with an explicit delta, so that what
//! they learnt in an epoch can be written to a checkpoint.

pub mod decode;
pub mod dedup;
pub mod enrich;
pub mod json;
mod keys;
pub mod limits;
pub mod preprocess;
pub mod privacy;
pub mod score;
pub mod stateful;
pub mod template;
pub mod testing;
pub mod validate;
pub mod watermark;
pub mod window;
pub mod windowing;

pub use keys::hash_of;
