//! Names of places: cells of the S2 library, by which a cube around the sphere is divided along a Hilbert
//! curve, and geohashes.

use super::Point;

/// Cells have so many levels below the faces of the cube.
const LEVELS: u32 = 30;
/// Characters of a geohash.
const GEOHASH_MAX: usize = 20;
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// The position on the curve of each quarter, by orientation: of low and high i and j.
const POSITIONS: [[u64; 4]; 4] = [[0, 1, 3, 2], [0, 3, 1, 2], [2, 3, 1, 0], [2, 1, 3, 0]];
/// How each position turns the curve: bit 0 swaps the axes, bit 1 inverts them.
const TURNS: [usize; 4] = [1, 0, 0, 3];

/// The cell of a level that a point is in.
pub(crate) fn cell_id(point: Point, level: u32) -> i64 {
    let vector = point.vector();
    let (x, y, z) = (vector.x, vector.y, vector.z);
    let axis = if x.abs() > y.abs() {
        if x.abs() > z.abs() { 0 } else { 2 }
    } else if y.abs() > z.abs() {
        1
    } else {
        2
    };
    let negative = [x, y, z][axis] < 0.0;
    let (face, u, v) = match (axis, negative) {
        (0, false) => (0_u64, y / x, z / x),
        (1, false) => (1, -x / y, z / y),
        (2, false) => (2, -x / z, -y / z),
        (0, true) => (3, z / x, y / x),
        (1, true) => (4, z / y, -x / y),
        _ => (5, -y / z, -x / z),
    };
    let (i, j) = (grid_index(u), grid_index(v));
    let mut orientation = usize::try_from(face & 1).unwrap_or(0);
    let mut position = 0;
    for bit in (0..LEVELS).rev() {
        let quarter = (((i >> bit) & 1) << 1) | ((j >> bit) & 1);
        let step = POSITIONS[orientation][usize::try_from(quarter).unwrap_or(0)];
        position = (position << 2) | step;
        orientation ^= TURNS[usize::try_from(step).unwrap_or(0)];
    }
    let leaf = (((face << 60) | position) << 1) | 1;
    let lowest = 1_u64 << (2 * (LEVELS - level.min(LEVELS)));
    ((leaf & lowest.wrapping_neg()) | lowest).cast_signed()
}

/// A coordinate on a face as an index of 30 bits, in cells of nearly equal areas.
fn grid_index(coordinate: f64) -> u64 {
    const CELLS: f64 = (1_u64 << LEVELS) as f64;
    let fraction = if coordinate >= 0.0 {
        0.5 * (1.0 + 3.0 * coordinate).sqrt()
    } else {
        1.0 - 0.5 * (1.0 - 3.0 * coordinate).sqrt()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 30 bits"
    )]
    let index = (fraction * CELLS).floor().clamp(0.0, CELLS - 1.0) as u64;
    index
}

/// The geohash of a point, with so many characters; what is not from 1 to 20 is 20.
pub(crate) fn geohash(point: Point, characters: i64) -> String {
    let wanted = usize::try_from(characters).ok().filter(|count| (1..=GEOHASH_MAX).contains(count));
    let count = wanted.unwrap_or(GEOHASH_MAX);
    let mut longitudes = (-180.0, 180.0);
    let mut latitudes = (-90.0, 90.0);
    let mut hash = String::with_capacity(count);
    let mut even = true;
    for _ in 0..count {
        let mut index = 0;
        for _ in 0..5 {
            let (range, value) = if even {
                (&mut longitudes, point.longitude)
            } else {
                (&mut latitudes, point.latitude)
            };
            let middle = f64::midpoint(range.0, range.1);
            let upper = value >= middle;
            if upper {
                range.0 = middle;
            } else {
                range.1 = middle;
            }
            index = (index << 1) | usize::from(upper);
            even = !even;
        }
        hash.push(char::from(ALPHABET[index]));
    }
    hash
}

/// The middle of the box that a geohash names; `None` when it is none.
pub(crate) fn point_of_geohash(hash: &str) -> Option<Point> {
    let mut longitudes = (-180.0, 180.0);
    let mut latitudes = (-90.0, 90.0);
    let mut even = true;
    for byte in hash.bytes() {
        let index = ALPHABET.iter().position(|known| *known == byte.to_ascii_lowercase())?;
        for bit in (0..5).rev() {
            let range = if even { &mut longitudes } else { &mut latitudes };
            let middle = f64::midpoint(range.0, range.1);
            if (index >> bit) & 1 == 1 {
                range.0 = middle;
            } else {
                range.1 = middle;
            }
            even = !even;
        }
    }
    let middle = |range: (f64, f64)| f64::midpoint(range.0, range.1);
    (!hash.is_empty()).then(|| Point { longitude: middle(longitudes), latitude: middle(latitudes) })
}
