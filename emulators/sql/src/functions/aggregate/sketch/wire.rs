//! Sketches as bytes: a protocol buffer with the kind of aggregate, the number of values, the
//! version of the encoding, the type of the values and, inside, the precisions and either sorted
//! observations as differences or all registers. What comes from outside is checked to the last
//! register.

use super::sparse::Encoding;
use super::state::{Content, Observations, Sketch};

/// The number of HyperLogLog++ among aggregates, and of its message in the one around it.
const HYPER_LOG_LOG: u64 = 112;
/// The only version of the encoding that is still written.
const VERSION: u64 = 2;

mod outer {
    pub(super) const KIND: u64 = 1;
    pub(super) const VALUES: u64 = 2;
    pub(super) const VERSION: u64 = 3;
    pub(super) const VALUE_TYPE: u64 = 4;
}

mod inner {
    pub(super) const SPARSE_SIZE: u64 = 2;
    pub(super) const PRECISION: u64 = 3;
    pub(super) const SPARSE_PRECISION: u64 = 4;
    pub(super) const REGISTERS: u64 = 5;
    pub(super) const OBSERVATIONS: u64 = 6;
}

/// The bytes of a sketch.
pub(super) fn encode(sketch: &Sketch) -> Vec<u8> {
    let sketch = sketch.compacted();
    let mut body = Vec::new();
    let sorted = match &sketch.content {
        Content::Sparse(observations) => observations.sorted(),
        Content::Registers(_) => &[],
    };
    put_number(&mut body, inner::SPARSE_SIZE, sorted.len() as u64);
    put_number(&mut body, inner::PRECISION, sketch.encoding.precision.into());
    put_number(&mut body, inner::SPARSE_PRECISION, sketch.encoding.sparse_precision.into());
    match &sketch.content {
        Content::Registers(registers) => put_bytes(&mut body, inner::REGISTERS, registers),
        Content::Sparse(_) => put_bytes(&mut body, inner::OBSERVATIONS, &differences(sorted)),
    }
    let mut bytes = Vec::with_capacity(body.len() + 32);
    put_number(&mut bytes, outer::KIND, HYPER_LOG_LOG);
    put_varint(&mut bytes, outer::VALUES << 3);
    put_varint(&mut bytes, sketch.values);
    put_number(&mut bytes, outer::VERSION, VERSION);
    put_number(&mut bytes, outer::VALUE_TYPE, sketch.value_type);
    put_bytes(&mut bytes, HYPER_LOG_LOG, &body);
    bytes
}

fn differences(sorted: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last = 0;
    for observation in sorted {
        put_varint(&mut bytes, u64::from(observation - last));
        last = *observation;
    }
    bytes
}

/// How many bytes sorted observations take.
pub(super) fn observations_size(sorted: &[u32]) -> usize {
    let mut last = 0;
    let size = |observation: &u32| {
        let difference = observation - last;
        last = *observation;
        (32 - (difference | 1).leading_zeros()).div_ceil(7) as usize
    };
    sorted.iter().map(size).sum()
}

/// The sketch in bytes; `None` when it is none.
pub(super) fn decode(bytes: &[u8]) -> Option<Sketch> {
    let (mut kind, mut values, mut version, mut value_type) = (0, 0, 1, 0);
    let mut body: &[u8] = &[];
    let mut rest = bytes;
    while let Some((field, content)) = take_field(&mut rest)? {
        match (field, content) {
            (outer::KIND, Field::Number(number)) => kind = number,
            (outer::VALUES, Field::Number(number)) => values = number,
            (outer::VERSION, Field::Number(number)) => version = number,
            (outer::VALUE_TYPE, Field::Number(number)) => value_type = number,
            (HYPER_LOG_LOG, Field::Bytes(bytes)) => body = bytes,
            _ => {}
        }
    }
    if kind != HYPER_LOG_LOG || version != VERSION {
        return None;
    }
    let (encoding, content) = decode_body(body)?;
    Some(Sketch { value_type, values, encoding, content })
}

fn decode_body(mut rest: &[u8]) -> Option<(Encoding, Content)> {
    let (mut precision, mut sparse_precision) = (0, 0);
    let (mut registers, mut differences): (Option<&[u8]>, &[u8]) = (None, &[]);
    while let Some((field, content)) = take_field(&mut rest)? {
        match (field, content) {
            (inner::PRECISION, Field::Number(number)) => precision = u8::try_from(number).ok()?,
            (inner::SPARSE_PRECISION, Field::Number(number)) => {
                sparse_precision = u8::try_from(number).ok()?;
            }
            (inner::REGISTERS, Field::Bytes(bytes)) => registers = Some(bytes),
            (inner::OBSERVATIONS, Field::Bytes(bytes)) => differences = bytes,
            _ => {}
        }
    }
    let encoding = Encoding { precision, sparse_precision };
    if !(10..=24).contains(&precision) || !(precision..=25).contains(&sparse_precision) {
        return None;
    }
    let content = match registers {
        Some(registers) => {
            let complete = registers.len() == 1 << precision;
            let ranks_fit = registers.iter().all(|rank| *rank <= 65 - precision);
            (complete && ranks_fit).then(|| Content::Registers(registers.to_vec()))?
        }
        None => {
            Content::Sparse(Observations::of_sorted(decode_differences(differences, encoding)?))
        }
    };
    Some((encoding, content))
}

fn decode_differences(mut rest: &[u8], encoding: Encoding) -> Option<Vec<u32>> {
    let mut sorted = Vec::new();
    let mut last = 0u32;
    while !rest.is_empty() {
        let difference = u32::try_from(take_varint(&mut rest)?).ok()?;
        last = last.checked_add(difference)?;
        if !encoding.admits(last) {
            return None;
        }
        sorted.push(last);
    }
    encoding.settle(&mut sorted);
    Some(sorted)
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A field and its number; `Some(None)` at the end, `None` when it is broken.
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<Option<(u64, Field<'a>)>> {
    if rest.is_empty() {
        return Some(None);
    }
    let tag = take_varint(rest)?;
    let content = match tag & 7 {
        0 => Field::Number(take_varint(rest)?),
        1 => Field::Bytes(rest.split_off(..8)?),
        2 => {
            let length = usize::try_from(take_varint(rest)?).ok()?;
            Field::Bytes(rest.split_off(..length)?)
        }
        5 => Field::Bytes(rest.split_off(..4)?),
        _ => return None,
    };
    Some(Some((tag >> 3, content)))
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// A number; zero is not written.
fn put_number(bytes: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        put_varint(bytes, field << 3);
        put_varint(bytes, value);
    }
}

fn put_bytes(bytes: &mut Vec<u8>, field: u64, content: &[u8]) {
    put_varint(bytes, field << 3 | 2);
    put_varint(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(hashes in prop::collection::vec(any::<u64>(), 0..1500)) {
            let mut sketch = Sketch::new(11, 10);
            hashes.iter().for_each(|hash| sketch.add_hash(*hash));
            let bytes = encode(&sketch);
            prop_assert_eq!(encode(&decode(&bytes).unwrap()), bytes);
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..40, byte: u8,
        ) {
            let _ = decode(&bytes);
            let mut sketch = Sketch::new(8, 10);
            (0..5).for_each(|n| sketch.add_hash(n << 54));
            let mut bytes = encode(&sketch);
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(sketch) = decode(&bytes) {
                let _ = (sketch.estimate(), sketch.clone().merged(sketch));
            }
        }
    }
}
