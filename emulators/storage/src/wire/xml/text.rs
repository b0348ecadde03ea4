//! Writes XML elements with escaped text, and reads the little that requests hold: elements without
//! attributes, by name. Invariant: any text is read or found to hold no such element.

/// `<name>text</name>`.
pub(super) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

/// The insides of all elements of a name.
pub(super) fn elements<'a>(name: &str, xml: &'a str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once(&open) {
        let Some((inner, after)) = after.split_once(&close) else { break };
        found.push(inner);
        rest = after;
    }
    found
}

/// The text of the first element of a name.
pub(super) fn text_of(name: &str, xml: &str) -> Option<String> {
    let text = *elements(name, xml).first()?;
    let text = text.replace("&quot;", "\"").replace("&#34;", "\"");
    Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        assert_eq!(element("a", "<b> & \"c\""), "<a>&lt;b&gt; &amp; &quot;c&quot;</a>");
    }

    #[test]
    fn elements_are_found() {
        let xml = "<a> <p><n>1</n><e>&quot;x&quot;</e></p><p><n>2</n></p></a><p>";
        assert_eq!(elements("p", xml), ["<n>1</n><e>&quot;x&quot;</e>", "<n>2</n>"]);
        assert_eq!(text_of("e", xml).as_deref(), Some("\"x\""));
        assert_eq!(text_of("z", xml), None);
    }
}
