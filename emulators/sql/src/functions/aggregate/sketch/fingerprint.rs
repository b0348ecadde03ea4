//! The 64-bit hash under sketches, Geoff Pike's Fingerprint2011: sketches of different programs
//! merge only when all of them hash alike. All arithmetic wraps.

const K0: u64 = 0xa5b8_5c5e_198e_d849;
const K1: u64 = 0x8d58_ac26_afe1_2e47;
const K2: u64 = 0xc47b_6e9e_3a97_0ed3;
const K3: u64 = 0xc6a4_a793_5bd1_e995;

/// The fingerprint of bytes; never 0 or 1.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let body = match bytes.len() {
        0..=32 => up_to_32(bytes),
        33..=64 => up_to_64(bytes),
        _ => longer(bytes),
    };
    let first = if bytes.len() >= 8 { word(bytes, 0) } else { K0 };
    let last = if bytes.len() >= 9 { word(bytes, bytes.len() - 8) } else { K0 };
    let mixed = fold(body.wrapping_add(last), first);
    if mixed <= 1 { mixed.wrapping_sub(2) } else { mixed }
}

/// Eight bytes from a place, the lowest first.
fn word(bytes: &[u8], at: usize) -> u64 {
    let chunk = bytes[at..].first_chunk().expect("callers stay within the length");
    u64::from_le_bytes(*chunk)
}

fn shift_mix(value: u64) -> u64 {
    value ^ (value >> 47)
}

/// 128 bits to 64.
fn fold(high: u64, low: u64) -> u64 {
    let first = shift_mix((low ^ high).wrapping_mul(K3));
    shift_mix((high ^ first).wrapping_mul(K3)).wrapping_mul(K3)
}

/// `MurmurHash64A` with a fixed seed.
fn up_to_32(bytes: &[u8]) -> u64 {
    let mut hash = (K0 ^ K1 ^ K2) ^ (bytes.len() as u64).wrapping_mul(K3);
    let (words, rest) = bytes.as_chunks::<8>();
    for chunk in words {
        let data = shift_mix(u64::from_le_bytes(*chunk).wrapping_mul(K3)).wrapping_mul(K3);
        hash = (hash ^ data).wrapping_mul(K3);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(K3);
    }
    shift_mix(shift_mix(hash).wrapping_mul(K3))
}

/// One half of the hash of 33 to 64 bytes: four words mixed, two results.
fn half(start: u64, [second, third, fourth]: [u64; 3]) -> (u64, u64) {
    let rotated = start.wrapping_add(fourth).rotate_right(52);
    let mut turned = start.rotate_right(37);
    let mut sum = start.wrapping_add(second);
    turned = turned.wrapping_add(sum.rotate_right(7));
    sum = sum.wrapping_add(third);
    (sum.wrapping_add(fourth), rotated.wrapping_add(sum.rotate_right(31)).wrapping_add(turned))
}

fn up_to_64(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let seed = (length as u64).wrapping_add(word(bytes, length - 16)).wrapping_mul(K0);
    let front = [word(bytes, 8), word(bytes, 16), word(bytes, 24)];
    let (front_sum, front_turn) = half(word(bytes, 0).wrapping_add(seed), front);
    let back = [word(bytes, length - 24), word(bytes, length - 16), word(bytes, length - 8)];
    let start = word(bytes, 16).wrapping_add(word(bytes, length - 32));
    let (back_sum, back_turn) = half(start, back);
    let left = front_sum.wrapping_add(back_turn).wrapping_mul(K2);
    let right = back_sum.wrapping_add(front_turn).wrapping_mul(K0);
    let mixed = shift_mix(left.wrapping_add(right));
    shift_mix(mixed.wrapping_mul(K0).wrapping_add(front_turn)).wrapping_mul(K2)
}

/// Two seeds stirred with 32 bytes.
fn stir(bytes: &[u8], at: usize, first: u64, second: u64) -> (u64, u64) {
    let start = first.wrapping_add(word(bytes, at));
    let last = word(bytes, at + 24);
    let turned = second.wrapping_add(start).wrapping_add(last).rotate_right(51);
    let sum = start.wrapping_add(word(bytes, at + 8)).wrapping_add(word(bytes, at + 16));
    let turned = turned.wrapping_add(sum.rotate_right(23));
    (sum.wrapping_add(last), turned.wrapping_add(start))
}

fn longer(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let mut x = word(bytes, 0);
    let mut y = word(bytes, length - 16) ^ K1;
    let mut z = word(bytes, length - 56) ^ K0;
    let mut v = stir(bytes, length - 64, length as u64, y);
    let mut w = stir(bytes, length - 32, (length as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(shift_mix(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    // The last block may be short: it was hashed first.
    for at in (0..(length - 1) / 64).map(|block| block * 64) {
        let sum = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(bytes, at + 16));
        x = sum.rotate_right(37).wrapping_mul(K1) ^ w.1;
        let sum = y.wrapping_add(v.1).wrapping_add(word(bytes, at + 48));
        y = sum.rotate_right(42).wrapping_mul(K1) ^ v.0;
        z = (z ^ w.0).rotate_right(33);
        v = stir(bytes, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = stir(bytes, at + 32, z.wrapping_add(w.1), y);
        (z, x) = (x, z);
    }
    let high = fold(v.0, w.0).wrapping_add(shift_mix(y).wrapping_mul(K1)).wrapping_add(z);
    fold(high, fold(v.1, w.1).wrapping_add(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fingerprints() {
        let check = |text: &str, expected: u64| {
            assert_eq!(fingerprint(text.as_bytes()), expected, "{text}");
        };
        check("", 0x23ad_7c90_4aa6_65e3);
        check("foo", 0xd0bc_bfe2_61b3_6504);
        check("Zürich", 0x27ef_c00f_7d2c_e548);
        check(&"test".repeat(8), 7_345_148_637_025_587_076);
        check(&"test".repeat(9), 0x9540_dc12_6241_20a1);
        check(&"test".repeat(16), 0x036a_b409_edec_bdfe);
        check(&"test".repeat(64), 4_904_844_928_629_814_570);
        assert_eq!(fingerprint(&42u64.to_le_bytes()), 0x583b_2b9d_f8e0_eb60);
        assert_eq!(fingerprint(&(-15i64).to_le_bytes()), 0x5394_14f2_87f1_1e37);
    }

    #[test]
    fn every_length_has_a_fingerprint_of_its_own() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut seen: Vec<u64> = (0..=256).map(|length| fingerprint(&bytes[..length])).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 257);
    }
}
