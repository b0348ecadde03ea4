//! Gzip on the way: objects that are stored compressed are decompressed for clients that do not take
//! gzip, and request bodies that are compressed are decompressed. Invariant: what grows beyond a bound is
//! refused, not held in memory.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use crate::broker::Object;
use crate::limits::DECOMPRESSED_BYTES_MAX;

/// The content of an object as a client gets it that takes these encodings; none when it gets it as it
/// is stored. What is not gzip in spite of its name is given as it is.
pub(super) fn decompressed(object: &Object, accept_encoding: Option<&str>) -> Option<Bytes> {
    let attributes = &object.attributes;
    let is_gzip = attributes.content_encoding.as_deref() == Some("gzip");
    let is_fixed =
        attributes.cache_control.as_deref().is_some_and(|it| it.contains("no-transform"));
    if !is_gzip || is_fixed || accept_encoding.is_some_and(accepts_gzip) {
        return None;
    }
    gunzip(&object.content)
}

fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| matches!(name, "gzip" | "x-gzip"));
        is_gzip && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// None when it is not gzip, or becomes too large.
pub(super) fn gunzip(compressed: &[u8]) -> Option<Bytes> {
    let mut content = Vec::new();
    let mut decoder = MultiGzDecoder::new(compressed).take(DECOMPRESSED_BYTES_MAX + 1);
    let bytes = decoder.read_to_end(&mut content).ok()?;
    (u64::try_from(bytes).is_ok_and(|bytes| bytes <= DECOMPRESSED_BYTES_MAX))
        .then(|| content.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn gzip_is_undone() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"hello").unwrap();
        assert_eq!(gunzip(&encoder.finish().unwrap()).as_deref(), Some(&b"hello"[..]));
        assert_eq!(gunzip(b"hello"), None);
    }

    #[test]
    fn what_clients_accept() {
        for (header, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("br", false),
        ] {
            assert_eq!(accepts_gzip(header), expected, "{header}");
        }
    }
}
