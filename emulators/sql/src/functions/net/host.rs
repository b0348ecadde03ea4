//! Hosts of URLs and the domains they lie in. A URL is read leniently: it needs no scheme and nothing is
//! checked. Of the public suffix list only the part of the registries counts, not that of private domains.

/// The host of a URL, as it is written.
pub(super) fn host(url: &str) -> Option<&str> {
    let mut rest = url.trim_ascii();
    // A scheme counts only before `//`; user information ends at the last `@`.
    if let Some(relative) = strip_slashes(rest) {
        rest = relative;
    } else if let Some(colon) = rest.find([':', '#', '?', '/', '\\'])
        && let Some(behind) = rest[colon..].strip_prefix(':').and_then(strip_slashes)
    {
        rest = behind;
    }
    let end = rest.find(['#', '?', '/', '\\']).unwrap_or(rest.len());
    rest = &rest[..end];
    rest = rest.rfind('@').map_or(rest, |at| &rest[at + 1..]);
    // A port follows the first colon behind the brackets of an IPv6 address.
    let bracketed = match rest.strip_prefix('[') {
        Some(inner) => inner.find(['[', ']']).map_or(rest.len(), |at| at + 2),
        None => 0,
    };
    let end = rest[bracketed..].find(':').map_or(rest.len(), |at| bracketed + at);
    rest = rest[..end].trim_start_matches('.');
    let trimmed = rest.trim_end_matches('.');
    // One point at the end is part of the host.
    let host = &rest[..rest.len().min(trimmed.len() + 1)];
    (!host.is_empty()).then_some(host)
}

fn strip_slashes(text: &str) -> Option<&str> {
    text.strip_prefix(['/', '\\'])?.strip_prefix(['/', '\\'])
}

/// The public suffix of a URL's host: `co.uk`.
pub(super) fn public_suffix(url: &str) -> Option<&str> {
    let host = host(url)?;
    Some(last_labels(host, suffix_labels(host)?))
}

/// The public suffix and one label more: `google.co.uk`.
pub(super) fn registered_domain(url: &str) -> Option<&str> {
    let host = host(url)?;
    let labels = suffix_labels(host)? + 1;
    let present = host.trim_end_matches('.').split('.').count();
    (labels <= present).then(|| last_labels(host, labels))
}

/// How many labels of a host are its public suffix.
fn suffix_labels(host: &str) -> Option<usize> {
    let normal = idna::domain_to_ascii(host).ok()?;
    let name = normal.strip_suffix('.').unwrap_or(&normal);
    if name.split('.').any(str::is_empty) {
        return None;
    }
    let mut rest = name;
    loop {
        let suffix = psl::suffix(rest.as_bytes()).filter(psl::Suffix::is_known)?;
        let suffix = std::str::from_utf8(suffix.as_bytes()).ok()?;
        let kind = psl::suffix(suffix.as_bytes())?.typ();
        if kind != Some(psl::Type::Private) {
            return Some(suffix.split('.').count());
        }
        // What is private lies in what a registry gave out.
        (_, rest) = suffix.split_once('.')?;
    }
}

/// The last labels of a host, with its point at the end.
fn last_labels(host: &str, labels: usize) -> &str {
    let name = host.strip_suffix('.').unwrap_or(host);
    let start = name.rmatch_indices('.').nth(labels.saturating_sub(1)).map_or(0, |(at, _)| at + 1);
    &host[start..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_and_domains() {
        let check = |url: &str, expected: [&str; 3]| {
            let found = [host(url), registered_domain(url), public_suffix(url)];
            assert_eq!(found.map(|part| part.unwrap_or("NULL")), expected, "{url}");
        };
        const NONE: [&str; 3] = ["NULL"; 3];
        let only = |host: &'static str| [host, "NULL", "NULL"];
        const GOOGLE: [&str; 3] = ["www.Google.COM", "Google.COM", "COM"];
        check("", NONE);
        check(" // ", NONE);
        check(".", NONE);
        check("/google", NONE);
        check(":/www.Google.COM", NONE);
        check("///google", NONE);
        check("com", ["com", "NULL", "com"]);
        check(".com", ["com", "NULL", "com"]);
        check("//com.", ["com.", "NULL", "com."]);
        check("Foo_bar", only("Foo_bar"));
        check("Google..COM", only("Google..COM"));
        check("foo.com:12345", ["foo.com", "foo.com", "com"]);
        check("user:password@foo.com:12345", ["foo.com", "foo.com", "com"]);
        check("//user:password@[2001:db8::1]:80", only("[2001:db8::1]"));
        check("[2001:0db8/0000:0000]", only("[2001:0db8"));
        check("http://[[2001:0db8]]:80", only("[[2001"));
        check("://www.Google.COM", GOOGLE);
        check("  http://www.Google.COM  ", GOOGLE);
        check("http://www.Google.COM?foo=bar@", GOOGLE);
        check("http://user:pass:word@www.Google.COM", GOOGLE);
        check("http://Google.COM..", ["Google.COM.", "Google.COM.", "COM."]);
        check("http://..Google.COM", ["Google.COM", "Google.COM", "COM"]);
        check("http://www.Google.Co.uk", ["www.Google.Co.uk", "Google.Co.uk", "Co.uk"]);
        check("@://user:password@www.Goo@gle.COM", ["gle.COM", "gle.COM", "COM"]);
        check("http://1.2.3.4", only("1.2.3.4"));
        check("http://a.b", only("a.b"));
        check("http://compute.amazonaws.com", ["compute.amazonaws.com", "amazonaws.com", "com"]);
        check("foo.blogspot.com", ["foo.blogspot.com", "blogspot.com", "com"]);
        check("http://foo.bar.sch.uk", ["foo.bar.sch.uk", "foo.bar.sch.uk", "bar.sch.uk"]);
        check("http://x y.com", ["x y.com", "x y.com", "com"]);
        check("http://café.fr", ["café.fr", "café.fr", "fr"]);
        check("http://例子.卷筒纸.中国", ["例子.卷筒纸.中国", "卷筒纸.中国", "中国"]);
        check("http://卷筒纸.xn--fiqs8s", ["卷筒纸.xn--fiqs8s", "卷筒纸.xn--fiqs8s", "xn--fiqs8s"]);
        check("mailto://somebody@email.com", ["email.com", "email.com", "com"]);
        check("mailto:?to=&subject=&body=", only("mailto"));
        check("iris.beep:dreg1//com/domain/example.com", only("iris.beep"));
    }

    proptest! {
        #[test]
        fn any_text_has_a_host_or_none(url in r"[a-z/:.@\[\]#?\\ 中]{0,20}") {
            let _ = (host(&url), registered_domain(&url), public_suffix(&url));
        }
    }
}
