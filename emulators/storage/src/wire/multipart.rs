//! `multipart/related` bodies as real clients send them: CRLF or LF line ends, boundaries bare or in
//! double or single quotes, any type on any part, an optional third part with checksums. Invariant: any
//! bytes are parsed or refused.

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

/// One part: its headers in lower case, and where its content lies in the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) headers: String,
    pub(super) content: std::ops::Range<usize>,
}

impl Part {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim().eq_ignore_ascii_case(name)).then(|| value.trim())
        })
    }
}

/// The parts of a body; none when it is not built as the boundary says.
pub(super) fn parts(body: &[u8], boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("--{boundary}");
    let delimiter = delimiter.as_bytes();
    let mut parts = Vec::new();
    let mut at = find_delimiter(body, 0, delimiter)?;
    loop {
        at += delimiter.len();
        if body[at..].starts_with(b"--") {
            return Some(parts);
        }
        at = line_end(body, at)?;
        let headers_from = at;
        // Headers end with an empty line.
        let headers_to = loop {
            let line_from = at;
            at = line_end(body, at)?;
            if matches!(&body[line_from..at], b"\n" | b"\r\n") {
                break line_from;
            }
        };
        let headers = String::from_utf8_lossy(&body[headers_from..headers_to]).into_owned();
        let next = find_delimiter(body, at, delimiter)?;
        let mut content_to = next;
        for line_break in [b'\n', b'\r'] {
            if content_to > at && body[content_to - 1] == line_break {
                content_to -= 1;
            }
        }
        parts.push(Part { headers, content: at..content_to });
        at = next;
    }
}

/// Where the next delimiter at the start of a line lies.
fn find_delimiter(body: &[u8], from: usize, delimiter: &[u8]) -> Option<usize> {
    let mut at = from;
    while at + delimiter.len() <= body.len() {
        let found = body[at..].windows(delimiter.len()).position(|window| window == delimiter)?;
        let found = at + found;
        if found == 0 || body[found - 1] == b'\n' {
            return Some(found);
        }
        at = found + 1;
    }
    None
}

/// The first byte after the line that holds `from`.
fn line_end(body: &[u8], from: usize) -> Option<usize> {
    let length = body.get(from..)?.iter().position(|&byte| byte == b'\n')?;
    Some(from + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn boundaries_in_every_dress() {
        let cases = [
            ("multipart/related; boundary=abc", Some("abc")),
            ("multipart/related; boundary=\"a b\"; x=y", Some("a b")),
            ("multipart/related; boundary='===1=='", Some("===1==")),
            ("multipart/related; BOUNDARY=abc; x=y", Some("abc")),
            ("multipart/related", None),
            ("multipart/related; boundary=", None),
        ];
        for (header, expected) in cases {
            assert_eq!(boundary(header).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn crlf_and_lf_bodies_give_the_same_parts() {
        for line in ["\r\n", "\n"] {
            let body =
                ["--B", "Content-Type: application/json", "", "{}", "--B", "", "a\n--C", "--B--"]
                    .join(line);
            let parts = parts(body.as_bytes(), "B").unwrap();
            let contents: Vec<&[u8]> =
                parts.iter().map(|part| &body.as_bytes()[part.content.clone()]).collect();
            assert_eq!(contents, [b"{}".as_slice(), b"a\n--C".as_slice()]);
            assert_eq!(parts[0].header("content-type"), Some("application/json"));
        }
    }

    proptest! {
        /// Any body is parsed or refused.
        #[test]
        fn any_body_has_an_answer(body in "[-B\r\n:a]{0,60}") {
            let _ = parts(body.as_bytes(), "B");
        }

        /// Any content that does not hold the delimiter comes out as it went in.
        #[test]
        fn content_is_kept(content in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut body = b"--XyZZy\r\n\r\n".to_vec();
            body.extend_from_slice(&content);
            body.extend_from_slice(b"\r\n--XyZZy--\r\n");
            let parts = parts(&body, "XyZZy").unwrap();
            prop_assert_eq!(&body[parts[0].content.clone()], &content[..]);
        }
    }
}
