//! `multipart/related` bodies as clients of load jobs send them: CRLF or LF line ends, boundaries bare or
//! quoted, any type on any part (`*/*` too). Invariant: any bytes are split or refused.

use std::ops::Range;

/// The boundary of a `Content-Type` header.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let at = content_type.to_ascii_lowercase().find("boundary=")?;
    let rest = content_type[at + "boundary=".len()..].trim_start();
    let boundary = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split([';', ' ']).next()?,
    };
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// Where the content of each part lies; nothing when the body is not built as the boundary says.
pub(super) fn parts(body: &[u8], boundary: &str) -> Option<Vec<Range<usize>>> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut at = next_delimiter(body, 0, &delimiter)? + delimiter.len();
    loop {
        if body[at..].starts_with(b"--") {
            return Some(parts);
        }
        // The rest of the delimiter's line, then headers up to an empty line.
        let mut from = after_line(body, at)?;
        loop {
            let line = from;
            from = after_line(body, from)?;
            if matches!(&body[line..from], b"\n" | b"\r\n") {
                break;
            }
        }
        let next = next_delimiter(body, from, &delimiter)?;
        parts.push(from..without_line_break(body, from, next));
        at = next + delimiter.len();
    }
}

/// The end of a part: the line break before a delimiter belongs to the delimiter.
fn without_line_break(body: &[u8], from: usize, to: usize) -> usize {
    let content = &body[from..to];
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    from + content.strip_suffix(b"\r").unwrap_or(content).len()
}

/// The next delimiter at the start of a line.
fn next_delimiter(body: &[u8], from: usize, delimiter: &[u8]) -> Option<usize> {
    if (from == 0 || body.get(from - 1) == Some(&b'\n')) && body[from..].starts_with(delimiter) {
        return Some(from);
    }
    let mut at = from;
    loop {
        at = after_line(body, at)?;
        if body[at..].starts_with(delimiter) {
            return Some(at);
        }
    }
}

/// The first byte after the line that holds `from`.
fn after_line(body: &[u8], from: usize) -> Option<usize> {
    let length = body.get(from..)?.iter().position(|&byte| byte == b'\n')?;
    Some(from + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn boundaries_in_every_dress() {
        let cases = [
            ("multipart/related; boundary=abc", Some("abc")),
            ("multipart/related; boundary=\"===a b===\"; x=y", Some("===a b===")),
            ("multipart/related; BOUNDARY='abc'", Some("abc")),
            ("multipart/related", None),
            ("multipart/related; boundary=\"\"", None),
        ];
        for (header, expected) in cases {
            assert_eq!(boundary(header).as_deref(), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_split_or_refused(body in "[-B\r\n:a]{0,60}") {
            let _split_or_refused = parts(body.as_bytes(), "B");
        }

        #[test]
        fn contents_come_out_as_they_went_in(
            contents in vec(vec(any::<u8>(), 0..60), 1..4),
            line in proptest::sample::select(&["\n", "\r\n"][..]),
        ) {
            let mut body = Vec::new();
            for content in &contents {
                body.extend_from_slice(format!("--XyZZy{line}Content-Type: */*{line}{line}").as_bytes());
                body.extend_from_slice(content);
                // A content's own line break at the end would be taken for the delimiter's.
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--XyZZy--\r\n");
            let found = parts(&body, "XyZZy").unwrap();
            let found: Vec<&[u8]> = found.into_iter().map(|range| &body[range]).collect();
            prop_assert_eq!(found, contents.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
}
