//! FarmHash's Fingerprint64 (Pike and Alakuijala, Google, 2014): the portable 64-bit hash whose values never
//! change. Invariant: little-endian words on every machine.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// The fingerprint of bytes.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0..=16 => up_to_16(bytes),
        17..=32 => up_to_32(bytes),
        33..=64 => up_to_64(bytes),
        _ => longer(bytes),
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn half_word(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

fn shift_mix(value: u64) -> u64 {
    value ^ (value >> 47)
}

fn mix(low: u64, high: u64, factor: u64) -> u64 {
    let mut first = (low ^ high).wrapping_mul(factor);
    first ^= first >> 47;
    let mut second = (high ^ first).wrapping_mul(factor);
    second ^= second >> 47;
    second.wrapping_mul(factor)
}

fn up_to_16(bytes: &[u8]) -> u64 {
    let size = bytes.len();
    if size >= 8 {
        let factor = K2.wrapping_add(length(bytes).wrapping_mul(2));
        let first = word(bytes, 0).wrapping_add(K2);
        let last = word(bytes, size - 8);
        let high = last.rotate_right(37).wrapping_mul(factor).wrapping_add(first);
        let low = first.rotate_right(25).wrapping_add(last).wrapping_mul(factor);
        return mix(high, low, factor);
    }
    if size >= 4 {
        let factor = K2.wrapping_add(length(bytes).wrapping_mul(2));
        let first = half_word(bytes, 0);
        let low = length(bytes).wrapping_add(first << 3);
        return mix(low, half_word(bytes, size - 4), factor);
    }
    if size > 0 {
        let (first, middle, last) = (bytes[0], bytes[size / 2], bytes[size - 1]);
        let low = u64::from(first) + (u64::from(middle) << 8);
        let high = length(bytes) + (u64::from(last) << 2);
        return shift_mix(low.wrapping_mul(K2) ^ high.wrapping_mul(K0)).wrapping_mul(K2);
    }
    K2
}

fn up_to_32(bytes: &[u8]) -> u64 {
    let size = bytes.len();
    let factor = K2.wrapping_add(length(bytes).wrapping_mul(2));
    let a = word(bytes, 0).wrapping_mul(K1);
    let b = word(bytes, 8);
    let c = word(bytes, size - 8).wrapping_mul(factor);
    let d = word(bytes, size - 16).wrapping_mul(K2);
    let low = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let high = a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c);
    mix(low, high, factor)
}

fn up_to_64(bytes: &[u8]) -> u64 {
    let size = bytes.len();
    let factor = K2.wrapping_add(length(bytes).wrapping_mul(2));
    let a = word(bytes, 0).wrapping_mul(K2);
    let b = word(bytes, 8);
    let c = word(bytes, size - 8).wrapping_mul(factor);
    let d = word(bytes, size - 16).wrapping_mul(K2);
    let y = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let high = a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c);
    let z = mix(y, high, factor);
    let e = word(bytes, 16).wrapping_mul(factor);
    let f = word(bytes, 24);
    let g = y.wrapping_add(word(bytes, size - 32)).wrapping_mul(factor);
    let h = z.wrapping_add(word(bytes, size - 24)).wrapping_mul(factor);
    let low = e.wrapping_add(f).rotate_right(43).wrapping_add(g.rotate_right(30)).wrapping_add(h);
    let high = e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g);
    mix(low, high, factor)
}

/// Hashes 32 bytes with two seeds into two words, weakly.
fn weak(bytes: &[u8], at: usize, mut a: u64, mut b: u64) -> (u64, u64) {
    let (w, x, y, z) =
        (word(bytes, at), word(bytes, at + 8), word(bytes, at + 16), word(bytes, at + 24));
    a = a.wrapping_add(w);
    b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a;
    a = a.wrapping_add(x).wrapping_add(y);
    b = b.wrapping_add(a.rotate_right(44));
    (a.wrapping_add(z), b.wrapping_add(c))
}

fn longer(bytes: &[u8]) -> u64 {
    const SEED: u64 = 81;
    let size = bytes.len();
    let mut x = SEED.wrapping_mul(K2).wrapping_add(word(bytes, 0));
    let mut y = SEED.wrapping_mul(K1).wrapping_add(113);
    let mut z = shift_mix(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2);
    let (mut v, mut w) = ((0u64, 0u64), (0u64, 0u64));
    let blocks_end = (size - 1) / 64 * 64;
    for at in (0..blocks_end).step_by(64) {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(bytes, at + 8));
        x = x.rotate_right(37).wrapping_mul(K1);
        y = y.wrapping_add(v.1).wrapping_add(word(bytes, at + 48));
        y = y.rotate_right(42).wrapping_mul(K1);
        x ^= w.1;
        y = y.wrapping_add(v.0).wrapping_add(word(bytes, at + 40));
        z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(K1);
        v = weak(bytes, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak(bytes, at + 32, z.wrapping_add(w.1), y.wrapping_add(word(bytes, at + 16)));
        std::mem::swap(&mut z, &mut x);
    }
    // The last 64 bytes overlap the blocks.
    let at = size - 64;
    let factor = K1.wrapping_add((z & 0xff) << 1);
    w.0 = w.0.wrapping_add((length(bytes) - 1) & 63);
    v.0 = v.0.wrapping_add(w.0);
    w.0 = w.0.wrapping_add(v.0);
    x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(bytes, at + 8));
    x = x.rotate_right(37).wrapping_mul(factor);
    y = y.wrapping_add(v.1).wrapping_add(word(bytes, at + 48));
    y = y.rotate_right(42).wrapping_mul(factor);
    x ^= w.1.wrapping_mul(9);
    y = y.wrapping_add(v.0.wrapping_mul(9)).wrapping_add(word(bytes, at + 40));
    z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(factor);
    v = weak(bytes, at, v.1.wrapping_mul(factor), x.wrapping_add(w.0));
    w = weak(bytes, at + 32, z.wrapping_add(w.1), y.wrapping_add(word(bytes, at + 16)));
    std::mem::swap(&mut z, &mut x);
    mix(
        mix(v.0, w.0, factor).wrapping_add(shift_mix(y).wrapping_mul(K0)).wrapping_add(z),
        mix(v.1, w.1, factor).wrapping_add(x),
        factor,
    )
}
