//! How state is laid out in a checkpoint: a compact codec, and beside it a text that names the
//! layout (`Tally{count:u64,sum:f64}`), so that a snapshot can be refused by name when a type has
//! changed. Integers are variable-length, floats take eight bytes. Invariant: what was stored is
//! loaded as the same value; any other bytes are loaded as some value or refused, never a panic.

use crate::{Aggregate, EventKey, EventTime, ProcessingTime};

/// Bytes that are not what their type stores: they end early, or hold what the type has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored state is torn: it ends early or holds a value that its type has not")]
pub struct Torn;

/// A value that can live in a checkpoint. [`stored!`](crate::stored) implements it for structs.
pub trait Stored: Sized {
    /// Adds the name of the layout.
    fn schema(out: &mut String);
    /// Adds the value.
    fn store(&self, out: &mut Vec<u8>);
    /// Takes a value from the front.
    ///
    /// # Errors
    /// [`Torn`].
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn>;
}

/// The name of a type's layout.
#[must_use]
pub fn schema_of<T: Stored>() -> String {
    let mut out = String::new();
    T::schema(&mut out);
    out
}

/// Takes values from the front of stored bytes.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether everything was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`Torn`] when there are fewer.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Torn> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Torn)?;
        self.0 = tail;
        Ok(head)
    }

    /// A variable-length integer: seven bits a byte, the lowest first.
    ///
    /// # Errors
    /// [`Torn`] when it ends early or has more than 64 bits.
    pub fn varint(&mut self) -> Result<u64, Torn> {
        let mut value = 0;
        for (position, &byte) in self.0.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * position as u32;
            if shift == 63 && bits > 1 {
                return Err(Torn);
            }
            value |= bits << shift;
            if byte < 0x80 {
                self.0 = &self.0[position + 1..];
                return Ok(value);
            }
        }
        Err(Torn)
    }

    /// A text, with its length before it.
    ///
    /// # Errors
    /// [`Torn`] when it ends early or is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Torn> {
        let length = usize::try_from(self.varint()?).map_err(|_| Torn)?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Torn)
    }
}

/// Adds a variable-length integer.
pub fn store_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Adds a text with its length before it.
pub fn store_text(text: &str, out: &mut Vec<u8>) {
    store_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

macro_rules! stored_unsigned {
    ($($type:ident),*) => {$(
        impl Stored for $type {
            fn schema(out: &mut String) {
                out.push_str(stringify!($type));
            }
            fn store(&self, out: &mut Vec<u8>) {
                store_varint(u64::from(*self), out);
            }
            fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
                Self::try_from(from.varint()?).map_err(|_| Torn)
            }
        }
    )*};
}

stored_unsigned!(u8, u16, u32, u64);

impl Stored for bool {
    fn schema(out: &mut String) {
        out.push_str("bool");
    }
    fn store(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
        match from.bytes(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Torn),
        }
    }
}

impl Stored for i64 {
    fn schema(out: &mut String) {
        out.push_str("i64");
    }
    /// Zigzag: small magnitudes of either sign are short.
    fn store(&self, out: &mut Vec<u8>) {
        store_varint(((self << 1) ^ (self >> 63)).cast_unsigned(), out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
        let value = from.varint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }
}

impl Stored for f64 {
    fn schema(out: &mut String) {
        out.push_str("f64");
    }
    fn store(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
        let bytes = from.bytes(8)?.try_into().map_err(|_| Torn)?;
        Ok(Self::from_bits(u64::from_le_bytes(bytes)))
    }
}

impl Stored for String {
    fn schema(out: &mut String) {
        out.push_str("text");
    }
    fn store(&self, out: &mut Vec<u8>) {
        store_text(self, out);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
        from.text().map(str::to_owned)
    }
}

impl Stored for EventKey {
    fn schema(out: &mut String) {
        out.push_str("key");
    }
    fn store(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
        let bytes = from.bytes(16)?.try_into().map_err(|_| Torn)?;
        Ok(Self(u128::from_le_bytes(bytes)))
    }
}

impl<T: Stored> Stored for Option<T> {
    fn schema(out: &mut String) {
        T::schema(out);
        out.push('?');
    }
    fn store(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.store(out);
        }
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
        bool::load(from)?.then(|| T::load(from)).transpose()
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn schema(out: &mut String) {
        out.push('[');
        T::schema(out);
        out.push(']');
    }
    fn store(&self, out: &mut Vec<u8>) {
        store_varint(self.len() as u64, out);
        self.iter().for_each(|value| value.store(out));
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
        let length = usize::try_from(from.varint()?).map_err(|_| Torn)?;
        // A value takes a byte at least, so a longer list than there are bytes is torn.
        if length > from.0.len() {
            return Err(Torn);
        }
        (0..length).map(|_| T::load(from)).collect()
    }
}

/// Implements [`Stored`] for a struct with named fields: `stored!(Tally { count: u64, sum: f64 });`
/// stores the fields in the order in which they are named, and names them in the schema.
#[macro_export]
macro_rules! stored {
    ($name:ident { $($field:ident : $type:ty),+ $(,)? }) => {
        impl $crate::Stored for $name {
            fn schema(out: &mut String) {
                out.push_str(concat!(stringify!($name), "{"));
                $(
                    out.push_str(concat!(stringify!($field), ":"));
                    <$type as $crate::Stored>::schema(out);
                    out.push(',');
                )+
                out.pop();
                out.push('}');
            }
            fn store(&self, out: &mut Vec<u8>) {
                $(<$type as $crate::Stored>::store(&self.$field, out);)+
            }
            fn load(from: &mut $crate::Reader<'_>) -> Result<Self, $crate::Torn> {
                Ok(Self { $($field: <$type as $crate::Stored>::load(from)?),+ })
            }
        }
    };
}

macro_rules! stored_newtype {
    ($name:ident, $inner:ty, $schema:literal) => {
        impl Stored for $name {
            fn schema(out: &mut String) {
                out.push_str($schema);
            }
            fn store(&self, out: &mut Vec<u8>) {
                self.0.store(out);
            }
            fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
                <$inner>::load(from).map(Self)
            }
        }
    };
}

stored_newtype!(EventTime, i64, "event_time");
stored_newtype!(ProcessingTime, i64, "processing_time");

stored!(Aggregate { count: u64, value_count: u64, value_sum: f64, value_min: f64, value_max: f64 });

macro_rules! stored_tuple {
    ($($name:ident: $position:tt),+) => {
        impl<$($name: Stored),+> Stored for ($($name,)+) {
            fn schema(out: &mut String) {
                out.push('(');
                $($name::schema(out); out.push(',');)+
                out.pop();
                out.push(')');
            }
            fn store(&self, out: &mut Vec<u8>) {
                $(self.$position.store(out);)+
            }
            fn load(from: &mut Reader<'_>) -> Result<Self, Torn> {
                Ok(($($name::load(from)?,)+))
            }
        }
    };
}

stored_tuple!(A: 0, B: 1);
stored_tuple!(A: 0, B: 1, C: 2);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type All = (Option<String>, Vec<(u64, i64)>, (bool, u8, f64));

    #[test]
    fn the_schema_names_fields_and_types() {
        assert_eq!(
            schema_of::<(Option<Aggregate>, Vec<EventTime>)>(),
            "(Aggregate{count:u64,value_count:u64,value_sum:f64,value_min:f64,value_max:f64}?,\
             [event_time])"
        );
    }

    proptest! {
        #[test]
        fn what_was_stored_is_loaded(
            text in proptest::option::of("\\PC*"), list in proptest::collection::vec(
                (any::<u64>(), any::<i64>()), 0..5), flag in any::<bool>(), byte in any::<u8>(),
            number in any::<f64>()
        ) {
            let value: All = (text, list, (flag, byte, number));
            let mut bytes = Vec::new();
            value.store(&mut bytes);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(All::load(&mut reader), Ok(value));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn any_bytes_are_loaded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = All::load(&mut Reader::new(&bytes));
            let _ = Aggregate::load(&mut Reader::new(&bytes));
        }
    }
}
