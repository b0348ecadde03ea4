//! Random streams: one ChaCha stream for every concern, derived from the seed and the concern's name.
//! Adding a concern changes no other stream.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The stream of one concern.
pub(crate) fn stream(seed: u64, concern: &str, index: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(index.to_le_bytes());
    hash.update(concern.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}
