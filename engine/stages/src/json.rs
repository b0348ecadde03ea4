//! A reader for the JSON of well-behaved events, about twice as fast as a general parser: it borrows every
//! text, never allocates, and gives up (`None`) on whatever is not plain: an escape, a number that
//! needs more than 53 bits, deep nesting, any error. Whoever gives up asks `serde_json`, which also
//! knows the reason. Invariant: what this reads, `serde_json` reads as the same value.

/// Deepest nesting that is skipped here.
const DEPTH_MAX: u32 = 8;

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A position in a JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The beginning of a text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Reads an object: calls `field` with each key, to read its value.
    #[inline]
    pub fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            field(self, key)?;
            match self.take()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads a text without escapes.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        let mut at = start;
        let bytes = self.text.as_bytes();
        while let Some(chunk) = bytes.get(at..at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().ok()?);
            let special = specials(word);
            if special != 0 {
                at += (special.trailing_zeros() / 8) as usize;
                return self.end_string(start, at);
            }
            at += 8;
        }
        while !matches!(bytes.get(at)?, b'"' | b'\\' | 0..0x20) {
            at += 1;
        }
        self.end_string(start, at)
    }

    /// Reads a text or `null`.
    #[inline]
    pub fn optional_string(&mut self) -> Option<Option<&'a str>> {
        match self.peek()? {
            b'"' => self.string().map(Some),
            _ => self.word("null").map(|()| None),
        }
    }

    /// Reads a number.
    #[inline]
    pub fn number(&mut self) -> Option<f64> {
        self.peek()?;
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let is_negative = bytes.get(at) == Some(&b'-');
        at += usize::from(is_negative);
        let (mut mantissa, first) = (0_u64, at);
        let digits = |at: &mut usize, mantissa: &mut u64| {
            while let Some(digit) =
                bytes.get(*at).map(|byte| byte.wrapping_sub(b'0')).filter(|it| *it < 10)
            {
                *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
                *at += 1;
            }
        };
        digits(&mut at, &mut mantissa);
        let integer_digits = at - first;
        if integer_digits == 0 || (integer_digits > 1 && bytes[first] == b'0') {
            return None;
        }
        let mut fraction_digits = 0;
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            let from = at;
            digits(&mut at, &mut mantissa);
            fraction_digits = at - from;
            if fraction_digits == 0 {
                return None;
            }
        }
        // Both are exact in a float, so that one division rounds once: the nearest float.
        let is_exact = integer_digits + fraction_digits <= 18 && mantissa < 1 << 53;
        if !is_exact || matches!(bytes.get(at), Some(b'e' | b'E')) {
            return None;
        }
        self.at = at;
        let value = mantissa as f64 / POWERS[fraction_digits];
        Some(if is_negative { -value } else { value })
    }

    /// Reads a number or `null`.
    #[inline]
    pub fn optional_number(&mut self) -> Option<Option<f64>> {
        match self.peek()? {
            b'n' => self.word("null").map(|()| None),
            _ => self.number().map(Some),
        }
    }

    /// Reads `null` where it stands; false when something else does.
    #[inline]
    pub fn null(&mut self) -> Option<bool> {
        match self.peek()? {
            b'n' => self.word("null").map(|()| true),
            _ => Some(false),
        }
    }

    /// Reads any value and forgets it.
    pub fn skip(&mut self) -> Option<()> {
        self.skip_within(DEPTH_MAX)
    }

    /// Makes sure that nothing follows.
    #[inline]
    pub fn end(mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    fn skip_within(&mut self, depth: u32) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'{' if depth > 0 => self.object(|scanner, _| scanner.skip_within(depth - 1)),
            b'[' if depth > 0 => self.skip_array(depth - 1),
            _ => self.number().map(|_| ()),
        }
    }

    fn skip_array(&mut self, depth: u32) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.skip_within(depth)?;
            match self.take()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    #[inline]
    fn end_string(&mut self, start: usize, end: usize) -> Option<&'a str> {
        if self.text.as_bytes()[end] != b'"' {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// The next byte that is no white space, not taken.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    #[inline]
    fn word(&mut self, word: &str) -> Option<()> {
        self.peek()?;
        let end = self.at + word.len();
        (self.text.get(self.at..end)? == word).then(|| self.at = end)
    }
}

/// A word whose lowest set high bit marks the first byte that is a quote, a backslash or a control
/// character (bits above it may be wrong). The tricks are the classic ones: `x - 0x01…` borrows from
/// a byte only where it was zero.
#[inline]
fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = has_zero(word ^ (ONES * 0x22));
    let backslash = has_zero(word ^ (ONES * 0x5c));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn skips(text: &str) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.skip().and_then(|()| scanner.end()).is_some()
    }

    #[test]
    fn plain_json_is_read_and_the_rest_given_up() {
        let plain = [
            r#"{"a":"b","c":[1,2.5,-3],"d":{},"e":null,"f":true,"g":[]}"#,
            "  0 ",
            "\"a text of more than eight bytes, umlauts äöü too\"",
        ];
        for text in plain {
            assert!(skips(text), "{text}");
        }
        let given_up = [
            "",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1,]",
            "01",
            "1.",
            "-",
            ".5",
            "1e3",
            "nul",
            "\"\\n\"",
            "\"tab\there\"",
            "[[[[[[[[[1]]]]]]]]]",
            "1 2",
            "123456789012345678901234567890",
            "{1:2}",
        ];
        for text in given_up {
            assert!(!skips(text), "{text}");
        }
    }

    /// JSON-like texts: valid ones, and valid ones with a byte changed.
    fn texts() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<f64>().prop_map(|number| number.to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            (any::<i32>(), 0_u32..9).prop_map(|(number, fraction)| format!("{number}.{fraction}")),
            "[a-z\\\\ \"äé\t]{0,12}".prop_map(|text| format!("\"{text}\"")),
        ];
        let value = leaf.prop_recursive(4, 20, 4, |inner| {
            let list = proptest::collection::vec(inner.clone(), 0..4);
            let object = proptest::collection::vec(("[a-z]{0,9}", inner), 0..4);
            prop_oneof![
                list.prop_map(|values| format!("[{}]", values.join(" , "))),
                object.prop_map(|fields| {
                    let fields: Vec<_> =
                        fields.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        });
        (value, any::<proptest::sample::Index>(), "[ -~]?").prop_map(|(text, index, change)| {
            let mut characters: Vec<char> = text.chars().collect();
            if let (Some(change), false) = (change.chars().next(), characters.is_empty()) {
                let index = index.index(characters.len() * 2);
                if index < characters.len() {
                    characters[index] = change;
                }
            }
            characters.into_iter().collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// What is skipped here is JSON for `serde_json`, too.
        #[test]
        fn what_is_read_is_json(text in texts()) {
            if skips(&text) {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
            }
        }

        /// Numbers that are read are the ones that `serde_json` reads, to the last bit.
        #[test]
        fn numbers_are_equal(text in "-?[0-9]{1,19}(\\.[0-9]{1,17})?") {
            let mut scanner = Scanner::new(&text);
            if let Some(number) = scanner.number() && scanner.end().is_some() {
                let expected: f64 = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(number.to_bits(), expected.to_bits());
            }
        }

        /// The first special byte is found wherever it stands.
        #[test]
        fn the_first_special_byte_is_found(bytes in any::<[u8; 8]>()) {
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let expected = bytes.iter().position(is_special);
            let found = specials(u64::from_le_bytes(bytes));
            let found = (found != 0).then(|| (found.trailing_zeros() / 8) as usize);
            prop_assert_eq!(found, expected);
        }
    }
}
